"""What a key press can ask of the app. Screens post these messages and never act on Azure themselves."""

from __future__ import annotations

from textual.message import Message

from cache.model import PlanAction


class Request(Message):
    """Anything a screen asks for; it bubbles up to the app."""


class GoTo(Request):
    """Show one of the main screens by its name, optionally looking at one thing (``focus_id``) or through a filter."""

    def __init__(self, screen: str, focus_id: str = "", filter_text: str = "") -> None:
        super().__init__()
        self.screen = screen
        self.focus_id = focus_id
        self.filter_text = filter_text


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


class SyncRequested(Request):
    """Read Azure again: these subscriptions, or all of them."""

    def __init__(self, subscription_ids: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.subscription_ids = subscription_ids


class PauseToggled(Request):
    """Pause the polling, or go on."""


class SelectionChanged(Request):
    """Remember these subscriptions as the chosen ones."""

    def __init__(self, subscription_ids: frozenset[str]) -> None:
        super().__init__()
        self.subscription_ids = subscription_ids


class PlanRequested(Request):
    """Compute a plan from fresh reads; it appears in the journal and the Enable screen shows it."""

    def __init__(self, subscription_ids: tuple[str, ...], action: PlanAction) -> None:
        super().__init__()
        self.subscription_ids = subscription_ids
        self.action = action


class ApplyRequested(Request):
    """Apply the plan that the user has just confirmed."""

    def __init__(self, plan_id: str) -> None:
        super().__init__()
        self.plan_id = plan_id


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


class TenantRequested(Request):
    """Sign in to another tenant."""

    def __init__(self, tenant_id: str) -> None:
        super().__init__()
        self.tenant_id = tenant_id


class SignInRequested(Request):
    """Sign in (again)."""
