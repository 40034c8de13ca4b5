"""Sentences that stand over the screen for some seconds: few, as narrow as what they say, and never over the status bar and the keys.

At 80×24 Textual's own take half of the width with empty lines around the words, and one stands on the other for as long as each lasts.
"""

from __future__ import annotations

from textual.app import App
from textual.notifications import Notification, Notify
from textual.widgets._toast import Toast, ToastHolder

MOST = 3
"""Sentences at a time; the oldest gives way to a newer one. What went wrong stands in the log as well."""


class BriefToasts(App[int]):
    """An app that tells what was done one sentence at a time: the newer takes the place of the one before. What went wrong stays for its
    time, and stands there once, however often it is told."""

    CSS = """
    ToastRack { margin-bottom: 2; }
    Toast { width: auto; max-width: 64; margin-top: 0; padding: 0 1; }
    """

    def on_notify(self, event: Notify) -> None:
        """Make room for a sentence, before Textual shows it."""
        new, told = event.notification, list(self._notifications)
        over = [one for one in told if one.message == new.message or one.severity == new.severity == "information"]
        left = [one for one in told if one not in over]
        self._end(over + left[: max(0, len(left) - MOST + 1)])

    def _end(self, over: list[Notification]) -> None:
        """Take sentences away before their time."""
        for one in over:
            self._unnotify(one, refresh=False)
        for toast in self.screen.query(Toast):
            if toast._notification in over:
                (toast.parent if isinstance(toast.parent, ToastHolder) else toast).remove()
