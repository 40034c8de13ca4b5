"""Each cloud, tenant and principal has a folder of its own, with a safe name."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cache.folders import fleet_folder

HOME = Path("/home/ann/.mde")
NAMES = st.one_of(
    st.text(st.characters(exclude_categories=())), st.sampled_from(["", ".", "..", "../..", "a/b", "a b", "a-b", "A", "a", "x" * 300])
)


def test_plain_names_stay_readable() -> None:
    assert fleet_folder(HOME, "public", "1234-ab", "ann_contoso.example") == HOME / "fleets/public/1234-ab/ann_contoso.example"


@given(NAMES, NAMES, NAMES)
def test_no_name_leads_out_of_home_or_is_odd(cloud: str, tenant: str, principal: str) -> None:
    folder = fleet_folder(HOME, cloud, tenant, principal)
    parts = folder.relative_to(HOME).parts
    assert len(parts) == 4
    for part in parts:
        assert 0 < len(part) <= 80
        assert part.strip(".")
        assert set(part) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")


@given(NAMES, NAMES)
def test_different_principals_never_share_a_folder(one: str, other: str) -> None:
    same = fleet_folder(HOME, "c", "t", one) == fleet_folder(HOME, "c", "t", other)
    assert same == (one.casefold() == other.casefold())


def test_a_name_that_imitates_a_hashed_one_gets_a_folder_of_its_own() -> None:
    hashed = fleet_folder(HOME, "c", "t", "ann smith").name
    assert fleet_folder(HOME, "c", "t", hashed).name != hashed
