"""Plans as the screen *Enable* shows them, and what it says of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from cache.model import Fate, MachineFate, Plan, PlanAction, SettingChange, SubscriptionPlan
from screens.desk import Desk
from screens.enable import EnableScreen
from screens.widgets.document import Document
from tests.screens.stage import EXCLUDED, NOW, SMALL, Stage, settle

EXCLUDE = "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW"


def a_subscription_plan(subscription_id: str = EXCLUDED, **more: Any) -> SubscriptionPlan:
    values: dict[str, Any] = {
        "id": subscription_id,
        "name": "[prod] web",
        "case": "existing-windows",
        "why": "The integration is on for Windows and Linux is excluded.",
        "settings": (SettingChange(EXCLUDE, True, False),),
        "fates": (
            MachineFate("/m/1", "web-1", "Linux", Fate.ONBOARD, "will be onboarded"),
            MachineFate("/m/2", "vm[/x]", "Linux", Fate.IGNORED, "fanotify is held by ds_agent"),
        ),
        "irreversible": ("Linux alone cannot be switched off again.",),
        "warnings": ("Onboarding may take up to 24 hours.",),
    }
    return SubscriptionPlan(**{**values, **more})


def a_plan(*subscriptions: SubscriptionPlan, **more: Any) -> Plan:
    values: dict[str, Any] = {
        "id": "p1",
        "created_at": NOW,
        "action": PlanAction.ENABLE,
        "cloud": "public",
        "tenant_id": "t",
        "principal": "ann",
        "subscriptions": subscriptions or (a_subscription_plan(),),
    }
    return Plan(**{**values, **more})


def said(screen: EnableScreen) -> str:
    """The head, and line by line the text that stands below the table while the cursor is there."""
    shown = Document()
    told = [screen.query_one("#head", Document).plain]
    for row in screen.table.rows:
        shown.show(screen.details(row))
        told.append(shown.plain)
    return "\n".join(told)


@asynccontextmanager
async def enabling(
    desk: Desk, *plans: Plan, chosen: Collection[str] = (EXCLUDED,), size: tuple[int, int] = SMALL
) -> AsyncIterator[tuple[EnableScreen, Stage, Pilot[int]]]:
    """The screen *Enable* at rest, with these subscriptions chosen and these plans made before."""
    await desk.fleet.select(set(chosen))
    for plan in plans:
        await desk.journal.save_plan(plan)
    screen = EnableScreen(desk)
    app = Stage(desk, screen)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        yield screen, app, pilot
