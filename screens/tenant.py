"""Choosing another tenant."""

from __future__ import annotations

from collections.abc import Sequence

from cache.text import clean
from screens.choice import ChoiceDialog
from screens.widgets.line_table import Cell, Column

Tenant = tuple[str, str]
"""A tenant's id and name."""


class TenantDialog(ChoiceDialog[Tenant]):
    """The tenants that one can sign in to, by name. Answers the id of the chosen one, or ``None``."""

    COLUMNS = (Column("name", "Tenant", 20, weight=1), Column("id", "Id", 36, rank=1))
    EMPTY = "No tenant can be seen."

    def __init__(self, tenants: Sequence[Tenant], current: str) -> None:
        named = {clean(tenant_id, 80): clean(name, 120) for tenant_id, name in tenants}
        super().__init__(
            "Sign in to which tenant?",
            "Enter chooses, Esc cancels. The cache of each tenant is kept apart.",
            sorted(named.items(), key=lambda tenant: ((tenant[1] or tenant[0]).casefold(), tenant[0])),
            current,
        )

    def identify(self, row: Tenant) -> str:
        """The tenant's id."""
        return row[0]

    def cell(self, row: Tenant, key: str) -> Cell:
        """A cell's text and tone."""
        tenant_id, name = row
        if key == "id":
            return tenant_id, "muted"
        return (f"{name or tenant_id} (signed in)", "accent") if tenant_id == self._current else (name or tenant_id, "")
