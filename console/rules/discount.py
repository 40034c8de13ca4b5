"""The discount report: what Microsoft's support asks of those who own licences of Defender for Endpoint already.

Source: seed, *If I already have a license for Microsoft Defender for Endpoint can I get a discount for Azure Defender?*: the id of the
workspace, its region, and the number of licences applied for machines in it. Azure does not tell the licences that somebody owns, so
the machines that have Defender are counted; and it names a workspace only where the Log Analytics agent is there, which was retired in
August 2024.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cache.markdown import table
from cache.model import ABOARD, MachineRow, Workspace

TITLE = "Machines with Defender for Endpoint by Log Analytics workspace"
NO_WORKSPACE = "no workspace that Azure names"
NOT_TOLD = "not told"


@dataclass(frozen=True, slots=True)
class DiscountRow:
    """How many machines with Defender report to one workspace. ``workspace_id`` is ``None`` for those of a region whose workspace Azure
    does not name; ``region`` is ``None`` for a workspace that the caller may not see."""

    workspace_id: str | None
    name: str
    region: str | None
    machines: int
    subscription_ids: tuple[str, ...]


def discount_rows(machines: Iterable[MachineRow], agents: Mapping[str, str], workspaces: Iterable[Workspace]) -> list[DiscountRow]:
    """The rows of the report, those with a workspace first, the most machines first. Every machine with Defender is in exactly one.

    ``agents`` names the workspace of a machine, by ids in lower case.
    """
    known = {one.workspace_id.lower(): one for one in workspaces}
    found: dict[tuple[str | None, str | None], list[MachineRow]] = defaultdict(list)
    for machine in machines:
        if machine.state in ABOARD:
            workspace_id = agents.get(machine.id.lower(), "").lower() or None
            region = machine.location.lower() if workspace_id is None else known[workspace_id].region if workspace_id in known else None
            found[workspace_id, region].append(machine)
    rows = [
        DiscountRow(
            workspace_id,
            known[workspace_id].name if workspace_id in known else "",
            region or None,
            len(there),
            tuple(sorted({one.subscription_id for one in there})),
        )
        for (workspace_id, region), there in found.items()
    ]
    return sorted(rows, key=lambda one: (one.workspace_id is None, -one.machines, one.workspace_id or "", one.region or ""))


def notes(rows: Sequence[DiscountRow], hidden: int, support: str) -> list[str]:
    """What the numbers mean and what Azure does not tell. ``hidden``: subscriptions whose machines are not known."""
    said = [
        "Counted are machines on which Defender for Endpoint is onboarded. Azure does not tell how many licences you own; give support "
        "that number where it is smaller.",
        "The workspace is the one that the settings of a machine's Log Analytics agent name. An agent may report to more than that one.",
    ]
    if unnamed := sum(one.machines for one in rows if one.workspace_id is None):
        said.append(
            f"Of {unnamed:,} of the machines Azure names no workspace: they have no Log Analytics agent, which Defender needs no more, or "
            "use the Azure Monitor agent, whose data collection rules name workspaces for each kind of data. Their region is the "
            "machine's. Name their subscriptions in the request."
        )
    if unseen := sum(one.workspace_id is not None and one.region is None for one in rows):
        said.append(
            f"{'One workspace is' if unseen == 1 else f'{unseen:,} workspaces are'} not among what you may read "
            "(Microsoft.OperationalInsights/workspaces/read), so the region is not told."
        )
    if hidden:
        said.append(
            f"In {'one subscription' if hidden == 1 else f'{hidden:,} subscriptions'} the machines could not be read, so they are not "
            "counted."
        )
    ask = f" at {support}" if support else ""
    said.append(f"Ask Microsoft's support for the discount{ask}. It holds from the day of approval and is not given retroactively.")
    return said


def markdown(rows: Sequence[DiscountRow], said: Sequence[str], as_of: datetime | None) -> str:
    """The report as a document for the support request."""
    moment = f"{as_of:%Y-%m-%d %H:%M} UTC" if as_of else NOT_TOLD
    lines = [
        f"# {TITLE}",
        "",
        f"As of {moment}.",
        "",
        *table(
            ("Workspace id", "Name", "Region", "Machines", "Subscriptions"),
            (
                (one.workspace_id or NO_WORKSPACE, one.name, one.region or NOT_TOLD, one.machines, ", ".join(one.subscription_ids))
                for one in rows
            ),
            right=("Machines",),
        ),
    ]
    if not rows:
        lines += ["", "No machine with Defender for Endpoint is known."]
    return "\n".join([*lines, "", *(f"- {one}" for one in said)])
