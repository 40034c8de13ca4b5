"""The operating systems of the world's machines, as Azure and Azure Arc describe them.

`supported` is the truth of this world, after the seed's table and the list of 2026-03 in the field notes: it decides what happens when
Defender for Cloud reaches the machine. `refused` tells what an unsupported system does: is passed over in silence (False) or gets an
extension that fails (True). `legacy` marks the Windows Servers which only the Log Analytics agent or the unified solution onboards.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class System:
    key: str
    os_type: str
    name: str
    version: str
    image: tuple[str, str, str] | None
    """publisher, offer, sku of the marketplace image; None for a custom image, of which Azure knows only an id."""
    arc_sku: str
    weight: int
    supported: bool = True
    refused: bool = False
    legacy: bool = False
    vm: bool = True
    arc: bool = True

    @property
    def linux(self) -> bool:
        return self.os_type == "Linux"


def _linux(key: str, name: str, version: str, image: tuple[str, str, str] | None, sku: str, weight: int, **rest: bool) -> System:
    return System(key, "Linux", name, version, image, sku, weight, **rest)


def _windows(key: str, name: str, version: str, image: tuple[str, str, str] | None, sku: str, weight: int, **rest: bool) -> System:
    return System(key, "Windows", name, version, image, sku, weight, **rest)


_CANONICAL, _REDHAT, _SERVER = "Canonical", "RedHat", "MicrosoftWindowsServer"

SYSTEMS = (
    _linux("ubuntu-2204", "ubuntu", "22.04", (_CANONICAL, "0001-com-ubuntu-server-jammy", "22_04-lts-gen2"), "Ubuntu 22.04.5 LTS", 20),
    _linux("ubuntu-2404", "ubuntu", "24.04", (_CANONICAL, "ubuntu-24_04-lts", "server"), "Ubuntu 24.04.2 LTS", 14),
    _linux("ubuntu-2004", "ubuntu", "20.04", (_CANONICAL, "0001-com-ubuntu-server-focal", "20_04-lts-gen2"), "Ubuntu 20.04.6 LTS", 10),
    _linux("ubuntu-1604", "ubuntu", "16.04", (_CANONICAL, "UbuntuServer", "16.04-LTS"), "Ubuntu 16.04.7 LTS", 3),
    _linux("rhel-9", "redhat", "9.4", (_REDHAT, "RHEL", "94_gen2"), "Red Hat Enterprise Linux 9.4 (Plow)", 10),
    _linux("rhel-8", "redhat", "8.10", (_REDHAT, "RHEL", "810-gen2"), "Red Hat Enterprise Linux 8.10 (Ootpa)", 8),
    _linux("rhel-79", "redhat", "7.9", (_REDHAT, "RHEL", "7.9"), "Red Hat Enterprise Linux Server 7.9 (Maipo)", 4),
    _linux("centos-79", "centos", "7.9.2009", ("OpenLogic", "CentOS", "7_9"), "CentOS Linux 7 (Core)", 3),
    _linux("sles-15", "suse", "15-SP6", ("SUSE", "sles-15-sp6", "gen2"), "SUSE Linux Enterprise Server 15 SP6", 5),
    _linux("sles-12", "suse", "12-SP5", ("SUSE", "sles-12-sp5", "gen2"), "SUSE Linux Enterprise Server 12 SP5", 2),
    _linux("debian-12", "debian", "12.9", ("Debian", "debian-12", "12-gen2"), "Debian GNU/Linux 12 (bookworm)", 6),
    _linux("debian-11", "debian", "11.11", ("Debian", "debian-11", "11-gen2"), "Debian GNU/Linux 11 (bullseye)", 2),
    _linux("oracle-8", "oracle", "8.10", ("Oracle", "Oracle-Linux", "ol810-lvm-gen2"), "Oracle Linux Server 8.10", 3),
    _linux("rocky-9", "rocky", "9.5", ("resf", "rockylinux-x86_64", "9-base"), "Rocky Linux 9.5 (Blue Onyx)", 3),
    _linux("alma-9", "almalinux", "9.5", ("almalinux", "almalinux-x86_64", "9-gen2"), "AlmaLinux 9.5 (Teal Serval)", 2),
    _linux("mariner-2", "mariner", "2.0", ("MicrosoftCBLMariner", "cbl-mariner", "cbl-mariner-2-gen2"), "CBL-Mariner 2.0", 1, arc=False),
    _linux("amazon-2023", "amazon", "2023.6", None, "Amazon Linux 2023", 3, vm=False),
    _linux("fedora-42", "fedora", "42", None, "Fedora Linux 42 (Server Edition)", 1, vm=False),
    _linux("linux-custom", "ubuntu", "22.04", None, "Ubuntu 22.04.5 LTS", 3, arc=False),
    _linux(
        "ubuntu-1404",
        "ubuntu",
        "14.04",
        (_CANONICAL, "UbuntuServer", "14.04.5-LTS"),
        "Ubuntu 14.04.6 LTS",
        1,
        supported=False,
        refused=True,
    ),
    _linux(
        "rhel-610", "redhat", "6.10", (_REDHAT, "RHEL", "6.10"), "Red Hat Enterprise Linux Server 6.10", 1, supported=False, refused=True
    ),
    _linux(
        "freebsd-14",
        "freebsd",
        "14.1",
        ("thefreebsdfoundation", "freebsd-14_1", "14_1-release-amd64-gen2-zfs"),
        "",
        1,
        supported=False,
        arc=False,
    ),
    _windows(
        "server-2022",
        "Windows Server 2022 Datacenter",
        "10.0.20348.3207",
        (_SERVER, "WindowsServer", "2022-datacenter-g2"),
        "Windows Server 2022 Datacenter",
        12,
    ),
    _windows(
        "server-2019",
        "Windows Server 2019 Datacenter",
        "10.0.17763.6893",
        (_SERVER, "WindowsServer", "2019-Datacenter"),
        "Windows Server 2019 Standard",
        10,
    ),
    _windows(
        "server-2025",
        "Windows Server 2025 Datacenter",
        "10.0.26100.3194",
        (_SERVER, "WindowsServer", "2025-datacenter-g2"),
        "Windows Server 2025 Datacenter",
        3,
    ),
    _windows(
        "server-2016",
        "Windows Server 2016 Datacenter",
        "10.0.14393.7785",
        (_SERVER, "WindowsServer", "2016-Datacenter"),
        "Windows Server 2016 Standard",
        5,
        legacy=True,
    ),
    _windows(
        "server-2012r2",
        "Windows Server 2012 R2 Datacenter",
        "6.3.9600.20625",
        (_SERVER, "WindowsServer", "2012-R2-Datacenter"),
        "Windows Server 2012 R2 Standard",
        3,
        legacy=True,
    ),
    _windows(
        "server-2008r2",
        "Windows Server 2008 R2 Datacenter",
        "6.1.7601.24214",
        (_SERVER, "WindowsServer", "2008-R2-SP1"),
        "Windows Server 2008 R2 Standard",
        1,
        legacy=True,
    ),
    _windows(
        "avd-multi",
        "Windows 10 Enterprise multi-session",
        "10.0.19045.5487",
        ("MicrosoftWindowsDesktop", "windows-10", "win10-22h2-avd-g2"),
        "",
        2,
        arc=False,
    ),
    _windows("windows-custom", "Windows Server 2019 Datacenter", "10.0.17763.6893", None, "", 2, arc=False),
    _windows(
        "windows-10",
        "Windows 10 Enterprise",
        "10.0.19045.5487",
        ("MicrosoftWindowsDesktop", "Windows-10", "win10-22h2-ent-g2"),
        "Windows 10 Enterprise",
        2,
        supported=False,
    ),
)

BY_KEY = {system.key: system for system in SYSTEMS}
