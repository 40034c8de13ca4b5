"""All of Azure that the console uses, as one person in one cloud: the face that workers see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from azure.mgmt.compute.aio import ComputeManagementClient
from azure.mgmt.hybridcompute.aio import HybridComputeManagementClient
from azure.mgmt.resource.subscriptions.aio import SubscriptionClient
from azure.mgmt.resourcegraph.aio import ResourceGraphClient
from azure.mgmt.security.aio import SecurityCenter

from cache.model import Alert, Assessment, Extension, Machine, Permission, Subscription
from cache.sighting import Sighting
from console.clouds import Cloud
from console.gateway import alerts as alert_calls
from console.gateway import graph, graph_machines, security
from console.gateway import machines as machine_calls
from console.gateway import subscriptions as subscription_calls
from console.gateway.errors import Forbidden
from console.gateway.reading import Send, part_of
from console.gateway.transport import OnWait, Sleep, Transport
from console.identity import SignedIn

ANY = "00000000-0000-0000-0000-000000000000"
"""SDK clients want a subscription even where the request names its own."""


class Azure:
    """Azure for one sign-in. Everything raises :class:`~console.gateway.errors.AzureProblem`. With ``read_only`` no write leaves here."""

    def __init__(self, cloud: Cloud, credential: Any, on_wait: OnWait | None, sleep: Sleep, read_only: bool) -> None:
        self.cloud = cloud
        self.read_only = read_only
        self._on_wait = on_wait
        self._sleep = sleep
        self._transport = Transport(cloud, credential, on_wait, sleep)
        self._origin = cloud.resource_manager
        self._portals = (cloud.azure_portal, cloud.defender_portal)
        self._clients: dict[str, Any] = {}

    @classmethod
    async def open(
        cls, cloud: Cloud, signed_in: SignedIn, *, on_wait: OnWait | None = None, sleep: Sleep = asyncio.sleep, read_only: bool = False
    ) -> Azure:
        """Azure as ``signed_in``. ``on_wait`` is told when a request waits and when it goes on."""
        return cls(cloud, signed_in.credential, on_wait, sleep, read_only)

    async def close(self) -> None:
        """Close every client and the connections."""
        for client in self._clients.values():
            await client.close()
        await self._transport.close()

    async def __aenter__(self) -> Azure:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    # Clients, each made when it is first needed

    def _client(self, kind: Any, subscription_id: str | None = ANY) -> Any:
        key = f"{kind.__name__}/{subscription_id}"
        if key not in self._clients:
            options = self._transport.options()
            if subscription_id is not None:
                options["subscription_id"] = subscription_id
            self._clients[key] = kind(**options)
        return self._clients[key]

    @property
    def _security(self) -> Send:
        send: Send = self._client(SecurityCenter)._client.send_request
        return send

    @property
    def _subscriptions(self) -> Send:
        send: Send = self._client(SubscriptionClient, None).send_request
        return send

    @property
    def _compute(self) -> Send:
        send: Send = self._client(ComputeManagementClient).send_request
        return send

    @property
    def _hybrid(self) -> Send:
        send: Send = self._client(HybridComputeManagementClient).send_request
        return send

    @property
    def _graph(self) -> Send:
        send: Send = self._client(ResourceGraphClient, None)._send_request
        return send

    # Readings

    async def tenants(self) -> list[tuple[str, str]]:
        """Ids and names of the tenants that the caller can sign in to."""
        return await subscription_calls.tenants(self._subscriptions, self._origin)

    def subscriptions(self) -> AsyncIterator[list[Subscription]]:
        """The subscriptions of the tenant that the caller can see, page by page."""
        return subscription_calls.subscriptions(self._subscriptions, self._origin)

    async def permissions(self, subscription_id: str) -> tuple[Permission, ...]:
        """What the caller may do in a subscription."""
        return await subscription_calls.permissions(self._subscriptions, self._origin, subscription_id)

    async def provider_state(self, subscription_id: str) -> str:
        """The registration state of Microsoft.Security."""
        return await subscription_calls.provider_state(self._subscriptions, self._origin, subscription_id)

    async def settings(self, subscription_id: str) -> Mapping[str, bool | None]:
        """The integration settings that are set."""
        return await security.settings(self._security, self._origin, subscription_id)

    async def servers_plan(self, subscription_id: str) -> str:
        """The Defender for Servers plan."""
        return await security.servers_plan(self._security, self._origin, subscription_id)

    async def assessments(self, subscription_id: str) -> list[Assessment]:
        """The recommendations about agents in one subscription, from Defender for Cloud itself."""
        return await security.assessments(self._security, self._origin, subscription_id)

    async def graph_assessments(self, subscription_ids: Sequence[str]) -> list[Assessment]:
        """The same for many subscriptions, from Resource Graph."""
        found: list[Assessment] = []
        async for page in self._rows("assessments", subscription_ids):
            found += [one for one in map(security.assessment_of, page) if one is not None]
        return found

    def graph_machines(self, subscription_ids: Sequence[str]) -> AsyncIterator[list[Sighting]]:
        """The machines of many subscriptions with their extensions, from Resource Graph, in several chains of pages at once."""
        return graph_machines.machines(self._graph, self._origin, subscription_ids, on_wait=self._on_wait, sleep=self._sleep)

    def service_machines(self, subscription_id: str) -> AsyncIterator[list[Machine]]:
        """The machines of one subscription with their extensions, from Compute and Azure Arc."""
        return machine_calls.service_machines(self._compute, self._hybrid, self._origin, subscription_id)

    async def extension_details(self, machine: Machine) -> tuple[Extension, ...]:
        """The extensions of one machine with what they say."""
        return await machine_calls.extensions(self._compute, self._hybrid, self._origin, machine)

    def alerts(self, subscription_id: str) -> AsyncIterator[list[Alert]]:
        """The alerts of a subscription, page by page."""
        return alert_calls.alerts(self._security, self._origin, subscription_id, self._portals)

    async def alert_status(self, alert_id: str) -> str:
        """The status of one alert, read now."""
        return await alert_calls.alert_status(self._security, self._origin, alert_id)

    def _rows(self, name: str, subscription_ids: Sequence[str]) -> AsyncIterator[list[Any]]:
        return graph.rows(self._graph, self._origin, name, subscription_ids, on_wait=self._on_wait, sleep=self._sleep)

    def resource_link(self, resource_id: str) -> str:
        """The address of a resource in the Azure portal; empty for what is no resource id."""
        return f"{self.cloud.azure_portal}/#resource{resource_id}" if resource_id.startswith("/") else ""

    # Writes

    async def put_setting(self, subscription_id: str, name: str, enabled: bool) -> None:
        """Write one integration setting, once. When this fails it is not known whether Azure took it: read it back."""
        self._may_write()
        await security.put_setting(self._client(SecurityCenter, subscription_id), name, enabled)

    async def set_alert_status(self, alert_id: str, status: str) -> None:
        """Give an alert the status ``InProgress``, ``Resolved``, ``Dismissed`` or ``Active``."""
        self._may_write()
        await alert_calls.set_status(self._client(SecurityCenter, part_of(alert_id, "subscriptions")), alert_id, status)

    async def register_provider(self, subscription_id: str) -> str:
        """Ask for the registration of Microsoft.Security, which Azure carries out over minutes. Returns its state now."""
        self._may_write()
        return await subscription_calls.register_provider(self._subscriptions, self._origin, subscription_id)

    def _may_write(self) -> None:
        if self.read_only:
            raise Forbidden("This console is read-only, so nothing is sent that changes Azure.")
