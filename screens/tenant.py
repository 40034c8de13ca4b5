"""Choosing another tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from cache.text import clean
from screens.widgets.line_table import Cell, Column, LineTable

Tenant = tuple[str, str]
"""A tenant's id and name."""


class TenantDialog(ModalScreen[str | None]):
    """The tenants that one can sign in to. Answers the id of the chosen one, or ``None``."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel", id="tenant.cancel")]
    DEFAULT_CSS = """
    TenantDialog {
        align: center middle;
        #tenants { width: 90%; max-width: 90; height: auto; max-height: 90%; border: round $primary; padding: 0 1; background: $surface; }
        LineTable { height: auto; min-height: 4; max-height: 16; }
    }
    """

    def __init__(self, tenants: Sequence[Tenant], current: str) -> None:
        super().__init__()
        self._tenants = [(clean(tenant_id, 80), clean(name, 120)) for tenant_id, name in tenants]
        self._current = current
        columns = (Column("name", "Tenant", 20, weight=1), Column("id", "Id", 36, rank=1))
        self._table: LineTable[Tenant] = LineTable(columns, lambda tenant: tenant[0], self._cell, empty="No tenant can be seen.")

    def compose(self) -> ComposeResult:
        """The list."""
        with Vertical(id="tenants"):
            yield Static(Content("Sign in to which tenant? Enter chooses, Esc cancels. The cache of each tenant is kept apart."))
            yield self._table

    def on_mount(self) -> None:
        """The cursor stands on the tenant in use."""
        self._table.set_rows(self._tenants)
        self._table.move_to(self._current)
        self._table.focus()

    def _cell(self, tenant: Tenant, key: str) -> Cell:
        tenant_id, name = tenant
        if key == "id":
            return tenant_id, "muted"
        return (f"{name or tenant_id} (signed in)", "accent") if tenant_id == self._current else (name or tenant_id, "")

    @on(LineTable.Opened)
    def _chosen(self, event: LineTable.Opened) -> None:
        event.stop()
        self.dismiss(event.row_id)

    def action_cancel(self) -> None:
        """Leave it as it is."""
        self.dismiss(None)
