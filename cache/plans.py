"""A plan as a document: what ``plan --json`` prints, the journal keeps and ``enable --plan FILE`` takes back.

Counts of machines stand in the document for its readers; they follow from ``fates`` and are not read back.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from cache.failure import Exit, Failure
from cache.model import NO_EXTRAS, Blocker, Extras, Fate, MachineFate, Plan, PlanAction, SettingChange, Step, SubscriptionPlan
from cache.text import clean, clean_lines
from cache.values import stamp

SCHEMA = 2
"""Since 2 a plan can have steps before its settings, which a version that knows only 1 would leave out. 1 is still read."""

STEPS = {"provider": ("Registered",), "servers-plan": ("P1", "P2")}
"""The kinds of steps, and what each can come to."""


class PlanUnreadable(Failure):
    """A document is no plan; the text names the field that is wrong."""

    exit_code = Exit.PLAN_UNREADABLE


class PlanTooNew(PlanUnreadable):
    """A newer version wrote the plan."""

    exit_code = Exit.PLAN_NEWER


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """``plan`` as a JSON object."""
    return {
        "schema": SCHEMA,
        "id": plan.id,
        "created_at": stamp(plan.created_at),
        "action": str(plan.action),
        "cloud": plan.cloud,
        "tenant_id": plan.tenant_id,
        "principal": plan.principal,
        "again": plan.again,
        "extras": {
            "servers_plan": plan.extras.servers_plan or None,
            "downgrade": plan.extras.downgrade,
            "register_provider": plan.extras.register,
            "unified": plan.extras.unified,
        },
        "subscriptions": [_subscription_to_json(one) for one in plan.subscriptions],
    }


def plan_from_json(document: object) -> Plan:
    """The plan in ``document``, its texts cleaned. Raises :class:`PlanUnreadable`."""
    top = _Object(document, "the plan")
    schema = top.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise PlanUnreadable("This is not a plan: schema must be a whole number from 1 on.")
    if schema > SCHEMA:
        raise PlanTooNew(
            f"This plan was made by a newer version of mde-console (schema {schema}; this one knows up to {SCHEMA}). "
            "Use that version, or make the plan again with this one."
        )
    first = schema == 1
    subscriptions = tuple(_subscription(one, steps=not first) for one in top.objects("subscriptions"))
    seen: set[str] = set()
    for number, one in enumerate(subscriptions):
        if one.id.lower() in seen:
            raise PlanUnreadable(f"The plan cannot be read: subscriptions[{number}].id names {one.id} a second time.")
        seen.add(one.id.lower())
    return Plan(
        id=top.text("id"),
        created_at=top.moment("created_at"),
        action=PlanAction(top.choice("action", [str(one) for one in PlanAction])),
        cloud=top.text("cloud"),
        tenant_id=top.text("tenant_id"),
        principal=top.text("principal"),
        subscriptions=subscriptions,
        extras=NO_EXTRAS if first else _extras(top.object("extras")),
        again="" if first else top.text("again"),
    )


def _extras(value: _Object) -> Extras:
    asked = "" if value.get("servers_plan") is None else value.choice("servers_plan", list(STEPS["servers-plan"]))
    return Extras(asked, value.truth("downgrade"), value.truth("register_provider"), value.truth("unified"))


def digest_of(document: dict[str, Any]) -> str:
    """What is another one when anything in the document of a plan is; how it is laid out and its own ``digest`` do not count.

    It shows what was changed by hand. It is no signature: whoever knows how can write a new one.
    """
    told = {key: value for key, value in document.items() if key != "digest"}
    return hashlib.sha256(json.dumps(told, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _subscription_to_json(one: SubscriptionPlan) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "case": one.case,
        "why": one.why,
        "steps": [{"kind": each.kind, "before": each.before, "after": each.after} for each in one.steps],
        "settings": [{"name": each.name, "before": each.before, "after": each.after} for each in one.settings],
        "machines": dict(sorted(Counter(str(each.fate) for each in one.fates).items())),
        "fates": [
            {"machine_id": each.machine_id, "name": each.name, "os_type": each.os_type, "fate": str(each.fate), "reason": each.reason}
            for each in one.fates
        ],
        "irreversible": list(one.irreversible),
        "warnings": list(one.warnings),
        "blockers": [{"code": each.code, "message": each.message, "who": each.who} for each in one.blockers],
    }


def _step(value: _Object) -> Step:
    kind = value.choice("kind", list(STEPS))
    return Step(kind, value.text("before"), value.choice("after", list(STEPS[kind])))


def _subscription(value: _Object, *, steps: bool) -> SubscriptionPlan:
    return SubscriptionPlan(
        id=value.text("id"),
        name=value.text("name"),
        case=value.text("case"),
        why=value.lines("why"),
        settings=tuple(
            SettingChange(each.text("name"), each.truth_or_none("before"), each.truth("after")) for each in value.objects("settings")
        ),
        fates=tuple(
            MachineFate(
                machine_id=each.text("machine_id"),
                name=each.text("name"),
                os_type=each.text("os_type"),
                fate=Fate(each.choice("fate", [str(one) for one in Fate])),
                reason=each.lines("reason"),
            )
            for each in value.objects("fates")
        ),
        irreversible=value.texts("irreversible"),
        warnings=value.texts("warnings"),
        blockers=tuple(Blocker(each.text("code"), each.lines("message"), each.text("who")) for each in value.objects("blockers")),
        steps=tuple(_step(each) for each in value.objects("steps")) if steps else (),
    )


class _Object:
    """A JSON object that says where a field that it lacks should have been."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise PlanUnreadable(f"The plan cannot be read: {where} must be a JSON object.")
        self._value = value
        self._prefix = "" if where == "the plan" else f"{where}."

    def get(self, name: str) -> object:
        return self._value.get(name)

    def text(self, name: str) -> str:
        return clean(self._string(name))

    def lines(self, name: str) -> str:
        return clean_lines(self._string(name))

    def choice(self, name: str, known: list[str]) -> str:
        value = self._string(name)
        if value not in known:
            raise self._wrong(name, f"one of {', '.join(known)}")
        return value

    def truth(self, name: str) -> bool:
        value = self.get(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def truth_or_none(self, name: str) -> bool | None:
        value = self.get(name)
        if name not in self._value or not (value is None or isinstance(value, bool)):
            raise self._wrong(name, "true, false or null")
        return value

    def moment(self, name: str) -> datetime:
        try:
            value = datetime.fromisoformat(self._string(name))
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        except (ValueError, OverflowError):
            raise self._wrong(name, "a time as in 2026-01-31T12:00:00Z") from None

    def texts(self, name: str) -> tuple[str, ...]:
        values = self._list(name)
        if not all(isinstance(one, str) for one in values):
            raise self._wrong(name, "a list of texts")
        return tuple(clean_lines(one) for one in values)

    def object(self, name: str) -> _Object:
        return _Object(self.get(name), f"{self._prefix}{name}")

    def objects(self, name: str) -> list[_Object]:
        return [_Object(one, f"{self._prefix}{name}[{number}]") for number, one in enumerate(self._list(name))]

    def _string(self, name: str) -> str:
        value = self.get(name)
        if not isinstance(value, str):
            raise self._wrong(name, "a text")
        return value

    def _list(self, name: str) -> list[Any]:
        value = self.get(name)
        if not isinstance(value, list):
            raise self._wrong(name, "a list")
        return value

    def _wrong(self, name: str, expected: str) -> PlanUnreadable:
        return PlanUnreadable(f"The plan cannot be read: {self._prefix}{name} must be {expected}.")
