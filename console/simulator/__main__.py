"""`python -m console.simulator`."""

from __future__ import annotations

import argparse
import sys

from console.simulator.command import add_arguments, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m console.simulator", description="An Azure in a box, on loopback.")
    add_arguments(parser)
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
