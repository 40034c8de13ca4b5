"""Who leaves while something is changed in Azure is told what becomes of it."""

from __future__ import annotations

import pytest

from screens.desk import Desk
from screens.leaving import left_unfinished


@pytest.mark.parametrize(
    ("key", "said"), [("apply", "the rest is sent only when you say so"), ("retry", "A failed extension is being deleted")]
)
async def test_a_change_under_way_is_told_and_a_reading_is_not(desk: Desk, key: str, said: str) -> None:
    desk.activity.begin("sync", "reading")
    assert left_unfinished(desk) == []
    desk.activity.begin(key, "changing")
    (sentence,) = left_unfinished(desk)
    assert said in sentence
    desk.activity.end(key)
    assert left_unfinished(desk) == []
