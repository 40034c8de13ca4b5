"""What machines tell of connectivity and of their system has one meaning, whatever it is, and what is not told is never good."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.machine_reports import MachineReport
from cache.model import CheckStatus, MachineState, Onboarding
from console.rules.connectivity import ADDRESSES, CAUSES
from console.rules.machine_judgement import CITING, judge, with_reports
from console.rules.machine_requirements import LINUX, WINDOWS, all_requirements
from tests.rules.health_samples import ERA_2023
from tests.rules.machine_samples import LINUX_WELL, WELL, WINDOWS_WELL, framed

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["connectivity", "system"])
def test_a_whole_output_of_this_run_is_good_and_one_that_is_cut_anywhere_never(kind: str) -> None:
    output = framed(kind, WELL[kind])
    assert judge(kind, output, "Linux", run="run1").outcome == "good"
    begin, end = output.index("\n"), output.rindex("\n---")
    for at in range(1, begin):
        assert judge(kind, output[at:], "Linux", run="run1").code == "cut-begin"
    for at in range(begin + 2, end, 7):
        assert judge(kind, output[:at], "Linux", run="run1").code == "cut-end"
        assert judge(kind, output[at:], "Linux", run="run1").code == "cut-begin"


@pytest.mark.parametrize("kind", ["connectivity", "system"])
@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("", "empty"),
        ("   \n\n", "empty"),
        ("Fehler: Der Dienst antwortet nicht.", "foreign"),
        (framed("health", ERA_2023), "foreign"),
        (ERA_2023, "foreign"),
        ("x" * 4096, "foreign"),
        ("\x1b[2J\x00\u202e", "empty"),
        ('{"system": "Linux", "broken', "cut-json"),
    ],
)
def test_what_is_no_such_output_is_a_named_reason_with_clean_text(kind: str, output: str, code: str) -> None:
    judged = judge(kind, output, "Linux")
    assert (judged.outcome, judged.code) == ("unreadable", code)
    assert judged.reason
    assert not set(str(judged)) & {"\x1b", "\x00", "\u202e"}


def test_output_of_another_run_system_or_script_counts_for_nothing() -> None:
    for kind, other in (("system", "connectivity"), ("connectivity", "system")):
        assert judge(kind, framed(kind, WELL[kind]), "Linux", run="run2").outcome == "unreadable"
        assert judge(kind, framed(kind, WELL[kind]), "Windows").code == "foreign"
        assert judge(kind, framed(other, WELL[other]), "Linux").code == "foreign"
        assert judge(kind, framed(kind, f"{WELL[kind]}system : Windows\n"), "Linux").code == "contradiction"


@given(st.sampled_from(["connectivity", "system"]), st.sampled_from(["Linux", "Windows", ""]), st.text() | st.binary())
def test_any_text_has_exactly_one_meaning_and_what_is_foreign_is_never_good(kind: str, system: str, output: str | bytes) -> None:
    judged = judge(kind, output, system)
    assert judged.outcome in {"doubtful", "bad", "unreadable"}
    assert judged.code
    assert judged.reason


values = st.sampled_from(
    ["unknown", "", "no", "yes", "none", "-1", "999999", "1e9", "systemd", "x y", "Ubuntu 22.04", "99999999999999999999"]
)


@given(st.dictionaries(st.sampled_from(re.findall(r"^(\w+) :", LINUX_WELL, re.MULTILINE)), values | st.text(max_size=20), max_size=6))
def test_changed_values_make_it_good_only_where_each_finding_passes(changed: dict[str, str]) -> None:
    lines = [line.split(" : ", 1) for line in LINUX_WELL.splitlines()]
    output = "".join(f"{name} : {changed.get(name, value)}\n" for name, value in lines)
    judged = judge("system", output, "Linux")
    if judged.outcome != "unreadable":
        assert [one.id for one in judged.findings] == [one.id for one in LINUX]
        statuses = {one.status for one in judged.findings}
        assert (judged.outcome == "good") == (statuses == {CheckStatus.PASS})
        assert (judged.outcome == "bad") == (CheckStatus.FAIL in statuses)
        assert all(one.evidence for one in judged.findings)
        assert all(one.remedy for one in judged.findings if one.status is CheckStatus.FAIL)


@given(st.sets(st.sampled_from(re.findall(r"^(\w+) :", LINUX_WELL, re.MULTILINE)), min_size=1))
def test_what_a_machine_leaves_out_is_never_taken_for_good(left_out: set[str]) -> None:
    kept = "".join(f"{line}\n" for line in LINUX_WELL.splitlines() if line.split(" : ")[0] not in left_out)
    deciding = left_out - {"root", "os_ID", "os_VERSION_ID", "noexec_tmp", "fanotify_watchers", "other_services", "mdatp"}
    judged = judge("system", kept, "Linux")
    assert judged.outcome != "good" or not deciding


def test_each_requirement_and_cause_says_who_says_so_and_when() -> None:
    dated = [(one.source, one.as_of) for one in (*all_requirements(), *CAUSES)]
    assert all(source and re.fullmatch(r"20[0-9]{2}-[01][0-9]", as_of) for source, as_of in dated)
    ids = [one.id for one in all_requirements()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("before", "after", "outcome", "code"),
    [
        ("", "", "good", "good"),
        ("Windows Server 2019 Datacenter", "Windows 10 Pro", "bad", "windows"),
        ("Windows Server 2019 Datacenter", "Windows Server 2016 Standard", "doubtful", "provisioning"),
        ("Windows Server 2019 Datacenter", "Windows Server 2031", "doubtful", "windows"),
        ("Microsoft Windows Server 2019 Datacenter", "Windows Server 2008 R2 Standard", "bad", "windows"),
        ("Microsoft Windows Server 2019 Datacenter", "unknown", "doubtful", "windows"),
    ],
)
def test_windows_is_judged_by_the_matrix(before: str, after: str, outcome: str, code: str) -> None:
    output = WINDOWS_WELL.replace(before, after).replace("10.0.17763", "6.1.7600" if "2008" in after else "10.0.17763")
    judged = judge("system", output, "Windows")
    assert (judged.outcome, judged.code) == (outcome, code)
    assert [one.id for one in judged.findings] == [one.id for one in WINDOWS]


# Connectivity


def answers(*lines: str) -> str:
    return "".join(f"Testing connection with https://{one}\n" for one in lines)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("[ERROR] (curl error 60: SSL peer certificate or SSH remote key was not OK)", "tls-inspection"),
        ("[FAILED] (curl: (35) OpenSSL SSL_connect)", "tls-inspection"),
        ("[ERROR]\n(curl error 6: Couldn't resolve host name)", "name"),
        ("[FAILED] (curl error 28: Timeout was reached)", "blocked"),
        ("[FAILED] (curl error 7)", "blocked"),
        ("[FAILED] (HTTP 407)", "proxy-authentication"),
        ("[FAILED] (TrustFailure)", "tls-inspection"),
        ("[FAILED] (NameResolutionFailure)", "name"),
        ("[FAILED] (ConnectFailure)", "blocked"),
        ("[FAILED] (wget error 4)", "blocked"),
        ("[FAILED] (something of tomorrow)", "not-reached"),
        ("ERROR", "not-reached"),
    ],
)
def test_each_way_not_to_reach_an_address_has_its_cause_and_what_to_do(said: str, code: str) -> None:
    judged = judge(
        "connectivity", answers(f"cdn.x.cp.wd.microsoft.com/ping ... {said}", "x.cp.wd.microsoft.com/api/report ... [OK]"), "Linux"
    )
    assert (judged.outcome, judged.code) == ("bad", code)
    assert "cdn.x.cp.wd.microsoft.com" in judged.reason
    assert judged.remedy
    assert [one.status for one in judged.findings] == [CheckStatus.FAIL, CheckStatus.PASS]


def test_addresses_of_other_regions_are_a_doubt_and_those_of_everybody_are_not() -> None:
    def without(*hosts: str, said: str = "[FAILED] (curl error 28)") -> tuple[str, str]:
        told = "".join(f"Testing connection with https://{one} ... {said if one.startswith(hosts) else '[OK]'}\n" for one in ADDRESSES)
        judged = judge("connectivity", told, "Linux")
        return judged.outcome, judged.code

    uk, us, eu = ("winatp-gw-uk", "uk-"), ("winatp-gw-cus", "winatp-gw-eus", "us-"), ("winatp-gw-neu", "winatp-gw-weu", "eu-")
    assert without(*uk) == ("doubtful", "region")
    assert without(*uk, *us) == ("doubtful", "region")
    assert without("winatp-gw-uks", "us-", "eu-") == ("bad", "blocked")  # no region is reached whole
    assert without(*uk, *us, *eu) == ("bad", "blocked")
    assert without(*uk, "v20") == ("bad", "blocked")
    assert without(*uk, said="[FAILED] (curl error 60)") == ("bad", "tls-inspection")
    assert without("winatp", "x.", "cdn", "v20", "us", "eu", "uk") == ("bad", "blocked")


def test_the_form_of_2020_is_understood_with_its_storage_of_each_region() -> None:
    told = "Running connectivity test\n" + answers(
        "cdn.x.cp.wd.microsoft.com/ping ... [OK]",
        "unitedstates.x.cp.wd.microsoft.com/api/report ... [OK]",
        "ussus1eastprod.blob.core.windows.net ... [OK]",
        "ussus2eastprod.blob.core.windows.net ... [OK]",
        "usseu1northprod.blob.core.windows.net ... [ERROR] (curl error 28)",
        "wseu1westprod.blob.core.windows.net ... [ERROR] (curl error 28)",
    )
    judged = judge("connectivity", told, "Linux")
    assert (judged.outcome, judged.code) == ("doubtful", "region")
    assert "(Europe); those of United States are" in judged.reason
    assert (
        judge(
            "connectivity", told.replace("cdn.x.cp.wd.microsoft.com/ping ... [OK]", "cdn.x.cp.wd.microsoft.com/ping ... [ERROR]"), "Linux"
        ).outcome
        == "bad"
    )


def test_an_address_that_is_told_twice_counts_as_the_worse() -> None:
    for first, second, outcome in (
        ("[OK]", "[ERROR]", "bad"),
        ("[ERROR]", "[OK]", "bad"),
        ("[OK]", "", "doubtful"),
        ("", "[OK]", "doubtful"),
    ):
        name = "x.cp.wd.microsoft.com/api/report"
        assert judge("connectivity", answers(f"{name} ... {first}", f"{name} ... {second}"), "Linux").outcome == outcome


def test_a_test_that_was_not_made_says_why() -> None:
    judged = judge("connectivity", "Could not connect to the daemon: is it running?", "Linux")
    assert (judged.outcome, judged.code) == ("bad", "daemon-down")
    assert judge("connectivity", "/bin/sh: 1: mdatp: not found", "Linux").code == "no-tool"
    assert judge("connectivity", answers("www.example.com/ping ... [OK]"), "Linux").code == "foreign"


# The state of the machine


def report(kind: str, reason: str) -> MachineReport:
    return MachineReport("/m", kind, AT, "hand", "bad", "x", reason)


@pytest.mark.parametrize("state", list(MachineState))
def test_a_state_that_waits_or_failed_cites_what_the_machine_told_last_and_only_that(state: MachineState) -> None:
    before = Onboarding("/m", state, "why", evidence=("System: x", "Extension: none"))
    once = with_reports(before, [report("system", "old"), report("connectivity", "Not reached: 1.")])
    if state not in CITING:
        assert once == before
        return
    assert once.evidence[0] == "Connectivity test of 2026-03-01 12:00 UTC: Not reached: 1."
    again = with_reports(once, [report("connectivity", "new"), report("system", "old")])
    assert [one for one in again.evidence if "new" in one or "old" in one or "Not reached" in one] == list(again.evidence[:2])
    assert with_reports(again, []) == before
