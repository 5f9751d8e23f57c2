"""The tables, as numbered steps from an empty file to the present; `user_version` says how many were made.

Moments are milliseconds since 1970 UTC; in `reading`, `slot` and `received` count from `taken`.

A reading is one row: `raw` holds its telegrams (`mbusheadend.decoding.raw`), `said` what they say
(`mbusheadend.decoding.telegrams`). The index by meter begins with the day, so that what is read at one time is written at one
place.
"""

from typing import Final

_FLEET: Final = """
CREATE TABLE master (
    id INTEGER PRIMARY KEY AUTOINCREMENT, serial TEXT NOT NULL UNIQUE, name TEXT NOT NULL DEFAULT '',
    enrolled INTEGER NOT NULL, removed INTEGER, last_contact INTEGER, clock_offset INTEGER, contact TEXT,
    orders INTEGER NOT NULL DEFAULT 0, orders_digest BLOB, meter_list TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE master_group (
    master INTEGER NOT NULL REFERENCES master ON DELETE CASCADE, name TEXT NOT NULL, PRIMARY KEY (name, master)
) STRICT, WITHOUT ROWID;
CREATE TABLE meter (
    id INTEGER PRIMARY KEY AUTOINCREMENT, identity TEXT NOT NULL UNIQUE, primary_address INTEGER,
    name TEXT NOT NULL DEFAULT '', note TEXT NOT NULL DEFAULT '', secret BLOB, status TEXT NOT NULL DEFAULT '',
    rates TEXT NOT NULL DEFAULT '', first_seen INTEGER NOT NULL, last_seen INTEGER, latest INTEGER, latest_taken INTEGER
) STRICT;
CREATE TABLE meter_group (
    meter INTEGER NOT NULL REFERENCES meter ON DELETE CASCADE, name TEXT NOT NULL, PRIMARY KEY (name, meter)
) STRICT, WITHOUT ROWID;
CREATE TABLE stay (
    id INTEGER PRIMARY KEY, meter INTEGER NOT NULL REFERENCES meter ON DELETE CASCADE,
    master INTEGER NOT NULL REFERENCES master ON DELETE CASCADE, bus TEXT NOT NULL, address TEXT NOT NULL,
    since INTEGER NOT NULL, until INTEGER
) STRICT;
CREATE UNIQUE INDEX stay_now ON stay (master, bus, address) WHERE until IS NULL;
CREATE UNIQUE INDEX stay_of_meter_now ON stay (meter) WHERE until IS NULL;
CREATE INDEX stay_of_meter ON stay (meter, since);
CREATE TABLE schedule (
    id TEXT PRIMARY KEY, body TEXT NOT NULL, assignment TEXT NOT NULL, since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE command (
    id TEXT NOT NULL, master INTEGER NOT NULL REFERENCES master ON DELETE CASCADE, body TEXT NOT NULL,
    state TEXT NOT NULL, detail TEXT NOT NULL DEFAULT '', added INTEGER NOT NULL, changed INTEGER NOT NULL,
    expires INTEGER, PRIMARY KEY (master, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX command_open ON command (master, added) WHERE state IN ('waiting', 'sent');
"""
_ENROLMENT: Final = """
CREATE TABLE token (
    hash BLOB PRIMARY KEY, added INTEGER NOT NULL, expires INTEGER NOT NULL, note TEXT NOT NULL, used INTEGER, used_by TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE certificate (
    number TEXT PRIMARY KEY, serial TEXT NOT NULL, issued INTEGER NOT NULL, not_after INTEGER NOT NULL, revoked INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX certificate_of_master ON certificate (serial, not_after);
"""
_READINGS: Final = """
CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE layout (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE base (
    id INTEGER PRIMARY KEY AUTOINCREMENT, meter INTEGER NOT NULL REFERENCES meter ON DELETE CASCADE, place INTEGER NOT NULL,
    frame BLOB NOT NULL, superseded INTEGER
) STRICT;
CREATE TABLE meter_layout (
    meter INTEGER NOT NULL REFERENCES meter ON DELETE CASCADE, layout INTEGER NOT NULL, PRIMARY KEY (meter, layout)
) STRICT, WITHOUT ROWID;
CREATE INDEX base_of_meter ON base (meter, place);
CREATE TABLE reading (
    number INTEGER PRIMARY KEY, id BLOB NOT NULL, master INTEGER NOT NULL, meter INTEGER NOT NULL, taken INTEGER NOT NULL,
    slot INTEGER NOT NULL, received INTEGER NOT NULL, schedule INTEGER NOT NULL, clock INTEGER NOT NULL, outcome INTEGER NOT NULL,
    attempts INTEGER NOT NULL, baud INTEGER NOT NULL, remark TEXT, decoder INTEGER NOT NULL, raw BLOB, said BLOB
) STRICT;
CREATE UNIQUE INDEX reading_id ON reading (id);
CREATE INDEX reading_of_meter ON reading (taken / 86400000, meter, taken);
CREATE TABLE quarantine (
    id BLOB PRIMARY KEY, master INTEGER NOT NULL, received INTEGER NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX quarantine_by_time ON quarantine (received);
CREATE TABLE expectation (
    id INTEGER PRIMARY KEY, master INTEGER NOT NULL, meter INTEGER NOT NULL REFERENCES meter ON DELETE CASCADE,
    schedule TEXT NOT NULL, rule TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER
) STRICT;
CREATE INDEX expectation_of_meter ON expectation (meter, since);
CREATE INDEX expectation_of_master ON expectation (master, until);
CREATE TABLE progress (job TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""
_WATCHING: Final = """
CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, master TEXT NOT NULL,
    meter INTEGER REFERENCES meter ON DELETE CASCADE, detail TEXT NOT NULL, severity INTEGER NOT NULL, text TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL, cleared INTEGER, acknowledged INTEGER,
    acknowledged_by TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX alarm_open ON alarm (kind, master, coalesce(meter, 0), detail) WHERE cleared IS NULL;
