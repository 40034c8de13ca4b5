"""The diagnosis table by the texts that are really met: of Microsoft's installer, of the extensions, of Azure Arc, of Windows.

One line a text: who says it (the machine, the code), the text, and the diagnosis with its layer. Texts never met keep their words.
"""

from __future__ import annotations

import pytest

from cache.model import Machine
from console.rules.diagnosis import UNKNOWN, diagnose, diagnose_agent
from console.rules.failures import ARC, ARC_STATUS, EXTENSION, INSTALLER, INSTALLER_CODES, PLATFORM, RULES, WINDOWS, WINDOWS_EVENTS
from tests.rules.samples import a_machine, a_server, defender

LINUX, ON_ARC, SERVER = a_machine(), a_machine(kind="arc"), a_server()
NOT_SUPPORTED = (
    "Failed to configure Microsoft Defender for Endpoint: Onboarding to MDE via Microsoft Defender for Cloud for this operating system is "
    "not supported. Read more about supported operating systems: https://docs.microsoft.com/en-us/azure/defender-for-cloud/"
    "integration-defender-for-endpoint?tabs=linux#availability, executionlog: ..."
)

TEXTS: tuple[tuple[Machine, str, str, str, str], ...] = (
    # The Linux installer
    (LINUX, "1", "[x] internal error, exiting (1)", "installer-1", INSTALLER),
    (LINUX, "1", "[x] unrecognized option --foo, exiting (2)", "installer-2", INSTALLER),
    (LINUX, "1", "[x] script needs to run as root, exiting (3)", "installer-3", INSTALLER),
    (LINUX, "1", "[x] unable to reach the internet, exiting (4)", "installer-4", INSTALLER),
    (LINUX, "5", "[x] found conflicting applications: [ds_agent], exiting (5)", "fanotify-conflict", INSTALLER),
    (LINUX, "5", "found the following conflicting applications: [cbsensor MFEcma], aborting, exiting (5)", "fanotify-conflict", INSTALLER),
    (LINUX, "5", "found conflicting applications: [/opt/microsoft/mdatp/sbin/wdavdaemon], exiting (5)", "half-installed", INSTALLER),
    (LINUX, "1", "[x] unsupported distro gentoo, exiting (10)", "installer-10", INSTALLER),
    (LINUX, "1", "[x] unsupported version: ubuntu 14.04, exiting (11)", "installer-11", INSTALLER),
    (LINUX, "1", "[x] less than 1 GB of memory is available, exiting (12)", "installer-12", INSTALLER),
    (LINUX, "1", "[x] MDE is corrupt, please uninstall, exiting (15)", "installer-15", INSTALLER),
    (LINUX, "1", "[x] MDE is not installed, cannot proceed, exiting (20)", "installer-20", INSTALLER),
    (LINUX, "1", "[x] failed to install mdatp, exiting (21)", "installer-21", INSTALLER),
    (LINUX, "1", "package mdatp-101.23 has no digest\n[x] failed to install mdatp, exiting (21)", "bad-package", INSTALLER),
    (LINUX, "1", "[x] failed to remove mdatp, exiting (22)", "installer-22", INSTALLER),
    (LINUX, "1", "[x] failed to install libc, exiting (23)", "installer-23", INSTALLER),
    (LINUX, "1", "[x] unable to fetch the repo, exiting (24)", "installer-24", INSTALLER),
    (LINUX, "24", "/tmp/mde_installer.sh: line 701: apt-key: command not found\n[x] exiting (24)", "apt-key", INSTALLER),
    (LINUX, "1", "The following signatures couldn't be verified: NO_PUBKEY EB3E94ADBE1229CF", "repository-key", INSTALLER),
    (LINUX, "1", "/var/cache/mdatp.rpm: digests SIGNATURES NOT OK", "repository-key", INSTALLER),
    (LINUX, "1", "[x] invalid channel: nightly, exiting (25)", "installer-25", INSTALLER),
    (LINUX, "1", "[x] failed to clean up the repo, exiting (26)", "installer-26", INSTALLER),
    (LINUX, "1", "[x] onboarding script not found, exiting (30)", "installer-30", INSTALLER),
    (LINUX, "1", "[x] onboarding failed, exiting (31)", "installer-31", INSTALLER),
    (LINUX, "1", "[x] offboarding script not found, exiting (32)", "installer-32", INSTALLER),
    (LINUX, "1", "[x] offboarding failed, exiting (33)", "installer-33", INSTALLER),
    (LINUX, "1", "[x] invalid tag name, exiting (40)", "installer-40", INSTALLER),
    (LINUX, "1", "[x] failed to set the parameter, exiting (41)", "installer-41", INSTALLER),
    (LINUX, "1", "[x] cannot set up the installation path, exiting (51)", "installer-51", INSTALLER),
    (LINUX, "1", "[x] the installation path has wrong permissions, exiting (52)", "installer-52", INSTALLER),
    (LINUX, "ProvisioningState/failed/24", "", "installer-24", INSTALLER),
    # The extensions
    (LINUX, "ProvisioningState/failed/51", NOT_SUPPORTED, "os-not-supported", EXTENSION),
    (ON_ARC, "51", f"Extension Message: {NOT_SUPPORTED}", "os-not-supported", EXTENSION),
    (SERVER, "ProvisioningState/failed/51", NOT_SUPPORTED, "os-not-supported", EXTENSION),
    (
        ON_ARC,
        "52",
        "Extension failed to install. Extension must be removed before any further requests on this extension will be accepted. "
        "Extension returned non-zero exit code for Install: 52. Extension error output: No Python interpreter found, which is an MDC-MDE "
        "extension dependency. Please install either Python 2 or 3.",
        "no-python",
        EXTENSION,
    ),
    (
        SERVER,
        "ProvisioningState/failed/1",
        "VM has reported a failure when processing extension 'MDE.Windows'. Error message: \"Failed to configure Microsoft Defender for "
        "Endpoint: Protected Setting defenderForEndpointOnboardingScript does not exist, please use mdeOnboardings API to retreive it "
        '(https://docs.microsoft.com/en-us/rest/api/securitycenter)"',
        "no-onboarding-script",
        EXTENSION,
    ),
    (SERVER, "1", "Error: You cannot call a method on a null-valued expression.", "no-onboarding-script", EXTENSION),
    (
        LINUX,
        "1",
        "VM has reported a failure when processing extension 'MDE.Linux'. Error message: \"Failed to configure Microsoft Defender for "
        "Endpoint: argument of type 'NoneType' is not iterable ResourceId: /subscriptions/s/resourceGroups/g/providers/"
        'Microsoft.Compute/virtualMachines/azsec-redhat-vm"',
        "incomplete-settings",
        EXTENSION,
    ),
    # The platform
    (
        LINUX,
        "",
        "The client 'a' with object id 'a' does not have authorization to perform action 'Microsoft.Security/mdeOnboardings/read' over "
        "scope '/subscriptions/s'",
        "policy-scope",
        PLATFORM,
    ),
    (LINUX, "", "Subscription Not Registered: Please register to Microsoft.Security in order to view status", "not-registered", PLATFORM),
    (
        LINUX,
        "",
        "DisallowedProvider: The operation is not permitted for namespace 'Microsoft.Security'. List of permitted provider namespaces is "
        "'Microsoft.Compute'",
        "disallowed-provider",
        PLATFORM,
    ),
    # Azure Arc
    (
        ON_ARC,
        "64",
        "Extension returned non-zero exit code for Install: 64. Extension error output: /var is mounted with 'noexec'",
        "arc-noexec",
        ARC,
    ),
    (
        ON_ARC,
        "1",
        "/var/lib/waagent/Microsoft.Azure.AzureDefenderForServers.MDE.Linux-1.0/HandlerManifest.json file does not exist",
        "arc-stuck",
        ARC,
    ),
    # Defender, once it is there
    (LINUX, "1", "ATTENTION: No license found. Contact your administrator for help.", "not-onboarded", INSTALLER),
    (LINUX, "1", 'health_issues : ["missing license"]', "not-onboarded", INSTALLER),
    (LINUX, "1", "org_id                  : unavailable", "not-onboarded", INSTALLER),
    (LINUX, "1", 'health_issues : ["no active supplementary event provider"]', "auditd", INSTALLER),
    (LINUX, "1", "Testing connection with https://x.cp.wd.microsoft.com ... [curl: (35) SSL connect error]", "tls-inspection", INSTALLER),
    (LINUX, "1", "curl error 60: SSL certificate problem: self signed certificate", "tls-inspection", INSTALLER),
    # Windows
    (SERVER, "1", "Event 5, source WDATPOnboarding: offboarding data was found but could not be deleted", "windows-event-5", WINDOWS),
    (SERVER, "1", "Event 10, source WDATPOnboarding: onboarding data could not be written to registry", "windows-event-10", WINDOWS),
    (SERVER, "1", "Event 15, source WDATPOnboarding: failed to start SENSE service", "windows-event-15", WINDOWS),
    (SERVER, "1", "Event ID 30 WDATPOnboarding: script failed to wait for the service to start running", "windows-event-30", WINDOWS),
    (SERVER, "1", "Event 35, source WDATPOnboarding: needed onboarding status registry value not found", "windows-event-35", WINDOWS),
    (SERVER, "1", "Event 40, source WDATPOnboarding: onboarding status is not set to 1", "windows-event-40", WINDOWS),
    (SERVER, "1", "WDATPOnboarding event 65: insufficient privileges", "windows-event-65", WINDOWS),
    (SERVER, "1", "WDATPOnboarding event 70: offboarding script is for a different organization", "windows-event-70", WINDOWS),
)

