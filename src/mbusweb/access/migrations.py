"""The tables of the users' file, step by step: each step makes the next version out of the one before."""

from typing import Final

MIGRATIONS: Final[tuple[str, ...]] = (
    """
    CREATE TABLE state (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        generation INTEGER NOT NULL,
        era INTEGER NOT NULL,
        is_set_up INTEGER NOT NULL
    );
    INSERT INTO state VALUES (1, 1, 1, 0);
    CREATE TABLE users (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        hash TEXT NOT NULL,
        epoch INTEGER NOT NULL DEFAULT 1,
        created TEXT NOT NULL,
        password_changed TEXT NOT NULL,
        last_login TEXT
    );
    CREATE TABLE tokens (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        title TEXT NOT NULL,
        digest BLOB NOT NULL UNIQUE,
        created TEXT NOT NULL,
        expires TEXT,
        last_used TEXT,
        last_source TEXT NOT NULL DEFAULT ''
    );
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        kind TEXT NOT NULL,
        who TEXT NOT NULL,
        source TEXT NOT NULL,
        detail TEXT NOT NULL,
        outcome TEXT NOT NULL
    );
    CREATE INDEX audit_by_kind ON audit (kind, id);
    """,
)
VERSION: Final = len(MIGRATIONS)
ADDED_COLUMNS: Final = (
    ("users", "role", "TEXT NOT NULL DEFAULT ''"),
    ("tokens", "role", "TEXT NOT NULL DEFAULT ''"),
)
"""Table, column and kind of what came later and leaves the version as it is: a release that is taken back must find its users."""
