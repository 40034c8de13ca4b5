"""``retry`` as a real program: what it does is printed and nothing is sent; with ``--yes`` it is done; elsewhere it exits 7."""

from __future__ import annotations

import json
from pathlib import Path

from console.simulator import Simulator
from tests.test_verbs import mde
from tests.workers.test_retry import deletes, failed_vm


async def test_it_says_what_it_does_then_does_it_then_refuses(tmp_path: Path) -> None:
    async with Simulator(machines=60, speed=0) as simulator:
        simulator.clock.advance(24 * 3600)
        machine = failed_vm(simulator)
        code, _, err = await mde(simulator, tmp_path, "sync")
        assert code in {0, 3}, err
        code, out, err = await mde(simulator, tmp_path, "retry", "--machine", machine)
        assert code == 2, err
        assert "Deletes the failed extension" in out
        assert "Add --yes" in out
        assert deletes(simulator) == []
        code, out, err = await mde(simulator, tmp_path, "retry", "--machine", machine, "--yes", "--json")
        assert code == 0, out + err
        (item,) = json.loads(out)["items"]
        assert (item["outcome"], item["machine_id"], item["extension"]) == ("confirmed", machine, "MDE.Linux")
        assert deletes(simulator) == [202]
        code, out, err = await mde(simulator, tmp_path, "retry", "--machine", machine, "--yes", "--json")
        assert code == 7, out + err
        assert json.loads(out)["items"][0]["outcome"] == "refused"
        code, _, err = await mde(simulator, tmp_path, "retry", "--machine", "nobody")
        assert code == 1
        assert "No machine nobody is known" in err
        assert deletes(simulator) == [202]
