"""What `mdatp` prints, in the three eras of the field notes (section 3).

A machine's era is the same every time; `--output json` exists in all but the first.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from console.simulator.clock import DAY
from console.simulator.machines import Machine
from console.simulator.onboarding import Extension

_NOT_FOUND = ("", "/bin/sh: 1: mdatp: not found\n", 127)


def health_output(machine: Machine, extension: Extension | None, script: str, now: float) -> tuple[str, str, int]:
    """stdout, stderr and exit code of `mdatp health` with its options, as the script gives them."""
    installed = extension is not None and extension.outcome == "succeeded"
    unlicensed = extension is not None and extension.outcome == "failed" and machine.fate in ("onboarding", "half-installed")
    if not machine.system.linux:
        return ("", "mdatp : The term 'mdatp' is not recognized as the name of a cmdlet\r\n", 1)
    if not (installed or unlicensed):
        return _NOT_FOUND
    values = _values(machine, now, licensed=not unlicensed)
    single = re.search(r"--field[ =]([A-Za-z_]+)", script)
    if single:
        wanted = single.group(1).replace("_", "").lower()
        found = next((v for k, v in values.items() if k.replace("_", "").lower() == wanted), None)
        return (f"{_plain(found)}\n", "", 0) if found is not None else ("", f"Unknown health field: {single.group(1)}\n", 64)
    era = machine.number % 7  # most machines are up to date; a few run the agents of 2020
    if "json" in script and era != 1:
        return (json.dumps(_as_json(values), separators=(",", ":")) + "\n", "", 0)
    return (_as_text(values, era), "", 0)


def sense_output(machine: Machine, extension: Extension | None, now: float) -> tuple[str, str, int]:
    """stdout, stderr and exit code of a script that asks for the service `sense`, line by line, and for what the registry says of it."""
    installed = extension is not None and extension.outcome in ("succeeded", "failed")
    if not installed:
        return ("sense_service : missing\nonboarding_state : missing\n", "", 0)
    onboarded = extension is not None and extension.outcome == "succeeded"
    running = "Stopped" if not onboarded or machine.number % 17 == 8 else "Running"
    updated = datetime.fromtimestamp(now - 5 * 3600, UTC).isoformat(timespec="seconds")[:19]
    lines = [f"sense_service : {running}", f"onboarding_state : {int(onboarded)}", "org_id : a1b2c3d4-0000-4000-8000-c0ffee000001"]
    lines += ["antivirus_mode : Passive Mode", "real_time_protection_enabled : False", f"definitions_updated : {updated}"]
    return ("".join(f"{line}\r\n" for line in lines), "", 0)


def _values(machine: Machine, now: float, *, licensed: bool) -> dict[str, Any]:
    sick = licensed and machine.number % 17 == 8
    stale = machine.number % 19 == 11
    issues = [] if licensed and not sick else ["missing license"] if not licensed else ["no active supplementary event provider"]
    return {
        "healthy": licensed and not sick,
        "health_issues": issues,
        "licensed": licensed,
        "engine_version": "1.1.24090.13",
        "engine_load_status": "Engine load succeeded",
        "app_version": "101.24122.0008",
        "org_id": "a1b2c3d4-0000-4000-8000-c0ffee000001" if licensed else "unavailable",
        "log_level": "info",
        "machine_guid": machine.unique,
        "release_ring": "Production",
        "product_expiration": int((now + 200 * DAY) * 1000),
        "cloud_enabled": True,
        "passive_mode_enabled": True,
        "real_time_protection_enabled": False,
        "real_time_protection_available": True,
        "real_time_protection_subsystem": "fanotify",
        "supplementary_events_subsystem": "ebpf" if not sick else "unavailable",
        "definitions_updated": int((now - (12 * DAY if stale else 3 * 3600)) * 1000),
        "definitions_status": "outdated" if stale else "up_to_date",
        "definitions_version": "1.421.1023.0",
        "network_protection_status": "stopped",
        "conflicting_applications": [],
    }


_SETTINGS = ("cloud_enabled", "passive_mode_enabled", "real_time_protection_enabled")


def _as_json(values: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in values.items():
        name = _camel(key)
        if key in _SETTINGS:
            out[name] = {"displayValue": value, "isManaged": key == "cloud_enabled", "value": value}
        elif key == "definitions_status":
            out[name] = {"$type": _camel(value)}
        elif key in ("definitions_updated", "product_expiration"):
            out[name] = str(value)
        else:
            out[name] = value
    return out


def _as_text(values: dict[str, Any], era: int) -> str:
    lines = []
    if era == 1:  # 2020-03: camelCase, no list of issues
        skipped = ("health_issues", "conflicting_applications", "passive_mode_enabled")
        lines = [f"{_camel(k):<40}: {_plain(v)}" for k, v in values.items() if k not in skipped]
    elif era == 2:  # 2020-07: snake_case, an ATTENTION line where the licence is missing
        if not values["licensed"]:
            lines.append("ATTENTION: No license found. Contact your administrator for help.")
        skipped = ("health_issues", "conflicting_applications", "passive_mode_enabled")
        lines += [f"{k:<42}: {_quoted(v)}" for k, v in values.items() if k not in skipped]
    else:
        told = {k: _dated(v) if k in ("definitions_updated", "product_expiration") else _quoted(v) for k, v in values.items()}
        lines = [f"{k:<42}: {v}{' [managed]' if k == 'cloud_enabled' else ''}" for k, v in told.items()]
    return "\n".join(lines) + "\n"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, list) else str(value)


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) and value != "unavailable" else _plain(value)


def _dated(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%b %d, %Y at %I:%M:%S %p")


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
