"""Prerequisites that are answered by the machines of a subscription, and name those that fall short."""

from __future__ import annotations

from collections.abc import Callable

from cache.model import Check, CheckStatus, Machine, Source
from console.rules.conflicts import fanotify_conflict
from console.rules.extensions import FAILED, SUCCEEDED, UNKNOWN, defender_extension, extension_state, log_analytics_extension
from console.rules.failures import LINUX_REFERENCE
from console.rules.known import (
    ABOARD,
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
    of_all_machines,
)
from console.rules.rights import READ_ARC, READ_VMS
from console.rules.systems import judge_system, needs_log_analytics

LOG_ANALYTICS_KEYS = (
    "d1db3318-01ff-16de-29eb-28b344515626",
    "720a3e77-0b9a-4fa9-98b6-ddf0fd7e32c1",
    "27ac71b1-75c5-41c2-adc2-858f5db45b08",
)
"""The recommendations to install the Log Analytics agent: Azure VMs, Linux on Arc, Windows on Arc. Deprecated: absence means nothing."""

EDR_KEYS = ("06e3a6db-6c0c-4ad9-943f-31d9d73ecf6c", "dc5357d0-3858-4d17-a1a3-072840bff5be")
"""Today's recommendations: an EDR solution should be installed; its configuration issues should be resolved."""

LOG_ANALYTICS_AGENT = Question("log-analytics-agent", "The Log Analytics agent is where it is needed", PREREQUISITES)
CONNECTIVITY_LINUX = Question("connectivity-linux", "Linux machines reach Defender's addresses", PREREQUISITES)
CONNECTIVITY_WINDOWS = Question("connectivity-windows", "Windows machines reach Defender's addresses", PREREQUISITES)
ARC_CONNECTION = Question("arc-connection", "Azure Arc machines are connected", PREREQUISITES)
RUNNING = Question("running", "Virtual machines are running", PREREQUISITES)
SUPPORTED_SYSTEMS = Question("supported-systems", "The systems are supported", AVAILABILITY)
FANOTIFY = Question("fanotify", "No other product holds fanotify", LINUX)
EXTENSIONS = Question("extensions", "No Defender extension has failed", FAQ)
EDR_RECOMMENDATIONS = Question("edr-recommendations", "Defender for Cloud recommends nothing about EDR", TODAY)

FANOTIFY_COMMAND = "sudo find /proc/[0-9]*/fd -lname '*fanotify*' 2>/dev/null; systemctl status ds_agent cbsensor MFEcma"


def _of_system(known: Known, system: str) -> list[Machine]:
    return [one for one in known.machines if one.os_type.lower() == system]


@of_all_machines
def log_analytics_agent(known: Known) -> Check:
    """By extension and by recommendation. Needed only for old Windows Servers, and not under the unified solution nor on Linux."""
    ask = LOG_ANALYTICS_AGENT
    if not known.machines_known:
        return ask.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.MACHINES))
    unserved = [one for one in known.machines if not _has_extension(one)]
    needs = [(one, needs_log_analytics(judge_system(one), known.subscription)) for one in unserved]
    if any(need is None for _, need in needs):
        return ask.answer(
            known, CheckStatus.UNKNOWN, "It hangs on the unified solution, whose setting could not be read.", who=SECURITY_ADMIN
        )
    needing = [one for one, need in needs if need]
    if not needing:
        unsure = any(judge_system(one).supported is None for one in known.machines)
        return ask.answer(
            known,
            CheckStatus.UNKNOWN if unsure else CheckStatus.NOT_APPLICABLE,
            "Some machines have a system that is not recognised, so whether they need it is not known."
            if unsure
            else "No machine that is known here needs it: the extension brings Defender.",
        )
    complain = {one.machine_id.lower() for one in known.assessments if one.key in LOG_ANALYTICS_KEYS and one.status.lower() == "unhealthy"}
    lacking = [one for one in needing if (not _has_agent(one) and one.extensions_known) or one.id.lower() in complain]
    if lacking:
        return ask.answer(
            known,
            CheckStatus.FAIL,
            f"{count(lacking, 'needs', 'need')} it and {'does' if len(lacking) == 1 else 'do'} not have it working.",
            who=SECURITY_ADMIN,
            remedy="Switch the unified solution on, which makes it unnecessary on Windows Server 2012 R2 and 2016, or follow the "
            "recommendation. The agent was retired in August 2024.",
            link=known.recommendation(LOG_ANALYTICS_KEYS[0 if lacking[0].kind == "vm" else 2]),
            machines=lacking,
        )
    if not known.extensions_known:
        return ask.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.EXTENSIONS), machines=needing)
    return ask.answer(known, CheckStatus.PASS, f"{count(needing, 'needs it and has', 'need it and have')} it.")


