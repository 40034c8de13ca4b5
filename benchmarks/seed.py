"""Makes a home with a fleet in it: ``python -m benchmarks.seed HOME CLOUD_FILE MACHINES ALERTS``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from benchmarks import product


def main(arguments: list[str]) -> None:
    """Seed."""
    home, cloud, machines, alerts = arguments
    asyncio.run(product.seed(Path(home), Path(cloud), int(machines), int(alerts)))


if __name__ == "__main__":
    main(sys.argv[1:])
