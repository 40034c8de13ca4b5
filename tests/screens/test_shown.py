"""Promises of the memory of what the terminal shows: the terminal looks as if every frame had been sent whole, and little is sent."""

from __future__ import annotations

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from screens.shown import FEW, Shown

WIDTH, HEIGHT = 16, 12
NO_WRAP = "\x1b[?7l"
"""As Textual sets it."""

STYLES = tuple(map(Style.parse, ("default", "red", "bold", "reverse", "green on blue")))
CONSOLE = Console(color_system="standard", force_terminal=True, width=WIDTH, height=HEIGHT)

words = st.sampled_from(("", " ", "a", "web", "prod-1", "failed", "界", "a界b", "● ok", "🚀", "e\u0301"))
lines = st.lists(st.tuples(words, st.sampled_from(STYLES)), max_size=8)
cuts = st.sets(st.integers(1, WIDTH - 1), max_size=3).map(sorted)


def cut_line(segments: list[tuple[str, Style]], at: list[int]) -> dict[int, Strip]:
    """A line of the screen as Textual hands it over: strips by their columns."""
    whole = Strip([Segment(text, style) for text, style in segments if text]).adjust_cell_length(WIDTH, STYLES[0])
    edges = [0, *at, WIDTH]
    return dict(zip(edges, whole.divide(edges[1:]), strict=False))


class Terminals(RuleBasedStateMachine):
    """Frames go through the memory to one terminal; the other is painted whole."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = Shown()
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self.stream = pyte.Stream(self.screen)
        self.stream.feed(NO_WRAP)
        self.truth = [cut_line([], []) for _ in range(HEIGHT)]
        self.send(self.whole())

    def whole(self) -> LayoutUpdate:
        return LayoutUpdate([line.values() for line in self.truth], Region(0, 0, WIDTH, HEIGHT))

    def send(self, update: CompositorUpdate) -> str:
        left = self.shown.difference(update)
        data = "" if left is None else left.render_segments(CONSOLE)
        self.stream.feed(data)
        return data

    def some(self, spans: list[tuple[int, int, int]]) -> ChopsUpdate:
        return ChopsUpdate(self.truth, spans, [[*list(line)[1:], WIDTH] for line in self.truth])

    @rule(changed=st.dictionaries(st.integers(0, HEIGHT - 1), st.tuples(lines, cuts), max_size=HEIGHT), frugal=st.booleans())
    def lines_change(self, changed: dict[int, tuple[list[tuple[str, Style]], list[int]]], frugal: bool) -> None:
        self.shown.frugal = frugal
        for y, (segments, at) in changed.items():
            self.truth[y] = cut_line(segments, at)
        if changed:
            self.send(self.some([(y, 0, WIDTH) for y in sorted(changed)]))

    @rule(y=st.integers(0, HEIGHT - 1), at=cuts)
    def a_line_is_cut_elsewhere(self, y: int, at: list[int]) -> None:
        segments = [(text, style or STYLES[0]) for strip in self.truth[y].values() for text, style, _ in strip]
        self.truth[y] = cut_line(segments, at)
        self.send(self.whole())

    @rule(y=st.integers(0, HEIGHT - 1), left=st.integers(0, WIDTH - 1), right=st.integers(1, WIDTH))
    def a_region_is_painted_though_nothing_changed(self, y: int, left: int, right: int) -> None:
        if left < right:
            self.send(self.some([(y, left, right)]))

    @rule(segments=lines, at=cuts)
    def all_lines_are_alike(self, segments: list[tuple[str, Style]], at: list[int]) -> None:
        self.truth = [cut_line(segments, at) for _ in range(HEIGHT)]
        self.send(self.whole())

    @rule()
    def another_program_wrote_on_it(self) -> None:
        self.stream.feed("\x1b[1;1Hwall: going down\x1b[0m")
        self.shown.forget()
        self.send(self.whole())

    @invariant()
    def both_look_alike(self) -> None:
        other = pyte.Screen(WIDTH, HEIGHT)
        pyte.Stream(other).feed(NO_WRAP + self.whole().render_segments(CONSOLE))
        assert self.screen.display == other.display
        for y in range(HEIGHT):
            assert [self.screen.buffer[y][x] for x in range(WIDTH)] == [other.buffer[y][x] for x in range(WIDTH)]

    @invariant()
    def what_is_shown_is_not_sent_again(self) -> None:
        assert self.send(self.whole()) == ""


TestTerminals = Terminals.TestCase
TestTerminals.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)


@given(cuts)
def test_of_a_line_only_the_cell_that_changed_is_sent(at: list[int]) -> None:
    shown = Shown()

    def frame(state: str) -> ChopsUpdate:
        line = cut_line([("web-1 ", STYLES[0]), (state, STYLES[1]), (" x", STYLES[0])], at)
        return ChopsUpdate([line], [(0, 0, WIDTH)], [[*list(line)[1:], WIDTH]])

    shown.difference(frame("failed"))
    left = shown.difference(frame("paused"))
    assert left is not None
    sent = left.render_segments(CONSOLE)
    assert "web" not in sent
    assert "x" not in sent


def test_what_is_left_of_a_wide_character_that_was_cut_is_painted() -> None:
    shown = Shown()

    def frame(line: dict[int, Strip]) -> ChopsUpdate:
        return ChopsUpdate([line] * (FEW + 1), [(y, 0, WIDTH) for y in range(FEW + 1)], [[*list(line)[1:], WIDTH]] * (FEW + 1))

    shown.difference(frame(cut_line([("🚀" * (WIDTH // 2), STYLES[0])], [])))
    left = shown.difference(frame(cut_line([], [WIDTH - 1])))
    assert left is not None
    assert left.render_segments(CONSOLE).count(" ") == WIDTH * (FEW + 1)


def test_a_page_that_is_turned_is_compared_line_by_line() -> None:
    shown = Shown()

    def frame(number: int) -> ChopsUpdate:
        page = [cut_line([(f"m-{number + y}", STYLES[0])], [WIDTH - 1]) for y in range(FEW + 2)]
        return ChopsUpdate(page, [(y, 0, WIDTH) for y in range(len(page))], [[WIDTH - 1, WIDTH]] * len(page))

    shown.difference(frame(0))
    left = shown.difference(frame(100))
    assert left is not None
    assert left.render_segments(CONSOLE).count("m-") == FEW + 2
    assert shown.difference(frame(100)) is None
