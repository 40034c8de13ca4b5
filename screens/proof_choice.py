"""Which machine to run the detection test on: the one under the cursor, or an onboarded one of each system."""

from __future__ import annotations

from collections.abc import Collection

from cache.model import MachineRow
from screens.choice import ChoiceDialog
from screens.console_screen import ConsoleScreen
from screens.requests import DetectionTestRequested
from screens.widgets.columns import Cell, Column
from screens.words import STATE_SHAPES


class ProofChoice(ChoiceDialog[MachineRow]):
    """Answers the id of the machine, or ``None``."""

    COLUMNS = (
        Column("system", "System", 9),
        Column("name", "Machine", 18, weight=2, ends=True),
        Column("state", "State", 14),
        Column("subscription", "Subscription", 14, weight=1, rank=1, ends=True),
    )
    EMPTY = "No onboarded machine runs here, so no test alert could come."

    def identify(self, row: MachineRow) -> str:
        """The machine's id."""
        return row.id

    def cell(self, row: MachineRow, key: str) -> Cell:
        """A cell's text and tone."""
        match key:
            case "system":
                return row.os_type, "muted"
            case "name":
                return row.name, ""
            case "state":
                shape, tone = STATE_SHAPES[row.state]
                return f"{shape} {row.state}", tone
            case _:
                return row.subscription_name, ""


async def choose_machine(screen: ConsoleScreen, within: Collection[str] | None, here: MachineRow | None = None) -> None:
    """Ask which machine to prove and show its test: ``here`` (under the cursor), or one of each system of the subscriptions ``within``."""
    offered = await screen.desk.fleet.machines_to_prove(within)
    rows = [here] if here is not None else []
    rows += [one for one in offered if here is None or one.id != here.id]

    def chosen(machine_id: str | None) -> None:
        if machine_id is not None:
            screen.post_message(DetectionTestRequested(machine_id))

    question = "Which machine is to prove that it reports? One of each system does for a subscription."
    screen.app.push_screen(ProofChoice(question, "Enter shows its detection test; nothing is sent. Esc cancels.", rows), chosen)
