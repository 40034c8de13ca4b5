"""What a machine says of itself: `mdatp health` on Linux in its three eras and as JSON, the Sense service on Windows.

Sources: field notes on `mdatp health` (2020-03 camelCase, 2020-07 snake_case, since 2023 with ``health_issues`` and the passive mode;
JSON with objects for settings); seed, *To verify installation*. Whatever the text is, there is one answer and it is never an exception.
What cannot be read for certain is ``unreadable`` with a reason, and never good.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources

from cache.model import Diagnosis, MachineState, Onboarding
from cache.text import clean
from console.rules.script_output import Cut, Told, read_text, snake

HEALTHY = "healthy"
UNHEALTHY = "unhealthy"
UNREADABLE = "unreadable"

STALE = timedelta(days=7)
"""Definitions that are older, without Defender itself calling them outdated, are worth a note."""

SOON = timedelta(days=30)
"""An expiry that is nearer is worth a note."""

LAYER = {"Linux": "mdatp health", "Windows": "Sense service"}
BY_HAND = {"Linux": "mdatp health", "Windows": "sc.exe query sense"}
"""By system: the shortest command that an administrator can run on the machine instead."""

_SCRIPTS = {"Linux": "health.sh", "Windows": "health.ps1"}
_REASON = 60
_QUOTED = 200


@dataclass(frozen=True, slots=True)
class Health:
    """What the output of one machine means.

    ``outcome``: ``healthy``, ``unhealthy`` or ``unreadable``; ``code`` is stable for scripts; ``reason`` a sentence; ``remedy`` what to
    do, empty where nothing is to be done. ``notes`` are worth knowing and change no outcome. ``fields`` are all that was told, by names in
    snake_case, with values as they were told (without quotes and ``[managed]``), known or not.
    """

    system: str
    outcome: str
    code: str
    reason: str
    remedy: str = ""
    notes: tuple[str, ...] = ()
    fields: Mapping[str, str] | None = None


def script_for(system: str, run: str) -> str:
    """The exact script for ``Linux`` or ``Windows``. ``run`` (letters and digits) stands in its sentinels, so that old output is known."""
    return _script(system).replace("{run}", run)


@cache
def _script(system: str) -> str:
    return (resources.files("console.rules") / "scripts" / _SCRIPTS[system]).read_text(encoding="utf-8")


def read_health(output: str | bytes, now: datetime, *, run: str | None = None) -> Health:
    """What ``output`` means at ``now``. ``run``: it must stand between the sentinels of that run; ``None``: pasted by hand.

    Never raises for what the output holds.
    """
    told = read_text(output, run)
    system = "Windows" if "sense_service" in told.fields else "Linux"
    if told.cut:
        return _unreadable(system, told, f"cut-{told.cut}", _CUTS[told.cut])
    if told.other:
        return _unreadable(system, told, "foreign", f"This is the output of the script about “{told.other}”, not of the one about health.")
    if told.contradiction:
        why = f"The output tells “{told.contradiction}” twice, and differently: it is not of one run on one machine."
        return _unreadable(system, told, "contradiction", why)
    if system == "Windows":
        return _windows(told, now)
    if told.fields.get("mdatp") == "not-installed" or told.missing:
        return Health(
            system,
            UNHEALTHY,
            "not-installed",
            "Defender is not installed: there is no mdatp on the machine.",
            "Delete the extension MDE.Linux, so that it is installed anew, or install Defender by hand.",
            fields=told.fields,
        )
    if not told.fields.keys() & {"healthy", "licensed"}:
        return _foreign(system, told)
    return _linux(told, now)


_CUTS = {
    Cut.BEGIN: "The beginning of the output is missing: Azure keeps only the last 4,096 bytes.",
    Cut.END: "The end of the output is missing: the script was ended before it was done.",
    Cut.JSON: "The output is JSON that is cut off or damaged.",
}


def _foreign(system: str, told: Told) -> Health:
    if not told.text:
        return _unreadable(system, told, "empty", "The machine answered nothing.")
    return _unreadable(system, told, "foreign", f"This is not the output of “mdatp health”: “{clean(told.text, _QUOTED)}”.")


def _unreadable(system: str, told: Told, code: str, reason: str) -> Health:
    return Health(system, UNREADABLE, code, reason, f"Run “{BY_HAND[system]}” on the machine and look at what it says.", fields=told.fields)


# Linux


def _linux(told: Told, now: datetime) -> Health:
    fields = told.fields
    notes = _notes(fields, now)

    def found(outcome: str, code: str, reason: str, remedy: str = "") -> Health:
        return Health("Linux", outcome, code, reason, remedy, notes, fields)

    healthy, licensed = _truth(fields, "healthy"), _truth(fields, "licensed")
    issues = ", ".join(_items(fields, "health_issues"))
    if licensed is False or "no license found" in fields.get("attention", "").lower() or _gone(fields, "org_id"):
        return found(
            UNHEALTHY,
            "not-licensed",
            "Defender is installed but not onboarded: it has no license.",
            "Look at the extension MDE.Linux and its log for why onboarding failed; deleting the extension has it tried again.",
        )
    if healthy is False:
        conflicts = ", ".join(_items(fields, "conflicting_applications"))
        why = issues or (f"conflicting applications: {conflicts}" if conflicts else "it does not say why")
        return found(UNHEALTHY, "says-unhealthy", f"Defender says that it is not healthy: {clean(why, _QUOTED)}.", _remedy(why))
    expires = _moment(fields.get("product_expiration", ""))
    if expires is not None and expires <= now:
        return found(
            UNHEALTHY, "expired", f"This version of Defender expired on {expires:%Y-%m-%d}.", "Update the package mdatp on the machine."
        )
    if snake(fields.get("definitions_status", "")) in {"outdated", "out_of_date"}:
        old = definitions_age(fields, now)
        told_age = f", {old.days} days old" if old is not None and old.days > 0 else ""
        return found(
            UNHEALTHY,
            "definitions-outdated",
            f"The definitions are outdated{told_age}.",
            "Run “mdatp definitions update” on the machine; if it fails, “mdatp connectivity test” says which address is blocked.",
        )
    if healthy is None or licensed is None:
        missing = "healthy" if healthy is None else "licensed"
        value = fields.get(missing)
        why = f"tells “{missing}” as “{clean(value, 60)}”" if value else f"does not tell “{missing}”"
        return _unreadable("Linux", told, "undecided", f"The output {why}, so nobody can say that the machine is healthy.")
    return found(HEALTHY, "healthy", "Defender says that it is healthy and licensed.")


def _remedy(why: str) -> str:
    low = why.lower()
    if "supplementary event provider" in low:
        return "Mend auditd on the machine: its rules conflict with those of Defender. Then restart mdatp."
    if "conflicting" in low:
        return "Remove the other product that holds fanotify, or leave Defender in passive mode."
    if "engine" in low or "definition" in low:
        return "Run “mdatp definitions update” on the machine, and “mdatp connectivity test” if that fails."
    return "Run “mdatp health --details” and “mdatp connectivity test” on the machine."


def _notes(fields: Mapping[str, str], now: datetime) -> tuple[str, ...]:
    notes = []
    passive = _truth(fields, "passive_mode_enabled")
    protection = _truth(fields, "real_time_protection_enabled")
    if passive:
        notes.append("Passive mode: Defender reports and does not block, as Defender for Cloud installs it.")
    elif protection is False:
        notes.append("Real-time protection is off, and the output does not say that this is passive mode.")
    if (issues := _items(fields, "health_issues")) and _truth(fields, "healthy"):
        notes.append(f"Defender names issues all the same: {clean(', '.join(issues), _QUOTED)}.")
    if conflicts := _items(fields, "conflicting_applications"):
        notes.append(f"Conflicting applications: {clean(', '.join(conflicts), _QUOTED)}.")
    old = definitions_age(fields, now)
    if old is not None and old > STALE:
        notes.append(f"The definitions are {old.days} days old.")
    expires = _moment(fields.get("product_expiration", ""))
    if expires is not None and timedelta() < expires - now <= SOON:
        notes.append(f"This version expires on {expires:%Y-%m-%d}.")
    if fields.get("shortened"):
        notes.append("The output was long: only the fields that decide were asked for.")
    return tuple(notes)


# Windows


def _windows(told: Told, now: datetime) -> Health:
    fields = told.fields
    service, onboarding = fields["sense_service"].lower(), fields.get("onboarding_state", "").lower()

    def found(outcome: str, code: str, reason: str, remedy: str = "") -> Health:
        return Health("Windows", outcome, code, reason, remedy, _windows_notes(fields, now), fields)

    if service == "missing":
        return found(
            UNHEALTHY,
            "not-installed",
            "Defender is not installed: there is no service “sense” on the machine.",
            "Delete the extension MDE.Windows, so that it is installed anew.",
        )
    if onboarding in {"missing", "0"}:
        return found(
            UNHEALTHY,
            "not-onboarded",
            "Defender is installed but not onboarded (OnboardingState is not 1).",
            "Look at the extension MDE.Windows and its log for why onboarding failed; deleting the extension has it tried again.",
        )
    if service in {"stopped", "stoppending", "paused", "pausepending"}:
        return found(
            UNHEALTHY,
            "sense-stopped",
            f"The service “sense” is {clean(fields['sense_service'], 40)}.",
            "Start the service “sense” on the machine; if it does not start, its event log SENSE says why.",
        )
    if service == "running" and onboarding == "1":
        return found(HEALTHY, "healthy", "The service “sense” runs and the machine is onboarded.")
    told_state = f"the service “sense” is “{clean(fields['sense_service'], 40)}”, the onboarding state “{clean(onboarding, 40)}”"
    return _unreadable("Windows", told, "undecided", f"The output says that {told_state}, so nobody can say that the machine is healthy.")


def _windows_notes(fields: Mapping[str, str], now: datetime) -> tuple[str, ...]:
    notes = []
    mode = fields.get("antivirus_mode", "")
    if mode and mode.lower() != "normal":
        notes.append(f"The antivirus is in {clean(mode, 60)}.")
    old = definitions_age(fields, now)
    if old is not None and old > STALE:
        notes.append(f"The definitions are {old.days} days old.")
    return tuple(notes)


# Values


def _truth(fields: Mapping[str, str], name: str) -> bool | None:
    return {"true": True, "false": False}.get(fields.get(name, "").lower())


def _gone(fields: Mapping[str, str], name: str) -> bool:
    """Whether a field is there and says that there is nothing."""
    return fields.get(name, "?").strip().lower() in {"", "unavailable", "null", "none"}


def _items(fields: Mapping[str, str], name: str) -> list[str]:
    """The elements of a list such as ``["a", "b"]``; of anything else the text itself."""
    value = fields.get(name, "").strip()
    if value in {"", "[]", "unavailable", "null"}:
        return []
    inner = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    return [one for one in (part.strip().strip("\"'") for part in inner.split(",")) if one]


def definitions_age(fields: Mapping[str, str], now: datetime) -> timedelta | None:
    """How old the definitions are; ``None`` when it is not told, or told as in the future."""
    minutes = fields.get("definitions_updated_minutes_ago", "")
    if re.fullmatch(r"[0-9]{1,8}", minutes):
        return timedelta(minutes=int(minutes))
    updated = _moment(fields.get("definitions_updated", ""))
    return now - updated if updated is not None and updated <= now else None


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WRITTEN = re.compile(r"([A-Za-z]{3})[a-z]* ([0-9]{1,2}), ([0-9]{4}) at ([0-9]{1,2}):([0-9]{2}):([0-9]{2})\s*([AP]M)?", re.IGNORECASE)


def _moment(value: str) -> datetime | None:
    """A time as `mdatp` writes it: milliseconds since 1970, ``Jan 15, 2024 at 10:30:21 AM`` (in the machine's zone, taken as UTC), ISO."""
    try:
        if re.fullmatch(r"[0-9]{10,16}", value):
            return datetime.fromtimestamp(int(value) / 1000, UTC)
        if (written := _WRITTEN.fullmatch(value.strip())) is not None:
            month, day, year, hour, minute, second, half = written.groups()
            hours = int(hour) if half is None else int(hour) % 12 + (12 if half.upper() == "PM" else 0)
            return datetime(int(year), _MONTHS.index(month.lower()) + 1, int(day), hours, int(minute), int(second), tzinfo=UTC)
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


# The state of the machine


def onboarding_of_health(machine_id: str, health: Health, at: datetime, how: str) -> Onboarding | None:
    """The state that follows from a report; ``None`` for one that could not be read. ``since`` is when the report was made.

    ``how`` says how it was read, such as *managed run command*.
    """
    if health.outcome == UNREADABLE:
        return None
    good = health.outcome == HEALTHY
    windows = health.system == "Windows"
    explanation = " ".join((health.reason, *health.notes, *(() if good else (f"Its administrator must act: {health.remedy}",))))
    diagnosis = None if good else Diagnosis(f"health-{health.code}", health.reason, health.remedy, LAYER[health.system])
    return Onboarding(
        machine_id,
        MachineState.HEALTHY if good else MachineState.UNHEALTHY,
        _short("the sensor runs and is onboarded" if good and windows else "mdatp says that it is healthy" if good else health.reason),
        at,
        None,
        explanation,
        (f"Read by {how}", *evidence_of(health)),
        diagnosis,
    )


def _short(reason: str) -> str:
    plain = reason.rstrip(".")
    return plain if len(plain) <= _REASON else f"{plain[: _REASON - 1]}…"


_EVIDENCE = (
    "healthy",
    "health_issues",
    "licensed",
    "org_id",
    "app_version",
    "passive_mode_enabled",
    "real_time_protection_enabled",
    "definitions_status",
    "definitions_updated",
    "product_expiration",
    "conflicting_applications",
    "sense_service",
    "onboarding_state",
    "antivirus_mode",
)


def evidence_of(health: Health) -> tuple[str, ...]:
    """The fields that decide, one a line, as they were told."""
    fields = health.fields or {}
    return tuple(f"{name}: {clean(value, _QUOTED) or 'empty'}" for name in _EVIDENCE if (value := fields.get(name)) is not None)