CREATE INDEX alarm_of_meter ON alarm (meter, id);
CREATE INDEX alarm_of_master ON alarm (master, id);
CREATE INDEX alarm_cleared ON alarm (cleared) WHERE cleared IS NOT NULL;
CREATE TABLE alarm_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT, alarm INTEGER NOT NULL REFERENCES alarm ON DELETE CASCADE,
    is_over INTEGER NOT NULL, at INTEGER NOT NULL
) STRICT;
CREATE INDEX alarm_event_of_alarm ON alarm_event (alarm);
CREATE TABLE alarm_rule (
    id TEXT PRIMARY KEY, body TEXT NOT NULL, secret BLOB, told INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE outgoing (
    id TEXT PRIMARY KEY, rule TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL, added INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, due INTEGER NOT NULL, changed INTEGER NOT NULL, error TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX outgoing_waiting ON outgoing (due) WHERE state = 'waiting';
CREATE INDEX outgoing_by_time ON outgoing (added);
CREATE TABLE note (name TEXT PRIMARY KEY, body TEXT NOT NULL, secret BLOB) STRICT, WITHOUT ROWID;
CREATE TABLE judged (meter INTEGER PRIMARY KEY REFERENCES meter ON DELETE CASCADE, state TEXT NOT NULL) STRICT;
CREATE TABLE fill (
    meter INTEGER NOT NULL REFERENCES meter ON DELETE CASCADE, schedule TEXT NOT NULL, first INTEGER NOT NULL,
    last INTEGER NOT NULL, slots INTEGER NOT NULL, state TEXT NOT NULL, asked_history INTEGER NOT NULL,
    asked_meter INTEGER NOT NULL, due INTEGER, command TEXT NOT NULL, tried TEXT NOT NULL, changed INTEGER NOT NULL,
    PRIMARY KEY (meter, schedule, first)
) STRICT, WITHOUT ROWID;
CREATE TABLE filled (
    meter INTEGER NOT NULL REFERENCES meter ON DELETE CASCADE, schedule TEXT NOT NULL, slot INTEGER NOT NULL,
    source TEXT NOT NULL, reading BLOB NOT NULL, taken INTEGER NOT NULL, storage INTEGER NOT NULL, is_by_day INTEGER NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (meter, slot, schedule)
) STRICT, WITHOUT ROWID;
"""
_LOCAL: Final = """
CREATE TABLE local_master (master INTEGER PRIMARY KEY REFERENCES master ON DELETE CASCADE, place TEXT NOT NULL) STRICT;
"""
_BROWSING: Final = """
CREATE INDEX command_by_id ON command (id);
CREATE INDEX alarm_open_of_master ON alarm (master) WHERE cleared IS NULL;
CREATE INDEX alarm_open_of_meter ON alarm (meter) WHERE cleared IS NULL;
"""
_ALARM_NOTE: Final = "ALTER TABLE alarm ADD COLUMN note TEXT NOT NULL DEFAULT '';"
_RESTORED: Final = "CREATE TABLE restored (made INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;"
"""A backup that was brought back: of when it was, and when that was."""
_ROLLOUTS: Final = """
CREATE TABLE rollout (
    id TEXT PRIMARY KEY, body TEXT NOT NULL, state TEXT NOT NULL, release INTEGER NOT NULL, version INTEGER NOT NULL,
    added INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE rollout_member (
    rollout TEXT NOT NULL, serial TEXT NOT NULL, ring INTEGER NOT NULL, state TEXT NOT NULL, command TEXT NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (rollout, serial)
) STRICT, WITHOUT ROWID;
CREATE INDEX rollout_member_by_state ON rollout_member (rollout, state);
CREATE TABLE fleet_settings (id TEXT PRIMARY KEY, body TEXT NOT NULL, made INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""
_SHARED: Final = """
CREATE TABLE parcel (key TEXT PRIMARY KEY, owner TEXT NOT NULL, until INTEGER NOT NULL, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE kept_release (number INTEGER NOT NULL, facts TEXT NOT NULL, PRIMARY KEY (number)) STRICT, WITHOUT ROWID;
CREATE TABLE release_part (
    release INTEGER NOT NULL, path TEXT NOT NULL, part INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (release, path, part)
) STRICT, WITHOUT ROWID;
CREATE TABLE delivered (day INTEGER NOT NULL, readings INTEGER NOT NULL, PRIMARY KEY (day)) STRICT, WITHOUT ROWID;
"""
_LOCAL_KEYS: Final = """
CREATE TABLE local_keys (
    master INTEGER PRIMARY KEY REFERENCES local_master ON DELETE CASCADE, client BLOB, authority BLOB
) STRICT;
"""
MIGRATIONS: Final = (
    _FLEET + _ENROLMENT + _READINGS,
    _WATCHING,
    _LOCAL,
    _BROWSING,
    _ALARM_NOTE,
    _RESTORED,
    _ROLLOUTS,
    _SHARED,
    _LOCAL_KEYS,
)
"""A step that was released is never changed: the next one follows it."""
