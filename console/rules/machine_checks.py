"""Prerequisites that are answered by the machines of a subscription, and name those that fall short."""

from __future__ import annotations

from collections.abc import Callable

from cache.model import ABOARD, Check, CheckStatus, Source
from console.rules import told_checks
from console.rules.extensions import FAILED, SUCCEEDED, UNKNOWN
from console.rules.failures import LINUX_REFERENCE
from console.rules.known import (
    AVAILABILITY,
    FAQ,
    LINUX,
    MACHINE_ADMIN,
    PREREQUISITES,
    SECURITY_ADMIN,
    TODAY,
    Known,
    Question,
    count,
    number,
    of_all_machines,
    of_system,
    those,
)
from console.rules.rights import READ_ARC, READ_VMS
from console.rules.systems import needs_log_analytics

LOG_ANALYTICS_KEYS = (
    "d1db3318-01ff-16de-29eb-28b344515626",
    "720a3e77-0b9a-4fa9-98b6-ddf0fd7e32c1",
    "27ac71b1-75c5-41c2-adc2-858f5db45b08",
)
"""The recommendations to install the Log Analytics agent: Azure VMs, Linux on Arc, Windows on Arc. Deprecated: absence means nothing."""

EDR_KEYS = ("06e3a6db-6c0c-4ad9-943f-31d9d73ecf6c", "dc5357d0-3858-4d17-a1a3-072840bff5be")
"""Today's recommendations: an EDR solution should be installed; its configuration issues should be resolved."""

LOG_ANALYTICS_AGENT = Question("log-analytics-agent", "The Log Analytics agent is where it is needed", PREREQUISITES)
ARC_CONNECTION = Question("arc-connection", "Azure Arc machines are connected", PREREQUISITES)
RUNNING = Question("running", "Virtual machines are running", PREREQUISITES)
SUPPORTED_SYSTEMS = Question("supported-systems", "The systems are supported", AVAILABILITY)
FANOTIFY = Question("fanotify", "No other product holds fanotify", LINUX)
EXTENSIONS = Question("extensions", "No Defender extension has failed", FAQ)
OTHER_EDR = Question("other-edr", "No machine is still protected by another EDR", FAQ)
EDR_RECOMMENDATIONS = Question("edr-recommendations", "Defender for Cloud recommends nothing about EDR", TODAY)

OFFBOARDING = "https://learn.microsoft.com/defender-endpoint/configure-server-endpoints"
MIGRATION = "https://learn.microsoft.com/defender-endpoint/switch-to-mde-overview"

WHAT_THEY_ARE = (
    "MDE.Linux and MDE.Windows are how Defender for Cloud brings Defender aboard. Deleting one neither removes Defender nor offboards the "
    "machine, and it comes back while the integration is on: to offboard, use the offboarding of the Defender portal."
)

FANOTIFY_HOLDERS = "fanotify-holders"
"""The finding of the script about the system that answers :data:`FANOTIFY`."""

FANOTIFY_COMMAND = "sudo find /proc/[0-9]*/fd -lname '*fanotify*' 2>/dev/null; systemctl status ds_agent cbsensor MFEcma"


