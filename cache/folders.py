"""Where the files of one fleet live: a folder of its own for each cloud, tenant and principal, since each sees other things."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

_ODD = re.compile(r"[^a-z0-9._-]+")
_LOOKS_HASHED = re.compile(r"-[0-9a-f]{8}")
_LONGEST = 64


def fleet_folder(home: Path, cloud: str, tenant_id: str, principal: str) -> Path:
    """The folder under ``home`` for what ``principal`` sees of ``tenant_id`` in ``cloud``. Upper and lower case make no difference.

    Names stay readable; one that is not a safe file name as it is loses its odd characters and gains a short hash, so that no two
    names share a folder and none leads out of ``home``.
    """
    return home / "fleets" / _slug(cloud) / _slug(tenant_id) / _slug(principal)


def _slug(name: str) -> str:
    plain = name.casefold()
    slug = _ODD.sub("-", plain).strip("-.")[:_LONGEST]
    if slug == plain and slug and _LOOKS_HASHED.search(slug[-9:]) is None:
        return slug
    digest = hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{slug or 'unnamed'}-{digest}"
