"""What machines tell of their system and of connectivity where all is well."""

from __future__ import annotations

from console.rules.connectivity import ADDRESSES

LINUX_WELL = """\
system : Linux
root : yes
os_PRETTY_NAME : "Ubuntu 22.04.5 LTS"
os_VERSION_ID : "22.04"
os_ID : ubuntu
kernel : 5.15.0-1072-azure
architecture : x86_64
init : systemd
cores : 2
memory_mb : 3931
noexec_opt : no
free_opt_mb : 12288
noexec_var : no
free_var_mb : 12288
noexec_waagent : no
noexec_arc : no
noexec_tmp : no
python : /usr/bin/python3
fanotify : yes
fanotify_holders : none
fanotify_watchers : none
other_services : none
mdatp : not-installed
"""
WINDOWS_WELL = """\
system : Windows
os_name : Microsoft Windows Server 2019 Datacenter
os_version : 10.0.17763
service_pack : 0
architecture : 64-bit
sense_service : Stopped
log_analytics_agent : missing
"""
TESTED = "".join(f"Testing connection with https://{one} ... [OK]\n" for one in ADDRESSES)
WELL = {"system": LINUX_WELL, "connectivity": f"system : Linux\ntool : mdatp\n{TESTED}"}


def framed(kind: str, output: str, run: str = "run1") -> str:
    return f"--- mde-console {kind} {run} begin ---\n{output}\n--- mde-console {kind} {run} end ---\n"
