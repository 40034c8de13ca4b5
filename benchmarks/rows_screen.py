"""The rows about what a person sees and waits for: start, keys, filter, order, bytes, memory. All on a real pty, 200 × 50 unless said."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from benchmarks import product
from benchmarks.meter import SETTLE, NotSeen, Program
from benchmarks.table import Bench, Measured, constant_lines, data_table, hello_world, median, percentile, row, table_of_machines

HELLO = "Hello, world!"
FILTERS = ("web", "prod", "failed", "zzz", "sql-test", "contoso sales")
FRAME_SECONDS = 10
IDLE_PART = 20.0


# Start


def _hello_start() -> float:
    with hello_world() as program:
        return (program.wait_for(HELLO) - program.started) * 1000


def _console_start(arguments: list[str]) -> float:
    with Program(arguments) as program:
        return (program.wait_for(product.MACHINE, 60) - program.started) * 1000


@row("cold start to cached rows", "ms", "Textual hello world", 1.35)
def cold_start(bench: Bench) -> Measured:
    """From exec to the first machine on the screen, with the large fleet in the cache."""
    large = bench.console()
    _console_start(large), _hello_start()
    console, hello = [], []
    for _ in range(bench.rounds):
        hello.append(_hello_start())
        console.append(_console_start(large))
    return Measured(median(console), median(hello))


@row("cold start 100k vs 1k", "ms", "the console over 1,000 machines", 1.15)
def cold_start_by_size(bench: Bench) -> Measured:
    """The size of the fleet must not be felt at the start."""
    large, small = bench.console(), bench.console(1000)
    _console_start(large), _console_start(small)
    of_large, of_small = [], []
    for _ in range(bench.rounds):
        of_small.append(_console_start(small))
        of_large.append(_console_start(large))
    return Measured(median(of_large), median(of_small))


# Keys


def _keys(bench: Bench) -> dict[str, dict[str, list[float]]]:
    """Milliseconds by program and key; the programs take turns key by key."""

    def measure() -> dict[str, dict[str, list[float]]]:
        found: dict[str, dict[str, list[float]]] = {}
        with table_of_machines(bench) as console, constant_lines() as lines, data_table() as stock:
            lines.wait_for("prod")
            stock.wait_for(product.MACHINE)
            programs = {"console": console, "lines": lines, "stock": stock}
            for program in programs.values():
                program.settle()
                for key in ("down", "pagedown", "end", "home"):  # the first of each is to warm up
                    program.answer(key)
                    program.settle(0.2)
            for key in ("down", "pagedown", "end"):
                for turn in range(bench.rounds * 2 + 2):
                    for name, program in programs.items():
                        if key == "end" and turn:
                            program.answer("home")  # two keys in one frame that end where they began write nothing
                        found.setdefault(name, {}).setdefault(key, []).append(program.answer(key)[0])
                for program in programs.values():
                    program.send("home")
                    program.settle()
        return found

    found = bench.once("keys", measure)
    assert isinstance(found, dict)
    return found


def _against(bench: Bench, key: str, other: str) -> Measured:
    found = _keys(bench)
    return Measured(median(found["console"][key]), median(found[other][key]))


@row("key down", "ms", "constant-row ScrollView", 1.5)
def key_down(bench: Bench) -> Measured:
    """A line down."""
    return _against(bench, "down", "lines")


@row("page down", "ms", "constant-row ScrollView", 1.5)
def page_down(bench: Bench) -> Measured:
    """A page down: every line is another one."""
    return _against(bench, "pagedown", "lines")


@row("end", "ms", "constant-row ScrollView", 1.5)
def end(bench: Bench) -> Measured:
    """From the first line to the last."""
    return _against(bench, "end", "lines")


@row("page down vs DataTable", "ms", "DataTable, 1,000 rows", 0.3)
def page_down_stock(bench: Bench) -> Measured:
    """A page down, against Textual's own table with a hundredth of the rows."""
    return _against(bench, "pagedown", "stock")


