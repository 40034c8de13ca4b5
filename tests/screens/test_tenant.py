"""Choosing another tenant."""

from __future__ import annotations

import pytest
from textual.app import App

from screens.tenant import TenantDialog
from tests.screens.paint import HOSTILE, HOSTILE_SHOWN, painted

TENANTS = [("t2", "[Fabrikam]"), ("t1", "Contoso"), ("t3", "")]


@pytest.mark.parametrize(("keys", "chosen"), [(["up", "enter"], "t2"), (["enter"], "t1"), (["down", "enter"], "t3"), (["escape"], None)])
async def test_the_tenant_under_the_cursor_is_chosen_and_escape_chooses_none(keys: list[str], chosen: str | None) -> None:
    answers: list[str | None] = []
    app: App[None] = App()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(TenantDialog(TENANTS, "t1"), answers.append)
        await pilot.pause()
        assert "[Fabrikam]" in painted(app)
        assert "Contoso (signed in)" in painted(app)
        await pilot.press(*keys)
        await pilot.pause()
    assert answers == [chosen]


@pytest.mark.parametrize("size", [(40, 10), (80, 24)])
async def test_many_tenants_scroll_and_question_and_hint_stay(size: tuple[int, int]) -> None:
    app: App[None] = App()
    async with app.run_test(size=size) as pilot:
        await app.push_screen(TenantDialog([(f"{n:04}", f"Tenant {n}") for n in range(100)], "0050"))
        await pilot.pause()
        assert "Sign in to which tenant?" in painted(app)
        assert "Tenant 50 (signed in)" in painted(app)
        assert "Enter chooses" in painted(app)


async def test_no_tenant_and_hostile_names_are_just_text() -> None:
    app: App[None] = App()
    async with app.run_test(size=(120, 24)) as pilot:
        await app.push_screen(TenantDialog([], ""))
        await pilot.press("enter")
        assert "No tenant can be seen." in painted(app)
        await pilot.press("escape")
        await app.push_screen(TenantDialog([("t1", HOSTILE)], "t2"))
        await pilot.pause()
        assert HOSTILE_SHOWN in painted(app)
