"""What many rows have in common, kept once and named by a number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import aiosqlite

from cache.database import insert

Value = tuple[Any, ...]


class Dictionary:
    """The values of one table ``(key, columns…)`` that are only ever added.

    It belongs to whoever writes: ask for keys within a transaction, between :meth:`load` and :meth:`store`.
    """

    def __init__(self, table: str, columns: str) -> None:
        self._table = table
        self._columns = columns
        self._keys: dict[Value, int] | None = None
        self._values: dict[int, Value] = {}
        self._new: list[Value] = []
        self._last = 0

    def forget(self) -> None:
        """Another process may have added values, or a transaction has failed: what is known counts no longer."""
        self._keys = None
        self._values = {}
        self._new = []

    async def load(self, connection: aiosqlite.Connection) -> None:
        """Read the values, unless they are known."""
        if self._keys is None:
            found = await connection.execute_fetchall(f"SELECT key, {self._columns} FROM {self._table}")
            self._keys = {}
            for row in found:
                value = tuple(row[1:])
                self._keys[value] = row[0]
                self._values[row[0]] = value
            self._last = max(self._values, default=0)

    @property
    def keys(self) -> Mapping[Value, int]:
        """The values that are known with their numbers, for whoever looks up very many."""
        assert self._keys is not None
        return self._keys

    def key(self, value: Value) -> int:
        """The number of a value; a new value gets the next one."""
        assert self._keys is not None
        key = self._keys.get(value)
        if key is None:
            value = tuple(value)
            key = self._last = self._last + 1
            self._keys[value] = key
            self._values[key] = value
            self._new.append((key, *value))
        return key

    def value(self, key: int) -> Value:
        """The value of a number."""
        return self._values[key]

    async def store(self, connection: aiosqlite.Connection) -> None:
        """Write what is new."""
        await insert(connection, self._table, f"key, {self._columns}", self._new)
        self._new = []


_USED = {
    "places": "SELECT place FROM machines UNION SELECT place FROM alerts UNION SELECT place FROM counts",
    "extension_sets": "SELECT extensions FROM machines WHERE extensions IS NOT NULL",
    "tag_sets": "SELECT tags FROM machines",
    "verdicts": "SELECT verdict FROM machines WHERE verdict IS NOT NULL UNION SELECT verdict FROM events UNION SELECT verdict FROM counts",
    "answers": "SELECT answer FROM checks",
    "alert_kinds": "SELECT kind FROM alerts",
}
"""Where the values of a table are named: what is named nowhere may go."""


class Dictionaries:
    """All dictionaries of a fleet."""

    def __init__(self) -> None:
        self.places = Dictionary("places", "subscription_id, resource_group, location")
        self.systems = Dictionary("systems", "kind, os_type, os_name, os_version, image")
        self.conditions = Dictionary("conditions", "power, provisioning_state, agent_version")
        self.extension_sets = Dictionary("extension_sets", "extensions")
        self.tag_sets = Dictionary("tag_sets", "tags")
        self.verdicts = Dictionary("verdicts", "state, reason, explanation, evidence, diagnosis")
        self.answers = Dictionary("answers", "title, status, evidence, remedy, who, command, link, reference")
        self.alert_kinds = Dictionary("alert_kinds", "title, severity, product, alert_type, from_endpoint")

    def all(self) -> Iterable[Dictionary]:
        """Each of them."""
        shared = (self.places, self.systems, self.conditions, self.extension_sets, self.tag_sets, self.verdicts)
        return (*shared, self.answers, self.alert_kinds)

    def forget(self) -> None:
        """Forget what is known of all of them."""
        for one in self.all():
            one.forget()

    async def load(self, connection: aiosqlite.Connection) -> None:
        """Read those that are not known."""
        for one in self.all():
            await one.load(connection)

    async def store(self, connection: aiosqlite.Connection) -> None:
        """Write what is new in any of them."""
        for one in self.all():
            await one.store(connection)

    async def prune(self, connection: aiosqlite.Connection) -> None:
        """Take away the values that nothing names any more. The last one stays, so that no number ever gets another meaning."""
        for table, used in _USED.items():
            await connection.execute(f"DELETE FROM {table} WHERE key NOT IN ({used}) AND key < (SELECT MAX(key) FROM {table})")
        self.forget()