@of_all_machines
def log_analytics_agent(known: Known) -> Check:
    """By extension and by recommendation. Needed only for old Windows Servers, and not under the unified solution nor on Linux."""
    ask = LOG_ANALYTICS_AGENT
    if not known.machines_known:
        return ask.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.MACHINES))
    unserved = [one for one in known.machines if one.kind.defender != SUCCEEDED]
    needs = [(one, needs_log_analytics(one.kind.system, known.subscription)) for one in unserved]
    if any(need is None for _, need in needs):
        return ask.answer(
            known, CheckStatus.UNKNOWN, "It hangs on the unified solution, whose setting could not be read.", who=SECURITY_ADMIN
        )
    needing = [one for one, need in needs if need]
    if not needing:
        unsure = any(one.kind.system.supported is None for one in known.machines)
        return ask.answer(
            known,
            CheckStatus.UNKNOWN if unsure else CheckStatus.NOT_APPLICABLE,
            "Some machines have a system that is not recognised, so whether they need it is not known."
            if unsure
            else "No machine that is known here needs it: the extension brings Defender.",
        )
    complain = {one.machine_id.lower() for one in known.assessments if one.key in LOG_ANALYTICS_KEYS and one.status.lower() == "unhealthy"}
    without = [one for one in needing if not one.kind.log_analytics and one.kind.machine.extensions_known]
    others = [one for one in needing if one.kind.log_analytics or not one.kind.machine.extensions_known]
    lacking = [*without, *those(others, lambda whole: whole in complain)]
    if lacking:
        return ask.answer(
            known,
            CheckStatus.FAIL,
            f"{count(lacking, 'needs', 'need')} it and {'does' if number(lacking) == 1 else 'do'} not have it working.",
            who=SECURITY_ADMIN,
            remedy="Switch the unified solution on, which makes it unnecessary on Windows Server 2012 R2 and 2016, or follow the "
            "recommendation. The agent was retired in August 2024.",
            link=known.recommendation(LOG_ANALYTICS_KEYS[0 if any(one.kind.machine.kind == "vm" for one in lacking) else 2]),
            machines=lacking,
        )
    if not known.extensions_known:
        return ask.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.EXTENSIONS), machines=needing)
    return ask.answer(known, CheckStatus.PASS, f"{count(needing, 'needs it and has', 'need it and have')} it.")


def arc_connection(known: Known) -> Check:
    """Whether Azure can reach the machines outside of Azure."""
    ask = ARC_CONNECTION
    if not known.machines_known:
        return ask.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.MACHINES))
    if known.may(READ_ARC) is False:
        return ask.answer(known, CheckStatus.UNKNOWN, f"Your permissions do not include {READ_ARC}.")
    arc = [one for one in known.machines if one.kind.machine.kind == "arc"]
    if not arc:
        return ask.answer(
            known,
            CheckStatus.NOT_APPLICABLE,
            "No Arc machine is known here. Machines outside of Azure must be connected to Azure Arc first.",
            link="https://learn.microsoft.com/azure/azure-arc/servers/learn/quick-enable-hybrid-vm",
        )
    away = [one for one in arc if one.kind.machine.power.lower() not in {"connected", ""}]
    untold = [one for one in arc if not one.kind.machine.power]
    if away:
        words = sorted({one.kind.machine.power for one in away})
        silent = [one.silent_since for one in away if one.silent_since is not None]
        longest = f" The longest has been so since {min(silent):%Y-%m-%d}." if silent else ""
        return ask.answer(
            known,
            CheckStatus.FAIL,
            f"{count(away, f'of {number(arc)} is', f'of {number(arc)} are')} not connected ({', '.join(words)}).{longest}",
            who=MACHINE_ADMIN,
            remedy="Start the himds service and check its outbound access. An expired agent must be connected again.",
            command="azcmagent show; sudo systemctl restart himdsd",
            machines=away,
        )
    if untold:
        return ask.answer(known, CheckStatus.UNKNOWN, "Azure does not tell the status of every Arc machine.", machines=untold)
    return ask.answer(known, CheckStatus.PASS, f"{count(arc, 'is', 'are')} connected.")


def running(known: Known) -> Check:
    """Whether the virtual machines run: nothing can be installed on those that do not."""
    ask = RUNNING
    if not known.machines_known:
        return ask.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.MACHINES))
    if known.may(READ_VMS) is False:
        return ask.answer(known, CheckStatus.UNKNOWN, f"Your permissions do not include {READ_VMS}.")
    vms = [one for one in known.machines if one.kind.machine.kind == "vm"]
    if not vms:
        return ask.answer(known, CheckStatus.NOT_APPLICABLE, "No virtual machine is known here.")
    off = [one for one in vms if one.kind.machine.power and one.kind.machine.power.lower() != "running"]
    untold = [one for one in vms if not one.kind.machine.power]
    if off:
        return ask.answer(
            known,
            CheckStatus.WARN,
            f"{count(off, f'of {number(vms)} does not run; it is', f'of {number(vms)} do not run; they are')} onboarded once that changes.",
            who=MACHINE_ADMIN,
            remedy="Start them to have them onboarded now, or leave them for later.",
            command=f"az vm start --ids {min(whole for one in off for whole in one.ids)}",
            machines=off,
        )
    if untold:
        return ask.answer(known, CheckStatus.UNKNOWN, "Azure does not tell whether every virtual machine runs.", machines=untold)
    return ask.answer(known, CheckStatus.PASS, f"{count(vms, 'runs', 'run')}.")


