"""The ids on which scripts and ticks rely, and what is asked in a cloud that has no integration."""

from __future__ import annotations

import re
from pathlib import Path

from cache.check_sources import RESTS_ON
from cache.model import CheckStatus, Tick
from console.rules.prerequisites import WITHOUT_INTEGRATION, checks_of
from tests.rules.samples import NOW, SUB, a_machine, a_subscription, alike


def test_every_check_has_its_documented_id_in_the_documented_order() -> None:
    found = checks_of(
        a_subscription(), alike([a_machine()]), [], [], [], integration_supported=True, azure_portal="https://portal.example", now=NOW
    )
    text = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    documented = re.findall(r"`([a-z-]+)`", text.split("The ids, in this order: ")[1].split(". None")[0])
    assert [one.id for one in found] == documented == list(RESTS_ON)


def test_in_a_cloud_without_the_integration_nobody_is_told_to_prepare_for_it() -> None:
    ticks = [Tick(SUB, "tenant-move", "ann", NOW)]
    found = checks_of(
        a_subscription(integration="off", servers_plan="free"),
        alike([a_machine(power="deallocated")]),
        [],
        [],
        ticks,
        integration_supported=False,
        azure_portal="https://portal.example",
        now=NOW,
    )
    for one in found:
        if one.id not in WITHOUT_INTEGRATION:
            assert one.status is CheckStatus.NOT_APPLICABLE, one.id
            assert (one.remedy, one.command, one.affected, one.ticked_by) == ("", "", 0, "")
    assert next(one for one in found if one.id == "cloud").status is CheckStatus.FAIL
