"""The rows: what each measures, what it is compared with, and what it must reach."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from benchmarks import product
from benchmarks.meter import ROOT, NotSeen, Program

ROUNDS = 9


@dataclass(frozen=True, slots=True)
class Measured:
    """A value and that of its baseline, both in the unit of the row; ``note`` is worth saying about them."""

    value: float
    baseline: float
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times the baseline; ``None`` where that is nothing."""
        return self.value / self.baseline if self.baseline else None


Measure: TypeAlias = "Callable[[Bench], Measured]"


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``reach`` is the most that its ratio may be, or with ``absolute`` its value."""

    name: str
    unit: str
    baseline: str
    reach: float
    measure: Measure
    absolute: bool = False


ROWS: list[Row] = []


def row(name: str, unit: str, baseline: str, reach: float, *, absolute: bool = False) -> Callable[[Measure], Measure]:
    """Make a function the measure of a row."""

    def add(measure: Measure) -> Measure:
        ROWS.append(Row(name, unit, baseline, reach, measure, absolute))
        return measure

    return add


@dataclass(slots=True)
class Bench:
    """What the rows of a run share: a folder, homes that were filled, and measurements that serve several rows."""

    folder: Path
    machines: int
    rounds: int = ROUNDS
    kept: dict[str, object] = field(default_factory=dict)
    say: Callable[[str], None] = lambda _: None

    def once(self, key: str, measure: Callable[[], object]) -> object:
        """What ``measure`` found; done once in a run. A failure is remembered too, since it would be no other the second time."""
        if key not in self.kept:
            try:
                self.kept[key] = measure()
            except Exception as error:
                self.kept[key] = error
                raise
        found = self.kept[key]
        if isinstance(found, Exception):
            raise found
        return found

    @property
    def cloud(self) -> Path:
        """A cloud that does not answer."""
        path = self.folder / "bench.toml"
        return path if path.exists() else product.write_cloud(self.folder)

    def home(self, machines: int) -> Path:
        """A home with so many machines, and an alert for each fifty."""

        def make() -> Path:
            self.say(f"filling a cache with {machines:,} machines")
            home = self.folder / f"home-{machines}"
            run_python(["-m", "benchmarks.seed", str(home), str(self.cloud), str(machines), str(max(1, machines // 50))])
            return home

        found = self.once(f"home {machines}", make)
        assert isinstance(found, Path)
        return found

    def console(self, machines: int | None = None) -> list[str]:
        """The arguments of the console, offline, over a filled cache; of the large fleet unless said."""
        return product.console_arguments(self.home(machines or self.machines), self.cloud)


def run_python(arguments: Sequence[str], timeout: float = 900.0) -> str:
    """Run our interpreter to its end; returns what it printed."""
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=timeout, env=dict(os.environ))
    if done.returncode:
        raise product.Unmeasurable(f"{' '.join(arguments[:3])} failed: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}")
    return done.stdout


@contextmanager
def bench(machines: int, rounds: int, say: Callable[[str], None]) -> Iterator[Bench]:
    """A run; what it made is removed at its end."""
    with tempfile.TemporaryDirectory(prefix="mde-bench-") as folder:
        yield Bench(Path(folder), machines, rounds, say=say)


def median(values: Sequence[float]) -> float:
    """The median; what has no values was not seen."""
    if not values:
        raise NotSeen("nothing was measured")
    return statistics.median(values)


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which ``part`` of all lie."""
    if not values:
        raise NotSeen("nothing was measured")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def hello_world(**size: int) -> Program:
    """Textual's hello world."""
    return Program(["-m", "benchmarks.programs.hello"], **size)


def constant_lines() -> Program:
    """The lines that are always the same."""
    return Program(["-m", "benchmarks.programs.lines"])


def data_table(*arguments: str, **size: int) -> Program:
    """Textual's own table with 1,000 machines."""
    return Program(["-m", "benchmarks.programs.datatable", *arguments], **size)


@contextmanager
def table_of_machines(bench: Bench, program: Program | None = None) -> Iterator[Program]:
    """The console with its table of machines in front, at rest."""
    with program or Program(bench.console()) as console:
        product.reach_machines(console)
        console.settle(1.5)
        yield console
