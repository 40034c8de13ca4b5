"""A failed extension is tried again from the machine's page: what that does is read, the name typed, and Azure's answer seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.simulator import Simulator
from tests.terminal.test_canary import console, keys
from tests.workers.test_retry import deletes, failed_vm


@pytest.mark.slow
async def test_the_machine_page_tells_what_trying_again_does_and_does_it_once_the_name_is_typed(tmp_path: Path) -> None:
    async with Simulator(machines=60, speed=0) as simulator:
        simulator.clock.advance(24 * 3600)
        name = failed_vm(simulator).rpartition("/")[2]
        with console(tmp_path, simulator, simulator.token()) as terminal:
            await keys(terminal, then=("Contoso Web", "enabled"))
            await keys(terminal, "4", "/", f"name:{name} state:failed", "enter", then=("1 of", "✗ failed"))
            await keys(terminal, "enter", then=("What went wrong", name))
            await keys(terminal, "x", then=("Deletes the failed extension", "To confirm, type"))
            assert deletes(simulator) == []
            await keys(terminal, name, "enter", then=("is deleted, and read back",))
            assert deletes(simulator) == [202]
            await keys(terminal, "x", then=("There is no Defender extension",))
            assert deletes(simulator) == [202]