def _has_extension(machine: Machine) -> bool:
    extension = defender_extension(machine)
    return extension is not None and extension_state(extension) == SUCCEEDED


def _has_agent(machine: Machine) -> bool:
    agent = log_analytics_extension(machine)
    return agent is not None and extension_state(agent) == SUCCEEDED


def _connectivity(known: Known, ask: Question, system: str, test: str, where: str, remedy: str) -> Check:
    machines = _of_system(known, system.lower())
    if known.machines_known and not machines:
        return ask.answer(known, CheckStatus.NOT_APPLICABLE, f"No {system} machine is known here.")
    return ask.answer(
        known,
        CheckStatus.MANUAL,
        "It can only be tested on the machines: outbound 443 to Defender's addresses, no TLS inspection, no authentication by the proxy.",
        who=MACHINE_ADMIN,
        remedy=remedy,
        command=test,
        link=where,
        machines=machines,
    )


@of_all_machines
def connectivity_linux(known: Known) -> Check:
    """A manual step: proxy and firewall, for Linux."""
    return _connectivity(
        known,
        CONNECTIVITY_LINUX,
        "Linux",
        "mdatp connectivity test",
        "https://learn.microsoft.com/defender-endpoint/linux-static-proxy-configuration",
        "Configure a static proxy where there is one, run the test on a machine that has Defender, and tick this.",
    )


@of_all_machines
def connectivity_windows(known: Known) -> Check:
    """A manual step: proxy and firewall, for Windows."""
    return _connectivity(
        known,
        CONNECTIVITY_WINDOWS,
        "Windows",
        "Test-NetConnection -ComputerName winatp-gw-weu.microsoft.com -Port 443",
        "https://learn.microsoft.com/defender-endpoint/configure-proxy-internet",
        "Configure proxy and firewall as documented; the sensor speaks as SYSTEM, so anonymous traffic must pass. Test with the address of "
        "your region (weu is West Europe) and tick this.",
    )


