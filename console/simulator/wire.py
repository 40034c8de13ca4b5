"""What travels between the server and its handlers: a call, a reply, and the errors in Azure's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

from console.simulator.principals import Principal

if TYPE_CHECKING:
    from console.simulator.simulator import Box
    from console.simulator.world import Subscription

Json = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Reply:
    """An answer. A `body` of None sends none; `text` is for the few answers that are not JSON."""

    body: Json | list[Any] | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None


class ArmError(Exception):
    """An answer that is an error, in the shape `{"error": {"code", "message", "details"}}`."""

    def __init__(
        self, status: int, code: str, message: str, details: list[Json] | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details
        self.headers = dict(headers or {})

    def reply(self) -> Reply:
        error: Json = {"code": self.code, "message": self.message}
        if self.details is not None:
            error["details"] = self.details
        return Reply({"error": error}, self.status, self.headers)


@dataclass(frozen=True)
class Call:
    """A request that was signed in, routed, and found permitted."""

    box: Box
    method: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    principal: Principal
    tenant: str
    headers: Mapping[str, str]

    @property
    def now(self) -> float:
        return self.box.clock.now()

    @property
    def subscription(self) -> Subscription:
        """The subscription in the path, in whatever case it was written; the server has made sure that it exists."""
        return self.box.world.subscriptions[self.params["subscription"].lower()]

    def properties(self) -> Json:
        """The `properties` of the body; an error in Azure's words where there are none."""
        if not isinstance(self.body, dict) or not isinstance(self.body.get("properties"), dict):
            raise ArmError(
                400, "InvalidRequestContent", "The request content was invalid and could not be deserialized: 'properties' is required."
            )
        properties: Json = self.body["properties"]
        return properties

    def link(self, **query: str) -> str:
        """This request's address with some of its query replaced: a nextLink."""
        merged = {**self.query, **query}
        return f"{self.box.url}{quote(self.path, safe='/')}?{urlencode(merged, quote_via=quote)}"


def paged(call: Call, items: Sequence[T], render: Callable[[T], Json]) -> Reply:
    """A page of a list, with a nextLink while there is more. Only the page's items are rendered."""
    size = call.box.page_size
    raw = call.query.get("$skiptoken", call.query.get("$skipToken", "0"))
    if not raw.isdecimal():
        raise ArmError(400, "InvalidSkipToken", f"The skip token '{raw}' is not valid.")
    start = int(raw)
    body: Json = {"value": [render(item) for item in items[start : start + size]]}
    if start + size < len(items):
        rest = {key: value for key, value in call.query.items() if key.lower() != "$skiptoken"}
        body["nextLink"] = (
            f"{call.box.url}{quote(call.path, safe='/')}?{urlencode({**rest, '$skiptoken': str(start + size)}, quote_via=quote)}"
        )
    return Reply(body)


def missing_api_version(path: str) -> ArmError:
    kind = path.rpartition("/")[2]
    return ArmError(
        400, "MissingApiVersionParameter", f"The api-version query parameter (?api-version=) is required for all requests. ({kind})"
    )


def unknown_route(method: str, path: str) -> ArmError:
    return ArmError(404, "InvalidResourceType" if "/providers/" in path else "NotFound", f"No service answers {method} {path}.")


def forbidden(principal: Principal, action: str, scope: str) -> ArmError:
    who = principal.upn or principal.object_id
    return ArmError(
        403,
        "AuthorizationFailed",
        f"The client '{who}' with object id '{principal.object_id}' does not have authorization to perform action '{action}' over scope "
        f"'{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.",
    )


def subscription_not_found(subscription: str) -> ArmError:
    return ArmError(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")


def resource_not_found(kind: str, name: str, group: str) -> ArmError:
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource '{kind}/{name}' under resource group '{group}' was not found. For more details please go to "
        "https://aka.ms/ARMResourceNotFoundFix",
    )


def group_not_found(group: str) -> ArmError:
    return ArmError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")


def read_only_subscription(subscription: str) -> ArmError:
    return ArmError(
        409,
        "ReadOnlyDisabledSubscription",
        f"The subscription '{subscription}' is disabled and therefore marked as read only. You cannot perform any write actions on this "
        "subscription until it is re-enabled.",
    )


def not_registered(status: int = 404) -> ArmError:
    return ArmError(status, "Subscription Not Registered", "Please register to Microsoft.Security in order to view your security status")
