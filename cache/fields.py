"""What filters of machines and of alerts can name."""

from __future__ import annotations

from cache.filter import Field

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
    Field("age", "Age", ("generated", "since"), "time"),
)
"""What a filter of alerts can name."""
