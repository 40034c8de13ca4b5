"""The prerequisites of the seed, checked for one subscription: what holds, what it rests on, who can mend the rest and how.

Each check is a function of what is known (:class:`Known`); the order of :data:`CHECKS` is the order of the list. Data that is missing
makes *unknown*, never *pass*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cache.model import Assessment, Check, CheckStatus, Machine, MachineState, Onboarding, Problem, Source, Subscription, Tick
from console.rules.conflicts import fanotify_conflict
from console.rules.extensions import extension_state, log_analytics_extension
from console.rules.systems import LOG_ANALYTICS, UNIFIED_SERVERS, judge_system

SECURITY_ADMIN = "Security Admin or Owner of the subscription"
OWNER = "Owner of the subscription"
MACHINE_ADMIN = "Administrator of the machines"

LOG_ANALYTICS_KEYS = (
    "d1db3318-01ff-16de-29eb-28b344515626",
    "720a3e77-0b9a-4fa9-98b6-ddf0fd7e32c1",
    "27ac71b1-75c5-41c2-adc2-858f5db45b08",
)
EDR_KEYS = ("06e3a6db-6c0c-4ad9-943f-31d9d73ecf6c", "dc5357d0-3858-4d17-a1a3-072840bff5be")

AVAILABILITY = "Availability"
PREREQUISITES = "Enable the integration: Prerequisites"
REQUIREMENTS = "Requirements for the Defender for Endpoint tenant"
FAQ = "FAQ"


@dataclass(frozen=True, slots=True)
class Known:
    """All that the checks of one subscription stand on."""

    subscription: Subscription
    machines: Sequence[Machine]
    onboardings: Mapping[str, Onboarding]
    assessments: Sequence[Assessment]
    problems: Mapping[str, Problem]
    ticks: Mapping[str, Tick]
    integration_supported: bool
    azure_portal: str

    @property
    def machines_known(self) -> bool:
        """Whether the list of machines can be trusted to be complete."""
        return self.subscription.can_see_machines is True and Source.MACHINES not in self.problems

    def link(self, blade: str) -> str:
        """A page of the Azure portal."""
        return f"{self.azure_portal}/#blade/{blade}"


def checks_of(
    subscription: Subscription,
    machines: Sequence[Machine],
    onboardings: Mapping[str, Onboarding],
    assessments: Sequence[Assessment],
    problems: Sequence[Problem],
    ticks: Sequence[Tick],
    *,
    integration_supported: bool,
    azure_portal: str,
    now: datetime,
) -> list[Check]:
    """Every check for ``subscription``. ``onboardings`` is keyed by lower-cased machine id. Each check appears exactly once."""
    known = Known(
        subscription,
        machines,
        onboardings,
        assessments,
        {one.source: one for one in problems},
        {one.check_id: one for one in ticks},
        integration_supported,
        azure_portal.rstrip("/"),
    )
    found = []
    for check in (make(known) for make in CHECKS):
        tick = known.ticks.get(check.id)
        if tick is not None and check.status is CheckStatus.MANUAL:
            check = replace(check, status=CheckStatus.PASS, ticked_by=tick.who, ticked_at=tick.at)
        found.append(replace(check, as_of=subscription.as_of or now))
    return found


def _check(known: Known, id: str, title: str, status: CheckStatus, evidence: str, reference: str, **more: str) -> Check:
    return Check(known.subscription.id, id, title, status, evidence, reference=reference, **more)  # type: ignore[arg-type]  # more holds text


def _naming(check: Check, machines: Sequence[Machine]) -> Check:
    return replace(check, machine_ids=tuple(machine.id for machine in machines))


def _why_unknown(known: Known, source: Source) -> str:
    problem = known.problems.get(source)
    return problem.message if problem is not None else "It has not been read yet."


def _many(machines: Sequence[Machine], what: str) -> str:
    return f"{len(machines)} {'machine' if len(machines) == 1 else 'machines'} {what}"


def _right(known: Known, id: str, title: str, holds: bool | None, action: str, needs: str, missing: CheckStatus) -> Check:
    if holds is None:
        return _check(
            known,
            id,
            title,
            CheckStatus.UNKNOWN,
            _why_unknown(known, Source.PERMISSIONS),
            AVAILABILITY,
            who=OWNER,
            remedy=f"Ask for {needs} on the subscription.",
        )
    if holds:
        return _check(known, id, title, CheckStatus.PASS, f"Your permissions include {action}.", AVAILABILITY)
    role = needs.split(" or ")[0]
    return _check(
        known,
        id,
        title,
        missing,
        f"Your permissions do not include {action}.",
        AVAILABILITY,
        who=OWNER,
        remedy=f"Have the role {needs} assigned on the subscription.",
        command=f'az role assignment create --role "{role}" --assignee <you> --scope /subscriptions/{known.subscription.id}',
    )


def _enable_right(known: Known) -> Check:
    return _right(
        known,
        "right-to-enable",
        "You may enable the integration",
        known.subscription.can_enable,
        "Microsoft.Security/settings/write",
        "Security Admin or Owner",
        CheckStatus.FAIL,
    )


def _machine_right(known: Known) -> Check:
    return _right(
        known,
        "right-to-see-machines",
        "You may see the machines",
        known.subscription.can_see_machines,
        "Microsoft.Compute/virtualMachines/read",
        "Reader",
        CheckStatus.FAIL,
    )


def _triage_right(known: Known) -> Check:
    return _right(
        known,
        "right-to-triage",
        "You may change alerts",
        known.subscription.can_triage,
        "Microsoft.Security/locations/alerts/…/action",
        "Security Admin or Owner",
        CheckStatus.WARN,
    )


def _cloud(known: Known) -> Check:
    if known.integration_supported:
        return _check(known, "cloud", "The cloud offers the integration", CheckStatus.PASS, "This cloud offers it.", AVAILABILITY)
    return _check(
        known,
        "cloud",
        "The cloud offers the integration",
        CheckStatus.FAIL,
        "The integration does not exist in this cloud.",
        AVAILABILITY,
        who="Nobody",
        remedy="Only alerts can be looked at here; onboard machines by Defender's own means.",
    )


def _state(known: Known) -> Check:
    state = known.subscription.state
    title = "The subscription is active"
    if state == "Enabled":
        return _check(known, "subscription-state", title, CheckStatus.PASS, "It is Enabled.", PREREQUISITES)
    if state.lower() in {"disabled", "deleted"}:
        return _check(
            known,
            "subscription-state",
            title,
            CheckStatus.FAIL,
            f"It is {state}: Azure accepts no change.",
            PREREQUISITES,
            who=OWNER,
            remedy="Reactivate the subscription.",
            link=known.link("Microsoft_Azure_Billing/SubscriptionsBlade"),
        )
    status = CheckStatus.WARN if state in {"Warned", "PastDue"} else CheckStatus.UNKNOWN
    return _check(
        known,
        "subscription-state",
        title,
        status,
        f"It is {state or 'in a state that is not told'}.",
        PREREQUISITES,
        who=OWNER,
        remedy="Settle what Azure warns about, before it disables the subscription.",
    )


def _provider(known: Known) -> Check:
    title, state = "Microsoft.Security is registered", known.subscription.provider
    command = f"az provider register --namespace Microsoft.Security --subscription {known.subscription.id}"
    if state is None:
        return _check(known, "provider", title, CheckStatus.UNKNOWN, _why_unknown(known, Source.PROVIDER), PREREQUISITES)
    if state.lower() == "registered":
        return _check(known, "provider", title, CheckStatus.PASS, "It is registered.", PREREQUISITES)
    status = CheckStatus.WARN if state.lower() == "registering" else CheckStatus.FAIL
    return _check(
        known,
        "provider",
        title,
        status,
        f"It is {state}.",
        PREREQUISITES,
        who="Owner or Contributor of the subscription",
        remedy="Register the provider.",
        command=command,
    )


def _plan(known: Known) -> Check:
    title, plan = "Defender for Servers is on", known.subscription.servers_plan
    if plan is None:
        return _check(known, "servers-plan", title, CheckStatus.UNKNOWN, _why_unknown(known, Source.PLAN), AVAILABILITY)
    if plan == "free":
        return _check(
            known,
            "servers-plan",
            title,
            CheckStatus.FAIL,
            "The plan is off; the integration requires it.",
            AVAILABILITY,
            who=SECURITY_ADMIN,
            remedy="Switch the plan on. It is billed by machine.",
            command=f"az security pricing create --name VirtualMachines --tier Standard --subplan P2 --subscription {known.subscription.id}",
            link=known.link("Microsoft_Azure_Security/SecurityMenuBlade/EnvironmentSettings"),
        )
    if plan in {"P1", "P2", "standard"}:
        return _check(known, "servers-plan", title, CheckStatus.PASS, f"The plan is {plan}.", AVAILABILITY)
    return _check(
        known, "servers-plan", title, CheckStatus.UNKNOWN, f"Azure calls the plan “{plan}”, which is not known here.", AVAILABILITY
    )


def _integration(known: Known) -> Check:
    title, integration = "The integration is on", known.subscription.integration
    if integration is None:
        return _check(known, "integration", title, CheckStatus.UNKNOWN, _why_unknown(known, Source.SETTINGS), PREREQUISITES)
    if integration == "on":
        return _check(
            known, "integration", title, CheckStatus.PASS, "Allow Microsoft Defender for Endpoint to access my data is on.", PREREQUISITES
        )
    return _check(
        known,
        "integration",
        title,
        CheckStatus.FAIL,
        "Allow Microsoft Defender for Endpoint to access my data is off.",
        PREREQUISITES,
        who=SECURITY_ADMIN,
        remedy="Enable it: press 3. It brings Windows and Linux machines.",
        command=f"mde-console plan --subscription {known.subscription.id}",
    )


def _linux(known: Known) -> Check:
    title, linux = "Linux machines are included", known.subscription.linux
    reference = "Enable the integration: Linux"
    if known.subscription.integration is None or linux is None:
        return _check(known, "linux", title, CheckStatus.UNKNOWN, _why_unknown(known, Source.SETTINGS), reference)
    command = f"mde-console plan --subscription {known.subscription.id}"
    if known.subscription.integration == "off":
        return _check(
            known,
            "linux",
            title,
            CheckStatus.FAIL,
            "The integration is off, so Linux machines are not onboarded.",
            reference,
            who=SECURITY_ADMIN,
            remedy="Enable it: press 3.",
            command=command,
        )
    if linux == "enabled":
        return _check(known, "linux", title, CheckStatus.PASS, "Linux machines are not excluded.", reference)
    if linux == "excluded":
        return _check(
            known,
            "linux",
            title,
            CheckStatus.FAIL,
            "Linux machines are excluded.",
            reference,
            who=SECURITY_ADMIN,
            remedy="Enable for Linux machines: press 3.",
            command=command,
        )
    return _check(
        known,
        "linux",
        title,
        CheckStatus.WARN,
        "The setting is not set. Linux is probably onboarded, but Azure's policy objects.",
        reference,
        who=SECURITY_ADMIN,
        remedy="Set it explicitly: press 3.",
        command=command,
    )


def _legacy(known: Known) -> list[Machine]:
    """Windows machines that the Log Analytics agent provisions."""
    return [one for one in known.machines if (verdict := judge_system(one)).supported and verdict.provisioned_by == LOG_ANALYTICS]


def _unified(known: Known) -> Check:
    title, unified = "The unified solution serves Windows Server 2012 R2 and 2016", known.subscription.unified
    affected = [one for one in _legacy(known) if judge_system(one).name in UNIFIED_SERVERS]
    if unified is None:
        return _check(known, "unified-solution", title, CheckStatus.UNKNOWN, _why_unknown(known, Source.SETTINGS), PREREQUISITES)
    if unified == "on":
        return _check(known, "unified-solution", title, CheckStatus.PASS, "It is on; these need no Log Analytics agent.", PREREQUISITES)
    said = "It is off." if unified == "off" else "It is not set."
    if not known.machines_known:
        return _check(
            known, "unified-solution", title, CheckStatus.UNKNOWN, f"{said} Whether a machine needs it is not known.", PREREQUISITES
        )
    if not affected:
        return _check(known, "unified-solution", title, CheckStatus.NOT_APPLICABLE, f"{said} No machine needs it.", PREREQUISITES)
    return _naming(
        _check(
            known,
            "unified-solution",
            title,
            CheckStatus.WARN,
            f"{said} {_many(affected, 'depend on the retired Log Analytics agent')}.",
            PREREQUISITES,
            who=SECURITY_ADMIN,
            remedy="Switch the unified solution on, in Environment settings, Integrations.",
            command=f"az security setting update --name WDATP_UNIFIED_SOLUTION --enabled true --subscription {known.subscription.id}",
        ),
        affected,
    )


def _log_analytics(known: Known) -> Check:
    title = "The Log Analytics agent is where it is needed"
    reference = f"{PREREQUISITES}, step 1"
    if not known.machines_known:
        return _check(known, "log-analytics-agent", title, CheckStatus.UNKNOWN, _why_unknown(known, Source.MACHINES), reference)
    needing = [one for one in _legacy(known) if not (known.subscription.unified == "on" and judge_system(one).name in UNIFIED_SERVERS)]
    if not needing:
        return _check(
            known,
            "log-analytics-agent",
            title,
            CheckStatus.NOT_APPLICABLE,
            "No machine needs it: the extension or the unified solution serves them all.",
            reference,
        )
    unhealthy = {one.machine_id.lower() for one in known.assessments if one.key in LOG_ANALYTICS_KEYS and one.status == "Unhealthy"}
    lacking = [
        one
        for one in needing
        if (agent := log_analytics_extension(one)) is None or extension_state(agent) != "succeeded" or one.id.lower() in unhealthy
    ]
    if not lacking:
        return _check(known, "log-analytics-agent", title, CheckStatus.PASS, f"{_many(needing, 'need it and have it')}.", reference)
    return _naming(
        _check(
            known,
            "log-analytics-agent",
            title,
            CheckStatus.FAIL,
            f"{_many(lacking, 'need it and do not have it working')}.",
            reference,
            who=SECURITY_ADMIN,
            remedy="Switch the unified solution on, which makes it unnecessary, or follow the recommendation.",
            link=known.link(f"Microsoft_Azure_Security/RecommendationsBlade/assessmentKey/{LOG_ANALYTICS_KEYS[0]}"),
        ),
        lacking,
    )


def _connectivity(known: Known, system: str, where: str, test: str) -> Check:
    id, title = f"connectivity-{system.lower()}", f"{system} machines reach Defender's addresses"
    machines = [one for one in known.machines if one.os_type.lower() == system.lower()]
    if known.machines_known and not machines:
        return _check(known, id, title, CheckStatus.NOT_APPLICABLE, f"There are no {system} machines.", PREREQUISITES)
    return _naming(
        _check(
            known,
            id,
            title,
            CheckStatus.MANUAL,
            "It can only be tested on the machines: outbound 443, no TLS inspection, anonymous traffic allowed.",
            PREREQUISITES,
            who=MACHINE_ADMIN,
            remedy="Configure the proxy as documented, test on one machine, and tick this.",
            command=test,
            link=where,
        ),
        machines,
    )


def _connectivity_linux(known: Known) -> Check:
    return _connectivity(
        known, "Linux", "https://learn.microsoft.com/defender-endpoint/linux-static-proxy-configuration", "mdatp connectivity test"
    )


def _connectivity_windows(known: Known) -> Check:
    return _connectivity(
        known,
        "Windows",
        "https://learn.microsoft.com/defender-endpoint/configure-proxy-internet",
        "Test-NetConnection winatp-gw-weu.microsoft.com -Port 443",
    )


def _arc(known: Known) -> Check:
    title = "Azure Arc machines are connected"
    if not known.machines_known:
        return _check(known, "arc-connection", title, CheckStatus.UNKNOWN, _why_unknown(known, Source.MACHINES), PREREQUISITES)
    arc = [one for one in known.machines if one.kind == "arc"]
    if not arc:
        return _check(
            known,
            "arc-connection",
            title,
            CheckStatus.NOT_APPLICABLE,
            "There are no Arc machines. Machines on premises must be connected to Azure Arc first.",
            PREREQUISITES,
        )
    away = [one for one in arc if one.power.lower() != "connected"]
    if not away:
        return _check(known, "arc-connection", title, CheckStatus.PASS, f"All {len(arc)} are connected.", PREREQUISITES)
    return _naming(
        _check(
            known,
            "arc-connection",
            title,
            CheckStatus.FAIL,
            f"{_many(away, f'of {len(arc)} are not connected')}.",
            PREREQUISITES,
            who=MACHINE_ADMIN,
            remedy="Start the himds service and check its way to Azure; connect expired agents again.",
            command="azcmagent show; systemctl restart himds",
        ),
        away,
    )


def _power(known: Known) -> Check:
    title = "Virtual machines are running"
    if not known.machines_known:
        return _check(known, "running", title, CheckStatus.UNKNOWN, _why_unknown(known, Source.MACHINES), PREREQUISITES)
    vms = [one for one in known.machines if one.kind == "vm"]
    if not vms:
        return _check(known, "running", title, CheckStatus.NOT_APPLICABLE, "There are no virtual machines.", PREREQUISITES)
    off = [one for one in vms if one.power.lower() != "running"]
    if not off:
        return _check(known, "running", title, CheckStatus.PASS, f"All {len(vms)} are running.", PREREQUISITES)
    return _naming(
        _check(
            known,
            "running",
            title,
            CheckStatus.WARN,
            f"{_many(off, f'of {len(vms)} are not known to run')}; they are onboarded once they do.",
            PREREQUISITES,
            who=MACHINE_ADMIN,
            remedy="Start them, or leave them for later.",
            command="az vm start --ids <id>",
        ),
        off,
    )


def _systems(known: Known) -> Check:
    title = "The systems are supported"
    if not known.machines_known:
        return _check(known, "supported-systems", title, CheckStatus.UNKNOWN, _why_unknown(known, Source.MACHINES), AVAILABILITY)
    if not known.machines:
        return _check(known, "supported-systems", title, CheckStatus.NOT_APPLICABLE, "There are no machines.", AVAILABILITY)
    verdicts = [(one, judge_system(one)) for one in known.machines]
    out = [one for one, verdict in verdicts if verdict.supported is False]
    unclear = [one for one, verdict in verdicts if verdict.supported is None]
    if not out and not unclear:
        return _check(known, "supported-systems", title, CheckStatus.PASS, f"All {len(verdicts)} are supported.", AVAILABILITY)
    said = [_many(out, "have an unsupported system")] if out else []
    said += [_many(unclear, "have a system that is not recognised")] if unclear else []
    return _naming(
        _check(
            known,
            "supported-systems",
            title,
            CheckStatus.WARN,
            f"{'; '.join(said)}.",
            AVAILABILITY,
            who=MACHINE_ADMIN,
            remedy="Upgrade them, or protect them by other means; those not recognised may still be onboarded.",
            link="https://learn.microsoft.com/defender-endpoint/mde-linux-prerequisites",
        ),
        [*out, *unclear],
    )


def _fanotify(known: Known) -> Check:
    title = "No other product holds fanotify"
    reference = "Enable the integration: Linux"
    if not known.machines_known:
        return _check(known, "fanotify", title, CheckStatus.UNKNOWN, _why_unknown(known, Source.MACHINES), reference)
    linux = [one for one in known.machines if one.os_type.lower() == "linux"]
    if not linux:
        return _check(known, "fanotify", title, CheckStatus.NOT_APPLICABLE, "There are no Linux machines.", reference)
    holding = [one for one in linux if fanotify_conflict(one)]
    command = "ls -l /proc/*/fd 2>/dev/null | grep fanotify; systemctl status ds_agent cbsensor MFEcma"
    if holding:
        names = sorted({fanotify_conflict(one) or "" for one in holding})
        return _naming(
            _check(
                known,
                "fanotify",
                title,
                CheckStatus.FAIL,
                f"{_many(holding, 'have one')}: {', '.join(names)}. The integration ignores them.",
                reference,
                who=MACHINE_ADMIN,
                remedy="Remove that product, or install Defender by hand in passive mode.",
                command=command,
            ),
            holding,
        )
    return _naming(
        _check(
            known,
            "fanotify",
            title,
            CheckStatus.MANUAL,
            "None shows in the extensions of the machines; products installed by other means can only be seen on them.",
            reference,
            who=MACHINE_ADMIN,
            remedy="Look on the machines whether ds_agent, cbsensor, MFEcma or the like run, and tick this.",
            command=command,
        ),
        linux,
    )


def _failed(known: Known) -> Check:
    title = "No extension has failed"
    failed = [one for one in known.machines if (state := known.onboardings.get(one.id.lower())) and state.state is MachineState.FAILED]
    if failed:
        return _naming(
            _check(
                known,
                "extensions",
                title,
                CheckStatus.FAIL,
                f"The Defender extension failed: {_many(failed, 'are concerned')}.",
                FAQ,
                who=MACHINE_ADMIN,
                remedy="Each machine's page (4, Enter) says why and what to do.",
            ),
            failed,
        )
    if not known.machines_known:
        return _check(known, "extensions", title, CheckStatus.UNKNOWN, _why_unknown(known, Source.MACHINES), FAQ)
    return _check(known, "extensions", title, CheckStatus.PASS, "No Defender extension has failed.", FAQ)


def _edr(known: Known) -> Check:
    title = "Defender for Cloud has no recommendation about EDR"
    reference = "Managing security recommendations"
    found = [one for one in known.assessments if one.key in EDR_KEYS]
    if Source.ASSESSMENTS in known.problems:
        return _check(known, "edr-recommendations", title, CheckStatus.UNKNOWN, _why_unknown(known, Source.ASSESSMENTS), reference)
    unhealthy = {one.machine_id.lower() for one in found if one.status == "Unhealthy"}
    if unhealthy:
        machines = [one for one in known.machines if one.id.lower() in unhealthy]
        return _naming(
            _check(
                known,
                "edr-recommendations",
                title,
                CheckStatus.WARN,
                f"{len(unhealthy)} machines are called unhealthy.",
                reference,
                who=SECURITY_ADMIN,
                remedy="Follow the recommendation in the portal.",
                link=known.link(f"Microsoft_Azure_Security/RecommendationsBlade/assessmentKey/{EDR_KEYS[0]}"),
            ),
            machines,
        )
    if any(one.status == "Healthy" for one in found):
        return _check(known, "edr-recommendations", title, CheckStatus.PASS, "No machine is called unhealthy.", reference)
    return _check(
        known, "edr-recommendations", title, CheckStatus.UNKNOWN, "Defender for Cloud has not assessed any machine here.", reference
    )


def _tenant_move(known: Known) -> Check:
    return _check(
        known,
        "tenant-move",
        "The subscription was not moved between tenants, or support has prepared it",
        CheckStatus.MANUAL,
        "Azure does not tell whether it was moved. A moved one stays without Defender until Microsoft has prepared it.",
        REQUIREMENTS,
        who=OWNER,
        remedy="If it was moved, ask Microsoft's support to prepare it; then, or if it never was, tick this.",
        link=known.link("Microsoft_Azure_Support/HelpAndSupportBlade/overview"),
    )


def _location(known: Known) -> Check:
    return _check(
        known,
        "data-location",
        "The location of Defender's data is right",
        CheckStatus.MANUAL,
        "Data is kept in the geography of the tenant as found when it was provisioned; it cannot be changed afterwards.",
        REQUIREMENTS,
        who="Global Administrator",
        remedy="Look at it in the Defender portal (Settings, Endpoints, Data retention), and tick this. Only Microsoft's "
        "support can reset a tenant.",
        link=known.link("Microsoft_Azure_Support/HelpAndSupportBlade/overview"),
    )


def _licence(known: Known) -> Check:
    title = "Licences for Defender for Endpoint"
    if known.subscription.servers_plan in {"P1", "P2", "standard"}:
        return _check(
            known,
            "licence",
            title,
            CheckStatus.PASS,
            "Included with Defender for Servers. Who has licences already can ask for a discount.",
            FAQ,
            who="Billing owner",
            remedy="For a discount, give support the workspace, its region and the number of licensed machines.",
            link=known.link("Microsoft_Azure_Support/HelpAndSupportBlade/overview"),
        )
    if known.subscription.servers_plan is None:
        return _check(known, "licence", title, CheckStatus.UNKNOWN, _why_unknown(known, Source.PLAN), FAQ)
    return _check(
        known,
        "licence",
        title,
        CheckStatus.WARN,
        "Not included: Defender for Servers is off.",
        FAQ,
        who="Billing owner",
        remedy="Switch Defender for Servers on, or buy licences separately (50 machines or more).",
    )


CHECKS: tuple[Callable[[Known], Check], ...] = (
    _enable_right,
    _machine_right,
    _triage_right,
    _cloud,
    _state,
    _provider,
    _plan,
    _integration,
    _linux,
    _unified,
    _log_analytics,
    _connectivity_linux,
    _connectivity_windows,
    _arc,
    _power,
    _systems,
    _fanotify,
    _failed,
    _edr,
    _tenant_move,
    _location,
    _licence,
)
"""Every check, in the order of the list."""
