"""The verb that tries a failed Defender extension again: what that does, and with ``--yes`` doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cache.failure import Exit
from console import output
from console.session import Setup
from console.stock import connected, machine_named

if TYPE_CHECKING:
    from console.rules.retrying import Retry


async def retry(setup: Setup, as_json: bool, named: str, yes: bool) -> int:
    """Say what trying the extension of one machine again does; with ``yes`` do it.

    Exit 2 it can be tried again, 0 it was and Azure confirms it, 1 that failed or is not known, 7 it makes no sense here.
    """
    from console.workers.retry import look, retry_extension

    async with connected(setup) as connection:
        machine = await machine_named(connection.fleet, named)
        found = await look(connection.work, machine.id)
        if found.refusal:
            _print(setup, as_json, _item(found, "refused", found.refusal))
            return Exit.REFUSED
        if not yes:
            _print(setup, as_json, _item(found, "possible", "Nothing was sent. Add --yes to do it."))
            return Exit.CHANGES
        if not as_json:
            print("\n".join(found.told), flush=True)
        retried = await retry_extension(connection.work, machine.id)
        _print(setup, as_json, _item(found, retried.code, retried.message) | ({} if as_json else {"told": []}))
        return Exit.DONE if retried.code == "confirmed" else Exit.FAILED


def _item(found: Retry, outcome: str, message: str) -> dict[str, Any]:
    return {
        "machine_id": found.machine.id,
        "name": found.machine.name,
        "extension": found.extension.name if found.extension is not None else None,
        "outcome": outcome,
        "message": message,
        "told": list(found.told),
    }


def _print(setup: Setup, as_json: bool, item: dict[str, Any]) -> None:
    if as_json:
        print(output.document([item], setup.clock.now()))
    else:
        print("\n".join([*item["told"], f"{item['name']}: {item['message']}"]))
