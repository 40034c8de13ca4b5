"""What would be left unfinished if somebody left the console now."""

from __future__ import annotations

from collections.abc import Iterator

from cache.detection import DetectionPhase
from cache.verification import AT_WORK, Standing
from screens.desk import Desk
from screens.words import count


def left_unfinished(desk: Desk) -> list[str]:
    """A sentence for each thing that is under way and ends with the console, and what becomes of it; what reads Azure is none."""
    return list(_unfinished(desk))


def _unfinished(desk: Desk) -> Iterator[str]:
    if any(task.key == "apply" for task in desk.activity.tasks()):
        yield (
            "A plan is being applied. What was sent is read back at the next start; the rest is sent only when you say so: 3, then a, or "
            "“mde-console enable --resume”."
        )
    if any(task.key == "retry" for task in desk.activity.tasks()):
        yield "A failed extension is being deleted. Azure goes on with it; what became of it is read at the next start."
    if desk.verification.phase in AT_WORK:
        counts = desk.verification.counts
        left = count(counts[Standing.UNDER_WAY] + counts[Standing.WAITING], "machine")
        yield f"A verification is under way, {left} not heard of yet. Scripts that were sent run to their end unheard; they change nothing."
    for one in desk.detections.known():
        if one.phase is DetectionPhase.RUNNING:
            yield f"The detection test is being run on {one.name}. It runs to its end; whether it did, its alert tells (5)."
        elif one.phase is DetectionPhase.WAITING:
            yield f"The test alert of {one.name} is waited for. It may come all the same: it stands under 5 then."