AGENTS = (("Disconnected", "arc-disconnected"), ("Expired", "arc-expired"), ("Error", "arc-error"))

NEVER_MET = (
    (LINUX, "ProvisioningState/failed/51", "The moon is in the wrong phase, code 51"),
    (LINUX, "1", "[x] something of tomorrow, exiting (997)"),
    (SERVER, "1", "WDATPOnboarding event 9999: tomorrow's trouble"),
    (ON_ARC, "-7", "Erweiterung konnte nicht installiert werden: unbekannter Fehler"),
    (LINUX, "", "[red]not markup[/red] ' ; DROP TABLE machines"),
)


@pytest.mark.parametrize(
    ("machine", "code", "message", "expected", "layer"), TEXTS, ids=lambda one: one[:40] if isinstance(one, str) else ""
)
def test_every_text_that_is_met_gets_its_diagnosis(machine: Machine, code: str, message: str, expected: str, layer: str) -> None:
    found = diagnose(machine, defender("Failed", code, message, machine.os_type))
    assert (found.code, found.layer) == (expected, layer)
    assert found.cause.endswith(".")
    assert found.remedy.endswith((".", ").", "”."))
    assert found.reference.startswith("https://")


@pytest.mark.parametrize(("status", "expected"), AGENTS)
def test_every_status_of_an_arc_agent_that_is_away_gets_its_diagnosis(status: str, expected: str) -> None:
    found = diagnose_agent(a_machine(kind="arc", power=status))
    assert found is not None
    assert (found.code, found.layer) == (expected, ARC)


@pytest.mark.parametrize(("machine", "code", "message"), NEVER_MET)
def test_a_text_that_was_never_met_keeps_its_words(machine: Machine, code: str, message: str) -> None:
    found = diagnose(machine, defender("Failed", code, message, machine.os_type))
    assert (found.code, found.cause) == (UNKNOWN, message)
    assert "log" in found.remedy.lower()


def test_no_line_of_the_table_is_without_a_text() -> None:
    met = {one[3] for one in TEXTS}
    assert {rule.code for rule in RULES} <= met
    assert {"fanotify-conflict" if code == 5 else f"installer-{code}" for code in INSTALLER_CODES} <= met
    assert {f"windows-event-{event}" for event in WINDOWS_EVENTS} <= met
    assert set(ARC_STATUS) == {status.lower() for status, _ in AGENTS}
