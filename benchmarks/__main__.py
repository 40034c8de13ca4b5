"""``python -m benchmarks [NAME…]``: measure all rows, or those whose names contain one of these words, and print them."""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import sqlite3
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks import rows_screen, rows_sync
from benchmarks.table import ROUNDS, ROWS, Bench, Measured, Row, bench

RESULTS = Path(__file__).with_name("results.json")
PARTS = (rows_screen, rows_sync)
"""What fills the list of rows, in the order in which they are measured."""


def head() -> str:
    """The facts about the machine that figures depend on."""
    cores = len(os.sched_getaffinity(0))
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("textual", "rich", "msgspec", "aiohttp"))
    return f"{cores} cores, {platform.machine()}, Python {platform.python_version()}, {versions}, SQLite {sqlite3.sqlite_version}"


def measured(one: Row, bench: Bench) -> dict[str, Any]:
    """A row of the results. One that cannot be measured says why, and does not reach what it must."""
    found: Measured | None = None
    note = ""
    try:
        found = one.measure(bench)
        note = found.note
    except Exception as error:  # one row that fails must not take the others with it
        logging.getLogger("benchmarks").exception(one.name)
        note = f"not measured: {error}" if str(error) else f"not measured: {type(error).__name__}"
    ratio = None if found is None else found.ratio
    judged = (found.value if one.absolute else ratio) if found is not None else None
    return {
        "name": one.name,
        "value": None if found is None else round(found.value, 3),
        "unit": one.unit,
        "baseline": None if found is None else round(found.baseline, 3),
        "baseline_name": one.baseline,
        "ratio": None if ratio is None else round(ratio, 4),
        "reach": round(one.reach, 4),
        "reach_on": "value" if one.absolute else "ratio",
        "ok": judged is not None and judged <= one.reach,
        "note": note,
    }


WIDTHS = (40, 12, 6, 12, 8, 10, 4)


def line(*cells: str) -> str:
    """A line of the table."""
    name, *others = cells
    return " ".join([name.ljust(WIDTHS[0]), *(cell.rjust(width) for cell, width in zip(others, WIDTHS[1:], strict=True))])


def shown(found: dict[str, Any]) -> str:
    """A row as it is printed."""

    def number(value: float | None, digits: int = 1) -> str:
        return "–" if value is None else f"{value:,.{digits}f}"

    reach = f"≤ {found['reach']:,.4g}" + (f" {found['unit']}" if found["reach_on"] == "value" and len(found["unit"]) < 3 else "")
    text = line(
        found["name"],
        number(found["value"]),
        found["unit"],
        number(found["baseline"]),
        number(found["ratio"], 3),
        reach,
        "yes" if found["ok"] else "NO",
    )
    return f"{text}  vs {found['baseline_name']}" + (f" ({found['note']})" if found["note"] else "")


def main(arguments: list[str]) -> int:
    """Run; 0 when every row that was run reaches what it must, 1 when one does not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only rows whose names contain this")
    parser.add_argument("--machines", type=int, default=100_000, help="the size of the large fleet; smaller ones are to try the rows out")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each is measured")
    parser.add_argument("--out", type=Path, default=None, help="where results go; default: results.json when all rows are run in full")
    parser.add_argument("--trace", action="store_true", help="show where a row that cannot be measured failed")
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    options = parser.parse_args(arguments)
    logging.getLogger("benchmarks").setLevel(logging.ERROR if options.trace else logging.CRITICAL + 1)
    chosen = [one for one in ROWS if not options.names or any(word.lower() in one.name.lower() for word in options.names)]
    if options.list:
        print("\n".join(one.name for one in ROWS))
        return 0
    if not chosen:
        print("No row has such a name; --list tells them.", file=sys.stderr)
        return 64
    print(head())
    print(f"{options.machines:,} machines, {options.rounds} rounds; medians, taken in turns with the baseline of the same run\n")
    print(line("row", "value", "unit", "baseline", "ratio", "reach", "ok"), flush=True)
    found = []
    with bench(options.machines, options.rounds, lambda what: print(f"… {what}", file=sys.stderr, flush=True)) as run:
        for one in chosen:
            found.append(measured(one, run))
            print(shown(found[-1]), flush=True)
    whole = not options.names and options.machines == parser.get_default("machines")
    out = options.out or (RESULTS if whole else None)
    if out is not None:
        document = {"machine": head(), "machines": options.machines, "rows": found}
        out.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    good = sum(one["ok"] for one in found)
    print(f"\n{good} of {len(found)} rows reach what they must.")
    return 0 if good == len(found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
