"""The verb ``doctor``: what can be told without a network first, then the way to the cloud, then the sign-in and its rights."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

from console import output
from console.doctor import machine, stores
from console.doctor.finding import Finding, Status, exit_code
from console.session import Setup
from console.stock import prompt_on_stderr


async def examine(setup: Setup, on_prompt: Callable[[Any], None] | None) -> AsyncIterator[Finding]:
    """Look at everything, the files before anything opens them. ``on_prompt`` shows a device code; ``None``: nobody would enter one."""
    for finding in (
        *machine.terminal(setup.environ, machine.attended_size()),
        *machine.locale(setup.environ, sys.stdout.encoding or "ascii"),
        *machine.settings(setup),
        *machine.files(setup.paths),
        *machine.disk(setup.paths),
    ):
        yield finding
    for store in (stores.cache, stores.journal):
        for finding in await store(setup):
            yield finding
    from console.doctor.access import access
    from console.doctor.line import way

    found = await way(setup)
    for finding in found.findings:
        yield finding
    if not found.manager:
        yield Finding("sign-in", Status.UNKNOWN, "Nobody was signed in, since Resource Manager cannot be reached.")
        return
    for finding in await access(setup, on_prompt):
        yield finding


async def doctor(setup: Setup, as_json: bool) -> int:
    """Print what is found, each as soon as it is. Exit 0 all is well, 1 something fails, 3 something is to be looked at."""
    attended = setup.method == "device-code" and os.isatty(2)
    findings: list[Finding] = []
    async for finding in examine(setup, prompt_on_stderr if attended else None):
        findings.append(finding)
        if not as_json:
            print(f"{finding.status:<8} {finding.id}: {finding.evidence}", flush=True)
            if finding.remedy and finding.status is not Status.OK:
                print(f"{'':8} → {finding.remedy}", flush=True)
    if as_json:
        print(output.document([finding_item(one) for one in findings], setup.clock.now()))
    else:
        counts = Counter(one.status for one in findings)
        print(", ".join(f"{counts[one]} {one}" for one in Status if counts[one]))
    return exit_code(findings)


def finding_item(finding: Finding) -> dict[str, Any]:
    """A finding for scripts."""
    return {
        "id": finding.id,
        "status": str(finding.status),
        "evidence": finding.evidence,
        "remedy": finding.remedy,
        "subscription_ids": list(finding.subscription_ids),
    }