def arc_connection(known: Known) -> Check:
    """Whether Azure can reach the machines outside of Azure."""
    ask = ARC_CONNECTION
    if not known.machines_known:
        return ask.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.MACHINES))
    if known.may(READ_ARC) is False:
        return ask.answer(known, CheckStatus.UNKNOWN, f"Your permissions do not include {READ_ARC}.")
    arc = [one for one in known.machines if one.kind == "arc"]
    if not arc:
        return ask.answer(
            known,
            CheckStatus.NOT_APPLICABLE,
            "No Arc machine is known here. Machines outside of Azure must be connected to Azure Arc first.",
            link="https://learn.microsoft.com/azure/azure-arc/servers/learn/quick-enable-hybrid-vm",
        )
    away = [one for one in arc if one.power.lower() not in {"connected", ""}]
    untold = [one for one in arc if not one.power]
    if away:
        words = sorted({one.power for one in away})
        silent = [one.status_at for one in away if one.status_at is not None]
        longest = f" The longest has been so for {(known.now - min(silent)).days} days." if silent and known.now > min(silent) else ""
        return ask.answer(
            known,
            CheckStatus.FAIL,
            f"{count(away, f'of {len(arc)} is', f'of {len(arc)} are')} not connected ({', '.join(words)}).{longest}",
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
    vms = [one for one in known.machines if one.kind == "vm"]
    if not vms:
        return ask.answer(known, CheckStatus.NOT_APPLICABLE, "No virtual machine is known here.")
    off = [one for one in vms if one.power and one.power.lower() != "running"]
    untold = [one for one in vms if not one.power]
    if off:
        return ask.answer(
            known,
            CheckStatus.WARN,
            f"{count(off, f'of {len(vms)} does not run; it is', f'of {len(vms)} do not run; they are')} onboarded once that changes.",
            who=MACHINE_ADMIN,
            remedy="Start them to have them onboarded now, or leave them for later.",
            command=f"az vm start --ids {off[0].id}",
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
    verdicts = [(one, judge_system(one)) for one in known.machines]
    out = [one for one, verdict in verdicts if verdict.supported is False]
    unclear = [one for one, verdict in verdicts if verdict.supported is None]
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
    linux = _of_system(known, "linux")
    if not linux:
        return ask.answer(known, CheckStatus.NOT_APPLICABLE, "No Linux machine is known here.")
    waiting = [one for one in linux if known.state(one) not in ABOARD]
    holding = [(one, name) for one in waiting if (name := fanotify_conflict(one))]
    if holding:
        names = ", ".join(sorted({name for _, name in holding}))
        machines = [one for one, _ in holding]
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
    return ask.answer(
        known,
        CheckStatus.MANUAL,
        "None shows in the extensions that were read. Products that were installed by other means show only on the machines.",
        who=MACHINE_ADMIN,
        remedy="Look whether ds_agent, cbsensor, MFEcma or another such product runs on the machines, and tick this.",
        command=FANOTIFY_COMMAND,
        machines=waiting,
    )


@of_all_machines
def extensions(known: Known) -> Check:
    """Whether a Defender extension has failed."""
    ask = EXTENSIONS
    states = [(one, extension_state(found) if (found := defender_extension(one)) else "") for one in known.machines]
    failed = [one for one, state in states if state == FAILED]
    unclear = [one for one, state in states if state == UNKNOWN]
    if failed:
        return ask.answer(
            known,
            CheckStatus.FAIL,
            f"It failed on {len(failed)} {'machine' if len(failed) == 1 else 'machines'}.",
            who=MACHINE_ADMIN,
            remedy="Each machine's page says why, and what to do.",
            machines=failed,
        )
    if not known.extensions_known:
        return ask.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.MACHINES, Source.EXTENSIONS))
    if unclear:
        said = f"Azure describes it with words that are not known here: {count(unclear, 'is', 'are')} concerned."
        return ask.answer(known, CheckStatus.UNKNOWN, said, machines=unclear)
    if not known.machines:
        return ask.answer(known, CheckStatus.NOT_APPLICABLE, "No machine is known here.")
    return ask.answer(known, CheckStatus.PASS, "No Defender extension has failed.")


@of_all_machines
def edr_recommendations(known: Known) -> Check:
    """What Defender for Cloud itself recommends about EDR today."""
    ask = EDR_RECOMMENDATIONS
    if Source.ASSESSMENTS in known.problems:
        return ask.answer(known, CheckStatus.UNKNOWN, known.why_unknown(Source.ASSESSMENTS))
    found = [one for one in known.assessments if one.key in EDR_KEYS]
    bad = [one for one in found if one.status.lower() == "unhealthy"]
    by_id = {one.id.lower(): one for one in known.machines}
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
            machines=[by_id[one] for one in ids if one in by_id],
        )
    judged = {one.machine_id.lower() for one in found if one.status.lower() in {"healthy", "notapplicable"}}
    unjudged = [one for one in known.machines if one.id.lower() not in judged]
    if not found or not known.machines_known:
        return ask.answer(known, CheckStatus.UNKNOWN, "Defender for Cloud has assessed no machine here yet.")
    if unjudged:
        said = f"It recommends nothing for the machines it has assessed, but {count(unjudged, 'is', 'are')} not assessed yet."
        return ask.answer(known, CheckStatus.UNKNOWN, said, machines=unjudged)
    return ask.answer(known, CheckStatus.PASS, "Every machine is assessed, and nothing is recommended.")


CHECKS: tuple[Callable[[Known], Check], ...] = (
    log_analytics_agent,
    connectivity_linux,
    connectivity_windows,
    arc_connection,
    running,
    supported_systems,
    fanotify,
    extensions,
    edr_recommendations,
)
