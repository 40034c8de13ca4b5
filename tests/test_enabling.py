"""``enable`` and ``audit verify`` as real programs against a simulated Azure: canary, resuming, plan files that cannot be used."""

from __future__ import annotations

import json
import resource
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cache.plans import digest_of
from console.simulator import Simulator
from tests.test_verbs import EXCLUDE, mde, printed

FIRST, SECOND = "existing-windows-linux-excluded", "unified-off"


async def planned(simulator: Simulator, home: Path, file: Path, *situations: str) -> None:
    chosen = [text for one in situations for text in ("--subscription", simulator.subscription(one))]
    code, _, err = await mde(simulator, home, "plan", *chosen, "--out", str(file))
    assert code == 2, err


async def test_a_canary_stops_with_its_own_exit_code_and_says_how_to_go_on(tmp_path: Path) -> None:
    async with Simulator(machines=40, speed=0) as simulator:
        home, file = tmp_path / "home", tmp_path / "plan.json"
        await planned(simulator, home, file, FIRST, SECOND)
        first = simulator.subscription(FIRST)
        simulator.faults.add(f"429=1:1:PUT .*/{EXCLUDE}:1")
        code, out, err = await mde(simulator, home, "enable", "--plan", str(file), "--canary", first, "--canary-minutes", "0")
        assert code == 8, out + err
        assert "Waiting 1 s: Azure wants fewer requests" in err
        assert f"1 subscription waits. To go on: mde-console enable --plan {file} --resume" in err
        assert [one.path.split("/")[2] for one in simulator.requests.of("PUT") if one.status == 200] == [first]
        code, _, err = await mde(simulator, home, "enable", "--plan", str(file))
        assert code == 7, err
        assert "--resume" in err
        items = await printed(simulator, home, "enable", "--plan", str(file), "--resume")
        assert sorted(one["outcome"] for one in items) == ["confirmed", "nothing"]
        assert len([one for one in simulator.requests.of("PUT") if one.status == 200]) == 2
        assert await verified(simulator, home) == (0, "All 8 entries of the audit trail are as they were written.")


async def test_resuming_takes_the_plan_that_left_something_and_not_one_that_was_done_since(tmp_path: Path) -> None:
    async with Simulator(machines=20, speed=0) as simulator:
        home, file, other = tmp_path / "home", tmp_path / "plan.json", tmp_path / "other.json"
        await planned(simulator, home, file, FIRST, SECOND)
        await planned(simulator, home, other, "linux-not-set")
        canary = simulator.subscription(FIRST)
        code, _, err = await mde(simulator, home, "enable", "--plan", str(file), "--canary", canary, "--canary-minutes", "0")
        assert code == 8, err
        code, _, err = await mde(simulator, home, "enable", "--plan", str(other))
        assert code == 0, err
        items = await printed(simulator, home, "enable", "--resume")
        assert {one["subscription_id"]: one["outcome"] for one in items} == {canary: "nothing", simulator.subscription(SECOND): "confirmed"}


async def test_with_yes_the_rest_follows_a_canary_that_went_well_and_none_that_failed(tmp_path: Path) -> None:
    async with Simulator(machines=40, speed=0) as simulator:
        home, file = tmp_path / "home", tmp_path / "plan.json"
        await planned(simulator, home, file, FIRST, SECOND)
        first = simulator.subscription(FIRST)
        asked = ("enable", "--plan", str(file), "--canary", first, "--canary-minutes", "0", "--yes")
        simulator.faults.add("403:1:PUT .*:1")
        code, _, err = await mde(simulator, home, *asked)
        assert code == 1, err
        assert "Stopped after the canary, since not everything in it went well" in err
        assert len(simulator.requests.of("PUT")) == 1
        code, out, err = await mde(simulator, home, *asked, "--resume")
        assert code == 0, out + err
        assert [one.status for one in simulator.requests.of("PUT")] == [403, 200, 200]


