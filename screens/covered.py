"""A compositor that renders nothing that cannot be seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from textual._compositor import Compositor
from textual.geometry import Region
from textual.strip import Strip


class FrontCompositor(Compositor):
    """Goes from front to back, as Textual's own does, but ends where each cell has been painted: the screen itself, behind all its
    widgets, is rendered only where it shows. What has no line that is asked for is left out. What fits its place is not divided."""

    def _render_chops(self, crop: Region, is_rendered_line: Callable[[int], bool]) -> Sequence[Mapping[int, Strip]]:
        """For each line of the screen the strips by their columns; ``None`` where nothing was asked for."""
        cuts = self.cuts
        chops: list[dict[int, Strip | None]] = [dict.fromkeys(line[:-1]) for line in cuts]
        asked = {y for y in crop.line_range if is_rendered_line(y)}
        left = sum(len(chops[y]) for y in asked)
        for widget, (region, clip) in self.visible_widgets.items():
            if not left:
                break
            seen = region.intersection(clip)
            if not seen or not crop.overlaps(clip) or asked.isdisjoint(seen.line_range):
                continue
            strips = widget.render_lines(seen.translate((-region.x, -region.y)))
            first, last = seen.column_span
            for y, strip in zip(seen.line_range, strips, strict=False):
                if y not in asked:
                    continue
                line = chops[y]
                places = [cut for cut in cuts[y] if first <= cut <= last]
                ends = [cut - first for cut in places[1:]]
                parts = (strip,) if ends == [strip.cell_length] else strip.divide(ends)
                for place, part in zip(places, parts, strict=False):
                    if line.get(place) is None:
                        line[place] = part
                        left -= 1
        return cast("Sequence[Mapping[int, Strip]]", chops)
