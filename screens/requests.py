"""What a key press can ask of the app. Screens post these messages and never act on Azure themselves."""

from __future__ import annotations

from textual.message import Message

from cache.machine_reports import HEALTH
from cache.model import NO_EXTRAS, Extras, PlanAction, Source


class Request(Message):
    """Anything a screen asks for; it bubbles up to the app."""


class GoTo(Request):
    """Show one of the main screens by its name, optionally through a filter.

    ``checks``: show but the machines that these checks (subscription id and check id) concern; ``title`` says what they are.
    """

    def __init__(self, screen: str, filter_text: str = "", checks: tuple[tuple[str, str], ...] = (), title: str = "") -> None:
        super().__init__()
        self.screen = screen
        self.filter_text = filter_text
        self.checks = checks
        self.title = title


class OpenMachine(Request):
    """Show the page of one machine."""

    def __init__(self, machine_id: str) -> None:
        super().__init__()
        self.machine_id = machine_id


class OpenAlert(Request):
    """Show the page of one alert."""

    def __init__(self, alert_id: str) -> None:
        super().__init__()
        self.alert_id = alert_id


ALERT_DETAILS = "alert-details"
"""The task of :mod:`cache.activity` that reads the details of an alert; its failure says why they could not be read."""


class AlertDetailsRequested(Request):
    """Read what happened in an alert and what to do about it: a list leaves that out."""

    def __init__(self, alert_id: str) -> None:
        super().__init__()
        self.alert_id = alert_id


class DetectionTestRequested(Request):
    """Show the steps of the detection test of one machine."""

    def __init__(self, machine_id: str) -> None:
        super().__init__()
        self.machine_id = machine_id


class VerifyPlanRequested(Request):
    """Plan which of these machines would be asked, or of all that ``check`` is about when none is named.

    ``check``: whether Defender works on them, what they reach, or what their system has, as in :mod:`cache.machine_reports`.
    """

    def __init__(self, machine_ids: tuple[str, ...] = (), check: str = HEALTH) -> None:
        super().__init__()
        self.machine_ids = machine_ids
        self.check = check


class VerifyRequested(Request):
    """Run the script of the plan that the user has just confirmed."""

    def __init__(self, plan_id: str) -> None:
        super().__init__()
        self.plan_id = plan_id


class VerifyStopRequested(Request):
    """Send no further script; those that were sent are waited for."""


class PasteRequested(Request):
    """Judge output that somebody ran by hand on a machine, as an answer to that ``check``."""

    def __init__(self, machine_id: str, text: str, check: str = HEALTH) -> None:
        super().__init__()
        self.machine_id = machine_id
        self.text = text
        self.check = check


class DetectionPlanRequested(Request):
    """Plan to run the detection test on a machine."""

    def __init__(self, machine_id: str) -> None:
        super().__init__()
        self.machine_id = machine_id


class DetectionRunRequested(Request):
    """Run the detection test that the user has just confirmed, and wait for its alert."""

    def __init__(self, machine_id: str, plan_id: str) -> None:
        super().__init__()
        self.machine_id = machine_id
        self.plan_id = plan_id


class DetectionWaitRequested(Request):
    """Wait for the alert of a detection test that somebody ran by hand."""

    def __init__(self, machine_id: str) -> None:
        super().__init__()
        self.machine_id = machine_id


class DetectionStopRequested(Request):
    """Wait no longer for the alert of a machine's detection test."""

    def __init__(self, machine_id: str) -> None:
        super().__init__()
        self.machine_id = machine_id


class RetryRequested(Request):
    """Look whether the failed Defender extension of a machine can be tried again, and ask whether to."""

    def __init__(self, machine_id: str) -> None:
        super().__init__()
        self.machine_id = machine_id


class SyncRequested(Request):
    """Read Azure again: these subscriptions, or all of them; these sources alone, or all of them."""

    def __init__(self, subscription_ids: tuple[str, ...] = (), sources: frozenset[Source] = frozenset(Source)) -> None:
        super().__init__()
        self.subscription_ids = subscription_ids
        self.sources = sources


class PauseToggled(Request):
    """Pause the polling, or go on."""


class SelectionChanged(Request):
    """Remember these subscriptions as the chosen ones."""

    def __init__(self, subscription_ids: frozenset[str]) -> None:
        super().__init__()
        self.subscription_ids = subscription_ids


class PlanRequested(Request):
    """Compute a plan from fresh reads; it appears in the journal and the Enable screen shows it."""

    def __init__(self, subscription_ids: tuple[str, ...], action: PlanAction, extras: Extras = NO_EXTRAS) -> None:
        super().__init__()
        self.subscription_ids = subscription_ids
        self.action = action
        self.extras = extras


class ApplyRequested(Request):
    """Apply the plan that the user has just confirmed: to the ids ``first`` alone if there are any, or (``resume``) what is left."""

    def __init__(self, plan_id: str, first: tuple[str, ...] = (), resume: bool = False) -> None:
        super().__init__()
        self.plan_id = plan_id
        self.first = first
        self.resume = resume


class AlertStatusRequested(Request):
    """Give these alerts the status ``InProgress``, ``Resolved``, ``Dismissed`` or ``Active``."""

    def __init__(self, alert_ids: tuple[str, ...], status: str) -> None:
        super().__init__()
        self.alert_ids = alert_ids
        self.status = status


class TickRequested(Request):
    """Confirm a manual step, or take the confirmation back."""

    def __init__(self, subscription_id: str, check_id: str, done: bool) -> None:
        super().__init__()
        self.subscription_id = subscription_id
        self.check_id = check_id
        self.done = done


class CopyRequested(Request):
    """Put ``text`` on the clipboard of the user's terminal, as far as the terminal allows (OSC 52)."""

    def __init__(self, text: str, what: str) -> None:
        super().__init__()
        self.text = text
        self.what = what


class ExportRequested(Request):
    """Write a document to ``path``, as Markdown or JSON by how it ends; ``force``: in place of what is there.

    ``what``: ``report``, ``plan`` with the id of one, or ``checklist``. ``shown``: only these rows of it, by what the screen knows them by.
    """

    def __init__(self, what: str, path: str, force: bool = False, plan_id: str = "", shown: frozenset[str] | None = None) -> None:
        super().__init__()
        self.shown = shown
        self.what = what
        self.path = path
        self.force = force
        self.plan_id = plan_id


class TenantRequested(Request):
    """Sign in to another tenant."""

    def __init__(self, tenant_id: str) -> None:
        super().__init__()
        self.tenant_id = tenant_id


class SignInRequested(Request):
    """Sign in (again)."""
