"""The table that Textual brings, with 1,000 machines in it. Keys: ``s`` sorts by the next column, ``u`` changes one cell in view."""

from __future__ import annotations

import sys
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from benchmarks.fleet import MadeUp, machines
from benchmarks.programs.watched import Watched

COLUMNS = ("Machine", "State", "Reason", "Since", "Due", "Extension", "System", "Power", "Subscription", "Resource group")


def cells(one: MadeUp) -> tuple[str, ...]:
    """The row of a machine."""
    extension = f"{one.extension} 1.0" if one.extension else "–"
    due = "in 9 h" if one.state == "pending" else "–"
    system = f"{one.system[3]} {one.system[4]}"
    since = f"{one.since:%Y-%m-%d %H:%M}"
    return (one.name, one.state, one.reason, since, due, extension, system, one.power, one.subscription_name, one.resource_group)


class TableApp(App[None]):
    """The table fills the screen. With a rate, so many cells a second change."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("s", "sort", show=False), Binding("u", "update", show=False)]

    def __init__(self, count: int = 1000, rate: int = 0) -> None:
        super().__init__()
        self.rows = [cells(one) for one in machines(count)]
        self.rate = rate
        self.sorted_by = -1
        self.updates = 0
        self.watched: Watched | None = None

    def compose(self) -> ComposeResult:
        """The table."""
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        """Fill it."""
        table = self.query_one(DataTable)
        for place, title in enumerate(COLUMNS):
            table.add_column(title, key=str(place))
        for place, row in enumerate(self.rows):
            table.add_row(*row, key=str(place))
        table.focus()
        if self.watched is not None:
            self.watched.start()
        if self.rate:
            self.set_interval(0.05, self.change_many)

    def action_sort(self) -> None:
        """By the next column."""
        self.sorted_by = (self.sorted_by + 1) % len(COLUMNS)
        self.query_one(DataTable).sort(str(self.sorted_by))

    def action_update(self) -> None:
        """Another state in the fourth row that is in view at the start."""
        self.updates += 1
        self.query_one(DataTable).update_cell("3", "1", "unhealthy" if self.updates % 2 else "healthy")

    def change_many(self) -> None:
        """What a twentieth of a second brings."""
        table = self.query_one(DataTable)
        for _ in range(self.rate // 20):
            self.updates += 1
            table.update_cell(str(self.updates % len(self.rows)), "1", "unhealthy" if self.updates // len(self.rows) % 2 else "healthy")


def main(arguments: list[str]) -> None:
    """``[ROWS [CHANGES A SECOND, FILE FOR THE TURNS]]``."""
    if len(arguments) < 3:
        TableApp(int(arguments[0]) if arguments else 1000).run()
        return
    app = TableApp(int(arguments[0]), int(arguments[1]))
    app.watched = Watched(app, arguments[2])
    app.run()


if __name__ == "__main__":
    main(sys.argv[1:])
