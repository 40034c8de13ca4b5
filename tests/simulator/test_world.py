"""The world: seeded, of any size, and hostile where the field is."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.simulator import names
from console.simulator.clock import Clock
from console.simulator.machines import IGNORED, PREVIOUS, STUCK
from console.simulator.situations import SITUATIONS
from console.simulator.systems import SYSTEMS
from console.simulator.world import World

START = 1_790_000_000.0


def world(machines: int = 110, subscriptions: int = 12, seed: int = 1) -> World:
    return World(Clock(start=START, speed=0), seed, machines, subscriptions)


def test_the_same_seed_draws_the_same_world() -> None:
    assert list(world().everything()) == list(world().everything())
    assert world().tenants == world().tenants
    assert [s.name for s in world().subscriptions.values()] == [s.name for s in world(seed=2).subscriptions.values()]
    assert list(world().subscriptions) != list(world(seed=2).subscriptions)


def test_the_order_in_which_subscriptions_are_looked_at_does_not_matter() -> None:
    one, other = world(), world()
    backwards = {s: other.machines(s) for s in reversed(other.subscriptions)}
    assert {s: one.machines(s) for s in one.subscriptions} == backwards


def test_there_is_one_subscription_for_each_situation() -> None:
    found = [s.situation.name for s in world().subscriptions.values() if s.tenant == world().tenant.id]
    assert found == [s.name for s in SITUATIONS]


@settings(max_examples=25, deadline=None)
@given(machines=st.integers(0, 400), subscriptions=st.integers(0, 40))
def test_any_size_is_met_exactly(machines: int, subscriptions: int) -> None:
    made = world(machines, subscriptions)
    home = [s for s in made.subscriptions.values() if s.tenant == made.tenant.id]
    assert len(home) == subscriptions
    assert sum(s.machine_count for s in home) == (machines if subscriptions else 0)
    assert all(len(made.machines(s.id)) == s.machine_count for s in home)


def test_ids_of_machines_are_unique_and_found_in_any_case() -> None:
    made = world(machines=3000)
    ids = [m.id.lower() for m in made.everything()]
    assert len(ids) == len(set(ids))
    some = next(made.everything())
    assert made.machine(some.id.upper()) is some
    assert made.machine("/subscriptions/x") is None


def test_a_small_world_has_a_machine_of_each_kind_that_matters() -> None:
    machines = [m for m in world().everything() if world().subscriptions[m.subscription].situation.name == "all-on"]
    fates = Counter(m.fate for m in machines)
    assert fates.keys() >= {
        "ready",
        IGNORED,
        STUCK,
        PREVIOUS,
        "conflict",
        "repository",
        "requirements",
        "python",
        "noexec",
        "unsupported",
        "sense-start",
    }
    assert {m.kind for m in machines} == {"vm", "arc"}
    assert any(m.flawed == "expired" for m in machines)
    assert any(m.stopped < START and m.kind == "vm" for m in machines)
    assert any(m.legacy_agent for m in machines)
    assert any(m.system.image is None and m.kind == "vm" for m in machines)
    assert any(not m.system.supported for m in machines)


def test_a_large_world_has_every_system_and_every_failure() -> None:
    machines = list(world(machines=4000).everything())
    assert {m.system.key for m in machines} == {s.key for s in SYSTEMS}
    assert len({m.fate for m in machines}) >= 18


@pytest.mark.parametrize("text", ["[prod] web", 'O\'Brien "db"', "fox-🦊-👩‍💻", "خادم-الويب", names.SIXTY])
def test_hard_names_are_in_the_world(text: str) -> None:
    assert text in {m.name for m in world().everything()}


def test_the_long_name_is_sixty_letters_long() -> None:
    assert len(names.SIXTY) == 60


def test_hostile_texts_are_in_display_names_and_tags() -> None:
    machines = list(world(machines=1500).everything())
    texts = "".join(m.display + "".join((m.tags or {}).values()) for m in machines)
    for part in ("\x1b[", "\x1b]52;", "\x9b", "\u202e", "[@click=app.quit]x[/]", "vm[/x]", "\x00"):
        assert part in texts


def test_a_hundred_thousand_machines_cost_nothing_until_they_are_looked_at() -> None:
    began = time.perf_counter()
    made = world(machines=100_000, subscriptions=200)
    assert time.perf_counter() - began < 0.5
    assert sum(s.machine_count for s in made.subscriptions.values() if s.tenant == made.tenant.id) == 100_000


def test_names_keep_their_places_when_the_world_grows() -> None:
    small, large = world(subscriptions=12), world(subscriptions=30)
    assert list(large.subscriptions)[:12] == list(small.subscriptions)[:12]