def _filters(bench: Bench) -> tuple[list[float], list[float]]:
    """Milliseconds of filter keystrokes and of cursor keys in the same table."""

    def measure() -> tuple[list[float], list[float]]:
        strokes: list[float] = []
        downs: list[float] = []
        with table_of_machines(bench) as console:
            for word in FILTERS * 2:
                downs += [console.answer("down")[0] for _ in range(5)]
                console.answer("/", settle=SETTLE)
                for key in (*word, *("backspace",) * len(word)):
                    strokes.append(console.answer(key, settle=SETTLE)[0])
                console.send("escape")
                console.settle()
        return strokes[2 * len(FILTERS[0]) :], downs[5:]

    found = bench.once("filters", measure)
    assert isinstance(found, tuple)
    return found


@row("filter keystroke p50", "ms", "key down in the same table", 4)
def filter_p50(bench: Bench) -> Measured:
    """A letter typed into the filter or deleted from it, to the last byte of the rows that it leaves."""
    strokes, downs = _filters(bench)
    return Measured(median(strokes), median(downs), f"{len(strokes)} keystrokes")


@row("filter keystroke p95", "ms", "key down in the same table", 8)
def filter_p95(bench: Bench) -> Measured:
    """The slow ones."""
    strokes, downs = _filters(bench)
    return Measured(percentile(strokes, 0.95), median(downs), f"{len(strokes)} keystrokes")