async def test_where_azure_has_changed_that_subscription_alone_is_planned_anew_and_asked_again(tmp_path: Path) -> None:
    async with Simulator(machines=40, speed=0) as simulator:
        home, file = tmp_path / "home", tmp_path / "plan.json"
        await planned(simulator, home, file, FIRST, "never-enabled")
        moved = simulator.world.subscriptions[simulator.subscription("never-enabled")]
        moved.settings["WDATP"] = False
        code, out, err = await mde(simulator, home, "enable", "--plan", str(file))
        assert code == 3, out + err
        again = tmp_path / "plan-again.json"
        assert f"mde-console enable --plan {again}" in err
        ((one,),) = ([each["id"] for each in item["subscriptions"]] for item in json.loads(again.read_text())["items"])
        assert one == moved.id
        assert not moved.settings["WDATP"]
        code, out, err = await mde(simulator, home, "enable", "--plan", str(again))
        assert code == 0, out + err
        assert moved.settings["WDATP"]


async def test_a_plan_file_applied_a_second_time_says_that_this_console_did_it_and_exits_with_0(tmp_path: Path) -> None:
    async with Simulator(machines=20, speed=0) as simulator:
        home, file = tmp_path / "home", tmp_path / "plan.json"
        await planned(simulator, home, file, FIRST)
        (first,) = await printed(simulator, home, "enable", "--plan", str(file))
        assert (first["outcome"], first["done_before"]) == ("confirmed", None)
        (again,) = await printed(simulator, home, "enable", "--plan", str(file))
        trail = await printed(simulator, home, "audit")
        entry = next(one for one in trail if one["sequence"] == again["done_before"]["sequence"])
        assert again["outcome"] == "nothing"
        assert "Already done by this console at " in again["message"]
        assert (entry["action"], entry["outcome"]) == ("put-setting", "confirmed")
        assert again["done_before"] == {"at": entry["at"], "by": entry["actor"], "sequence": entry["sequence"]}
        assert [one["outcome"] for one in trail if one["action"] == "not-applied"] == [f"nothing: {again['message']}"]
        code, out, _ = await mde(simulator, home, "enable", "--plan", str(file))
        assert code == 0
        assert "nothing  " in out
        assert again["message"] in out
        assert len(simulator.requests.of("PUT")) == 1


async def test_provider_servers_plan_and_unified_solution_are_asked_for_seen_and_applied(tmp_path: Path) -> None:
    async with Simulator(machines=40, speed=0) as simulator:
        home, file = tmp_path / "home", tmp_path / "plan.json"
        ids = [simulator.subscription(one) for one in ("provider-not-registered", "no-servers-plan", "unified-off")]
        chosen = [text for one in ids for text in ("--subscription", one)]
        code, out, err = await mde(simulator, home, "plan", *chosen)
        assert code == 2, err
        assert out.count("BLOCKED") == 2
        asked = ("--servers-plan", "P2", "--register-provider", "--unified")
        code, out, err = await mde(simulator, home, "plan", *chosen, *asked, "--out", str(file))
        assert code == 2, err
        assert "BLOCKED" not in out
        assert "Write the registration of Microsoft.Security: NotRegistered → Registered" in out
        assert out.count("Write Defender for Servers: free → P2") == 2
        assert "is billed by machine. It would bill" in out
        (plan,) = json.loads(file.read_text())["items"]
        assert plan["extras"] == {"servers_plan": "P2", "downgrade": False, "register_provider": True, "unified": True}
        by_id = {one["id"]: one for one in plan["subscriptions"]}
        assert [one["kind"] for one in by_id[ids[0]]["steps"]] == ["provider", "servers-plan"]
        code, out, err = await mde(simulator, home, "enable", "--plan", str(file))
        assert code == 0, out + err
        for one in ids:
            subscription = simulator.world.subscriptions[one]
            assert subscription.registered
            assert subscription.pricings["VirtualMachines"].sub_plan == "P2"
            assert subscription.settings["WDATP"]
            assert subscription.settings["WDATP_UNIFIED_SOLUTION"]


