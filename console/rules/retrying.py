"""Trying a failed Defender extension again: whether that makes sense, and what it does.

The extension is not deployed by hand, since it needs a package that only Defender for Cloud hands to it. So the failed one is deleted, and
Azure provisions a new one, as it does for every machine while the integration is on.

Source: seed, *What's this "MDE.Windows"/"MDE.Linux" extension*; field notes, *deleting the extension that brings it back*; the extension
operations of Microsoft.Compute and Microsoft.HybridCompute; as of 2026-03.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from cache.model import Diagnosis, Extension, Machine, Subscription
from console.rules.conflicts import fanotify_conflict
from console.rules.extensions import FAILED, defender_extension, extension_state
from console.rules.onboarding import INACTIVE, UNREGISTERED
from console.rules.rights import allows
from console.rules.settings import linux_on, windows_on
from console.rules.systems import judge_system

RIGHTS = {
    "vm": "Microsoft.Compute/virtualMachines/extensions/delete",
    "arc": "Microsoft.HybridCompute/machines/extensions/delete",
}
"""The action that deleting an extension needs, by kind of machine."""

AWAY = {
    "vm": frozenset(("stopped", "deallocated", "stopping", "deallocating")),
    "arc": frozenset(("disconnected", "expired", "error", "awaitingconnection")),
}
"""Powers and states of agents with which no extension can be changed."""

DOES = (
    "Deletes the failed extension {name} from {machine}. Azure then provisions a new one by itself, while the integration is on.",
    "How soon is not documented: for new machines it usually takes an hour, and may take 24.",
    "It removes nothing of Defender from the machine and offboards nothing.",
    "If the cause is still there it fails again, in the same way.",
)
"""What is to be known before."""


@dataclass(frozen=True, slots=True)
class Retry:
    """What trying again would do. ``refusal``: why it is not done; empty if it can be. ``told``: what it does, and what to do before.
    ``extension`` is the failed one, ``None`` where there is none.
    """

    machine: Machine
    extension: Extension | None
    refusal: str = ""
    told: tuple[str, ...] = ()


def retry_of(machine: Machine, subscription: Subscription, diagnosis: Diagnosis | None, *, integration_supported: bool) -> Retry:
    """Whether and how the Defender extension of ``machine`` can be tried again, from what was just read."""
    extension = defender_extension(machine)
    refusal = _refusal(machine, subscription, extension) if integration_supported else "This cloud has no integration with Defender."
    if refusal or extension is None:
        return Retry(machine, extension, refusal)
    told = [sentence.format(name=extension.name, machine=machine.name) for sentence in DOES]
    if diagnosis is not None:
        told += [f"It failed because: {diagnosis.cause}", f"Do this first: {diagnosis.remedy}"]
    return Retry(machine, extension, "", tuple(told))


def _refusal(machine: Machine, subscription: Subscription, extension: Extension | None) -> str:
    if not machine.extensions_known:
        return "The extensions of this machine could not be read, so nothing is tried again."
    if extension is None:
        return "There is no Defender extension on this machine. Azure provisions one by itself while the integration is on."
    if (state := extension_state(extension)) != FAILED:
        return f"{extension.name} has not failed, it is {state}: there is nothing to try again."
    if judge_system(machine).supported is False:
        return f"It would fail again, since the system is not supported: {judge_system(machine).reason}"
    others = replace(machine, extensions=tuple(one for one in machine.extensions if one is not extension))
    if product := fanotify_conflict(others):
        return f"{product} holds fanotify on the machine, and Azure ignores such machines, so nothing would bring the extension back."
    if machine.power.lower() in AWAY.get(machine.kind, frozenset()):
        return f"The machine is {machine.power}, so Azure cannot change its extensions. Bring it back first."
    return _nothing_restores(machine, subscription) or _no_right(machine, subscription)


def _nothing_restores(machine: Machine, subscription: Subscription) -> str:
    """Why Azure would not provision the extension again once it is deleted."""
    if subscription.state.lower() in INACTIVE:
        return f"The subscription is {subscription.state}; Azure accepts no change."
    if subscription.provider is not None and subscription.provider.lower() in UNREGISTERED:
        return "Microsoft.Security is not registered on the subscription, so nothing would bring the extension back."
    if subscription.servers_plan == "free":
        return "Defender for Servers is off, so nothing would bring the extension back. Plan the subscription first (3)."
    is_on = linux_on(subscription) if machine.os_type.lower() == "linux" else windows_on(subscription)
    if is_on is None:
        return "It could not be read whether the integration is on, so it is not known whether anything would bring the extension back."
    if not is_on:
        return "The integration is off for this machine, so nothing would bring the extension back. Plan the subscription first (3)."
    return ""


def _no_right(machine: Machine, subscription: Subscription) -> str:
    action = RIGHTS.get(machine.kind, RIGHTS["vm"])
    if subscription.permissions is None:
        return f"It could not be read whether you may delete extensions here ({action})."
    if not allows(subscription.permissions, action):
        return f"You have no right to delete extensions here ({action}; Virtual Machine Contributor, Contributor or Owner)."
    return ""
