"""What every worker works with, and how a worker's failures are remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from cache.activity import Activity
from cache.clock import Clock
from cache.failure import Exit, Failure
from cache.fleet import FleetCache
from cache.journal import Journal
from cache.model import Problem, Source
from console.clouds import Cloud
from console.gateway.azure import Azure
from console.gateway.errors import AzureProblem

T = TypeVar("T")


class Refused(Failure):
    """What was asked for is not begun at all; the message says why and what to do."""

    exit_code = Exit.REFUSED


@dataclass(slots=True)
class Work:
    """Azure on one side, the cache on the other, and under what policy. ``only``: the subscriptions to look at (empty: all).
    ``plan_minutes``: an older plan is not applied. ``shown``: the ids of those latest changes that the cache shows already.
    ``sleep``: how waiting is done, in seconds."""

    azure: Azure
    fleet: FleetCache
    journal: Journal
    clock: Clock
    activity: Activity
    cloud: Cloud
    tenant_id: str
    principal: str
    read_only: bool = False
    plan_minutes: float = 15
    concurrency: int = 8
    only: frozenset[str] = frozenset()
    shown: frozenset[str] = frozenset()
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    gate: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        """One gate for all calls at once."""
        self.gate = asyncio.Semaphore(self.concurrency)

    def elsewhere(self, cloud: str, tenant_id: str) -> bool:
        """Whether a plan for this cloud and tenant is for another sign-in than this."""
        return (cloud, tenant_id) != (self.cloud.key, self.tenant_id)

    def too_old(self, made: datetime, minutes: float | None = None) -> bool:
        """Whether a plan is to be trusted no more, after ``minutes`` (``None``: ``plan_minutes``). Clocks may differ by some minutes; one
        of the future is not trusted either."""
        age = (self.clock.now() - made).total_seconds() / 60
        return not -5 <= age <= (self.plan_minutes if minutes is None else minutes)

    async def attempt(
        self,
        source: Source,
        subscription_id: str,
        read: Callable[[], Awaitable[T]],
        keep: Callable[[T], Awaitable[None]],
    ) -> bool:
        """Read something and keep it. A failure is remembered as the subscription's problem and stops nobody else.

        Returns whether it succeeded. Success clears the problem and marks the source fresh.
        """
        try:
            async with self.gate:
                value = await read()
        except AzureProblem as problem:
            await self.remember(problem, source, subscription_id)
            return False
        await keep(value)
        await self.fleet.clear_problem(source, subscription_id)
        await self.fleet.mark_fresh(source, subscription_id)
        return True

    async def remember(self, problem: AzureProblem, source: Source, subscription_id: str) -> None:
        """Keep a failure as the subscription's problem, and in the log when it is new."""
        known = {(one.source, one.subscription_id.lower()): one.message for one in await self.fleet.problems()}
        if known.get((str(source), subscription_id.lower())) != problem.message:
            where = f" ({subscription_id})" if subscription_id else ""
            await self.fleet.add_log("error", f"{source}{where}: {problem.message}")
        await self.fleet.put_problem(Problem(problem.code, problem.message, source, self.clock.now(), subscription_id))
