"""What a machine tells of its connectivity and of its system, as scripts print it that ask for that.

What is wrong with a machine follows from its fate: one without internet reaches nothing, one that fails the requirements has too little
memory. Beside that some are behind a proxy that inspects TLS, or reach the addresses of their own region only.
"""

from __future__ import annotations

import re

from console.simulator.machines import VM, Machine
from console.simulator.onboarding import Extension

_ADDRESSES = re.compile(r"for address in ([^;\n{}]+); do|foreach \(\$address in '([^'\n{}]+)'")
_OWN = (
    "cdn.x.cp.wd.microsoft.com/ping",
    "eu-cdn.x.cp.wd.microsoft.com/ping",
    "wu-cdn.x.cp.wd.microsoft.com/ping",
    "x.cp.wd.microsoft.com/api/report",
    "winatp-gw-cus.microsoft.com/test",
    "winatp-gw-eus.microsoft.com/test",
    "winatp-gw-weu.microsoft.com/test",
    "winatp-gw-neu.microsoft.com/test",
    "winatp-gw-ukw.microsoft.com/test",
    "winatp-gw-uks.microsoft.com/test",
    "eu-v20.events.data.microsoft.com/ping",
    "us-v20.events.data.microsoft.com/ping",
    "uk-v20.events.data.microsoft.com/ping",
    "v20.events.data.microsoft.com/ping",
)
"""What `mdatp connectivity test` asks, in its order."""

_UK = ("winatp-gw-uk", "uk-")
_TROUBLES = {
    "tls": ("(curl error 60: SSL peer certificate or SSH remote key was not OK)", "(curl error 60)", "(TrustFailure)"),
    "away": ("(curl error 28: Timeout was reached)", "(curl error 28)", "(Timeout)"),
}
"""What each trouble is called by `mdatp`, by curl, and by .NET."""


def connectivity_output(machine: Machine, extension: Extension | None, script: str) -> tuple[str, str, int]:
    """stdout, stderr and exit code of a script that tests connectivity, or of `mdatp connectivity test` alone."""
    linux = machine.system.linux
    installed = extension is not None and (extension.outcome == "succeeded" or (linux and machine.fate == "onboarding"))
    listed = _ADDRESSES.search(script)
    whole = "mde-console connectivity" in script
    if linux and installed:
        return ("tool : mdatp\n" if whole else "") + _lines(machine, _OWN, 0), "", 0
    if listed is None:
        return "", "/bin/sh: 1: mdatp: not found\n", 127
    addresses = tuple((listed[1] or listed[2]).split())
    if linux:
        return f"tool : curl\n{_lines(machine, addresses, 1)}", "", 0
    service = "missing" if extension is None else "Running"
    told = f"sense_service : {service}\nproxy : none\n{_lines(machine, addresses, 2)}"
    return told.replace("\n", "\r\n"), "", 0


def _lines(machine: Machine, addresses: tuple[str, ...], by: int) -> str:
    return "".join(f"Testing connection with https://{one} ... {_result(machine, one, by)}\n" for one in addresses)


def _result(machine: Machine, address: str, by: int) -> str:
    trouble = ""
    if machine.number % 13 == 5:
        trouble = "tls"
    elif (
        machine.fate == "internet"
        or (machine.fate in ("repository", "repository-key") and address.startswith("packages."))
        or (machine.number % 11 == 3 and address.startswith(_UK))
    ):
        trouble = "away"
    return "[OK]" if not trouble else f"{'[ERROR]' if by == 0 else '[FAILED]'} {_TROUBLES[trouble][by]}"


def system_output(machine: Machine, extension: Extension | None) -> tuple[str, str, int]:
    """stdout, stderr and exit code of a script that looks at the system."""
    if not machine.system.linux:
        lines = [
            f"os_name : Microsoft {machine.system.name}",
            f"os_version : {machine.system.version}",
            f"service_pack : {int('2008' in machine.system.name)}",
            "architecture : 64-bit",
            f"sense_service : {'missing' if extension is None else 'Running'}",
            f"log_analytics_agent : {'Running' if machine.legacy_agent else 'missing'}",
        ]
        return "".join(f"{line}\r\n" for line in lines), "", 0
    system, fate = machine.system, machine.fate
    told = {
        "system": "Linux",
        "root": "yes",
        "os_PRETTY_NAME": f'"{system.arc_sku or system.name}"',
        "os_VERSION_ID": f'"{system.version}"',
        "os_ID": system.name,
        "kernel": "2.6.32-754.el6.x86_64" if system.key == "rhel-610" else "5.15.0-1072-azure",
        "architecture": "x86_64",
        "init": "systemd" if system.supported else "init",
        "cores": 2,
        "memory_mb": 904 if fate == "requirements" else 3931,
        "noexec_opt": "no",
        "free_opt_mb": 1180 if fate == "package" else 21844,
        "noexec_var": "yes" if fate == "noexec" else "no",
        "free_var_mb": 1180 if fate == "package" else 21844,
        "noexec_waagent": "yes" if fate == "noexec" and machine.kind == VM else "no",
        "noexec_arc": "yes" if fate == "noexec" else "no",
        "noexec_tmp": "yes" if machine.number % 17 == 6 else "no",
        "python": "none" if fate == "python" else "/usr/bin/python3",
        "fanotify": "yes",
        "fanotify_holders": machine.product or ("wdavdaemon" if fate == "half-installed" else "none"),
        "fanotify_watchers": "none",
        "other_services": machine.product or "none",
        "mdatp": "installed" if extension is not None and extension.outcome == "succeeded" else "not-installed",
    }
    return "".join(f"{name} : {value}\n" for name, value in told.items()), "", 0
