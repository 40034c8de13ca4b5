"""What the filters of each screen can name."""

from __future__ import annotations

from cache.filter import Field

ENDPOINT = "Defender for Endpoint"
"""What the field ``product`` of an alert reads when Defender for Endpoint raised it, whatever Azure calls the product."""

MACHINE_FIELDS = (
    Field("name", "Machine", ("machine", "vm", "host")),
    Field("state", "State", ("is", "status")),
    Field("reason", "Reason", ("why",)),
    Field("diagnosis", "Diagnosis", ("code", "cause")),
    Field("extension", "Extension", ("ext",)),
    Field("os", "System type", ("ostype", "type")),
    Field("system", "System", ("osname", "distro")),
    Field("power", "Power", ("agent",)),
    Field("subscription", "Subscription", ("sub",)),
    Field("group", "Resource group", ("rg", "resourcegroup")),
    Field("location", "Location", ("loc", "region")),
    Field("kind", "Kind", ("arc",)),
    Field("since", "Since", (), "time"),
    Field("due", "Due", (), "time"),
)
"""What a filter of machines can name."""

ALERT_FIELDS = (
    Field("title", "Alert", ("alert", "name")),
    Field("severity", "Severity", ("sev",)),
    Field("status", "Status", ("is", "state")),
    Field("machine", "Machine", ("vm", "host", "entity")),
    Field("product", "From", ("from", "product")),
    Field("type", "Alert type", ()),
    Field("subscription", "Subscription", ("sub",)),
    Field("group", "Resource group", ("rg", "resourcegroup")),
    Field("location", "Location", ("loc", "region")),
    Field("id", "Id", ("guid",)),
    Field("age", "Age", ("generated", "since"), "time"),
)
"""What a filter of alerts can name. Of ``id`` the last part is tested, by which Azure knows the alert in its subscription."""

SUBSCRIPTION_FIELDS = (
    Field("name", "Subscription", ("sub", "subscription")),
    Field("id", "Id", ()),
    Field("coverage", "Coverage", ("is",)),
    Field("plan", "Plan", ("servers", "serversplan")),
    Field("integration", "MDE", ()),
    Field("linux", "Linux", ()),
    Field("unified", "Unified", ()),
    Field("machines", "Machines", ("machine", "has")),
    Field("notes", "Notes", ()),
    Field("problem", "Problem", ("problems", "error")),
    Field("right", "Right to enable", ("rights",)),
    Field("chosen", "Chosen", ()),
    Field("state", "State of the subscription", ()),
    Field("tag", "Tag", ("tags",)),
    Field("tenant", "Tenant", ()),
)
"""What a filter of subscriptions can name. Of ``machines`` the states are tested, of ``tag`` texts such as ``team=web``."""

CHECK_FIELDS = (
    Field("status", "Status", ("is", "state")),
    Field("title", "Check", ("check", "name")),
    Field("subscription", "Subscription", ("sub",)),
    Field("evidence", "Evidence", ()),
    Field("machine", "Affected machine", ("affected", "machines", "vm", "host")),
    Field("who", "Who can do it", ()),
    Field("ticked", "Ticked by", ("tick",)),
    Field("read", "Read", ("age",), "time"),
)
"""What a filter of the checklist can name."""

PLAN_FIELDS = (
    Field("status", "Status", ("is", "state")),
    Field("name", "Subscription", ("sub", "subscription")),
    Field("change", "Change", ("setting", "settings", "write")),
    Field("machines", "What becomes of machines", ("fate", "becomes")),
    Field("machine", "Machine", ("vm", "host")),
    Field("undo", "Can be undone", ()),
    Field("blocked", "What blocks it", ("blocker", "why")),
    Field("who", "Who can clear it", ()),
    Field("case", "Case", ()),
    Field("id", "Id", ()),
)
"""What a filter of the plan can name."""

REPORT_FIELDS = (
    Field("verdict", "All four", ("is", "status")),
    Field("name", "Subscription", ("sub", "subscription")),
    Field("enabled", "Enabled", ()),
    Field("onboarded", "Onboarded", ("aboard",)),
    Field("healthy", "Healthy", ("health",)),
    Field("alert_seen", "Alert seen", ("alert", "test")),
    Field("cause", "What keeps machines back", ("why",)),
    Field("id", "Id", ()),
)
"""What a filter of the report can name. Of a proof its word is tested, such as ``not-proven``."""

VERIFY_FIELDS = (
    Field("status", "Status", ("is", "state", "outcome")),
    Field("name", "Machine", ("vm", "host", "machine")),
    Field("told", "What it said", ("reason", "why")),
    Field("system", "System", ("os",)),
    Field("way", "Way", ("by",)),
    Field("subscription", "Subscription", ("sub",)),
    Field("age", "Age", ("at", "since"), "time"),
)
"""What a filter of a verification can name."""

LOG_FIELDS = (
    Field("level", "Kind", ("kind", "is")),
    Field("where", "Where", ("subscription", "sub", "source")),
    Field("message", "Message", ("text",)),
    Field("age", "Age", ("at", "since"), "time"),
)
"""What a filter of the log can name."""

AUDIT_FIELDS = (
    Field("actor", "Who", ("who", "by")),
    Field("action", "Action", ()),
    Field("target", "What", ("what", "subscription", "sub")),
    Field("change", "Before → after", ()),
    Field("before", "Before", ()),
    Field("after", "After", ()),
    Field("outcome", "Outcome", ("is", "status")),
    Field("age", "Age", ("at", "since"), "time"),
)
"""What a filter of the audit trail can name."""
