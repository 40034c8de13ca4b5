"""What a request waits for is told: how long, why, and of which subscription; one wait that ends does not hide the others."""

from __future__ import annotations

from console.gateway.transport import Wait, waits_told

SETTINGS = "/subscriptions/7436366c-7e73-4e22-b919-211f009f40ef/providers/Microsoft.Security/settings/WDATP"


def test_a_wait_says_how_long_why_and_what_for() -> None:
    assert waits_told([Wait(SETTINGS, 7.4, "Azure wants fewer requests", 1)]) == (
        "waiting 7 s: Azure wants fewer requests (WDATP of 7436366c)"
    )
    assert waits_told([Wait("/providers/Microsoft.ResourceGraph/resources", 3, "Azure answered 503", 2)]) == (
        "waiting 3 s: Azure answered 503 (resources)"
    )
    assert "(?" not in waits_told([Wait("", 1, "the connection failed", 1)])


def test_of_several_waits_the_longest_is_told_and_how_many_more_there_are() -> None:
    waits = [Wait(SETTINGS, seconds, "Azure wants fewer requests", 1) for seconds in (1, 30, 2)]
    assert waits_told(waits) == "waiting 30 s: Azure wants fewer requests (WDATP of 7436366c), 2 more"
    assert waits_told([]) == ""