@row("sort any column", "ms", "DataTable, 1,000 rows: median of its columns", 1)
def sort_any(bench: Bench) -> Measured:
    """The column whose median is the worst, against the median of all columns of Textual's own table."""
    columns = product.sort_columns()
    ours: dict[int, list[float]] = {}
    stock: list[float] = []
    with table_of_machines(bench) as console, data_table() as table:
        table.wait_for(product.MACHINE)
        table.settle()
        for turn in range(max(2, bench.rounds // 2) * columns):
            took = console.answer("s", settle=SETTLE)[0]
            other = table.answer("s", settle=SETTLE)[0]
            if turn >= columns:  # the first time round is to warm up
                ours.setdefault(turn % columns, []).append(took)
                stock.append(other)
    return Measured(max(map(median, ours.values())), median(stock), f"worst of {columns} columns")


# Changes


class Inside:
    """A console with something inside that changes states and looks at the event loop."""

    def __init__(self, bench: Bench) -> None:
        self.pipe = bench.folder / "changes"
        self.report = bench.folder / "turns.json"
        if not self.pipe.exists():
            os.mkfifo(self.pipe)
        self.report.unlink(missing_ok=True)
        self.program = Program(product.watched_arguments(bench.home(bench.machines), bench.cloud, self.pipe, self.report))

    def tell(self, line: str) -> float:
        """Say what to change; returns when."""
        now = time.perf_counter()
        with self.pipe.open("w") as pipe:
            pipe.write(line + "\n")
        return now


def _ready(inside: Inside) -> None:
    """The changes begin a moment after the first rows are there."""
    inside.program.settle(1.5)
    time.sleep(1.0)


@row("one state change bytes", "bytes", "DataTable, one update_cell", 1 / 40)
def change_bytes(bench: Bench) -> Measured:
    """A machine in view changes its state: what goes over the wire, all counts on the screen included."""
    inside = Inside(bench)
    ours, stock = [], []
    with table_of_machines(bench, inside.program) as console, data_table() as table:
        table.wait_for(product.MACHINE)
        table.settle()
        for key in product.SORTED_BY_NAME:
            console.answer(key, settle=SETTLE)
        _ready(inside)
        for _ in range(bench.rounds):
            stock.append(float(table.answer("u")[1]))
            first = console.mark()
            at = inside.tell("one")
            ours.append(float(_change(console, first, at)))
    return Measured(median(ours), median(stock))


def _change(console: Program, first: int, at: float) -> int:
    """Bytes within a second of a change: counts may follow the row."""
    console.next_burst(first, at, "a change of state")
    time.sleep(max(0.0, at + 1.0 - time.perf_counter()))
    return console.bytes_since(first)


@row("frames over 16.7 ms at 1,000 changes/s", "%", "DataTable, 1,000 rows, as many changes", 2, absolute=True)
def frames(bench: Bench) -> Measured:
    """Late frames of a hundred, while the cursor moves ten times a second and the machines of the whole fleet change.

    Late is each turn of the event loop that takes longer than a frame, painted or not, and each key for which no frame was painted.
    """
    inside = Inside(bench)
    with table_of_machines(bench, inside.program) as console:
        for key in product.SORTED_BY_NAME:
            console.answer(key, settle=SETTLE)
        _ready(inside)
        inside.tell("rate 1000")
        time.sleep(1.0)
        ours, note = _late_frames(console, inside.report)
        inside.tell("rate 0")
    report = bench.folder / "stock.json"
    with data_table("1000", "1000", str(report)) as table:
        table.wait_for(product.MACHINE)
        time.sleep(3.0)
        stock, _ = _late_frames(table, report)
    return Measured(ours, stock, note)


def _late_frames(program: Program, report: Path) -> tuple[float, str]:
    program.signal(signal.SIGUSR1)
    keys = 0
    until = time.perf_counter() + FRAME_SECONDS
    while time.perf_counter() < until:
        program.send("down")
        keys += 1
        time.sleep(0.1)
    program.signal(signal.SIGUSR1)
    deadline = time.perf_counter() + 10
    while not report.exists():
        if time.perf_counter() > deadline:
            raise NotSeen("the event loop was too busy to report")
        time.sleep(0.05)
    found = json.loads(report.read_text())
    missing = max(0, keys - found["frames"])
    late = found["late"] + missing
    note = (
        f"{found['frames']} frames; {found['late']} late turns, the longest {found['longest']:.0f} ms; {missing} of {keys} keys unanswered"
    )
    return 100 * late / max(1, late + found["in_time"]), note


# Rest


@row("idle minute bytes", "bytes", "Textual hello world", 5 * 1024, absolute=True)
def idle_bytes(bench: Bench) -> Measured:
    """Nobody presses a key: three times twenty seconds, both programs at the same time."""
    with table_of_machines(bench) as console, hello_world() as hello:
        hello.wait_for(HELLO)
        time.sleep(12.0)  # what is said about the sign-in goes away by itself
        ours, others = console.mark(), hello.mark()
        for _ in range(3):
            time.sleep(IDLE_PART)
        return Measured(float(console.bytes_since(ours)), float(hello.bytes_since(others)))


@row("first paint bytes 80×24", "bytes", "DataTable, 1,000 rows", 0.7)
def first_paint(bench: Bench) -> Measured:
    """All bytes from exec until the rows stand and the screen rests, on a small terminal."""
    ours: list[float] = []
    stock: list[float] = []
    for _ in range(3):
        for arguments, found in ((["-m", "benchmarks.programs.datatable"], stock), (bench.console(), ours)):
            with Program(arguments, columns=80, rows=24) as program:
                program.wait_for(product.MACHINE_CUT)
                program.settle(1.5)  # longer than Textual takes to follow what is painted before it
                found.append(float(program.written))
    return Measured(median(ours), median(stock))


@row("memory fleet open and filterable", "MB", "Textual hello world", 3.5)
def memory(bench: Bench) -> Measured:
    """Resident memory with the whole fleet open, after it has been filtered."""
    ours, others = [], []
    for _ in range(3):
        with hello_world() as hello:
            hello.wait_for(HELLO)
            hello.settle(1.0)
            others.append(hello.memory())
        with table_of_machines(bench) as console:
            for key in ("/", "w", "e", "b"):
                console.answer(key, settle=SETTLE)
            console.send("escape")
            console.settle(2.0)
            ours.append(console.memory())
    return Measured(median(ours), median(others))
