"""Outputs of `mdatp health` as each era writes them, and what can come instead."""

from __future__ import annotations

import json

ERA_2020_03 = """\
healthy                                 : true
licensed                                : true
engineVersion                           : 1.1.16700.2
appVersion                              : 100.90.70
orgId                                   : a1b2c3d4-0000-4000-8000-c0ffee000001
logLevel                                : info
machineGuid                             : 0f0f0f0f-0000-4000-8000-000000000001
releaseRing                             : Production
realTimeProtectionEnabled               : true
realTimeProtectionAvailable             : true
definitionsUpdated                      : 1583058000000
definitionsStatus                       : upToDate
"""

ERA_2020_07 = """\
ATTENTION: No license found. Contact your administrator for help.
healthy                                   : false
licensed                                  : false
engine_version                            : "1.1.17100.2"
app_version                               : "101.02.20"
org_id                                    : unavailable
real_time_protection_enabled              : true
definitions_status                        : unavailable
"""

ERA_2023 = """\
healthy                                     : true
health_issues                               : []
licensed                                    : true
engine_version                              : "1.1.24090.13"
engine_load_status                          : "Engine load succeeded"
app_version                                 : "101.24122.0008"
org_id                                      : "a1b2c3d4-0000-4000-8000-c0ffee000001"
product_expiration                          : Dec 30, 2026 at 03:37:26 PM
cloud_enabled                               : true [managed]
passive_mode_enabled                        : true[managed]
real_time_protection_enabled                : false
definitions_updated                         : Feb 28, 2026 at 10:30:21 AM
definitions_updated_minutes_ago             : 63
definitions_status                          : "up_to_date"
a_field_of_tomorrow                         : "kept"
conflicting_applications                    : []
"""

JSON_2023 = json.dumps(
    {
        "healthy": True,
        "healthIssues": [],
        "licensed": True,
        "appVersion": "101.24122.0008",
        "orgId": "a1b2c3d4-0000-4000-8000-c0ffee000001",
        "productExpiration": "1798640246000",
        "passiveModeEnabled": {"displayValue": True, "isManaged": False, "value": True},
        "realTimeProtectionEnabled": {"displayValue": False, "isManaged": False, "value": False},
        "definitionsStatus": {"$type": "upToDate"},
        "definitionsUpdated": "1772274621000",
        "aFieldOfTomorrow": {"deep": [1]},
        "conflictingApplications": [],
    },
    separators=(",", ":"),
)

WINDOWS = """\
sense_service : Running
onboarding_state : 1
org_id : a1b2c3d4-0000-4000-8000-c0ffee000001
antivirus_mode : Passive Mode
real_time_protection_enabled : False
definitions_updated : 2026-02-28T09:00:00
"""


def framed(output: str, run: str = "run1") -> str:
    """An output between the sentinels of a run."""
    return f"--- mde-console health {run} begin ---\n{output}\n--- mde-console health {run} end ---\n"
