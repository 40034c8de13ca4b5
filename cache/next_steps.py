"""What is to be done next for a subscription that is not proven whole, in the order in which it is to be done: each with its command."""

from __future__ import annotations

from collections.abc import Iterator

from cache.changes import kind_of
from cache.model import ABOARD, ON_THE_WAY, MachineState
from cache.proof import Proof, SubscriptionProof

PROVEN = (Proof.PROVEN, Proof.NOTHING)


def next_steps(one: SubscriptionProof) -> list[str]:
    """The steps; none where all is proven."""
    return [*_enabling(one), *_machines(one), *_proofs(one)]


def _enabling(one: SubscriptionProof) -> Iterator[str]:
    known, here = one.facts.known, f"--subscription {one.id}"
    if known is None:
        yield "Look whether it still exists and whether you may see it: mde-console sync reads the list anew."
        return
    for each in one.facts.writes.values():
        if kind_of(each.outcome) in ("failed", "unknown"):
            yield f"The last write of {each.setting} from here did not end well ({each.outcome}): plan again, mde-console plan {here}."
    if one.enabled.proof in PROVEN:
        return
    registered = known.provider is None or known.provider.lower() in ("registered", "registering")
    if not registered:
        yield f"Register Microsoft.Security: mde-console plan {here} --register-provider (3, then o), or az provider register."
    elif one.enabled.proof is Proof.UNKNOWN:
        yield f"Read its settings: mde-console sync {here} (r). Where they cannot be read, that says why and who can help."
    elif known.can_enable is False:
        yield "Have it enabled by somebody with Security Admin or Owner on it: you have no right to."
    else:
        more = " --servers-plan P2 (billed by machine)" if known.servers_plan == "free" else ""
        yield f"Enable it: mde-console plan {here}{more} shows what that changes (3{', then o' if more else ''})."


def _machines(one: SubscriptionProof) -> Iterator[str]:
    known, states = one.facts.known, one.states
    if known is not None and known.can_see_machines is False:
        yield "Ask an owner for Reader on it: without that nobody can tell here how its machines do."
    stuck = sum(states.get(state, 0) for state in (MachineState.FAILED, MachineState.BLOCKED, MachineState.UNHEALTHY, MachineState.OVERDUE))
    if stuck:
        many = "1 machine that is" if stuck == 1 else f"{stuck:,} machines that are"
        yield f"Mend the {many} failed, blocked, unhealthy or overdue: each cause has its remedy beside it (m shows them)."
    coming = sum(states.get(state, 0) for state in ON_THE_WAY)
    if coming:
        yield f"Wait for {coming:,} on the way, or look how they come: mde-console machines --subscription {one.id} (6)."
    if states.get(MachineState.UNKNOWN):
        yield f"Find out about {states[MachineState.UNKNOWN]:,} of which the state is not known: their pages say what is missing (4)."


def _proofs(one: SubscriptionProof) -> Iterator[str]:
    if not any(one.states.get(state, 0) for state in ABOARD):
        return
    if one.healthy.proof not in PROVEN:
        yield f"Ask the onboarded machines whether Defender works: mde-console verify --subscription {one.id} (v on 4)."
    if one.alert.proof not in PROVEN:
        systems = " and ".join(each.system for each in one.tests if each.shown.proof not in PROVEN)
        yield f"Run the detection test{f' on {systems}' if systems else ''}: mde-console test-alert --subscription {one.id} (a on 4)."
