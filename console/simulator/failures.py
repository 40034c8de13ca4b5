"""How an extension fails, in the words the field has seen.

Codes and sentences follow the field notes (section 1) and the failure samples collected beside the specifications.
`{product}` is the conflicting application of the machine; `{id}` the machine's resource id.
"""

from __future__ import annotations

from dataclasses import dataclass

_PREFIX = "Failed to configure Microsoft Defender for Endpoint: "
_LOG = " Log: /var/log/azure/Microsoft.Azure.AzureDefenderForServers.MDE.Linux/mde_installer.log"
_MANUAL = (
    "Protected Setting defenderForEndpointOnboardingScript does not exist, please use mdeOnboardings API to retreive it "
    "(https://docs.microsoft.com/en-us/rest/api/securitycenter)"
)


@dataclass(frozen=True)
class Failure:
    key: str
    code: str
    message: str


def _installer(key: str, code: int, text: str) -> Failure:
    return Failure(key, str(code), f"{_PREFIX}[x] exiting ({code}) {text}{_LOG}")


FAILURES = (
    _installer("conflict", 5, "found conflicting applications: [{product}]"),
    _installer("half-installed", 5, "found conflicting applications: [/opt/microsoft/mdatp/sbin/wdavdaemon]"),
    _installer("requirements", 12, "system does not meet the requirements: 1 core, 1 GB of memory and 2 GB of disk space are needed"),
    _installer(
        "repository", 24, "unable to fetch the repo (curl: (7) Failed to connect to packages.microsoft.com port 443: Connection timed out)"
    ),
    _installer("package", 21, "unable to install the package: package mdatp does not verify: no digest"),
    _installer("dependency", 23, "unable to install the required packages (dpkg was interrupted, run 'dpkg --configure -a')"),
    _installer(
        "repository-key", 24, "W: GPG error: https://packages.microsoft.com/ubuntu/22.04/prod jammy InRelease: NO_PUBKEY EB3E94ADBE1229CF"
    ),
    _installer("onboarding", 31, "onboarding failed: org_id unavailable, No license found"),
    _installer("distribution", 10, "unsupported distro"),
    _installer("version", 11, "unsupported version: the release is older than the oldest supported one"),
    _installer("internet", 4, "no internet connectivity"),
    Failure(
        "python",
        "52",
        "Extension failed to install. Extension returned non-zero exit code for Install: 52. Extension error output: "
        "No Python interpreter found, which is an MDC-MDE extension dependency. Please install either Python 2 or 3.",
    ),
    Failure(
        "noexec",
        "64",
        "Extension failed to install. Extension returned non-zero exit code for Install: 64. Extension error output: "
        "/var/lib/waagent: cannot execute, the file system is mounted with 'noexec'",
    ),
    Failure("stuck-handler", "1", "HandlerManifest.json file does not exist for the extension MDE.Linux"),
    Failure(
        "sense-start", "15", _PREFIX + "WDATPOnboarding event 15: Unable to start Windows Defender Advanced Threat Protection Service."
    ),
    Failure("sense-timeout", "30", _PREFIX + "WDATPOnboarding event 30: the service did not start in time. StatusCode 30"),
    Failure("organisation", "70", _PREFIX + "WDATPOnboarding event 70: the machine is onboarded to a different organisation"),
    Failure("by-hand-linux", "51", _PREFIX + _MANUAL),
    Failure("by-hand-windows", "51", _PREFIX + "You cannot call a method on a null-valued expression."),
    Failure(
        "unsupported",
        "51",
        _PREFIX
        + "Onboarding to MDE via Microsoft Defender for Cloud for this operating system is not supported. Read more about supported "
        "operating systems: https://docs.microsoft.com/en-us/azure/defender-for-cloud/integration-defender-for-endpoint?tabs=linux#availability",
    ),
)

BY_KEY = {failure.key: failure for failure in FAILURES}
