"""The one registry of actions: keys, footer, help and command palette all come from here.

An action has the name of the method that runs it (``action_<id>`` on the screen of its scope, or on the app for
``everywhere``). Keys avoid what tmux and shells use (ctrl-a, ctrl-b, ctrl-d, ctrl-k).
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Action:
    """Something a key press does. ``shown``: it stands in the footer. ``dangerous``: it can lead to a change in Azure."""

    scope: str
    id: str
    keys: str
    title: str
    help: str
    shown: bool = False
    dangerous: bool = False

    @property
    def name(self) -> str:
        """The id under which the user's settings give it other keys."""
        return f"{self.scope}.{self.id}"


EVERYWHERE = "everywhere"
TABLE = "table"
PAGE = "page"

SCOPES: dict[str, str] = {
    EVERYWHERE: "Everywhere",
    TABLE: "In tables",
    PAGE: "On pages",
    "overview": "Overview",
    "subscriptions": "Subscriptions",
    "checklist": "Checklist",
    "enable": "Enable for Linux",
    "machines": "Machines",
    "machine": "A machine's page",
    "onboarding": "Onboarding",
    "verify": "Verify",
    "steps": "A machine's detection test",
    "alerts": "Alerts",
    "alert": "An alert's page",
    "report": "Report",
    "audit": "Audit trail",
    "log": "Log",
}