@of_all_machines
def supported_systems(known: Known) -> Check:
    """Whether every machine's system is in the support matrix."""
    ask = SUPPORTED_SYSTEMS
    if not known.machines_known:
        return ask.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.MACHINES))
    if not known.machines:
        return ask.answer(known, CheckStatus.NOT_APPLICABLE, "No machine is known here.")
    out = [one for one in known.machines if one.kind.system.supported is False]
    unclear = [one for one in known.machines if one.kind.system.supported is None]
    if not out and not unclear:
        return ask.answer(known, CheckStatus.PASS, f"{count(known.machines, 'has', 'have')} a supported system.")
    said = [count(out, "has an unsupported system", "have an unsupported system")] if out else []
    said += [count(unclear, "has a system that is not recognised", "have a system that is not recognised")] if unclear else []
    return ask.answer(
        known,
        CheckStatus.WARN if out else CheckStatus.UNKNOWN,
        f"{'; '.join(said)}.",
        who=MACHINE_ADMIN,
        remedy="Upgrade them, or protect them by other means. Those that are not recognised may still be onboarded.",
        link=LINUX_REFERENCE,
        machines=[*out, *unclear],
    )


@of_all_machines
def fanotify(known: Known) -> Check:
    """Whether other products hold fanotify: some show as extensions, the rest only on the machines."""
    ask = FANOTIFY
    if not known.machines_known:
        return ask.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.MACHINES))
    linux = of_system(known, "linux")
    if not linux:
        return ask.answer(known, CheckStatus.NOT_APPLICABLE, "No Linux machine is known here.")
    waiting = [one for one in linux if one.state not in ABOARD]
    holding = [(one, name) for one in waiting if (name := one.kind.conflict)]
    seen = told_checks.findings(known, FANOTIFY_HOLDERS)
    told = those([one for one in waiting if not one.kind.conflict], lambda whole: whole in seen and seen[whole].status is CheckStatus.FAIL)
    if holding or told:
        names = ", ".join(sorted({name for _, name in holding} | ({"as the machines say"} if told else set())))
        machines = [*(one for one, _ in holding), *told]
        return ask.answer(
            known,
            CheckStatus.FAIL,
            f"{count(machines, 'has', 'have')} one: {names}. The integration ignores such machines.",
            who=MACHINE_ADMIN,
            remedy="Remove that product, or install Defender by hand in passive mode.",
            command=FANOTIFY_COMMAND,
            machines=machines,
        )
    if not waiting:
        return ask.answer(known, CheckStatus.PASS, f"{count(linux, 'is', 'are')} onboarded, so nothing is in the way.")
    untold = those(waiting, lambda whole: whole not in seen or seen[whole].status is not CheckStatus.PASS)
    if not untold:
        return ask.answer(known, CheckStatus.PASS, f"{count(waiting, 'was', 'were')} looked at, and none has one.")
    return ask.answer(
        known,
        CheckStatus.MANUAL,
        "None shows in the extensions that were read. Products that were installed by other means show only on the machines."
        f"{told_checks.looked_at(waiting, untold)}",
        who=MACHINE_ADMIN,
        remedy="Look whether ds_agent, cbsensor, MFEcma or another such product runs on the machines (fapolicyd may, on RHEL and Fedora), "
        "and tick this.",
        command=FANOTIFY_COMMAND,
        machines=untold,
    )


