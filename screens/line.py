"""The line to the terminal: what its answers tell about it, and what is set for a slow one before Textual is there."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import MutableMapping

QUESTION = "\x1b[6n"
"""Where is the cursor? Every terminal answers that, and Textual takes the answer for what it is, never for keys."""

SLOW = 0.12
"""Seconds to an answer from which a line is slow."""

ANSWERS = 3
"""Answers of which the median counts: the first waits in line behind the first paint."""

PATIENCE = 10.0
"""Seconds after which an answer is not waited for any longer: a large frame takes that long on a very slow line."""

AHEAD = 2
"""Frames that may be on their way on a slow line, so that a key that is held down does not fill it for the next minute."""

ENVIRONMENT = {"TEXTUAL_FPS": "10", "TEXTUAL_ANIMATIONS": "none", "TEXTUAL_SMOOTH_SCROLL": "0"}
"""What Textual reads when it is imported."""


def prepare(environ: MutableMapping[str, str]) -> None:
    """Few frames and no animation, for a line that is known to be slow; what the user has set stays."""
    for name, value in ENVIRONMENT.items():
        environ.setdefault(name, value)


class Line:
    """Questions on their way to the terminal, and what their answers tell. Times are seconds of one monotonic clock.

    ``slow`` is ``None`` as long as that is not known. A terminal that does not answer is neither taken for slow nor waited for.
    """

    def __init__(self, slow: bool | None = None) -> None:
        self.slow = slow
        self._asked: deque[float] = deque()
        self._took: list[float] = []

    @property
    def waiting(self) -> int:
        """Questions without an answer."""
        return len(self._asked)

    @property
    def full(self) -> bool:
        """Whether as many frames are on their way as may be."""
        return len(self._asked) >= AHEAD

    @property
    def answers(self) -> bool:
        """Whether the terminal has ever answered."""
        return bool(self._took)

    @property
    def seconds(self) -> float:
        """The median of the first answer times; nought before the first."""
        return statistics.median(self._took) if self._took else 0.0

    def ask(self, now: float) -> None:
        """A question has been sent."""
        self._asked.append(now)

    def answer(self, now: float) -> None:
        """An answer came; terminals answer in order. One to no question of ours tells nothing."""
        if not self._asked:
            return
        took = now - self._asked.popleft()
        if len(self._took) < ANSWERS:
            self._took.append(took)
            if len(self._took) == ANSWERS and self.slow is None:
                self.slow = self.seconds > SLOW

    def overdue(self, now: float) -> bool:
        """Whether an answer is so late that none is waited for any longer; then all questions are forgotten."""
        late = bool(self._asked) and now - self._asked[0] > PATIENCE
        if late:
            self._asked.clear()
        return late