ACTIONS: tuple[Action, ...] = (
    Action(EVERYWHERE, "show('overview')", "0", "Overview", "The fleet in one look, and what needs attention next"),
    Action(EVERYWHERE, "show('subscriptions')", "1", "Subscriptions", "Step 1: choose subscriptions"),
    Action(EVERYWHERE, "show('checklist')", "2", "Checklist", "Step 2: see which prerequisites hold"),
    Action(EVERYWHERE, "show('enable')", "3", "Enable", "Step 3: enable for Linux machines"),
    Action(EVERYWHERE, "show('machines')", "4", "Machines", "Step 4: watch machines come aboard"),
    Action(EVERYWHERE, "show('alerts')", "5", "Alerts", "Triage alerts"),
    Action(
        EVERYWHERE, "show('onboarding')", "6", "Onboarding", "Machines by state over time, how fast they come aboard, and who is stuck why"
    ),
    Action(
        EVERYWHERE,
        "show('report')",
        "R",
        "Report",
        "What is proven of each subscription: enabled, onboarded, healthy, alert seen; and its export",
    ),
    Action(EVERYWHERE, "show('verify')", "7", "Verify", "Whether Defender works on machines: the last plan, and each answer as it comes"),
    Action(EVERYWHERE, "show('audit')", "8", "Audit", "Every change that was made from here, and whether the trail is whole"),
    Action(EVERYWHERE, "show('log')", "9", "Log", "Everything that went wrong, with its time"),
    Action(
        EVERYWHERE, "next_step", "n", "Next", "Go to the next step of the walk: 1 Subscriptions, 2 Checklist, 3 Enable, 4 Machines", True
    ),
    Action(EVERYWHERE, "sync", "r", "Refresh", "Read Azure again now", True),
    Action(EVERYWHERE, "pause", "p", "Pause", "Pause or go on with the polling"),
    Action(EVERYWHERE, "tenant", "t", "Tenant", "Switch to another tenant"),
    Action(EVERYWHERE, "sign_in", "ctrl+l", "Sign in", "Sign in again"),
    Action(EVERYWHERE, "theme", "T", "Theme", "Switch between dark, light and terminal colours"),
    Action(EVERYWHERE, "screenshot_svg", "ctrl+s", "Screenshot", "Save a picture of this screen as SVG in the home folder"),
    Action(EVERYWHERE, "command_palette", "colon,ctrl+p", "Palette", "Find any action by its name"),
    Action(EVERYWHERE, "help", "question_mark,f1", "Help", "These keys", True),
    Action(EVERYWHERE, "back", "escape", "Back", "Close this page or dialog, clear the filter"),
    Action(EVERYWHERE, "quit", "q", "Quit", "Leave; the cache keeps what is known", True),
    Action(EVERYWHERE, "leave", "ctrl+q,ctrl+c", "Quit", "Leave at once, also from a dialog or while typing"),
    Action(
        TABLE, "filter", "slash", "Filter", "Filter as you type: web state:failed -os:windows; Tab completes, Enter keeps, Esc clears", True
    ),
    Action(TABLE, "saved_filters", "F", "Filters", "Choose a saved filter, or save this one under a name"),
    Action(TABLE, "sort_next", "s", "Sort", "Sort by the next column"),
    Action(TABLE, "sort_reverse", "S", "Reverse", "Reverse the order"),
    Action(TABLE, "sort_by", "b", "Sort by", "Choose the column to sort by; what the rows were sorted by stays the second"),
    Action(TABLE, "mark", "space", "Mark", "Mark or unmark the row", True),
    Action(TABLE, "mark_range", "V", "Mark to here", "Mark every row from the last that was marked to this one"),
    Action(TABLE, "mark_all", "asterisk", "Mark all", "Mark every row that is shown, or unmark all"),
    Action(TABLE, "copy_id", "y", "Copy id", "Copy the id of the row (OSC 52)"),
    Action(PAGE, "line(1)", "j,down", "Down", "Scroll down a line"),
    Action(PAGE, "line(-1)", "k,up", "Up", "Scroll up a line"),
    Action(PAGE, "turn(1)", "pagedown,space", "Page down", "Scroll down a page"),
    Action(PAGE, "turn(-1)", "pageup", "Page up", "Scroll up a page"),
    Action(PAGE, "edge(-1)", "g,home", "Top", "Scroll to the top"),
    Action(PAGE, "edge(1)", "G,end", "End", "Scroll to the end"),
    Action(
        "subscriptions", "choose", "c", "Choose", "Choose the marked subscriptions, or this one; everything else then looks at these", True
    ),
    Action("subscriptions", "choose_all", "C", "Choose all", "Look at every subscription again"),
    Action("checklist", "only_open", "o", "Open only", "Show only what does not hold, or everything", True),
    Action("checklist", "copy_remedy", "y", "Copy", "Copy the command or the address of the remedy", True),
    Action("checklist", "tick", "x", "Tick", "Confirm a manual step as done, or take that back", True),
    Action("checklist", "affected", "m", "Machines", "Show the machines that this check affects", True),
    Action("checklist", "in_machines", "M", "In Machines", "Show them on the screen Machines: of the marked checks, or of this one"),
    Action(
        "checklist",
        "check_again",
        "c",
        "Check again",
        "Read again only what this check rests on, in the chosen subscriptions; or what the marked checks rest on, in theirs",
        True,
    ),
    Action("checklist", "export", "E", "Export", "Write the checks that are shown to a file, as Markdown or JSON"),
    Action("enable", "plan_enable", "e", "Plan enable", "Compute what enabling would change for the chosen subscriptions", True, True),
    Action("enable", "plan_disable", "d", "Plan disable", "Compute what disabling would change; it takes Windows with it", True, True),
    Action("enable", "apply", "a", "Apply", "Confirm and apply the plan that is shown, or what is left of it", True, True),
    Action(
        "enable",
        "apply_first",
        "f",
        "First",
        "Apply the plan to the marked subscriptions, or the one under the cursor, first; a then asks about the rest",
    ),
    Action("enable", "mark", "x", "Mark", "Mark or unmark the subscription for f"),
    Action(
        "enable",
        "besides",
        "o",
        "Besides",
        "Choose what the next plan does besides: provider, Defender for Servers, unified solution",
        True,
    ),
    Action("enable", "export", "E", "Export", "Write the plan to a file: Markdown to be read, JSON for “mde-console enable --plan FILE”"),
    Action(
        "enable",
        "turn_details",
        "space",
        "More",
        "Scroll the text about the subscription by a page; Enter goes there, Esc comes back",
        True,
    ),
    Action("machines", "attention", "o", "Not aboard", "Show only machines that are not aboard yet, or all", True),
    Action(
        "machines",
        "verify",
        "v",
        "Verify",
        "Ask the machine under the cursor, the marked ones or all onboarded whether Defender works: plan first",
        True,
        True,
    ),
    Action(
        "machines",
        "check",
        "w",
        "What",
        "Choose what the marked machines, or this one, are asked, also connectivity or the system: plan first",
        False,
        True,
    ),
    Action("machines", "prove", "a", "Test alert", "Choose a machine for the detection test: this one, or an onboarded one of each system"),
    Action("overview", "prove", "a", "Test alert", "Choose an onboarded machine of each system for the detection test", True),
    Action("verify", "plan", "e", "Plan all", "Plan for every onboarded machine of the chosen subscriptions", True, True),
    Action("verify", "plan_again", "E", "Plan again", "Plan again for the marked lines, or for the machines of the last plan", False, True),
    Action(
        "verify", "run", "a", "Run", "Show the script whole, ask for a confirmation, and run it on the machines of the plan", True, True
    ),
    Action("verify", "plan_check", "w", "What", "Choose what is asked, also connectivity or the system, and plan it for all", True, True),
    Action("verify", "stop", "x", "Stop", "Send no further script; those that were sent run to their end and are heard", True),
    Action("verify", "paste", "o", "Paste output", "Take output that was run by hand on the machine under the cursor", True),
    Action("verify", "copy_by_hand", "c", "Copy", "Copy what to run by hand on the machine under the cursor"),
    Action("verify", "open_machine", "m", "Machine", "Show the page of the machine under the cursor"),
    Action("onboarding", "span(6)", "h", "6 hours", "Look at the last 6 hours", True),
    Action("onboarding", "span(24)", "d", "24 hours", "Look at the last 24 hours", True),
    Action("onboarding", "span(168)", "w", "7 days", "Look at the last 7 days", True),
    Action("onboarding", "copy_remedy", "y", "Copy", "Copy what to do about the cause under the cursor"),
    Action("report", "export", "E", "Export", "Write the report to a file, as Markdown or JSON", True),
    Action(
        "report",
        "turn_details",
        "space",
        "More",
        "Scroll the text about the subscription by a page; Enter goes there, Esc comes back",
        True,
    ),
    Action("report", "machines", "m", "Machines", "Show the machines of the subscription under the cursor that are not aboard", True),
    Action("machine", "open_alert", "enter", "Open alert", "Open the alert of the machine that the cursor is on; Tab goes to the alerts"),
    Action("machine", "verify", "v", "Verify", "Ask this machine whether Defender works on it: plan first", True, True),
    Action("machine", "check", "w", "What", "Choose what this machine is asked, also connectivity or its system: plan first", False, True),
    Action("machine", "paste", "o", "Paste", "Take output of “mdatp health”, or of the script, that was run by hand on this machine"),
    Action("machine", "copy_health", "y", "Copy", "Copy the command that verifies the machine"),
    Action("machine", "copy_link", "l", "Link", "Copy the address of the machine in the Azure portal", True),
    Action("machine", "detection_test", "a", "Test alert", "Show the steps of its detection test: the alert proves that it reports", True),
    Action("machine", "retry", "x", "Retry", "Try its failed Defender extension again: what that does is told first", True, True),
    Action("machine", "read_again", "r", "Refresh", "Read this machine's subscription again", True),
    Action("steps", "run", "a", "Run there", "Plan to run the test on the machine; then type its name, and it is sent", True, True),
    Action("steps", "wait", "w", "Wait", "Wait for the alert of a test that was run by hand", True),
    Action("steps", "stop", "x", "Stop waiting", "Wait no longer; the alert may come all the same"),
    Action("steps", "open_alert", "enter", "Open alert", "Open the alert that came"),
    Action("steps", "resolve", "v", "Resolve", "Resolve the alert that came", True, True),
    Action("steps", "copy_commands", "y", "Copy", "Copy the commands to run by hand, one a line", True),
    Action("alerts", "only_endpoint", "e", "Endpoint only", "Show only Defender for Endpoint's alerts, or all", True),
    Action("alerts", "only_open", "o", "Open only", "Show only active alerts and those in progress, or all", True),
    Action("alerts", "open_machine", "m", "Machine", "Show the page of the alert's machine"),
    Action("alerts", "progress", "i", "In progress", "Set the marked alerts, or this one, in progress", False, True),
    Action("alerts", "resolve", "v", "Resolve", "Resolve the marked alerts, or this one", True, True),
    Action("alerts", "dismiss_alert", "d", "Dismiss", "Dismiss the marked alerts, or this one", False, True),
    Action("alerts", "activate", "a", "Activate", "Activate the marked alerts, or this one, again", False, True),
    Action("alert", "progress", "i", "In progress", "Set the alert in progress", True, True),
    Action("alert", "resolve", "v", "Resolve", "Resolve the alert", True, True),
    Action("alert", "dismiss_alert", "d", "Dismiss", "Dismiss the alert", True, True),
    Action("alert", "activate", "a", "Activate", "Activate the alert again", True, True),
    Action("alert", "open_machine", "m", "Machine", "Show the page of its machine", True),
    Action("alert", "copy_azure", "y", "Azure link", "Copy its address in the Azure portal"),
    Action("alert", "copy_defender", "Y", "Defender link", "Copy its address in the Microsoft Defender portal"),
)


def of_scope(scope: str) -> tuple[Action, ...]:
    """The actions of one scope, in the order in which help lists them."""
    return tuple(action for action in ACTIONS if action.scope == scope)


def bindings(*scopes: str) -> list[Binding]:
    """Textual's bindings for the actions of ``scopes``; each carries an id, so that users can give it other keys."""
    return [
        Binding(
            action.keys,
            action.id,
            action.title,
            show=action.shown,
            id=action.name,
            tooltip=action.help,
            priority=action.id == "leave",
        )
        for scope in scopes
        for action in of_scope(scope)
    ]
