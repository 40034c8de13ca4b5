"""Prerequisites that are answered by the subscription itself: rights, cloud, state, plan, settings, and what only people know."""

from __future__ import annotations

from collections.abc import Callable

from cache.model import Check, CheckStatus, Source
from console.rules.known import (
    AVAILABILITY,
    FAQ,
    LINUX,
    OWNER,
    PORTAL,
    PREREQUISITES,
    REQUIREMENTS,
    SECURITY_ADMIN,
    Known,
    Question,
    count,
)
from console.rules.onboarding import INACTIVE, UNREGISTERED
from console.rules.rights import ENABLE, READ_ALERTS, READ_ARC, READ_VMS, TRIAGE
from console.rules.settings import UNIFIED
from console.rules.systems import UNIFIED_SERVERS

PLANS = frozenset(("P1", "P2", "standard"))
"""The Defender for Servers plans that include Defender for Endpoint."""

NOT_HERE = "The integration does not exist in this cloud."

RIGHT_TO_ENABLE = Question("right-to-enable", "You may enable the integration", AVAILABILITY)
RIGHT_TO_SEE_MACHINES = Question("right-to-see-machines", "You may see the machines", AVAILABILITY)
RIGHT_TO_TRIAGE = Question("right-to-triage", "You may see and change alerts", AVAILABILITY)
CLOUD = Question("cloud", "The cloud offers the integration", AVAILABILITY)
SUBSCRIPTION_STATE = Question("subscription-state", "The subscription is active", PREREQUISITES)
PROVIDER = Question("provider", "Microsoft.Security is registered", PREREQUISITES)
SERVERS_PLAN = Question("servers-plan", "Defender for Servers is on", AVAILABILITY)
INTEGRATION = Question("integration", "The integration is on", PREREQUISITES)
LINUX_INCLUDED = Question("linux", "Linux machines are included", LINUX)
UNIFIED_SOLUTION = Question("unified-solution", "The unified solution serves Windows Server 2012 R2 and 2016", FAQ)
TENANT_MOVE = Question("tenant-move", "The subscription was not moved between tenants, or support has prepared it", REQUIREMENTS)
DATA_LOCATION = Question("data-location", "The location of Defender's data is right", REQUIREMENTS)
LICENCE = Question("licence", "Licences for Defender for Endpoint", FAQ)
PORTAL_ACCESS = Question("portal-access", "The Defender portal can be opened", PORTAL)


def _assign(known: Known, role: str) -> str:
    return f'az role assignment create --role "{role}" --assignee <you> --scope /subscriptions/{known.subscription.id}'


def right_to_enable(known: Known) -> Check:
    """Whether the caller may write the integration settings."""
    ask = RIGHT_TO_ENABLE
    match known.subscription.can_enable:
        case True:
            return ask.answer(known, CheckStatus.PASS, f"Your permissions include {ENABLE}.")
        case False:
            return ask.answer(
                known,
                CheckStatus.FAIL,
                f"Your permissions do not include {ENABLE}.",
                who=OWNER,
                remedy="Have the role Security Admin or Owner assigned to you on the subscription.",
                command=_assign(known, "Security Admin"),
            )
    why = known.why_unknown(Source.PERMISSIONS)
    return ask.answer(
        known, CheckStatus.UNKNOWN, why, who=OWNER, remedy="Ask whether you have Security Admin or Owner on the subscription."
    )


def right_to_see_machines(known: Known) -> Check:
    """Whether the caller sees Azure VMs and Azure Arc machines."""
    ask, subscription = RIGHT_TO_SEE_MACHINES, known.subscription
    if subscription.can_see_machines is None:
        why = known.why_unknown(Source.PERMISSIONS)
        return ask.answer(known, CheckStatus.UNKNOWN, why, who=OWNER, remedy="Ask whether you have Reader on the subscription.")
    missing = [action for action in (READ_VMS, READ_ARC) if known.may(action) is not True]
    if subscription.can_see_machines and (not missing or subscription.permissions is None):
        return ask.answer(known, CheckStatus.PASS, f"Your permissions include {READ_VMS} and {READ_ARC}.")
    partly = subscription.can_see_machines
    said = " and ".join(missing) if missing else f"{READ_VMS} and {READ_ARC}"
    blind = "" if partly else " Security Admin and Security Reader alone do not show machines."
    return ask.answer(
        known,
        CheckStatus.WARN if partly else CheckStatus.FAIL,
        f"Your permissions do not include {said}, so {'some' if partly else 'all'} machines are hidden from you.{blind}",
        who=OWNER,
        remedy="Have the role Reader assigned to you on the subscription.",
        command=_assign(known, "Reader"),
    )


