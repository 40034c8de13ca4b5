"""What the two files hold: the tables of ``fleet.db`` and ``journal.db``, and how older files become current ones.

A file's ``PRAGMA user_version`` is the number of migrations it has seen. A migration is a tuple of statements that run in one
transaction; migrations are only ever added at the end. Ids compare without case (NOCASE). Times are ISO 8601 in UTC with microseconds, so
they sort as text. Small lists (tags, permissions, extensions, evidence, entities) are JSON; raw answers of Azure are not kept.
"""

from __future__ import annotations

from dataclasses import dataclass

Migration = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """The migrations of one file, the tables it has after them, and the ``application_id`` that marks it as the console's."""

    migrations: tuple[Migration, ...]
    tables: frozenset[str]
    application_id: int

    @property
    def version(self) -> int:
        """The ``user_version`` of a current file."""
        return len(self.migrations)


FLEET_TABLES = frozenset(
    (
        "subscriptions",
        "places",
        "systems",
        "conditions",
        "extension_sets",
        "tag_sets",
        "verdicts",
        "machines",
        "counts",
        "events",
        "alert_kinds",
        "alerts",
        "alert_details",
        "gone",
        "feed",
        "assessments",
        "answers",
        "checks",
        "problems",
        "freshness",
        "selection",
        "log",
        "remembered",
        "outdated",
        "told",
        "extension_readings",
        "machine_reports",
        "enablings",
    )
)