async def test_a_canary_that_the_plan_does_not_have_is_wrong_use(tmp_path: Path) -> None:
    async with Simulator(machines=20, speed=0) as simulator:
        file = tmp_path / "plan.json"
        await planned(simulator, tmp_path, file, FIRST, "no-servers-plan")
        for canary, said in (("nobody", "is not in the plan"), (simulator.subscription("no-servers-plan"), "tells nothing as a canary")):
            code, _, err = await mde(simulator, tmp_path, "enable", "--plan", str(file), "--canary", canary)
            assert code == 64, err
            assert said in err
        code, _, err = await mde(simulator, tmp_path, "enable", "--resume")
        assert code == 1
        assert "No plan was ever begun" in err
        assert simulator.requests.of("PUT") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--canary", "x"),
        ("--canary", "x", "--yes"),
        ("--plan", "f", "--yes"),
        ("--plan", "f", "--disable"),
        ("--plan", "f", "--canary", "x", "--canary-minutes", "nan"),
        ("--plan", "f", "--canary", "x", "--canary-minutes", "-1"),
        ("--plan", "f", "--servers-plan", "P2"),
        ("--resume", "--register-provider"),
        ("--yes", "--disable", "--unified"),
        ("--yes", "--servers-plan", "P2", "--allow-downgrade"),
        ("--yes", "--servers-plan", "P3"),
    ],
)
def test_what_does_not_go_together_is_wrong_use(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    from console.cli import run

    with pytest.raises(SystemExit) as ended:
        run(["enable", *arguments])
    assert ended.value.code == 64
    assert "--help" in capsys.readouterr().err


# Plan files

Document = dict[str, Any]


def edited(text: str) -> str:
    document = json.loads(text)
    document["items"][0]["subscriptions"][0]["settings"][0]["after"] = True
    return json.dumps(document)


def sealed(change: Callable[[Document], object]) -> Callable[[str], str]:
    """The plan changed in a way that its digest does not show."""

    def made(text: str) -> str:
        document = json.loads(text)
        (plan,) = document["items"]
        change(plan)
        plan["digest"] = digest_of(plan)
        return json.dumps(document)

    return made


BAD: dict[str, tuple[Callable[[str], str | bytes], int, str]] = {
    "edited by hand": (edited, 22, "was changed since it was made"),
    "without its digest": (lambda text: text.replace('"digest"', '"was"'), 22, "was changed since it was made"),
    "a setting of no plan": (sealed(lambda plan: plan["subscriptions"][0]["settings"][0].update(name="MCAS")), 22, "never plans for"),
    "half": (lambda text: text[: len(text) // 2], 21, "ends in the middle"),
    "without its last brace": (lambda text: text.rstrip()[:-1], 21, "ends in the middle"),
    "not JSON": (lambda text: "Write WDATP: true", 20, "is not JSON"),
    "empty": (lambda text: "", 20, "is not JSON"),
    "bytes": (lambda text: b"\xff\xfe\x00", 20, "no text in UTF-8"),
    "deep": (lambda text: "[" * 100_000, 20, "is not JSON"),
    "not a number": (lambda text: '{"schema": NaN}', 20, "NaN"),
    "a newer schema": (sealed(lambda plan: plan.update(schema=9)), 24, "newer version"),
    "a newer document": (lambda text: text.replace('"schema": 1', '"schema": 2', 1), 24, "schema 2"),
    "something else": (lambda text: "[1, 2]", 23, "must be a JSON object"),
    "no plan in it": (lambda text: '{"schema": 1, "items": []}', 23, "exactly one plan"),
    "a field missing": (sealed(lambda plan: plan["subscriptions"][0].pop("fates")), 23, "subscriptions[0].fates"),
    "another tenant": (sealed(lambda plan: plan.update(tenant_id="another")), 25, "signed in elsewhere"),
    "too old": (sealed(lambda plan: plan.update(created_at="2020-01-01T00:00:00Z")), 26, "too old"),
    "of the future": (sealed(lambda plan: plan.update(created_at="2999-01-01T00:00:00Z")), 26, "too old"),
}


async def test_a_plan_file_that_cannot_be_used_has_its_own_sentence_and_exit_code_and_nothing_is_sent(tmp_path: Path) -> None:
    async with Simulator(machines=10, speed=0) as simulator:
        good, bad = tmp_path / "plan.json", tmp_path / "bad.json"
        await planned(simulator, tmp_path, good, FIRST)
        for name, (change, code, said) in BAD.items():
            content = change(good.read_text())
            bad.write_bytes(content if isinstance(content, bytes) else content.encode())
            found, _, err = await mde(simulator, tmp_path, "enable", "--plan", str(bad))
            assert (name, found) == (name, code), err
            assert said in err, name
        assert simulator.requests.of("PUT") == []
        good.write_text(json.dumps(json.loads(good.read_text()), separators=(",", ":"), sort_keys=True))  # laid out anew, it is the same
        code, out, err = await mde(simulator, tmp_path, "enable", "--plan", str(good))
        assert code == 0, out + err


# The audit trail


async def verified(simulator: Simulator, home: Path, *more: str) -> tuple[int, str]:
    code, out, err = await mde(simulator, home, "audit", "verify", *more)
    return code, (out or err).splitlines()[0]


def journal_of(home: Path) -> Path:
    (path,) = home.glob("fleets/**/journal.db")
    return path


def changed(home: Path, *statements: str) -> None:
    with sqlite3.connect(journal_of(home)) as direct:
        for statement in ("DROP TRIGGER IF EXISTS audit_is_not_edited", "DROP TRIGGER IF EXISTS audit_is_not_deleted", *statements):
            direct.execute(statement)
    direct.close()


async def test_audit_verify_finds_what_was_done_to_the_trail_and_exits_with_1_or_6(tmp_path: Path) -> None:
    async with Simulator(machines=10, speed=0) as simulator:
        home, file = tmp_path / "home", tmp_path / "plan.json"
        await planned(simulator, home, file, FIRST)
        code, _, err = await mde(simulator, home, "enable", "--plan", str(file))
        assert code == 0, err
        _, out, _ = await mde(simulator, home, "audit", "verify", "--json")
        (told,) = json.loads(out)["items"]
        assert told["sound"]
        assert told["entries"] == 4
        path = journal_of(home)
        beside = path.with_name("journal.head")
        whole = path.read_bytes()

        changed(home, "DELETE FROM audit WHERE sequence = 4")
        assert (await verified(simulator, home))[0] == 1
        path.write_bytes(whole)
        changed(home, "UPDATE audit SET outcome = CAST('done' AS BLOB) WHERE sequence = 4")
        assert await verified(simulator, home) == (
            1,
            "Entry 4 of the audit trail is not what was written: it was edited, moved or exchanged.",
        )
        path.write_bytes(whole)
        changed(home, "UPDATE head SET count = 'many'")
        assert (await verified(simulator, home))[0] == 1
        path.write_bytes(whole)
        changed(home, "DROP TABLE head")
        assert (await verified(simulator, home))[0] == 6
        path.write_bytes(whole[:5000])
        assert (await verified(simulator, home))[0] == 6
        path.write_bytes(b"")
        assert (await verified(simulator, home))[0] == 6
        path.unlink()
        code, said = await verified(simulator, home)
        assert code == 6
        assert "was moved or deleted" in said
        assert not path.exists()

        path.write_bytes(whole)
        assert await verified(simulator, home, "--head", told["head"]) == (0, "All 4 entries of the audit trail are as they were written.")
        assert (await verified(simulator, home, "--head", "4"))[0] == 1
        path.unlink()
        beside.unlink()
        await mde(simulator, home, "plan")  # begins a new trail, which by itself is sound
        assert (await verified(simulator, home))[0] == 0
        code, said = await verified(simulator, home, "--head", told["head"])
        assert code == 1
        assert said == "Entry 4 of the audit trail is not the one that was noted: the trail was exchanged or cut off."


async def test_a_disk_without_space_for_the_audit_stops_the_change_with_6(tmp_path: Path) -> None:
    async with Simulator(machines=10, speed=0) as simulator:
        home, file = tmp_path / "home", tmp_path / "plan.json"
        await planned(simulator, home, file, FIRST)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))  # no file grows beyond a page
        try:
            code, out, err = await mde(simulator, home, "enable", "--plan", str(file))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert code == 6, out + err
        assert simulator.requests.of("PUT") == []
        code, out, err = await mde(simulator, home, "enable", "--plan", str(file))
        assert code == 0, out + err
