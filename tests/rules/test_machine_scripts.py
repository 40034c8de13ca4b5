"""The scripts about connectivity and the system, run in a real shell: on this machine, on made-up ones, and where tools are missing."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cache.model import CheckStatus
from console.rules.machine_judgement import Judgement, judge, script_of

SHELL = shutil.which("sh") or "/bin/sh"
KEPT_BY_AZURE = 4096
_PLACES = re.compile(r"(?<=[ \"=#])/(?:etc|proc|boot|run|opt|var|tmp|usr/lib/os-release)(?![A-Za-z])")


def ran(script: str, **environment: str) -> bytes:
    done = subprocess.run([SHELL], input=script.encode(), env=environment, capture_output=True, check=True, timeout=120)
    assert done.stderr == b""
    return done.stdout


def path_of(script: str, folder: Path) -> str:
    """The script with ``folder`` as the only place of tools."""
    (line,) = (one for one in script.splitlines() if one.startswith("PATH="))
    return script.replace(line, f"PATH={folder}")


@dataclass
class Fake:
    """A made-up machine: a folder in the place of ``/``, and tools."""

    root: Path
    tools: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.put("etc/os-release", 'NAME="Ubuntu"\nVERSION_ID="22.04"\nID=ubuntu\nPRETTY_NAME="Ubuntu 22.04.5 LTS"\n')
        self.put("proc/sys/kernel/osrelease", "5.15.0-1072-azure\n")
        self.put("proc/sys/fs/fanotify/max_user_groups", "128\n")
        self.put("proc/1/comm", "systemd\n")
        self.put("proc/cpuinfo", "processor\t: 0\nmodel name\t: x\nprocessor\t: 1\n")
        self.put("proc/meminfo", "MemTotal:        4025704 kB\nMemFree: 1 kB\n")
        self.mounts("rw")
        self.put("run/systemd/system/x", "")
        self.put("opt/x", "")
        self.put("var/lib/waagent/x", "")
        self.put("tmp/x", "")
        self.tools |= {
            "id": "echo 0",
            "uname": "echo x86_64",
            "df": "echo Filesystem; echo /dev/sda1 9 9 12582912 1% /",
            "python3": "exit 1",
            "systemctl": "echo inactive; exit 3",
            "grep": f'exec {shutil.which("grep")} "$@"',
        }

    def put(self, path: str, text: str) -> None:
        whole = self.root / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_text(text)

    def mounts(self, flags: str, at: str = "var") -> None:
        self.put("proc/mounts", f"/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 {self.root}/{at} xfs {flags},relatime 0 0\nproc /proc proc rw 0 0\n")

    def holder(self, pid: int, name: str, marks: str) -> None:
        self.put(f"proc/{pid}/comm", f"{name}\n")
        self.put(f"proc/{pid}/fdinfo/3", f"pos:\t0\nflags:\t02\nfanotify flags:0 event-flags:8000\n{marks}\n")

    def output(self, run: str = "r1") -> bytes:
        script = script_of("system", "Linux", run, "public")
        script = _PLACES.sub(lambda found: f"{self.root}{found[0]}", script)
        tools = self.root / "tools"
        shutil.rmtree(tools, ignore_errors=True)
        tools.mkdir()
        for name, body in self.tools.items():
            (tools / name).write_text(f"#!{SHELL}\n{body}\n")
            (tools / name).chmod(0o755)
        return ran(path_of(script, tools))

    def judged(self) -> Judgement:
        return judge("system", self.output(), "Linux", run="r1")


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path)


def finding(judged: Judgement, one: str) -> CheckStatus:
    return next(found.status for found in judged.findings if found.id == one)


def test_a_machine_that_meets_all_is_good(fake: Fake) -> None:
    judged = fake.judged()
    assert {found.id: found.status for found in judged.findings if found.status is not CheckStatus.PASS} == {}
    assert (judged.outcome, judged.remedy) == ("good", "")


def test_each_thing_that_is_wrong_is_found_by_itself_with_what_to_do(tmp_path: Path) -> None:
    wrong = {
        "distribution": lambda one: one.put("etc/os-release", 'ID=alpine\nVERSION_ID=3.19\nPRETTY_NAME="Alpine Linux v3.19"\n'),
        "kernel": lambda one: one.put("proc/sys/kernel/osrelease", "3.10.0-229.el7.x86_64\n"),
        "architecture": lambda one: one.tools.update(uname="echo i686"),
        "systemd": lambda one: (shutil.rmtree(one.root / "run"), one.put("proc/1/comm", "init\n")),
        "memory": lambda one: one.put("proc/meminfo", "MemTotal: 980000 kB\n"),
        "disk": lambda one: one.tools.update(df="echo Filesystem; echo /dev/sda1 9 9 1048576 99% /"),
        "noexec": lambda one: one.mounts("rw,nosuid,noexec"),
        "python": lambda one: one.tools.pop("python3"),
        "fanotify": lambda one: (
            shutil.rmtree(one.root / "proc/sys/fs"),
            one.put("boot/config-5.15.0-1072-azure", "CONFIG_X=y\n# CONFIG_FANOTIFY is not set\n"),
        ),
        "fanotify-holders": lambda one: one.holder(77, "ds_am", "fanotify mnt_id:2a mflags:0 mask:3b ignored_mask:0"),
    }
    for number, (what, spoil) in enumerate(wrong.items()):
        fake = Fake(tmp_path / str(number))
        spoil(fake)
        judged = fake.judged()
        bad = [found.id for found in judged.findings if found.status is not CheckStatus.PASS]
        assert (judged.outcome, judged.code, bad) == ("bad", what, [what]), judged
        assert judged.remedy


def test_what_the_tools_do_not_tell_is_unknown_and_never_good(fake: Fake) -> None:
    fake.tools.clear()
    judged = fake.judged()
    assert judged.outcome == "bad"
    assert [found.id for found in judged.findings if found.status is CheckStatus.FAIL] == ["python"]  # looked for and not there
    unknown = {found.id for found in judged.findings if found.status is CheckStatus.UNKNOWN}
    assert unknown == {"architecture", "disk", "fanotify-holders"}
    fake.tools["python3"] = "exit 1"
    assert fake.judged().outcome == "doubtful"


def test_a_bare_machine_without_any_file_ends_and_is_not_good(tmp_path: Path) -> None:
    fake = Fake(tmp_path)
    for folder in ("etc", "proc", "run", "boot"):
        shutil.rmtree(tmp_path / folder, ignore_errors=True)
    fake.tools.clear()
    judged = fake.judged()
    assert judged.outcome == "bad"
    assert {found.status for found in judged.findings} == {CheckStatus.UNKNOWN, CheckStatus.FAIL}


def test_who_is_not_root_does_not_see_who_holds_fanotify(fake: Fake) -> None:
    fake.tools["id"] = "echo 1000"
    assert finding(fake.judged(), "fanotify-holders") is CheckStatus.UNKNOWN


def test_holders_of_fanotify_are_told_apart(fake: Fake) -> None:
    whole = "fanotify sdev:800001 mflags:0 mask:3b ignored_mask:0"
    for name, marks, status in (
        ("fapolicyd", whole, CheckStatus.FAIL),  # on Ubuntu it may not
        ("wdavdaemon", whole, CheckStatus.FAIL),  # half-installed: there is no mdatp
        ("odd [0m name", whole, CheckStatus.FAIL),
        ("indexer", "fanotify ino:4f969 sdev:800013 mflags:0 mask:3b", CheckStatus.FAIL),
        ("indexer", "fanotify ino:4f969 mflags:0 mask:3b", CheckStatus.WARN),
    ):
        fake.holder(77, name, marks)
        assert finding(fake.judged(), "fanotify-holders") is status, name
    fake.holder(77, "wdavdaemon", whole)
    fake.tools["mdatp"] = "exit 0"
    assert finding(fake.judged(), "fanotify-holders") is CheckStatus.PASS
    fake.holder(77, "fapolicyd", whole)
    fake.put("etc/os-release", 'ID=rhel\nVERSION_ID="9.4"\nPRETTY_NAME="Red Hat Enterprise Linux 9.4 (Plow)"\n')
    assert finding(fake.judged(), "fanotify-holders") is CheckStatus.PASS
    fake.tools["systemctl"] = '[ "$2" = MFEcma ] && echo active'
    judged = fake.judged()
    assert (finding(judged, "fanotify-holders"), "MFEcma" in judged.reason) == (CheckStatus.FAIL, True)


def test_old_red_hats_tell_their_minor_version_in_another_file(fake: Fake) -> None:
    fake.put("etc/os-release", 'ID="centos"\nVERSION_ID="7"\nPRETTY_NAME="CentOS Linux 7 (Core)"\n')
    assert finding(fake.judged(), "distribution") is CheckStatus.UNKNOWN
    for told, status in (
        ("CentOS Linux release 7.9.2009 (Core)", CheckStatus.PASS),
        ("CentOS Linux release 7.1.1503 (Core)", CheckStatus.FAIL),
    ):
        fake.put("etc/redhat-release", f"{told}\n")
        assert finding(fake.judged(), "distribution") is status


def test_a_folder_behind_a_link_is_looked_at_where_it_is(fake: Fake) -> None:
    shutil.rmtree(fake.root / "opt")
    (fake.root / "data").mkdir()
    (fake.root / "opt").symlink_to(fake.root / "data")
    fake.mounts("rw,noexec", at="data")
    judged = fake.judged()
    assert (judged.code, "/opt/microsoft" in judged.reason) == ("noexec", True)


def test_what_a_machine_says_of_itself_cannot_forge_lines(fake: Fake) -> None:
    fake.holder(77, "ds_am", "fanotify mnt_id:2a")
    fake.put("etc/os-release", 'ID=x\nPRETTY_NAME="Ubuntu\x1b[2J 22.04\\nfanotify_holders : none"\nVERSION_ID=22.04\n')
    judged = fake.judged()
    assert finding(judged, "fanotify-holders") is CheckStatus.FAIL
    assert "\x1b" not in str(judged)


def test_the_output_is_well_below_what_azure_keeps(fake: Fake) -> None:
    fake.put("etc/os-release", f"ID={'x' * 9000}\nPRETTY_NAME={'y' * 9000}\nVERSION_ID={'z' * 9000}\n")
    for pid in range(100, 300):
        fake.holder(pid, f"a-rather-long-{pid}", "fanotify mnt_id:2a")
    assert len(fake.output()) < KEPT_BY_AZURE


@pytest.mark.skipif(not Path("/proc/mounts").exists(), reason="this is no Linux")
def test_it_really_runs_on_this_machine_and_says_something_of_each_thing() -> None:
    judged = judge("system", ran(script_of("system", "Linux", "r7", "public"), PATH=os.environ.get("PATH", "")), "Linux", run="r7")
    assert judged.outcome in {"good", "doubtful", "bad"}
    assert finding(judged, "kernel") is CheckStatus.PASS
    assert finding(judged, "python") in {CheckStatus.PASS, CheckStatus.WARN}
    assert {found.id for found in judged.findings if found.status is CheckStatus.UNKNOWN} <= {
        "distribution",
        "fanotify",
        "fanotify-holders",
    }


@pytest.mark.skipif(not Path("/proc/self/fdinfo").exists() or os.geteuid() != 0, reason="only root on Linux may hold fanotify")
def test_a_process_that_holds_fanotify_is_really_found(tmp_path: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    held = libc.fanotify_init(0x04 | 0x01, os.O_RDONLY)  # FAN_CLASS_CONTENT | FAN_CLOEXEC
    if held < 0:
        pytest.skip("this kernel lets nobody hold fanotify here")
    try:
        marked = libc.fanotify_mark(held, 0x01 | 0x10, ctypes.c_uint64(0x20), -100, os.fsencode(tmp_path))  # FAN_MARK_ADD | FAN_MARK_MOUNT
        if marked < 0:
            pytest.skip("this kernel lets nobody mark a file system here")
        judged = judge("system", ran(script_of("system", "Linux", "r8", "public"), PATH=os.environ.get("PATH", "")), "Linux", run="r8")
        assert judged.fields is not None
        assert judged.fields["fanotify_holders"] != "none"
        assert finding(judged, "fanotify-holders") is CheckStatus.FAIL
    finally:
        os.close(held)


# Connectivity


def connectivity(folder: Path, tools: dict[str, str]) -> Judgement:
    folder.mkdir(exist_ok=True)
    for name, body in tools.items():
        (folder / name).write_text(f"#!{SHELL}\n{body}\n")
        (folder / name).chmod(0o755)
    script = path_of(script_of("connectivity", "Linux", "r2", "public"), folder)
    return judge("connectivity", ran(script, PATH="/nowhere"), "Linux", run="r2")


OK = 'echo "Testing connection with https://cdn.x.cp.wd.microsoft.com/ping ... [OK]"'
NOT = 'echo "Testing connection with https://x.cp.wd.microsoft.com/api/report ... [ERROR] (curl error 60: SSL peer certificate was not OK)"'
MANY = f"i=0; while [ $i -lt 60 ]; do {OK.replace('cdn.', 'cdn$i.')}; i=$((i + 1)); done"
REAL = {one: f'exec {shutil.which(one)} "$@"' for one in ("grep", "cut", "tail")}


def test_where_defender_is_its_own_test_is_run(tmp_path: Path) -> None:
    assert connectivity(tmp_path / "a", {"mdatp": f"{OK}\n"}).outcome == "good"
    judged = connectivity(tmp_path / "b", {"mdatp": f"{OK}\n{NOT}\nexit 1"})
    assert (judged.outcome, judged.code) == ("bad", "tls-inspection")
    assert "x.cp.wd.microsoft.com" in judged.reason


def test_a_version_of_2020_is_asked_in_its_own_words(tmp_path: Path) -> None:
    judged = connectivity(tmp_path, {"mdatp": f'[ "$1" = --connectivity-test ] || {{ echo "Unknown argument"; exit 1; }}\n{OK}'})
    assert judged.outcome == "good"
    judged = connectivity(tmp_path / "down", {"mdatp": 'echo "Could not connect to the daemon"; exit 1'})
    assert (judged.outcome, judged.code) == ("bad", "daemon-down")


def test_a_test_that_does_not_end_is_ended_and_in_doubt(tmp_path: Path) -> None:
    begun = 'printf "Testing connection with https://x.cp.wd.microsoft.com/api/report ... "'
    judged = connectivity(tmp_path, {"mdatp": f"{OK}\n{begun}", "timeout": 'shift; "$@"; exit 124'})
    assert (judged.outcome, judged.code) == ("doubtful", "cut-off")
    judged = connectivity(tmp_path, {"mdatp": OK, "timeout": 'shift; "$@"; exit 124'})
    assert (judged.outcome, judged.code) == ("doubtful", "cut-off")


def test_a_long_test_is_shortened_to_what_decides(tmp_path: Path) -> None:
    judged = connectivity(tmp_path / "a", {"mdatp": f"{MANY}; {NOT}", **REAL})
    assert (judged.outcome, judged.code) == ("bad", "tls-inspection")
    assert "1 of 61" in judged.reason
    judged = connectivity(tmp_path / "b", {"mdatp": MANY, **REAL})
    assert (judged.outcome, "(60)" in judged.reason) == ("good", True)


def test_without_defender_curl_asks_the_addresses_and_what_it_cannot_see_is_noted(tmp_path: Path) -> None:
    judged = connectivity(tmp_path / "a", {"curl": "printf 200"})
    assert (judged.outcome, len(judged.findings)) == ("good", 13)
    assert any("curl" in one for one in judged.notes)
    for body, code in (
        ("exit 6", "name"),
        ("exit 28", "blocked"),
        ("exit 60", "tls-inspection"),
        ("printf 407", "proxy-authentication"),
        ("printf 502", "not-reached"),
    ):
        judged = connectivity(tmp_path / code, {"curl": body})
        assert (judged.outcome, judged.code) == ("bad", code)
        assert judged.remedy
    only = 'for last; do :; done; case "$last" in *packages*) exit 7 ;; *) printf 200 ;; esac'
    judged = connectivity(tmp_path / "only", {"curl": only})
    assert (judged.outcome, "packages.microsoft.com" in judged.reason) == ("bad", True)


def test_wget_stands_in_for_curl_and_without_both_nobody_knows(tmp_path: Path) -> None:
    assert connectivity(tmp_path / "a", {"wget": "exit 0"}).outcome == "good"
    assert connectivity(tmp_path / "b", {"wget": "exit 5"}).code == "tls-inspection"
    judged = connectivity(tmp_path / "c", {})
    assert (judged.outcome, judged.code) == ("unreadable", "no-tool")


def test_each_cloud_is_asked_for_its_own_addresses(tmp_path: Path) -> None:
    public, government, own = (script_of("connectivity", "Linux", "r2", cloud) for cloud in ("public", "usgovernment", "contoso-1a2b3c4d"))
    assert public == own
    assert "winatp-gw-usgt.microsoft.com" in government
    assert "winatp-gw-cus" not in government
    assert "packages.microsoft.com" in government
    assert "packages.microsoft.com" not in script_of("connectivity", "Windows", "r2", "usgovernment")
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, answer, outcome, code in (
        ("well", "printf 200", "good", "reached"),
        ("no such page", 'for last; do :; done; case "$last" in *.us/*) printf 404 ;; *) printf 200 ;; esac', "good", "reached"),
        (
            "no such page of the repository",
            'for last; do :; done; case "$last" in *packages*) printf 404 ;; *) printf 200 ;; esac',
            "bad",
            "not-reached",
        ),
        ("not of DoD", 'for last; do :; done; case "$last" in *usgv*|*states2*) exit 28 ;; *) printf 200 ;; esac', "doubtful", "region"),
        ("nowhere", "exit 28", "bad", "blocked"),
    ):
        (folder / "curl").write_text(f"#!{SHELL}\n{answer}\n")
        (folder / "curl").chmod(0o755)
        judged = judge("connectivity", ran(path_of(government, folder), PATH="/nowhere"), "Linux", run="r2")
        assert (name, judged.outcome, judged.code) == (name, outcome, code)
        assert any("US Government (GCC High and DoD)" in one for one in judged.notes)


@pytest.mark.parametrize("kind", ["connectivity", "system"])
@pytest.mark.parametrize("system", ["Linux", "Windows"])
@pytest.mark.parametrize("cloud", ["public", "usgovernment", "china"])
def test_a_script_says_that_it_changes_nothing_and_holds_nothing_that_would(kind: str, system: str, cloud: str) -> None:
    script = script_of(kind, system, "r9", cloud)
    assert "It changes nothing" in script
    assert script.count("--- mde-console") == 2
    assert "{" + "run}" not in script
    assert "{" + "addresses}" not in script
    written = [
        one
        for one in (" rm ", " mv ", " mount ", "tee ", "kill ", "Set-", "Remove-", "New-Item", "Start-", "Stop-", "Out-File")
        if one in script
    ]
    assert written == []
    assert [line for line in script.splitlines() if ">" in line.replace(">/dev/null", "").replace("2>&1", "").replace("->", "")] == []
