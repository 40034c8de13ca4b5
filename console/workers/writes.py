"""The writes that plans consist of: what each needs, sending one, and what Azure holds of them now."""

from __future__ import annotations

from collections.abc import Iterable

from cache.changes import ABSENT, PROVIDER, PUT_PRICING, PUT_SETTING, REGISTER_PROVIDER, SERVERS, Write, word
from cache.model import Intent
from console.rules import rights
from console.rules.extensions import DELETING, FAILED, extension_state
from console.rules.settings import read_settings
from console.workers.work import Work

NEEDS = {PUT_SETTING: rights.ENABLE, PUT_PRICING: rights.SET_PLAN, REGISTER_PROVIDER: rights.REGISTER}
"""The action that each write needs."""

REGISTERING = "registering"
"""The state of a provider, in lower case, while Azure carries a registration out."""


async def send(work: Work, subscription_id: str, write: Write) -> list[str]:
    """Send a write, once. Returns what Azure says failed of it all the same. Raises an ``AzureProblem``: then read it back."""
    match write.action:
        case "put-setting":
            await work.azure.put_setting(subscription_id, write.name, write.after == word(True))
        case "put-pricing":
            return await work.azure.put_servers_plan(subscription_id, write.after)
        case _:
            await work.azure.register_provider(subscription_id)
    return []


async def holds(work: Work, subscription_id: str, writes: Iterable[Write], *, written: bool = False) -> dict[str, str]:
    """What Azure has now of what these write, by name, as the trail spells it. ``written``: it was just written, so the cache keeps it.

    Raises an ``AzureProblem``.
    """
    wanted = list(writes)
    actions = {one.action for one in wanted}
    found: dict[str, str] = {}
    if REGISTER_PROVIDER in actions:
        found[PROVIDER] = await work.azure.provider_state(subscription_id)
        if written:
            await work.fleet.put_provider(subscription_id, found[PROVIDER])
    if PUT_PRICING in actions:
        found[SERVERS] = await work.azure.servers_plan(subscription_id)
        if written:
            await work.fleet.put_servers_plan(subscription_id, found[SERVERS])
    if PUT_SETTING in actions:
        settings = await work.azure.settings(subscription_id)
        found |= {one.name: word(settings.get(one.name)) for one in wanted if one.action == PUT_SETTING}
        if written:
            integration, linux, unified = read_settings(settings)
            turned_on = integration == "on" and linux != "excluded"
            await work.fleet.put_settings(subscription_id, integration, linux, unified, enabled_at=work.clock.now() if turned_on else None)
    return found


async def extension_holds(work: Work, target: str) -> str:
    """What Azure has of the Defender extension with this resource id: its state while it is failed or being deleted, else ``absent``.

    One that is being installed, or has succeeded, is a new one.
    """
    machine_id, _, name = target.rpartition("/extensions/")
    kind = "arc" if "/microsoft.hybridcompute/" in machine_id.lower() else "vm"
    found = next((one for one in await work.azure.extension_details(machine_id, kind) if one.name.lower() == name.lower()), None)
    return found.state if found is not None and extension_state(found) in {FAILED, DELETING} else ABSENT


def is_done(write: Write, now: str) -> bool:
    """Whether Azure has what was to be written."""
    return now.lower() == write.after.lower()


def has_moved(write: Write, now: str) -> bool:
    """Whether Azure has something else than when the plan was made. A provider that is not registered is registered, whatever
    its state was called."""
    return write.action != REGISTER_PROVIDER and now.lower() != write.before.lower()


def write_of(intent: Intent) -> Write:
    """The write that an intent in the trail was about."""
    return Write(intent.action, intent.target.partition("/")[2], intent.before, intent.after)