@of_all_machines
def extensions(known: Known) -> Check:
    """Whether a Defender extension has failed."""
    ask = EXTENSIONS
    failed = [one for one in known.machines if one.kind.defender == FAILED]
    unclear = [one for one in known.machines if one.kind.defender == UNKNOWN]
    if failed:
        return ask.answer(
            known,
            CheckStatus.FAIL,
            f"It failed on {count(failed, '', '').rstrip()}.",
            who=MACHINE_ADMIN,
            remedy=f"Each machine's page says why, and what to do. {WHAT_THEY_ARE}",
            link=OFFBOARDING,
            machines=failed,
        )
    if not known.extensions_known:
        return ask.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.MACHINES, Source.EXTENSIONS))
    if unclear:
        said = f"Azure describes it with words that are not known here: {count(unclear, 'is', 'are')} concerned."
        return ask.answer(known, CheckStatus.UNKNOWN, said, machines=unclear)
    if not known.machines:
        return ask.answer(known, CheckStatus.NOT_APPLICABLE, "No machine is known here.")
    said = "No Defender extension has failed."
    return ask.answer(known, CheckStatus.PASS, said, who=MACHINE_ADMIN, remedy=WHAT_THEY_ARE, link=OFFBOARDING)


def other_edr(known: Known) -> Check:
    """Whether products of other makers show, from which one switches to Defender step by step."""
    ask = OTHER_EDR
    found = [(one, name) for one in known.machines if (name := one.kind.other_edr)]
    if found:
        names = ", ".join(sorted({name for _, name in found}))
        machines = [one for one, _ in found]
        return ask.answer(
            known,
            CheckStatus.WARN,
            f"{count(machines, 'has', 'have')} another one: {names}.",
            who=MACHINE_ADMIN,
            remedy="Follow Microsoft's migration guide: set Defender up beside the other product in passive mode, exclude each from the "
            "other, and remove the other product once Defender is onboarded.",
            link=MIGRATION,
            machines=machines,
        )
    if not known.extensions_known or known.hidden:
        why = known.hidden or known.why_unknown(Source.MACHINES, Source.EXTENSIONS)
        return ask.answer(known, CheckStatus.UNKNOWN, why, link=MIGRATION)
    return ask.answer(
        known,
        CheckStatus.NOT_APPLICABLE,
        "None shows in the extensions that were read; products that were installed by other means show only on the machines.",
        who=MACHINE_ADMIN,
        remedy="Who switches from another product follows Microsoft's migration guide.",
        link=MIGRATION,
    )


@of_all_machines
def edr_recommendations(known: Known) -> Check:
    """What Defender for Cloud itself recommends about EDR today."""
    ask = EDR_RECOMMENDATIONS
    if Source.ASSESSMENTS in known.problems:
        return ask.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.ASSESSMENTS))
    found = [one for one in known.assessments if one.key in EDR_KEYS]
    bad = [one for one in found if one.status.lower() == "unhealthy"]
    if bad:
        ids = dict.fromkeys(one.machine_id.lower() for one in bad)
        many = "1 machine" if len(ids) == 1 else f"{len(ids)} machines"
        return ask.answer(
            known,
            CheckStatus.WARN,
            f"Defender for Cloud calls {many} unhealthy.",
            who=SECURITY_ADMIN,
            remedy="Follow the recommendation in the portal.",
            link=known.recommendation(bad[0].key),
            machines=those(known.machines, lambda whole: whole in ids),
        )
    judged = {one.machine_id.lower() for one in found if one.status.lower() in {"healthy", "notapplicable"}}
    unjudged = those(known.machines, lambda whole: whole not in judged) if found else []
    if not found or not known.machines_known:
        return ask.answer(known, CheckStatus.UNKNOWN, "Defender for Cloud has assessed no machine here yet.")
    if unjudged:
        said = f"It recommends nothing for the machines it has assessed, but {count(unjudged, 'is', 'are')} not assessed yet."
        return ask.answer(known, CheckStatus.UNKNOWN, said, machines=unjudged)
    return ask.answer(known, CheckStatus.PASS, "Every machine is assessed, and nothing is recommended.")


CHECKS: tuple[Callable[[Known], Check], ...] = (
    log_analytics_agent,
    told_checks.connectivity_linux,
    told_checks.connectivity_windows,
    arc_connection,
    running,
    supported_systems,
    told_checks.machine_system,
    fanotify,
    extensions,
    edr_recommendations,
)
