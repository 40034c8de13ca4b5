"""An Azure in a box: sign-in, Resource Manager, Resource Graph and time, over loopback TLS, with a world drawn from a seed.

`python -m console.simulator` runs it by itself; `async with Simulator() as sim:` runs it inside a test. It speaks HTTP and imports
nothing else of this project. It needs the optional dependencies named `simulator`; importing this package needs none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from console.simulator.simulator import Simulator

__all__ = ["Simulator"]


def __getattr__(name: str) -> Any:
    if name == "Simulator":
        from console.simulator.simulator import Simulator

        return Simulator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
