"""A plan in a file: what ``plan --out`` writes and ``enable --plan`` takes. Whatever is wrong with one has its own exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from cache.failure import Exit, Failure
from cache.model import Plan
from cache.plans import PlanTooNew, PlanUnreadable, digest_of, plan_from_json, plan_to_json
from console import output

AGAIN = "Nothing was sent. Make one with “mde-console plan --out FILE”."


class PlanFileError(Failure):
    """A file with a plan cannot be used. The text says why and what to do."""


class PlanNotJson(PlanFileError):
    """It holds no JSON."""

    exit_code = Exit.PLAN_NOT_JSON


class PlanCut(PlanFileError):
    """It ends in the middle."""

    exit_code = Exit.PLAN_CUT


class PlanChanged(PlanFileError):
    """It was changed since it was written."""

    exit_code = Exit.PLAN_EDITED


class PlanStrange(PlanFileError):
    """It is JSON, and no plan."""

    exit_code = Exit.PLAN_UNREADABLE


class PlanNewer(PlanFileError):
    """A newer version wrote it."""

    exit_code = Exit.PLAN_NEWER


def plan_item(plan: Plan) -> dict[str, Any]:
    """A plan for scripts and files, with the digest by which a change shows."""
    document = plan_to_json(plan)
    return {**document, "digest": digest_of(document)}


def read_plan(path: str) -> Plan:
    """The plan in a file: what ``plan --json`` or ``plan --out`` wrote. Raises :class:`PlanFileError`."""
    document = _json(path)
    if isinstance(document, dict) and "items" in document:
        schema, items = document.get("schema"), document["items"]
        if schema != output.SCHEMA:
            newer = isinstance(schema, int) and not isinstance(schema, bool) and schema > output.SCHEMA
            raise (PlanNewer if newer else PlanStrange)(
                f"The plan {path} has schema {str(schema)[:40]}; this version reads {output.SCHEMA}. {AGAIN}"
            )
        if not isinstance(items, list) or len(items) != 1:
            raise PlanStrange(f"The plan {path} must hold exactly one plan in “items”. {AGAIN}")
        document = items[0]
    try:
        plan = plan_from_json(document)
    except PlanTooNew as error:
        raise PlanNewer(f"The plan {path} cannot be used, and nothing was sent. {error}") from None
    except PlanUnreadable as error:
        raise PlanStrange(f"The plan {path} cannot be used: {error} {AGAIN}") from None
    assert isinstance(document, dict)
    if document.get("digest") != digest_of(document):
        raise PlanChanged(
            f"The plan {path} was changed since it was made, so it is not what was looked at. {AGAIN} To leave subscriptions out, plan for "
            "the others with --subscription."
        )
    return plan


def _json(path: str) -> Any:
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise PlanFileError(f"The plan {path} cannot be read: {getattr(error, 'strerror', None) or error}. Nothing was sent.") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.end == len(content) and content.lstrip().startswith(b"{"):
            raise _cut(path) from None
        raise PlanNotJson(f"The plan {path} is not JSON: it is no text in UTF-8. {AGAIN}") from None
    try:
        return json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        told = text.rstrip()
        if told.startswith("{") and (not told.endswith("}") or error.pos >= len(told)):
            raise _cut(path) from None
        raise PlanNotJson(f"The plan {path} is not JSON: {error}. {AGAIN}") from None
    except (ValueError, RecursionError) as error:
        raise PlanNotJson(f"The plan {path} is not JSON of a plan: {str(error)[:80]}. {AGAIN}") from None


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _cut(path: str) -> PlanCut:
    return PlanCut(f"The plan {path} ends in the middle: it was not copied or written whole. {AGAIN}")
