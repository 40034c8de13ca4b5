"""Trouble on request: what goes wrong, how often, where, and how many times.

Written `kind[=value][:probability][:path-regex][:times]`, for instance `429=5:0.1`, `503:1:/alerts:2`, `latency=0.4`. The regular
expression is searched in `METHOD /path`. Which requests are hit is drawn from a seeded generator, so trouble repeats.
"""

from __future__ import annotations

import random
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace

KINDS = {
    "latency": "answers come VALUE seconds late (default 1)",
    "429": "too many requests, with Retry-After VALUE, or without one when there is no value",
    "500": "an internal error in Azure's shape",
    "503": "a gateway's HTML page instead of JSON",
    "409": "a conflict: another operation is in progress",
    "403": "AuthorizationFailed, whatever rights the caller holds",
    "drop": "the connection is closed without an answer",
    "half": "the body stops in the middle and the connection closes",
    "claims": "401 with a claims challenge, as continuous access evaluation sends",
    "expired": "401 ExpiredAuthenticationToken",
    "empty": "a list without elements",
    "missing": "a list without its 'value'",
    "null": "a list whose 'value' is null",
    "partial": "a plan is bought, but one of its extensions could not be switched on",
    "unknown": "statuses, states, severities and tiers have values that nobody has heard of",
    "strings": "booleans of settings arrive as strings",
    "repeat": "a later page of Resource Graph begins with VALUE rows (default 10) of the page before",
    "skip": "a later page of Resource Graph leaves out VALUE rows (default 10) after the page before",
    "stale": "a skip token of Resource Graph has expired",
    "cut": "Resource Graph cuts its answer after a page: resultTruncated, and no skip token",
    "double": "before a later page of Resource Graph each subscription gets as many machines again, and the page shows it",
    "halve": "before a later page of Resource Graph each subscription loses half of its machines, and the page shows it",
    "slow_down": "the token endpoint says that it is polled too often",
}


PAGING = frozenset({"repeat", "skip", "stale", "cut", "double", "halve"})
"""What goes wrong between the pages of Resource Graph; other requests, and first pages, do not use these up."""


@dataclass(frozen=True)
class Fault:
    kind: str
    value: str = ""
    probability: float = 1.0
    path: str = ""
    times: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"there is no fault '{self.kind}'; there are {', '.join(KINDS)}")
        if not 0 <= self.probability <= 1:
            raise ValueError("a probability is between 0 and 1")
        re.compile(self.path)
        if self.kind == "latency":
            float(self.value or 1)
        if self.kind in ("repeat", "skip") and int(self.value or 10) < 1:
            raise ValueError("at least one row is repeated or left out")


def parse_fault(text: str) -> Fault:
    """A fault from its written form; ValueError says what is wrong with it."""
    head, *rest = text.split(":")
    kind, _, value = head.partition("=")
    probability, times = 1.0, None
    if rest and _is_number(rest[0]):
        probability = float(rest.pop(0))
    if rest and rest[-1].isdecimal():
        times = int(rest.pop())
    return Fault(kind.strip(), value.strip(), probability, ":".join(rest), times)


class Faults:
    """The faults in force."""

    def __init__(self, faults: Iterable[Fault] = (), seed: int = 1) -> None:
        self._random = random.Random(f"faults/{seed}")
        self._faults = list(faults)

    def add(self, fault: Fault | str) -> Fault:
        made = parse_fault(fault) if isinstance(fault, str) else fault
        self._faults.append(made)
        return made

    def clear(self) -> None:
        self._faults.clear()

    def __iter__(self) -> Iterator[Fault]:
        return iter(list(self._faults))

    def strike(self, method: str, path: str, *, kinds: Container[str] | None = None) -> list[Fault]:
        """The faults that hit this request, of all kinds but those of paging, or of `kinds`; those with a number of times are used up."""
        hit = []
        for position, fault in enumerate(self._faults):
            if fault.kind in PAGING if kinds is None else fault.kind not in kinds:
                continue
            if fault.times == 0 or (fault.path and not re.search(fault.path, f"{method} {path}", re.IGNORECASE)):
                continue
            if self._random.random() >= fault.probability:
                continue
            hit.append(fault)
            if fault.times is not None:
                self._faults[position] = replace(fault, times=fault.times - 1)
        self._faults = [f for f in self._faults if f.times != 0]
        return hit


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\d*\.?\d+|1\.", text) is not None