def right_to_triage(known: Known) -> Check:
    """Whether the caller may see alerts and change their status."""
    ask, subscription = RIGHT_TO_TRIAGE, known.subscription
    if subscription.can_triage is None:
        why = known.why_unknown(Source.PERMISSIONS)
        return ask.answer(known, CheckStatus.UNKNOWN, why, who=OWNER, remedy="Ask whether you have Security Admin on the subscription.")
    if subscription.can_triage:
        return ask.answer(known, CheckStatus.PASS, "Your permissions include reading, activating, resolving and dismissing alerts.")
    sees = known.may(READ_ALERTS)
    missing = [action for action in TRIAGE if known.may(action) is not True] or list(TRIAGE)
    seeing = "You may see alerts but not change them" if sees else "You may not change alerts" if sees is None else "You may not see alerts"
    return ask.answer(
        known,
        CheckStatus.WARN,
        f"{seeing}: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing.",
        who=OWNER,
        remedy="To change alerts, have the role Security Admin assigned; to see them, Security Reader is enough.",
        command=_assign(known, "Security Admin"),
    )


def cloud(known: Known) -> Check:
    """Whether Microsoft offers the integration in this cloud."""
    if known.integration_supported:
        return CLOUD.answer(known, CheckStatus.PASS, "This cloud offers the integration.")
    return CLOUD.answer(
        known,
        CheckStatus.FAIL,
        NOT_HERE,
        who="Nobody: Microsoft does not offer it here",
        remedy="Only alerts can be looked at here. Machines are onboarded by Defender's own means.",
    )


def subscription_state(known: Known) -> Check:
    """Whether Azure accepts changes in the subscription."""
    state = known.subscription.state
    low = state.lower()
    billing = known.link("Microsoft_Azure_Billing/SubscriptionsBlade")
    if low == "enabled":
        return SUBSCRIPTION_STATE.answer(known, CheckStatus.PASS, "It is Enabled.")
    if low in INACTIVE:
        return SUBSCRIPTION_STATE.answer(
            known,
            CheckStatus.FAIL,
            f"It is {state}: Azure accepts no change.",
            who=OWNER,
            remedy="Reactivate the subscription.",
            link=billing,
        )
    if low in {"warned", "pastdue"}:
        return SUBSCRIPTION_STATE.answer(
            known,
            CheckStatus.WARN,
            f"It is {state}: Azure may soon disable it.",
            who=OWNER,
            remedy="Settle what is due before Azure disables the subscription.",
            link=billing,
        )
    said = f"Azure calls it “{state}”, which is not known here." if state else "Azure does not tell its state."
    return SUBSCRIPTION_STATE.answer(known, CheckStatus.UNKNOWN, said, who=OWNER, remedy="Look at it in the portal.", link=billing)


_HERE = "A plan does it too: press 3, then o."
"""What a plan can do besides."""


def provider(known: Known) -> Check:
    """Whether the resource provider of Defender for Cloud is registered."""
    state = known.subscription.provider
    if state is None:
        return PROVIDER.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.PROVIDER))
    if state.lower() == "registered":
        return PROVIDER.answer(known, CheckStatus.PASS, "It is registered.")
    command = f"az provider register --namespace Microsoft.Security --subscription {known.subscription.id}"
    who = "Owner or Contributor of the subscription"
    if state.lower() == "registering":
        return PROVIDER.answer(known, CheckStatus.WARN, "It is being registered.", who=who, remedy="Wait some minutes, and sync again.")
    if state.lower() in UNREGISTERED:
        return PROVIDER.answer(
            known, CheckStatus.FAIL, f"It is {state}.", who=who, remedy=f"Register the provider. {_HERE}", command=command
        )
    said = f"Azure calls its registration “{state}”, which is not known here."
    return PROVIDER.answer(known, CheckStatus.UNKNOWN, said, who=who, remedy="Look at it in the portal.")


