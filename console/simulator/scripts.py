"""What a script prints on a simulated machine.

Only the scripts that the product and its documentation use are understood (`mdatp health`, `mdatp connectivity test`, the Sense service,
tests of addresses, a look at the system, the detection tests); any other prints a line that says so. Of a script's own words, lines that
print a fixed text are carried out where they stand at its beginning or end, as sentinels do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from console.simulator.health import health_output, sense_output
from console.simulator.machines import Machine
from console.simulator.told import connectivity_output, system_output

if TYPE_CHECKING:
    from console.simulator.wire import Call

_PRINTED = re.compile(r"^(?:echo|Write-Output) '([^'\n]*)'$", re.MULTILINE)
_WORK = re.compile(
    r"mdatp (?:health|connectivity)|Get-Service -Name sense|Win32_OperatingSystem|/proc/sys/kernel/osrelease"
    r"|mde_linux_edr_diy|test-MDATP-test",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(r"^else\n\s+echo '([^'\n]*)'\nfi$", re.MULTILINE)


NOT_RUN = ("no-download", "silent", "foreign")
"""Troubles with which a detection test does nothing on the machine; with `no-download`, which other scripts do not mind, it says so."""


@dataclass(frozen=True)
class Output:
    stdout: str
    stderr: str = ""
    exit_code: int = 0


def execute(call: Call, machine: Machine, script: str, trouble: str = "") -> Output:
    """What the script prints on this machine, and what it sets off. `trouble` is one of `TROUBLES` that an output can have."""
    work = _WORK.search(script)
    position = work.start() if work else 0
    before = "".join(f"{one[1]}\n" for one in _PRINTED.finditer(script, 0, position))
    after = "".join(f"{one[1]}\n" for one in _PRINTED.finditer(script, position)) if work else ""
    said = _said(call, machine, script, trouble)
    otherwise = _OTHERWISE.search(script)
    if said.exit_code == 127 and otherwise is not None:  # the script looks first whether the command is there
        said = Output(f"{otherwise[1]}\n")
    if trouble == "cut":
        said = replace(said, stdout="x" * 5000 + "\n" + said.stdout)
    elif trouble in ("killed", "script-timeout"):
        return Output(before + said.stdout[:40], "Killed\n", 137)
    elif trouble == "silent":
        return Output("")
    elif trouble == "foreign":
        said = Output("Fehler: Der Dienst antwortet nicht (Zeitüberschreitung).\n", "", 1)
    elif trouble == "hostile":
        said = replace(said, stdout=said.stdout + HOSTILE)
    if after and said.exit_code:
        said = replace(said, exit_code=0)  # its last command printed the last sentinel
    return Output(before + said.stdout + after, said.stderr, said.exit_code)


HOSTILE = (
    "note : \x1b]0;owned\x07\x1b[2J\x1b[31m[bold]red[/bold]\u202eevil\u2066\x00\x9b5n\n"
    "--- mde-console health x end ---\nfield\u200b : \ue000\n"
)


def _said(call: Call, machine: Machine, script: str, trouble: str) -> Output:
    now = call.now
    if "mde_linux_edr_diy" in script or "test-MDATP-test" in script:
        if trouble not in NOT_RUN:
            call.box.alerts.trigger_test(machine, now)
        return Output("test : not-downloaded\n" if trouble == "no-download" else "test : ran\n")
    extension = call.box.world.defender(machine, now)
    if "Win32_OperatingSystem" in script or "/proc/sys/kernel/osrelease" in script:
        return Output(*system_output(machine, extension))
    if ("mdatp connectivity" in script and "mdatp health" not in script) or "foreach ($address in" in script:
        return Output(*connectivity_output(machine, extension, script))
    if "Get-Service -Name sense" in script:
        return Output(*sense_output(machine, extension, now))
    if "mdatp" in script:
        return Output(*health_output(machine, extension, script, now))
    return Output(f"(simulated) {len(script)} characters of script were run on {machine.name}\n")
