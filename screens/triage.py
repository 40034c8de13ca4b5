"""What may become of alerts when a key asks for another status: which are changed, and what is said about the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cache.model import Alert, Subscription
from cache.text import resource_name
from screens.words import ALERT_STATUSES, count

NOTE = "The Defender portal does not follow status changes made here, nor the reverse."
"""What must be on the screen wherever a status can be changed (facts: *Defender for Endpoint alerts inside Defender for Cloud*)."""

VERBS = {"InProgress": "Set in progress", "Resolved": "Resolve", "Dismissed": "Dismiss", "Active": "Activate"}
"""For every status that can be asked for, the verb of the key."""

OPEN = frozenset(("Active", "InProgress"))
"""The statuses of alerts that wait for somebody."""

NAMED = 5
"""Alerts that a confirmation names; of more it gives the number."""


class TriageKeys:
    """What the keys do that set the status of alerts."""

    def ask(self, status: str) -> None:
        """Ask for a status of the alerts that are meant."""
        raise NotImplementedError

    def action_progress(self) -> None:
        """Set in progress."""
        self.ask("InProgress")

    def action_resolve(self) -> None:
        """Resolve."""
        self.ask("Resolved")

    def action_dismiss_alert(self) -> None:
        """Dismiss."""
        self.ask("Dismissed")

    def action_activate(self) -> None:
        """Activate again."""
        self.ask("Active")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which alerts are to be changed, and the sentences about those that are not."""

    alerts: tuple[Alert, ...]
    sentences: tuple[str, ...]


def judge(alerts: Iterable[Alert], status: str, subscriptions: Mapping[str, Subscription], read_only: bool) -> Verdict:
    """What to do when ``alerts`` are asked to have ``status``. ``subscriptions`` are by id in lower case."""
    wanted = tuple(alerts)
    if not wanted:
        return Verdict((), ("There is no alert here to change.",))
    if read_only:
        return Verdict((), ("This console is read-only, so no alert is changed. Start it without --read-only to triage.",))
    changing: list[Alert] = []
    forbidden: dict[str, int] = {}
    there = 0
    for alert in wanted:
        subscription = subscriptions.get(alert.subscription_id.lower())
        if subscription is not None and subscription.can_triage is False:
            forbidden[subscription.name] = forbidden.get(subscription.name, 0) + 1
        elif alert.status == status:
            there += 1
        else:
            changing.append(alert)
    sentences = [
        f"You have no right to change {count(number, 'alert')} in “{name}”: Security Admin, Contributor or Owner of it can."
        for name, number in forbidden.items()
    ]
    if there:
        verb = "is" if there == 1 else "are"
        sentences.append(f"{count(there, 'alert')} {verb} {status_word(status)} already.")
    return Verdict(tuple(changing), tuple(sentences))


def status_word(status: str) -> str:
    """A status as a word in a sentence."""
    return ALERT_STATUSES[status][1] if status in ALERT_STATUSES else status


def question(alerts: Iterable[Alert], status: str) -> tuple[str, str]:
    """The title and the text with which several changes are confirmed: how many, which first, and what does not follow."""
    wanted = tuple(alerts)
    names = [f"· {alert.title} ({machine_of(alert)})" for alert in wanted[:NAMED]]
    if len(wanted) > NAMED:
        names.append(f"and {len(wanted) - NAMED:,} more")
    return f"{VERBS[status]}: {count(len(wanted), 'alert')}?", "\n".join([*names, "", NOTE])


def machine_of(alert: Alert) -> str:
    """The short name of the machine that an alert is about; ``–`` when it is about none."""
    if alert.machine_id:
        return resource_name(alert.machine_id)
    return alert.compromised_entity or "–"