def servers_plan(known: Known) -> Check:
    """Whether Defender for Servers, which the integration requires, is on."""
    plan = known.subscription.servers_plan
    if plan is None:
        return SERVERS_PLAN.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.PLAN))
    if plan in PLANS:
        return SERVERS_PLAN.answer(known, CheckStatus.PASS, "It is on." if plan == "standard" else f"Plan {plan[1]} is on.")
    pricing = "az security pricing create --name VirtualMachines --tier Standard --subplan P2"
    portal = known.link("Microsoft_Azure_Security/SecurityMenuBlade/EnvironmentSettings")
    if plan == "free":
        return SERVERS_PLAN.answer(
            known,
            CheckStatus.FAIL,
            "It is off, and the integration requires it.",
            who=SECURITY_ADMIN,
            remedy=f"Switch the plan on. It is billed by machine. {_HERE}",
            command=f"{pricing} --subscription {known.subscription.id}",
            link=portal,
        )
    said = f"Azure calls the plan “{plan}”, which is not known here."
    return SERVERS_PLAN.answer(known, CheckStatus.UNKNOWN, said, who=SECURITY_ADMIN, remedy="Look at it in the portal.", link=portal)


def integration(known: Known) -> Check:
    """Whether *Allow Microsoft Defender for Endpoint to access my data* is selected."""
    match known.subscription.integration:
        case "on":
            return INTEGRATION.answer(known, CheckStatus.PASS, "“Allow Microsoft Defender for Endpoint to access my data” is selected.")
        case "off":
            return INTEGRATION.answer(
                known,
                CheckStatus.FAIL,
                "“Allow Microsoft Defender for Endpoint to access my data” is not selected.",
                who=SECURITY_ADMIN,
                remedy="Enable the integration, which brings Windows and Linux machines. First look at what the plan would do.",
                command=f"mde-console plan --subscription {known.subscription.id}",
            )
    return INTEGRATION.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.SETTINGS))


def linux(known: Known) -> Check:
    """Whether Linux machines are onboarded too."""
    subscription = known.subscription
    command = f"mde-console plan --subscription {subscription.id}"
    if subscription.integration == "off":
        left = " An exclusion of Linux is left from before; enabling takes it back." if subscription.linux == "excluded" else ""
        return LINUX_INCLUDED.answer(
            known,
            CheckStatus.FAIL,
            f"The integration is off, so no Linux machine is onboarded.{left}",
            who=SECURITY_ADMIN,
            remedy="Enable the integration. First look at what the plan would do.",
            command=command,
        )
    if subscription.integration == "on":
        match subscription.linux:
            case "enabled":
                return LINUX_INCLUDED.answer(known, CheckStatus.PASS, "Linux machines are not excluded.")
            case "excluded":
                return LINUX_INCLUDED.answer(
                    known,
                    CheckStatus.FAIL,
                    "The integration is on for Windows, but Linux machines are excluded.",
                    who=SECURITY_ADMIN,
                    remedy="Enable for Linux machines. First look at what the plan would do.",
                    command=command,
                )
            case "not-set":
                return LINUX_INCLUDED.answer(
                    known,
                    CheckStatus.WARN,
                    "It is not set. Linux machines are probably onboarded, but Microsoft's policy calls this not compliant.",
                    who=SECURITY_ADMIN,
                    remedy="Set it explicitly. First look at what the plan would do.",
                    command=command,
                )
    return LINUX_INCLUDED.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.SETTINGS))


