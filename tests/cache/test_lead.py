"""One console reads Azure, and another takes over when it ends."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

from cache.lead import FILE, Lead


def test_the_lead_is_one_process_s_until_it_ends(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from cache.lead import Lead
lead = Lead(Path({str(tmp_path)!r}))
print(lead.take(), flush=True)
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "True\n"
        second = Lead(tmp_path)
        assert not second.take()
        assert not second.take()
        first.communicate("")
    assert second.take()
    assert second.take()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    third = Lead(tmp_path)
    assert not third.take()
    second.release()
    assert third.take()


def test_where_no_lock_can_be_had_everybody_leads(tmp_path: Path) -> None:
    assert Lead(tmp_path / "missing").take()
