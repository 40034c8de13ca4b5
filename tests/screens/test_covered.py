"""Promises of the compositor: what it leaves out cannot be seen, and what can be seen is as Textual's own has it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.segment import Segment
from textual._compositor import Compositor
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar
from textual.strip import Strip
from textual.widgets import Static

from screens.uncovered import UncoveringCompositor
from screens.widgets.line_view import LineView

WIDTH, HEIGHT = 40, 12
FILL = "#filling { height: 1fr; }"
OVER = "#over { position: absolute; layer: above; offset: 5 3; width: 9; height: 4; background: red; } Screen { layers: default above; }"
GAPS = "#filling { height: 5; width: 30; margin: 1 2; }"


class Stage(App[None]):
    """A screen with a widget that fills it or not, and one that may lie over it."""

    def __init__(self, css: str) -> None:
        super().__init__()
        self.css = css

    def compose(self) -> ComposeResult:
        yield Static("wide 漢字 here\n" * 20, id="filling")
        yield Static("over it", id="over")

    def on_mount(self) -> None:
        self.stylesheet.add_source(self.css)
        self.refresh_css()


def chops(compositor: Compositor, kind: type[Compositor], crop: Region, lines: set[int]) -> list[dict[int, list[Segment]]]:
    """What a kind of compositor renders for some lines."""
    found = kind._render_chops(compositor, crop, lines.__contains__)
    return [
        {x: [*strip.simplify()] for x, strip in line.items() if strip is not None} if y in lines else {} for y, line in enumerate(found)
    ]


regions = st.builds(
    lambda x, y, width, height: Region(x, y, width, height).intersection(Region(0, 0, WIDTH, HEIGHT)),
    st.integers(0, WIDTH - 1),
    st.integers(0, HEIGHT - 1),
    st.integers(1, WIDTH),
    st.integers(1, HEIGHT),
)


@pytest.mark.parametrize("css", [FILL, FILL + OVER, GAPS + OVER])
async def test_what_was_asked_for_is_rendered_as_textual_does(css: str) -> None:
    app = Stage(css)
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        await pilot.pause()
        compositor = app.screen._compositor

        @settings(deadline=None, max_examples=60)
        @given(regions, st.sets(st.integers(0, HEIGHT - 1)))
        def same(crop: Region, lines: set[int]) -> None:
            asked = lines & set(crop.line_range)
            ours = chops(compositor, UncoveringCompositor, crop, asked)
            theirs = chops(compositor, Compositor, crop, asked)
            for y in asked:
                for x, segments in ours[y].items():
                    assert theirs[y][x] == segments
                assert {x for x in theirs[y] if crop.x <= x < crop.right} <= set(ours[y])

        same()


async def test_a_screen_that_is_covered_is_not_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Stage("Static { height: 1fr; }")
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        await pilot.pause()
        rendered: list[Any] = []
        for widget in app.screen._compositor.visible_widgets:
            monkeypatch.setattr(
                widget, "render_lines", lambda crop, widget=widget, lines=widget.render_lines: rendered.append(widget) or lines(crop)
            )
        whole = app.screen.region
        UncoveringCompositor._render_chops(app.screen._compositor, whole, lambda y: True)  # type: ignore[arg-type]
        assert set(rendered) == {app.query_one("#filling"), app.query_one("#over")}
        rendered.clear()
        UncoveringCompositor._render_chops(app.screen._compositor, whole, {0}.__contains__)  # type: ignore[arg-type]
        assert rendered == [app.query_one("#filling")]


class Long(LineView):
    """Very many lines."""

    DEFAULT_CSS = "Long { overflow-y: scroll; scrollbar-size-vertical: 1; }"

    def render_line(self, y: int) -> Strip:
        return Strip.blank(self.rendered_width, self.rich_style)


async def test_the_scrollbar_looks_and_is_clicked_as_textuals() -> None:
    class Lines(App[None]):
        def compose(self) -> ComposeResult:
            yield Long()

    app = Lines()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        await pilot.pause()
        view = app.query_one(Long)
        for height in (1, 5, HEIGHT, HEIGHT + 1, 40, 100_000):
            view.grow(height)
            for part in (0.0, 0.4, 1.0):
                ScrollView.scroll_to(view, y=part * max(0, height - HEIGHT), animate=False, force=True, immediate=True)
                await pilot.pause()
                bar = view.vertical_scrollbar
                for crop in (Region(0, 0, 1, HEIGHT), Region(0, 3, 1, 2)):
                    assert [[*line] for line in bar.render_lines(crop)] == [[*line] for line in ScrollBar.render_lines(bar, crop)]