def unified_solution(known: Known) -> Check:
    """Whether old Windows Servers get Defender without the retired Log Analytics agent."""
    ask, unified = UNIFIED_SOLUTION, known.subscription.unified
    if unified not in {"on", "off", "not-set"} or known.subscription.integration not in {"on", "off"}:
        return ask.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.SETTINGS))
    if unified == "on" and known.subscription.integration == "on":
        return ask.answer(known, CheckStatus.PASS, "It is on: these systems need no Log Analytics agent.")
    said = {"on": "It is on, but works only while the integration is on.", "off": "It is off."}.get(unified, "It is not set.")
    if not known.machines_known:
        return ask.answer(known, CheckStatus.UNKNOWN, f"{said} Whether a machine needs it is not known.")
    affected = [one for one in known.machines if one.kind.system.name in UNIFIED_SERVERS]
    if not affected and known.hidden:
        return ask.answer(known, CheckStatus.UNKNOWN, f"{said} {known.hidden}")
    if not affected:
        return ask.answer(known, CheckStatus.NOT_APPLICABLE, f"{said} No machine that is known here needs it.")
    if unified == "on":
        remedy = "Enable the integration. First look at what the plan would do."
        command = f"mde-console plan --subscription {known.subscription.id}"
        return ask.answer(known, CheckStatus.WARN, said, who=SECURITY_ADMIN, remedy=remedy, command=command, machines=affected)
    hang = count(affected, "hangs", "hang")
    return ask.answer(
        known,
        CheckStatus.WARN,
        f"{said} {hang} on the Log Analytics agent, which was retired in August 2024.",
        who=SECURITY_ADMIN,
        remedy="Switch the unified solution on.",
        command=f"az security setting update --name {UNIFIED} --data-export-settings enabled=true --subscription {known.subscription.id}",
        link=known.link("Microsoft_Azure_Security/SecurityMenuBlade/EnvironmentSettings"),
        machines=affected,
    )


def tenant_move(known: Known) -> Check:
    """A manual step: Azure does not tell whether a subscription was moved between tenants."""
    return TENANT_MOVE.answer(
        known,
        CheckStatus.MANUAL,
        "Azure does not tell whether it was moved. A moved one stays without Defender until Microsoft's support has prepared it.",
        who=OWNER,
        remedy="If it was moved, ask Microsoft's support to prepare it. Then, or if it never was, tick this.",
        link=known.support(),
    )


def data_location(known: Known) -> Check:
    """A notice to be confirmed: where Defender keeps its data cannot be changed later."""
    return DATA_LOCATION.answer(
        known,
        CheckStatus.MANUAL,
        "A Defender tenant is made by itself once machines are watched. Data is kept in the geography that was found then, which cannot "
        "be changed; pseudonymised data may also be kept in the United States.",
        who="Administrator of the Defender tenant",
        remedy="Look it up in the Defender portal (Settings, Endpoints, Data retention) and tick this. Only Microsoft's support can reset "
        "a tenant.",
        link=known.support(),
    )


def portal_access(known: Known) -> Check:
    """A manual step: who may open the Defender portal is decided there, and what lies between is not Azure's."""
    return PORTAL_ACCESS.answer(
        known,
        CheckStatus.MANUAL,
        "Azure does not tell who may open it. The sensor connects from the system context, so proxy and firewall must let anonymous "
        "traffic pass.",
        who="Administrator of the Defender tenant",
        remedy="Have your account given access in the Defender portal, allow Defender's service addresses in the proxy, open the portal "
        "once and tick this.",
        link="https://learn.microsoft.com/defender-endpoint/assign-portal-access",
    )


def licence(known: Known) -> Check:
    """Whether Defender for Endpoint is paid for by Defender for Servers."""
    plan = known.subscription.servers_plan
    if plan in PLANS:
        return LICENCE.answer(
            known,
            CheckStatus.PASS,
            "Defender for Servers includes it at no additional cost.",
            who="Billing owner",
            remedy="Who owns licences already can ask support for a discount, with the workspace id, its region and the number of "
            "licences, which the report gathers. It is not given retroactively.",
            command=f"mde-console report discount --subscription {known.subscription.id} --out discount.md",
            link=known.support(),
        )
    if plan == "free":
        return LICENCE.answer(
            known,
            CheckStatus.WARN,
            "Defender for Servers is off, so it is not included.",
            who="Billing owner",
            remedy="Switch Defender for Servers on, or buy licences separately (for 50 machines or more).",
        )
    return LICENCE.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.PLAN))


FIRST: tuple[Callable[[Known], Check], ...] = (
    right_to_enable,
    right_to_see_machines,
    right_to_triage,
    cloud,
    subscription_state,
    provider,
    servers_plan,
    integration,
    linux,
    unified_solution,
)
LAST: tuple[Callable[[Known], Check], ...] = (tenant_move, data_location, licence)
