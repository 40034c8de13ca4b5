"""The situations of the seed document, one subscription each, and how a larger world repeats them."""

from __future__ import annotations

from dataclasses import dataclass

from console.simulator.roles import OWNER, READER, SECURITY_ADMIN, SECURITY_READER, Role

WDATP, EXCLUDE, UNIFIED = "WDATP", "WDATP_EXCLUDE_LINUX_PUBLIC_PREVIEW", "WDATP_UNIFIED_SOLUTION"


@dataclass(frozen=True)
class Situation:
    """What is true of a subscription when the world begins. A setting of None is not set at all."""

    name: str
    wdatp: bool | None
    exclude: bool | None
    unified: bool | None
    tier: str = "Standard"
    sub_plan: str | None = "P2"
    ada: tuple[Role, ...] = (OWNER,)
    """What the default administrator may do there."""
    state: str = "Enabled"
    registered: bool = True
    moved: bool = False
    share: float = 1.0
    """Its share of the world's machines."""


SITUATIONS = (
    Situation("existing-windows-linux-excluded", wdatp=True, exclude=True, unified=True, share=2.2),
    Situation("never-enabled", wdatp=None, exclude=None, unified=None, share=1.8),
    Situation("all-on", wdatp=True, exclude=False, unified=True, share=3.6),
    Situation("no-servers-plan", wdatp=False, exclude=None, unified=None, tier="Free", sub_plan=None, share=0.6),
    Situation("no-right-to-enable", wdatp=True, exclude=True, unified=True, ada=(SECURITY_READER, READER), share=0.6),
    Situation("no-right-to-see-machines", wdatp=True, exclude=True, unified=True, ada=(SECURITY_ADMIN,), share=0.6),
    Situation("provider-not-registered", wdatp=None, exclude=None, unified=None, tier="Free", sub_plan=None, registered=False, share=0.4),
    Situation("disabled", wdatp=True, exclude=False, unified=True, state="Disabled", share=0.4),
    Situation("moved-between-tenants", wdatp=True, exclude=False, unified=True, moved=True, share=0.5),
    Situation("empty", wdatp=None, exclude=None, unified=None, share=0.0),
    Situation("linux-not-set", wdatp=True, exclude=None, unified=None, sub_plan="P1", share=0.6),
    Situation("unified-off", wdatp=True, exclude=True, unified=False, share=0.7),
)

BY_NAME = {situation.name: situation for situation in SITUATIONS}

_REPEATED = (
    "all-on",
    "existing-windows-linux-excluded",
    "never-enabled",
    "all-on",
    "linux-not-set",
    "unified-off",
    "existing-windows-linux-excluded",
)


def situations_for(count: int) -> list[Situation]:
    """Each situation once, as far as `count` reaches; after that the common ones again and again."""
    chosen = list(SITUATIONS[:count])
    while len(chosen) < count:
        chosen.append(BY_NAME[_REPEATED[(len(chosen) - len(SITUATIONS)) % len(_REPEATED)]])
    return chosen
