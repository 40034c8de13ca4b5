"""The files under the databases: private folders and files, what kind of file system they are on, and setting damaged ones aside."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from cache.errors import from_os

# fmt: off
_NETWORK_FILE_SYSTEMS = frozenset((
    "nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "9p", "afs", "afpfs", "ceph", "coda", "glusterfs", "gfs2", "lustre",
    "ncpfs", "ocfs2", "gpfs", "beegfs", "pvfs2", "davfs", "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "fuse.sshfs",
    "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.davfs2", "fuse.smbnetfs", "fuse.vmhgfs-fuse", "fuse.blobfuse",
    "fuse.blobfuse2", "fuse.curlftpfs", "fuse.ceph",
))
# fmt: on
_OCTAL = re.compile(r"\\([0-7]{3})")
COMPANIONS = ("-wal", "-shm", "-journal")


def private_folder(folder: Path) -> None:
    """Make ``folder``, and what is missing above it, readable by its owner alone. Raises :class:`cache.errors.CacheError`."""
    missing = []
    above = folder
    try:
        while not above.exists():
            missing.append(above)
            above = above.parent
        for one in reversed(missing):
            with suppress(FileExistsError):
                one.mkdir(mode=0o700)
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
        os.scandir(folder).close()
    except OSError as error:
        raise from_os(error, folder) from error


def private_file(path: Path) -> None:
    """Make ``path``, if it is missing, and see that its owner alone can read it. SQLite gives its companions the same mode.

    Raises :class:`cache.errors.CacheError`.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.fchmod(handle, 0o600)
        finally:
            os.close(handle)
        for suffix in COMPANIONS:
            with suppress(FileNotFoundError):
                os.chmod(f"{path}{suffix}", 0o600)
    except OSError as error:
        raise from_os(error, path) from error


def write_private(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content`` in one step that survives a power failure. Raises :class:`cache.errors.CacheError`."""
    try:
        handle, fresh = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # a name of its own (and mode 0600) for each writer
        try:
            try:
                os.write(handle, content)
                os.fsync(handle)
            finally:
                os.close(handle)
            os.replace(fresh, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(fresh)
            raise
    except OSError as error:
        raise from_os(error, path) from error


def on_network(path: Path, mounts: str | None = None) -> bool:
    """Whether ``path`` is on a network file system, where WAL's shared memory does not work.

    ``mounts`` is text in the format of ``/proc/self/mountinfo`` (proc(5)), which is read if it is not given. Where there is no such
    file the answer is no.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return False
    where = Path(os.path.realpath(path))
    nearest, kind = -1, ""
    for line in mounts.splitlines():
        left, separator, right = line.partition(" - ")
        fields, kinds = left.split(" "), right.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = Path(_OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4]))
        if len(point.parts) >= nearest and where.is_relative_to(point):  # a later mount on the same point hides the earlier one
            nearest, kind = len(point.parts), kinds[0]
    return kind in _NETWORK_FILE_SYSTEMS


def set_aside(path: Path, now: datetime) -> Path:
    """Rename the damaged ``path`` and its companions so that a new file can take its place; returns the new name of ``path``.

    Raises :class:`cache.errors.CacheError`.
    """
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    again = 1
    while aside.exists():
        again += 1
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{again}")
    try:
        path.rename(aside)
        for suffix in COMPANIONS:
            with suppress(FileNotFoundError):
                os.rename(f"{path}{suffix}", f"{aside}{suffix}")
        suspect(path).unlink(missing_ok=True)
    except OSError as error:
        raise from_os(error, path) from error
    return aside


def suspect(path: Path) -> Path:
    """The mark beside ``path`` that says damage was met while it was in use, so that the next to open it sets it aside."""
    return path.with_name(path.name + ".suspect")
