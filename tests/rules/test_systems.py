"""Systems are recognised as Azure and Azure Arc really write them, and what is not recognised is never called supported."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.model import Machine
from console.rules.systems import EXTENSION, LOG_ANALYTICS, SEED_2021, TODAY, judge_system, needs_log_analytics
from console.simulator.systems import SYSTEMS, System
from tests.rules.samples import a_machine, a_subscription, images, names, odd, versions


@pytest.mark.parametrize(
    ("image", "supported", "name"),
    [
        ("Canonical:0001-com-ubuntu-server-jammy:22_04-lts-gen2", True, "Ubuntu 22.04"),
        ("Canonical:ubuntu-24_04-lts:server", True, "Ubuntu 24.04"),
        ("Canonical:0001-com-ubuntu-server-focal:20_04-lts", True, "Ubuntu 20.04"),
        ("Canonical:UbuntuServer:18.04-LTS", True, "Ubuntu 18.04"),
        ("Canonical:UbuntuServer:18_04-lts-gen2", True, "Ubuntu 18.04"),
        ("Canonical:UbuntuServer:14.04.5-LTS", False, "Ubuntu 14.04"),
        ("Canonical:0001-com-ubuntu-server-kinetic:22_10", False, "Ubuntu 22.10"),
        ("RedHat:RHEL:7.9", True, "RHEL 7.9"),
        ("RedHat:RHEL:79-gen2", True, "RHEL 7.9"),
        ("RedHat:RHEL:7-LVM", None, "RHEL 7"),
        ("RedHat:RHEL:7.1", False, "RHEL 7.1"),
        ("RedHat:RHEL:6.10", False, "RHEL 6.10"),
        ("RedHat:RHEL:8-lvm-gen2", True, "RHEL 8"),
        ("RedHat:RHEL:86-gen2", True, "RHEL 8.6"),
        ("RedHat:RHEL:8_6", True, "RHEL 8.6"),
        ("RedHat:RHEL:810-gen2", True, "RHEL 8.10"),
        ("RedHat:RHEL:94_gen2", True, "RHEL 9.4"),
        ("RedHat:rhel-raw:9-raw-gen2", True, "RHEL 9"),
        ("RedHat:RHEL-SAP-HA:90sapha-gen2", True, "RHEL 9.0"),
        ("RedHat:RHEL:10-lvm-gen2", True, "RHEL 10"),
        ("OpenLogic:CentOS:7_9-gen2", True, "CentOS 7.9"),
        ("OpenLogic:CentOS:6.9", False, "CentOS 6.9"),
        ("Oracle:Oracle-Linux:ol79", True, "Oracle Linux 7.9"),
        ("Oracle:Oracle-Linux:ol79-gen2", True, "Oracle Linux 7.9"),
        ("Oracle:Oracle-Linux:ol810-lvm-gen2", True, "Oracle Linux 8.10"),
        ("SUSE:sles-15-sp4:gen2", True, "SLES 15 SP4"),
        ("SUSE:sles-12-sp5-basic:gen1", True, "SLES 12 SP5"),
        ("Debian:debian-11:11-gen2", True, "Debian 11"),
        ("Debian:debian-12:12-arm64", True, "Debian 12"),
        ("credativ:Debian:8", False, "Debian 8"),
        ("resf:rockylinux-x86_64:8-base", None, "Rocky Linux 8"),
        ("MicrosoftCBLMariner:cbl-mariner:cbl-mariner-2-gen2", True, "Azure Linux (Mariner) 2"),
        ("kinvolk:flatcar-container-linux:stable", False, "kinvolk:flatcar-container-linux:stable"),
        ("contoso:appliance:v7", None, "contoso:appliance:v7"),
        ("MicrosoftSQLServer:sql2019-ubuntu2004:standard", True, "Ubuntu 20.04"),
        ("MicrosoftSQLServer:sql2019-rhel8:standard", True, "RHEL 8"),
        ("Oracle:Oracle-Linux:ol82", True, "Oracle Linux 8.2"),
        ("MicrosoftCBLMariner:azure-linux-3:azure-linux-3-gen2", None, "Azure Linux (Mariner) 3"),
        ("", None, "Linux"),
    ],
)
def test_linux_image_references_are_understood(image: str, supported: bool | None, name: str) -> None:
    verdict = judge_system(a_machine(os_name="", os_version="", image=image))
    assert (verdict.supported, verdict.name) == (supported, name)
    assert verdict.provisioned_by == EXTENSION


@pytest.mark.parametrize(
    ("os_name", "os_version", "supported", "name"),
    [
        ("ubuntu", "22.04", True, "Ubuntu 22.04"),
        ("Ubuntu 22.04.5 LTS", "5.15.0-1034-azure", True, "Ubuntu 22.04"),
        ("ubuntu", "14.04", False, "Ubuntu 14.04"),
        ("ubuntu", "23.04", False, "Ubuntu 23.04"),
        ("Red Hat Enterprise Linux 8.6", "", True, "RHEL 8.6"),
        ("Red Hat Enterprise Linux 9.4 (Plow)", "5.14.0-427.13.1.el9_4.x86_64", True, "RHEL 9.4"),
        ("Red Hat Enterprise Linux Server 7.1 (Maipo)", "3.10.0-229.el7.x86_64", False, "RHEL 7.1"),
        ("Red Hat Enterprise Linux Server 7.2 (Maipo)", "3.10.0-327.el7.x86_64", True, "RHEL 7.2"),
        ("redhat", "7.1", False, "RHEL 7.1"),
        ("rhel", "10.0", True, "RHEL 10.0"),
        ("CentOS Stream 9", "", True, "CentOS Stream 9"),
        ("CentOS Linux 8", "", True, "CentOS 8"),
        ("CentOS Linux 7 (Core)", "7.9.2009", True, "CentOS 7.9"),
        ("Rocky Linux 8.6 (Green Obsidian)", "", False, "Rocky Linux 8.6"),
        ("Rocky Linux 8.7 (Green Obsidian)", "", True, "Rocky Linux 8.7"),
        ("rocky", "9.1", False, "Rocky Linux 9.1"),
        ("AlmaLinux 9.2 (Turquoise Kodkod)", "", True, "AlmaLinux 9.2"),
        ("AlmaLinux 8.3", "", False, "AlmaLinux 8.3"),
        ("sles 15.4", "", True, "SLES 15 SP4"),
        ("sles", "12.5", True, "SLES 12 SP5"),
        ("SUSE Linux Enterprise Server 11 SP4", "", False, "SLES 11 SP4"),
        ("openSUSE Leap 15.5", "", False, "openSUSE Leap 15.5"),
        ("Debian GNU/Linux 12 (bookworm)", "6.1.0-13-cloud-amd64", True, "Debian 12"),
        ("debian", "8.11", False, "Debian 8.11"),
        ("Oracle Linux Server 7.9", "", True, "Oracle Linux 7.9"),
        ("oracle", "7.1", False, "Oracle Linux 7.1"),
        ("Amazon Linux 2", "", True, "Amazon Linux 2"),
        ("Amazon Linux 2023", "", True, "Amazon Linux 2023"),
        ("Fedora Linux 42 (Server Edition)", "", True, "Fedora 42"),
        ("Fedora Linux 30", "", False, "Fedora 30"),
        ("CBL-Mariner 2.0", "", True, "Azure Linux (Mariner) 2.0"),
        ("Alpine Linux v3.19", "", False, "Alpine Linux v3.19"),
        ("Contoso OS 7", "", None, "Contoso OS 7"),
        ("ubuntu", "", None, "Ubuntu"),
        ("ubuntu", "5.15.0-1034-azure", None, "Ubuntu"),
        ("Debian GNU/Linux 99", "", None, "Debian 99"),
        ("ol 8.5", "", True, "Oracle Linux 8.5"),
        ("redhat", "4.18.0", None, "RHEL"),
        ("Red Hat Enterprise Linux", "7.0.0-1001.el10.x86_64", None, "RHEL"),
        ("debian", "6.1.0", None, "Debian"),
    ],
)
def test_linux_names_of_instance_views_and_arc_agents_are_understood(
    os_name: str, os_version: str, supported: bool | None, name: str
) -> None:
    verdict = judge_system(a_machine(kind="arc", os_name=os_name, os_version=os_version))
    assert (verdict.supported, verdict.name) == (supported, name)


@pytest.mark.parametrize(
    ("os_name", "os_version", "image", "supported", "by"),
    [
        ("", "", "MicrosoftWindowsServer:WindowsServer:2019-Datacenter", True, EXTENSION),
        ("", "", "MicrosoftWindowsServer:WindowsServer:2022-datacenter-azure-edition", True, EXTENSION),
        ("Windows Server 2025 Datacenter", "10.0.26100.3194", "", True, EXTENSION),
        ("", "", "MicrosoftWindowsServer:WindowsServer:2016-Datacenter", True, LOG_ANALYTICS),
        ("", "", "MicrosoftWindowsServer:WindowsServer:2012-R2-Datacenter", True, LOG_ANALYTICS),
        ("Windows Server 2012 Datacenter", "6.2.9200", "", False, EXTENSION),
        ("", "", "MicrosoftWindowsServer:WindowsServer:2012-Datacenter", False, EXTENSION),
        ("Windows Server 2008 R2 Standard", "6.1.7601.24214", "", True, LOG_ANALYTICS),
        ("Windows Server 2008 R2 Standard", "6.1.7600.16385", "", False, EXTENSION),
        ("Windows Server 2008 R2 Standard", "", "", None, LOG_ANALYTICS),
        ("", "", "MicrosoftWindowsServer:WindowsServer:2008-R2-SP1", True, LOG_ANALYTICS),
        ("", "", "MicrosoftSQLServer:sql2022-ws2019:standard", True, EXTENSION),
        ("Windows 10 Enterprise", "10.0.19045.5487", "", False, EXTENSION),
        ("Windows 11 Pro", "10.0.22631", "", False, EXTENSION),
        ("", "", "MicrosoftWindowsDesktop:Windows-10:win10-22h2-ent-g2", False, EXTENSION),
        ("", "", "MicrosoftWindowsDesktop:windows-10:win10-22h2-avd", True, EXTENSION),
        ("Windows 10 Enterprise", "10.0.19045.1", "MicrosoftWindowsDesktop:windows-10:win10-22h2-avd-g2", True, EXTENSION),
        ("", "", "MicrosoftWindowsDesktop:office-365:20h2-evd-o365pp", True, EXTENSION),
        ("Windows 10 Enterprise for Virtual Desktops", "", "", True, EXTENSION),
        ("Windows 10 Enterprise multi-session", "10.0.19045.5487", "", True, EXTENSION),
        ("Windows Server 2003", "", "", False, EXTENSION),
        ("Windows Server 2031", "", "", None, EXTENSION),
        ("", "", "", None, EXTENSION),
        ("Contoso", "", "contoso:golden:7", None, EXTENSION),
        ("Contoso", "", "MicrosoftWindowsServer:WindowsServer:2019-Datacenter", None, EXTENSION),
        ("Windows Server 2016 Datacenter", "10.0.14393.1", "MicrosoftWindowsDesktop:windows-10:win10-22h2-avd", True, LOG_ANALYTICS),
        ("Windows Server 23H2 Datacenter", "10.0.25398", "", None, EXTENSION),
    ],
)
def test_windows_is_judged_as_the_seed_says(os_name: str, os_version: str, image: str, supported: bool | None, by: str) -> None:
    verdict = judge_system(a_machine(os_type="Windows", os_name=os_name, os_version=os_version, image=image))
    assert (verdict.supported, verdict.provisioned_by) == (supported, by)


def as_azure_tells_it(system: System) -> list[Machine]:
    """The machines of ``system`` that there can be: a VM with its view, a VM of which only the image is known, an Arc machine."""
    image = ":".join(system.image) if system.image else ""
    found = []
    if system.vm:
        found.append(a_machine(os_type=system.os_type, os_name=system.name, os_version=system.version, image=image))
    if system.arc and system.arc_sku:
        found.append(a_machine(kind="arc", os_type=system.os_type, os_name=system.arc_sku, os_version=system.version))
    return found


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda one: one.key)
def test_every_system_of_the_simulated_world_gets_its_verdict(system: System) -> None:
    told = as_azure_tells_it(system)
    assert told
    for machine in told:
        verdict = judge_system(machine)
        assert verdict.supported is system.supported, machine
        assert (verdict.provisioned_by == LOG_ANALYTICS) == system.legacy, machine


@pytest.mark.parametrize("system", [one for one in SYSTEMS if one.image], ids=lambda one: one.key)
def test_the_image_alone_never_gives_the_opposite_verdict(system: System) -> None:
    machine = a_machine(os_type=system.os_type, os_name="", os_version="", image=":".join(system.image or ()))
    verdict = judge_system(machine)
    assert verdict.supported in {system.supported, None}  # some images name only a major version


def test_the_view_outweighs_the_image_that_the_machine_was_once_made_from() -> None:
    upgraded = a_machine(os_name="Red Hat Enterprise Linux 8.6", image="RedHat:RHEL:7.1")
    assert judge_system(upgraded).supported is True


VIEWS = ("", "linux", "ubuntu", "Ubuntu 22.04.5 LTS", "redhat", "Red Hat Enterprise Linux 6.10", "rocky", "openEuler 22.03", "FreeBSD")
BUILDS = ("", "22.04", "14.04", "8.6", "9", "5.15.0-1034-azure", "?")
IMAGES = (
    "",
    "Canonical:0001-com-ubuntu-server-jammy:22_04-lts",
    "Canonical:UbuntuServer:14.04.5-LTS",
    "RedHat:RHEL:79-gen2",
    "RedHat:RHEL:6.10",
    "resf:rockylinux-x86_64:9-base",
    "kinvolk:flatcar-container-linux:stable",
    "contoso:appliance:v7",
)
SERVER_VIEWS = ("", "Windows", "Windows Server 2019 Datacenter", "Windows Server 2012 R2 Standard", "Windows 10 Enterprise", "Contoso")
SERVER_IMAGES = (
    "",
    "MicrosoftWindowsServer:WindowsServer:2019-Datacenter",
    "MicrosoftWindowsServer:WindowsServer:2016-Datacenter",
    "MicrosoftWindowsDesktop:windows-10:win10-22h2-avd",
    "MicrosoftWindowsDesktop:Windows-11:win11-23h2-ent",
    "contoso:golden:7",
)


@pytest.mark.parametrize(("os_type", "view"), [*(("Linux", one) for one in VIEWS), *(("Windows", one) for one in SERVER_VIEWS)])
def test_where_sources_disagree_what_runs_decides_and_the_image_only_adds_what_is_left_open(os_type: str, view: str) -> None:
    """Every combination of a view, its version and an image, good and bad ones, of one or of different systems."""
    for build, image in product(BUILDS, IMAGES) if os_type == "Linux" else product(("", "10.0.17763.1", "6.3.9600"), SERVER_IMAGES):
        whole, seen, made = (
            judge_system(a_machine(os_type=os_type, os_name=name, os_version=version, image=of))
            for name, version, of in ((view, build, image), (view, build, ""), ("", "", image))
        )
        assert whole.reason
        multi_session = "avd" in image and "Windows 10" in view  # which the view leaves out and the image tells
        if seen.supported is not None and not multi_session:
            assert whole == seen
        elif whole.supported:
            assert made.supported
            tells_nothing = view.lower() in {"", "linux", "windows"}
            assert tells_nothing or multi_session or whole.name.split()[0].lower() in {view.lower(), "rhel" if view == "redhat" else view}
        if made.supported is None and seen.supported is None:
            assert whole.supported is not True


def test_the_image_does_not_speak_for_another_distribution() -> None:
    found = judge_system(a_machine(os_name="ubuntu", os_version="", image="RedHat:RHEL:79-gen2"))
    assert (found.supported, found.name) == (None, "Ubuntu")
    found = judge_system(a_machine(os_name="openEuler 22.03", os_version="", image="Canonical:UbuntuServer:18.04-LTS"))
    assert found.supported is None
    found = judge_system(a_machine(os_name="Rocky Linux 9", os_version="", image="resf:rockylinux-x86_64:9.5-base"))
    assert (found.supported, found.name) == (True, "Rocky Linux 9.5")
    found = judge_system(a_machine(os_name="Rocky Linux 9", os_version="", image="resf:rockylinux-x86_64:8.9-base"))
    assert (found.supported, found.name) == (None, "Rocky Linux 9")


def test_a_server_that_the_seed_did_not_know_is_newer_than_its_list() -> None:
    later = a_machine(os_type="Windows", os_name="Windows Server 2022 Datacenter", os_version="", image="")
    assert judge_system(later, TODAY).supported is True
    assert judge_system(later, SEED_2021).supported is None
    assert SEED_2021.windows_source
    assert TODAY.windows_source
    assert {one.name for one in SEED_2021.servers} == {
        "Windows Server 2019",
        "Windows Server 2016",
        "Windows Server 2012 R2",
        "Windows Server 2008 R2 SP1",
    }


def test_the_matrices_are_dated_and_the_seed_knew_less_than_today() -> None:
    assert SEED_2021.as_of < TODAY.as_of
    assert SEED_2021.source
    assert TODAY.source
    noble = a_machine(os_name="ubuntu", os_version="24.04")
    assert judge_system(noble, TODAY).supported is True
    assert judge_system(noble, SEED_2021).supported is not True


@given(st.one_of(st.sampled_from(["Linux", "Windows"]), odd), names, versions, images)
def test_anything_at_all_gets_a_verdict_with_a_reason(os_type: str, os_name: str, os_version: str, image: str) -> None:
    verdict = judge_system(a_machine(os_type=os_type, os_name=os_name, os_version=os_version, image=image))
    assert verdict.name
    assert verdict.reason
    assert verdict.provisioned_by in {EXTENSION, LOG_ANALYTICS}
    if os_type.lower() not in {"linux", "windows"}:
        assert verdict.supported is None


@given(st.sampled_from(["Linux", "Windows"]), st.text("xyzq 0123456789.-:", max_size=20), st.text("xyzq 0123456789.-:", max_size=20))
def test_what_is_not_recognised_is_never_called_supported(os_type: str, os_name: str, image: str) -> None:
    assert judge_system(a_machine(os_type=os_type, os_name=os_name, os_version="22.04", image=image)).supported is not True


@pytest.mark.parametrize(
    ("system", "unified", "needed"),
    [
        ("Windows Server 2016 Datacenter", "on", False),
        ("Windows Server 2016 Datacenter", "off", True),
        ("Windows Server 2016 Datacenter", "not-set", True),
        ("Windows Server 2016 Datacenter", None, None),
        ("Windows Server 2008 R2 SP1", "on", True),
        ("Windows Server 2019 Datacenter", "off", False),
        ("Something of our own", "off", False),
    ],
)
def test_the_log_analytics_agent_is_needed_where_neither_extension_nor_unified_solution_serves(
    system: str, unified: str | None, needed: bool | None
) -> None:
    verdict = judge_system(a_machine(os_type="Windows", os_name=system, os_version="", image=""))
    assert needs_log_analytics(verdict, a_subscription(unified=unified)) is needed
