"""All of Azure that the console uses, as one person in one cloud: the face that workers see."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any

from azure.mgmt.resource.subscriptions.aio import SubscriptionClient
from azure.mgmt.resourcegraph.aio import ResourceGraphClient
from azure.mgmt.security.aio import SecurityCenter

from cache.alert_store import AlertDigest, AlertSighting
from cache.model import Alert, Assessment, Extension, Permission, Subscription, Workspace
from cache.sighting import Sighting, Unchanged
from console.clouds import Cloud
from console.gateway import activity_log, graph, graph_alerts, graph_changes, graph_machines, security
from console.gateway import alerts as alert_calls
from console.gateway import subscriptions as subscription_calls
from console.gateway import workspaces as workspace_calls
from console.gateway.errors import Forbidden
from console.gateway.graph import Scope
from console.gateway.graph_changes import Change
from console.gateway.reading import Send, part_of
from console.gateway.run_commands import Begun, Output, RunCommands, Script
from console.gateway.services import Services
from console.gateway.transport import OnWait, Sleep, Transport
from console.identity import SignedIn

ANY = "00000000-0000-0000-0000-000000000000"
"""SDK clients want a subscription even where the request names its own."""


class Azure:
    """Azure for one sign-in. Everything raises :class:`~console.gateway.errors.AzureProblem`. With ``read_only`` no write leaves here."""

    def __init__(self, cloud: Cloud, credential: Any, on_wait: OnWait | None, sleep: Sleep, read_only: bool) -> None:
        self.cloud = cloud
        self.read_only = read_only
        self.credential = credential
        self.on_wait = on_wait
        self._clients: dict[str, Any] = {}
        self._loaded: dict[str, Any] = {}
        self._pacer = graph.Pacer(on_wait, sleep)
        self._transport = Transport(cloud, credential, on_wait, sleep)
        self._origin = cloud.resource_manager
        self._services = Services(self._compute, self._hybrid, self._origin, sleep)
        self._run_commands = RunCommands(self._compute, self._hybrid, self._origin, sleep)
        self._portals = (cloud.azure_portal, cloud.defender_portal)

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

    @property
    def date(self) -> datetime | None:
        """What Azure's own clock said in its latest answer, to the second; ``None`` before the first."""
        return self._transport.date

    def names_are(self, names: Mapping[str, str]) -> None:
        """Subscriptions have these names, by ids in lower case: a wait tells them."""
        self._transport.names.update(names)

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
        return self._late("azure.mgmt.compute.aio", "ComputeManagementClient")

    @property
    def _hybrid(self) -> Send:
        return self._late("azure.mgmt.hybridcompute.aio", "HybridComputeManagementClient")

    def _late(self, module: str, name: str) -> Send:
        """Sends through a client whose SDK is imported when it is first needed: where Resource Graph serves, the largest never are."""

        async def send(*values: Any, **options: Any) -> Any:
            if module not in self._loaded:  # in sys.modules it may be only half imported, by another call that waits here
                self._loaded[module] = await asyncio.to_thread(importlib.import_module, module)
            return await self._client(getattr(self._loaded[module], name)).send_request(*values, **options)

        return send

    @property
    def _graph(self) -> graph.Graph:
        return graph.Graph(self._client(ResourceGraphClient, None)._send_request, self._origin, self._pacer)

    # Readings

    async def tenants(self) -> list[tuple[str, str]]:
        """Ids and names of the tenants that the caller can sign in to."""
        return await subscription_calls.tenants(self._subscriptions, self._origin)

    async def subscriptions(self) -> AsyncIterator[list[Subscription]]:
        """The subscriptions of the tenant that the caller can see, page by page."""
        async for page in subscription_calls.subscriptions(self._subscriptions, self._origin):
            self.names_are({one.id.lower(): one.name for one in page})
            yield page

    async def permissions(self, subscription_id: str) -> tuple[Permission, ...]:
        """What the caller may do in a subscription."""
        return await subscription_calls.permissions(self._subscriptions, self._origin, subscription_id)

    async def provider_state(self, subscription_id: str) -> str:
        """The registration state of Microsoft.Security."""
        return await subscription_calls.provider_state(self._subscriptions, self._origin, subscription_id)

    async def settings(self, subscription_id: str) -> Mapping[str, bool | None]:
        """The integration settings that are set."""
        return await security.settings(self._security, self._origin, subscription_id)

    async def last_write(self, resource_id: str, operation: str, since: datetime, until: datetime) -> activity_log.Written | None:
        """The last time that an operation succeeded on a resource, and by whom, from Azure's activity log."""
        return await activity_log.last_write(self._subscriptions, self._origin, resource_id, operation, since, until)

    async def servers_plan(self, subscription_id: str) -> str:
        """The Defender for Servers plan."""
        return await security.servers_plan(self._security, self._origin, subscription_id)

    async def assessments(self, subscription_id: str) -> list[Assessment]:
        """The recommendations about agents in one subscription, from Defender for Cloud itself."""
        return await security.assessments(self._security, self._origin, subscription_id)

    async def graph_assessments(self, subscription_ids: Sequence[str]) -> list[Assessment]:
        """The same for many subscriptions, from Resource Graph."""
        found: list[Assessment] = []
        async for page in graph.rows(self._graph, graph.query("assessments"), subscription_ids):
            found += [one for one in map(security.assessment_of, page) if one is not None]
        return found

    async def graph_plans(self, scope: Scope) -> dict[str, str]:
        """The Defender for Servers plans that Resource Graph knows, by subscription id in lower case."""
        return await security.graph_plans(self._graph, scope)

    async def plan_digest(self, scope: Scope) -> security.PlanDigest:
        """What is another one when any plan changes."""
        return await security.plan_digest(self._graph, scope)

    async def workspaces(self, scope: Scope) -> tuple[list[Workspace], dict[str, str]]:
        """The Log Analytics workspaces that can be seen, and the workspace of each machine's agent in ``scope``, by ids in lower case.

        Machines report to workspaces of other subscriptions too, so all of those are looked for.
        """
        return await workspace_calls.workspaces(self._graph, None), await workspace_calls.agents(self._graph, scope)

    def graph_changes(self, since: datetime, scope: Scope) -> AsyncIterator[list[Change]]:
        """What happened to machines and their extensions after ``since``, oldest first, from Resource Graph."""
        return graph_changes.changes(self._graph, since, scope)

    def graph_machines(
        self,
        subscription_ids: Sequence[str],
        on_total: Callable[[int], None] | None = None,
        known: Mapping[int, Unchanged] | None = None,
    ) -> AsyncIterator[list[Sighting | Unchanged]]:
        """The machines of many subscriptions with their extensions, from Resource Graph, in several chains of pages at once.

        ``on_total`` is told how many there are as soon as that is known; ``known`` are those that need not be told again, by the
        digests of their rows.
        """
        return graph_machines.machines(self._graph, subscription_ids, on_total, known)

    async def some_machines(self, machine_ids: Sequence[str]) -> list[Sighting]:
        """Those of the machines with these ids (at most :data:`graph_machines.SOME`) that are there, from Resource Graph."""
        return await graph_machines.some_machines(self._graph, machine_ids)

    def service_machines(self, subscription_id: str) -> AsyncIterator[list[Sighting]]:
        """The machines of one subscription without their extensions, from Compute and Azure Arc."""
        return self._services.machines(subscription_id)

    async def extension_details(self, machine_id: str, kind: str) -> tuple[Extension, ...]:
        """The extensions of one machine (of ``kind`` ``vm`` or ``arc``) with what they say."""
        return await self._services.extensions(machine_id, kind)

    def alerts(self, subscription_id: str) -> AsyncIterator[list[Alert]]:
        """The alerts of a subscription, page by page."""
        return alert_calls.alerts(self._security, self._origin, subscription_id, self._portals)

    def graph_alerts(self, subscription_ids: Sequence[str]) -> AsyncIterator[list[AlertSighting]]:
        """The alerts of many subscriptions without their details, from Resource Graph, in several chains of pages at once."""
        return graph_alerts.alerts(self._graph, subscription_ids)

    def graph_alerts_since(self, since: datetime, scope: Scope) -> AsyncIterator[list[AlertSighting]]:
        """The alerts that were generated after ``since``, without their details, page by page."""
        return graph_alerts.alerts_since(self._graph, since, scope)

    async def alert_details(self, alert_ids: Sequence[str]) -> list[AlertSighting]:
        """Those of the alerts with these ids (at most :data:`graph_alerts.SOME`) that are there, with their details."""
        return await graph_alerts.details(self._graph, alert_ids, self._portals)

    async def alert_digest(self, scope: Scope) -> AlertDigest:
        """What is another one when any alert changes, by status and severity."""
        return await graph_alerts.digest(self._graph, scope)

    async def alert_digest_by_subscription(self, scope: Scope) -> AlertDigest:
        """The same by subscription id in lower case and status."""
        return await graph_alerts.digest_by_subscription(self._graph, scope)

    async def alert_status(self, alert_id: str) -> str:
        """The status of one alert, read now."""
        return await alert_calls.alert_status(self._security, self._origin, alert_id)

    # Writes

    async def put_setting(self, subscription_id: str, name: str, enabled: bool) -> None:
        """Write one integration setting, once. When this fails it is not known whether Azure took it: read it back."""
        self._may_write()
        await security.put_setting(self._client(SecurityCenter, subscription_id), name, enabled)

    async def put_servers_plan(self, subscription_id: str, plan: str) -> list[str]:
        """Switch Defender for Servers to ``P1`` or ``P2``, once; read it back. Returns what Azure says failed of it all the same."""
        self._may_write()
        return await security.put_servers_plan(self._security, self._origin, subscription_id, plan)

    async def delete_extension(self, machine_id: str, kind: str, name: str) -> None:
        """Have Azure delete an extension of a machine (of ``kind`` ``vm`` or ``arc``), which takes minutes: read it back."""
        self._may_write()
        await self._services.delete_extension(machine_id, kind, name)

    async def set_alert_status(self, alert_id: str, status: str) -> None:
        """Give an alert the status ``InProgress``, ``Resolved``, ``Dismissed`` or ``Active``."""
        self._may_write()
        await alert_calls.set_status(self._client(SecurityCenter, part_of(alert_id, "subscriptions")), alert_id, status)

    async def register_provider(self, subscription_id: str) -> str:
        """Ask for the registration of Microsoft.Security, which Azure carries out over minutes. Returns its state now."""
        self._may_write()
        return await subscription_calls.register_provider(self._subscriptions, self._origin, subscription_id)

    async def begin_script(self, script: Script) -> Begun:
        """Have Azure run a script on a machine."""
        self._may_write()
        return await self._run_commands.begin(script)

    async def script_output(self, begun: Begun) -> Output:
        """Wait for the end of a script, and read what it printed."""
        return await self._run_commands.output(begun)

    async def remove_script(self, script: Script) -> None:
        """Take away what a script that has run leaves in Azure."""
        self._may_write()
        await self._run_commands.remove(script)

    def _may_write(self) -> None:
        if self.read_only:
            raise Forbidden("This console is read-only, so nothing is sent that changes Azure.")
