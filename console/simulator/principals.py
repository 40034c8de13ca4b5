"""Who can sign in. Which roles each holds in which subscription is the world's business."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Principal:
    """`key` is the name used on the control endpoints; `kind` is Azure's principalType."""

    key: str
    name: str
    upn: str
    object_id: str
    kind: str = "User"


def _principal(key: str, name: str, number: int, kind: str = "User") -> Principal:
    upn = f"{name.split()[0].lower()}@contoso.example" if kind == "User" else ""
    return Principal(key, name, upn, f"0b1ec700-5151-4a7e-8000-{number:012x}", kind)


ADA = _principal("ada", "Ada Admin", 1)
READER = _principal("reader", "Rita Reader", 2)
SECURITY_READER = _principal("security-reader", "Sam Securityreader", 3)
SECURITY_ADMIN = _principal("security-admin", "Sia Securityadmin", 4)
OPERATOR = _principal("operator", "Otto Operator", 5)
NOBODY = _principal("nobody", "Noam Nobody", 6)
APP = _principal("app", "mde-console-automation", 7, "ServicePrincipal")
MACHINE = _principal("machine", "jump-box-01", 8, "ServicePrincipal")

PRINCIPALS = {p.key: p for p in (ADA, READER, SECURITY_READER, SECURITY_ADMIN, OPERATOR, NOBODY, APP, MACHINE)}