_FLEET_1: Migration = (
    """CREATE TABLE subscriptions (
        id TEXT PRIMARY KEY COLLATE NOCASE,
        name TEXT NOT NULL,
        state TEXT NOT NULL,
        tenant_id TEXT NOT NULL COLLATE NOCASE,
        tags TEXT NOT NULL DEFAULT '{}',
        servers_plan TEXT,
        integration TEXT,
        linux TEXT,
        unified TEXT,
        provider TEXT,
        permissions TEXT,
        can_enable INTEGER,
        can_triage INTEGER,
        can_see_machines INTEGER,
        can_set_plan INTEGER,
        enabled_at TEXT,
        fetched_at TEXT NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE machines (
        id TEXT PRIMARY KEY COLLATE NOCASE,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        subscription_id TEXT NOT NULL COLLATE NOCASE,
        resource_group TEXT NOT NULL,
        location TEXT NOT NULL,
        os_type TEXT NOT NULL,
        os_name TEXT NOT NULL,
        os_version TEXT NOT NULL,
        image TEXT NOT NULL,
        power TEXT NOT NULL,
        provisioning_state TEXT NOT NULL,
        agent_version TEXT NOT NULL,
        status_at TEXT,
        created_at TEXT,
        tags TEXT NOT NULL,
        extensions TEXT NOT NULL,
        defender_extension TEXT,
        extensions_known INTEGER NOT NULL,
        fetched_at TEXT NOT NULL
    )""",
    "CREATE INDEX machines_by_subscription ON machines (subscription_id)",
    """CREATE TABLE onboarding (
        machine_id TEXT PRIMARY KEY COLLATE NOCASE REFERENCES machines (id) ON DELETE CASCADE,
        state TEXT NOT NULL,
        reason TEXT NOT NULL,
        since TEXT,
        due TEXT,
        explanation TEXT NOT NULL,
        evidence TEXT NOT NULL,
        diagnosis TEXT
    )""",
    """CREATE TABLE events (
        sequence INTEGER PRIMARY KEY,
        machine_id TEXT NOT NULL COLLATE NOCASE REFERENCES machines (id) ON DELETE CASCADE,
        at TEXT NOT NULL,
        before TEXT NOT NULL,
        after TEXT NOT NULL,
        reason TEXT NOT NULL
    )""",
    "CREATE INDEX events_by_machine ON events (machine_id, sequence)",
    """CREATE TABLE alerts (
        id TEXT PRIMARY KEY COLLATE NOCASE,
        name TEXT NOT NULL,
        subscription_id TEXT NOT NULL COLLATE NOCASE,
        resource_group TEXT NOT NULL,
        location TEXT NOT NULL,
        title TEXT NOT NULL,
        severity TEXT NOT NULL COLLATE NOCASE,
        status TEXT NOT NULL COLLATE NOCASE,
        product TEXT NOT NULL,
        alert_type TEXT NOT NULL,
        from_endpoint INTEGER NOT NULL,
        machine_id TEXT COLLATE NOCASE,
        compromised_entity TEXT NOT NULL,
        description TEXT NOT NULL,
        remediation TEXT NOT NULL,
        started TEXT,
        generated TEXT,
        azure_link TEXT NOT NULL,
        defender_link TEXT NOT NULL,
        entities TEXT NOT NULL,
        facts TEXT NOT NULL,
        fetched_at TEXT NOT NULL
    )""",
    "CREATE INDEX alerts_by_subscription ON alerts (subscription_id, status, severity)",
    "CREATE INDEX alerts_by_machine ON alerts (machine_id)",
    """CREATE TABLE assessments (
        machine_id TEXT NOT NULL COLLATE NOCASE,
        subscription_id TEXT NOT NULL COLLATE NOCASE,
        key TEXT NOT NULL COLLATE NOCASE,
        status TEXT NOT NULL,
        cause TEXT NOT NULL,
        description TEXT NOT NULL,
        PRIMARY KEY (machine_id, key)
    ) WITHOUT ROWID""",
    "CREATE INDEX assessments_by_subscription ON assessments (subscription_id)",
    """CREATE TABLE checks (
        subscription_id TEXT NOT NULL COLLATE NOCASE,
        id TEXT NOT NULL,
        position INTEGER NOT NULL,
        title TEXT NOT NULL,
        status TEXT NOT NULL,
        evidence TEXT NOT NULL,
        remedy TEXT NOT NULL,
        who TEXT NOT NULL,
        command TEXT NOT NULL,
        link TEXT NOT NULL,
        reference TEXT NOT NULL,
        machine_ids TEXT NOT NULL,
        ticked_by TEXT NOT NULL,
        ticked_at TEXT,
        fetched_at TEXT,
        PRIMARY KEY (subscription_id, id)
    ) WITHOUT ROWID""",
    """CREATE TABLE problems (
        source TEXT NOT NULL,
        subscription_id TEXT NOT NULL COLLATE NOCASE,
        code TEXT NOT NULL,
        message TEXT NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (source, subscription_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE freshness (
        source TEXT NOT NULL,
        subscription_id TEXT NOT NULL COLLATE NOCASE,
        fetched_at TEXT NOT NULL,
        PRIMARY KEY (source, subscription_id)
    ) WITHOUT ROWID""",
    "CREATE TABLE selection (subscription_id TEXT PRIMARY KEY COLLATE NOCASE) WITHOUT ROWID",
    "CREATE TABLE log (sequence INTEGER PRIMARY KEY, at TEXT NOT NULL, level TEXT NOT NULL, message TEXT NOT NULL)",
    "CREATE TABLE remembered (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)

# What many machines have in common is kept once (places, systems, …) and named by number: rows stay narrow, and a table of a hundred
# thousand machines is a few columns of small integers. Times of machines and alerts are microseconds since 1970. ``change`` numbers the
# write that last touched a row, so that a reader asks only for what is newer than what it has; ``gone`` names the rows that went.
_FLEET_2: Migration = (
    "DROP TABLE events",
    "DROP TABLE onboarding",
    "DROP TABLE machines",
    "DROP TABLE alerts",
    "DELETE FROM freshness",
    """CREATE TABLE places (
        key INTEGER PRIMARY KEY,
        subscription_id TEXT NOT NULL COLLATE NOCASE,
        resource_group TEXT NOT NULL,
        location TEXT NOT NULL
    )""",
    "CREATE INDEX places_by_subscription ON places (subscription_id)",
    """CREATE TABLE systems (
        key INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        os_type TEXT NOT NULL,
        os_name TEXT NOT NULL,
        os_version TEXT NOT NULL,
        image TEXT NOT NULL
    )""",
    "CREATE TABLE conditions (key INTEGER PRIMARY KEY, power TEXT NOT NULL, provisioning_state TEXT NOT NULL, agent_version TEXT NOT NULL)",
    "CREATE TABLE extension_sets (key INTEGER PRIMARY KEY, extensions TEXT NOT NULL)",
    "CREATE TABLE tag_sets (key INTEGER PRIMARY KEY, tags TEXT NOT NULL)",
    """CREATE TABLE verdicts (
        key INTEGER PRIMARY KEY,
        state TEXT NOT NULL,
        reason TEXT NOT NULL,
        explanation TEXT NOT NULL,
        evidence TEXT NOT NULL,
        diagnosis TEXT NOT NULL
    )""",
    """CREATE TABLE machines (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE COLLATE NOCASE,
        name TEXT NOT NULL,
        place INTEGER NOT NULL,
        system INTEGER NOT NULL,
        condition INTEGER NOT NULL,
        extensions INTEGER,
        tags INTEGER NOT NULL,
        status_at INTEGER,
        created_at INTEGER,
        verdict INTEGER,
        rank INTEGER NOT NULL,
        since INTEGER,
        due INTEGER,
        fetched_at INTEGER NOT NULL,
        change INTEGER NOT NULL
    )""",
    "CREATE INDEX machines_by_place ON machines (place, verdict)",
    "CREATE INDEX machines_by_rank ON machines (rank, name COLLATE NOCASE, place)",
    "CREATE INDEX machines_by_change ON machines (change)",
    "CREATE INDEX machines_by_due ON machines (due) WHERE due IS NOT NULL",
    """CREATE TABLE counts (
        place INTEGER NOT NULL, verdict INTEGER NOT NULL, machines INTEGER NOT NULL, PRIMARY KEY (place, verdict)
    ) WITHOUT ROWID""",
    """CREATE TABLE events (
        sequence INTEGER PRIMARY KEY, machine INTEGER NOT NULL, at INTEGER NOT NULL, before TEXT NOT NULL, verdict INTEGER NOT NULL
    )""",
    "CREATE INDEX events_by_machine ON events (machine, sequence)",
    """CREATE TABLE alert_kinds (
        key INTEGER PRIMARY KEY,
        title TEXT NOT NULL,
        severity TEXT NOT NULL COLLATE NOCASE,
        product TEXT NOT NULL,
        alert_type TEXT NOT NULL,
        from_endpoint INTEGER NOT NULL
    )""",
    """CREATE TABLE alerts (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE COLLATE NOCASE,
        name TEXT NOT NULL,
        place INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        status TEXT NOT NULL,
        machine_id TEXT COLLATE NOCASE,
        compromised_entity TEXT NOT NULL,
        started INTEGER,
        generated INTEGER,
        fetched_at INTEGER NOT NULL,
        change INTEGER NOT NULL
    )""",
    "CREATE INDEX alerts_by_place ON alerts (place, status, kind)",
    "CREATE INDEX alerts_by_machine ON alerts (machine_id)",
    "CREATE INDEX alerts_by_time ON alerts (generated DESC, id, place)",
    "CREATE INDEX alerts_by_change ON alerts (change)",
    """CREATE TABLE alert_details (
        alert INTEGER PRIMARY KEY,
        description TEXT NOT NULL,
        remediation TEXT NOT NULL,
        azure_link TEXT NOT NULL,
        defender_link TEXT NOT NULL,
        entities TEXT NOT NULL,
        facts TEXT NOT NULL
    )""",
    "CREATE TABLE gone (kind TEXT NOT NULL, change INTEGER NOT NULL, key INTEGER NOT NULL, PRIMARY KEY (kind, change, key)) WITHOUT ROWID",
    "CREATE TABLE feed (one INTEGER PRIMARY KEY CHECK (one = 1), change INTEGER NOT NULL, floor INTEGER NOT NULL)",
    "INSERT INTO feed (one, change, floor) VALUES (1, 0, 0)",
)

_JUDGED_BY = "state, servers_plan, integration, linux, unified, provider, can_see_machines, enabled_at"
"""What of a subscription the states of its machines depend on; its checks depend on more."""


def _of(row: str, columns: str) -> str:
    return ", ".join(f"{row}.{name}" for name in columns.split(", "))


def _outdates(name: str, event: str, subscription: str, states: str = "0", when: str = "") -> str:
    """A trigger that marks a subscription as outdated."""
    return f"""CREATE TRIGGER {name} AFTER {event} {f"WHEN {when}" if when else ""} BEGIN
        INSERT INTO outdated (subscription_id, states, mark) VALUES ({subscription}, {states}, 1)
        ON CONFLICT (subscription_id) DO UPDATE SET states = MAX(states, excluded.states), mark = mark + 1; END"""


# Which subscriptions must be evaluated anew, and whether (``states``) all their machines must be judged too, because what decides about
# them changed and not only single machines. ``mark`` grows with each change, so that a change during an evaluation is not lost with it.
_CHECKED_BY = f"{_JUDGED_BY}, permissions, can_enable, can_triage, can_set_plan"
_FLEET_3: Migration = (
    """CREATE TABLE outdated (
        subscription_id TEXT PRIMARY KEY COLLATE NOCASE, states INTEGER NOT NULL, mark INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "INSERT INTO outdated (subscription_id, states, mark) SELECT id, 1, 1 FROM subscriptions",
    _outdates("subscription_is_new", "INSERT ON subscriptions", "NEW.id"),
    _outdates(
        "subscription_changed",
        f"UPDATE OF {_CHECKED_BY} ON subscriptions",
        "NEW.id",
        f"({_of('OLD', _JUDGED_BY)}) IS NOT ({_of('NEW', _JUDGED_BY)})",
        f"({_of('OLD', _CHECKED_BY)}) IS NOT ({_of('NEW', _CHECKED_BY)})",
    ),
    _outdates("problem_came", "INSERT ON problems", "NEW.subscription_id"),
    _outdates(
        "problem_changed",
        "UPDATE ON problems",
        "NEW.subscription_id",
        when="(OLD.code, OLD.message) IS NOT (NEW.code, NEW.message)",
    ),
    _outdates("problem_went", "DELETE ON problems", "OLD.subscription_id"),
    _outdates("assessment_came", "INSERT ON assessments", "NEW.subscription_id"),
    _outdates("assessment_changed", "UPDATE ON assessments", "NEW.subscription_id"),
    _outdates("assessment_went", "DELETE ON assessments", "OLD.subscription_id"),
    "CREATE INDEX checks_ticked ON checks (subscription_id, id, ticked_by, ticked_at) WHERE ticked_by <> ''",
)

# The machines whose extensions the reading under way has read one by one, so that one which is cut off does not begin anew.
_FLEET_4: Migration = ("CREATE TABLE extension_readings (machine INTEGER PRIMARY KEY)",)

# How often each table has been told as changed, so that another console reads again only what differs.
_FLEET_5: Migration = ("CREATE TABLE told (name TEXT PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID",)

# A checklist says much the same in most subscriptions: each answer is kept once. ``machines`` is a JSON list of keys of machines, and of
# ids where a machine is not known. ``digest`` is that of the row in which a listing described the machine; NULL: of another source.
_FLEET_6: Migration = (
    "DROP TABLE checks",
    """CREATE TABLE answers (
        key INTEGER PRIMARY KEY,
        title TEXT NOT NULL,
        status TEXT NOT NULL,
        evidence TEXT NOT NULL,
        remedy TEXT NOT NULL,
        who TEXT NOT NULL,
        command TEXT NOT NULL,
        link TEXT NOT NULL,
        reference TEXT NOT NULL
    )""",
    """CREATE TABLE checks (
        subscription_id TEXT NOT NULL COLLATE NOCASE,
        id TEXT NOT NULL,
        position INTEGER NOT NULL,
        answer INTEGER NOT NULL,
        machines TEXT NOT NULL,
        ticked_by TEXT NOT NULL,
        ticked_at TEXT,
        fetched_at TEXT,
        PRIMARY KEY (subscription_id, id)
    ) WITHOUT ROWID""",
    "CREATE INDEX checks_ticked ON checks (subscription_id, id, ticked_by, ticked_at) WHERE ticked_by <> ''",
    "ALTER TABLE machines ADD COLUMN digest INTEGER",
    """INSERT INTO outdated (subscription_id, states, mark) SELECT id, 0, 1 FROM subscriptions WHERE 1
        ON CONFLICT (subscription_id) DO UPDATE SET mark = mark + 1""",
)

# Changes of the last hours are found without looking at all others.
_FLEET_7: Migration = ("CREATE INDEX events_by_time ON events (at)",)

# What machines told of themselves when a script ran on them, the last of each kind; times are microseconds since 1970.
_FLEET_8: Migration = (
    """CREATE TABLE machine_reports (
        machine INTEGER NOT NULL,
        kind TEXT NOT NULL,
        at INTEGER NOT NULL,
        way TEXT NOT NULL,
        outcome TEXT NOT NULL,
        code TEXT NOT NULL,
        reason TEXT NOT NULL,
        remedy TEXT NOT NULL,
        findings TEXT NOT NULL,
        PRIMARY KEY (machine, kind)
    ) WITHOUT ROWID""",
)

# Who enabled a subscription elsewhere, as Azure's activity log tells.
_FLEET_9: Migration = (
    """CREATE TABLE enablings (
        subscription_id TEXT PRIMARY KEY COLLATE NOCASE,
        read_at TEXT NOT NULL,
        setting TEXT NOT NULL,
        at TEXT,
        caller TEXT NOT NULL,
        problem TEXT NOT NULL
    ) WITHOUT ROWID""",
)

FLEET = Schema(
    migrations=(_FLEET_1, _FLEET_2, _FLEET_3, _FLEET_4, _FLEET_5, _FLEET_6, _FLEET_7, _FLEET_8, _FLEET_9),
    tables=FLEET_TABLES,
    application_id=0x4D444546,
)

_JOURNAL_1: Migration = (
    """CREATE TABLE audit (
        sequence INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        target TEXT NOT NULL,
        before TEXT NOT NULL,
        after TEXT NOT NULL,
        outcome TEXT NOT NULL,
        intent INTEGER,
        hash TEXT NOT NULL
    )""",
    "CREATE INDEX audit_by_intent ON audit (intent)",
    "CREATE TRIGGER audit_is_not_edited BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
    "CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
    "CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), count INTEGER NOT NULL, hash TEXT NOT NULL)",
    "INSERT INTO head (one, count, hash) VALUES (1, 0, '')",
    "CREATE TABLE plans (id TEXT PRIMARY KEY, saved INTEGER NOT NULL, document TEXT NOT NULL)",
    """CREATE TABLE ticks (
        subscription_id TEXT NOT NULL COLLATE NOCASE,
        check_id TEXT NOT NULL,
        who TEXT NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (subscription_id, check_id)
    ) WITHOUT ROWID""",
)

_JOURNAL_2: Migration = ("CREATE INDEX audit_by_target ON audit (target)",)

JOURNAL = Schema(migrations=(_JOURNAL_1, _JOURNAL_2), tables=frozenset(("audit", "head", "plans", "ticks")), application_id=0x4D44454A)
