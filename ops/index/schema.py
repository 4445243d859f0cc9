"""The tables of the search index. A file with another version is thrown away and built anew: it holds no truth."""

from __future__ import annotations

VERSION = 1

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE agent (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, folded TEXT NOT NULL);
CREATE TABLE recording (
    id INTEGER PRIMARY KEY,
    source INTEGER NOT NULL,
    recording_id TEXT NOT NULL,
    call_id TEXT,
    at INTEGER NOT NULL,
    at_known INTEGER NOT NULL,
    day INTEGER NOT NULL,
    seconds REAL,
    direction INTEGER NOT NULL,
    from_number TEXT,
    to_number TEXT,
    from_reversed TEXT,
    to_reversed TEXT,
    agent INTEGER,
    state TEXT NOT NULL,
    key TEXT,
    bytes INTEGER,
    sha256 BLOB,
    codec TEXT,
    held INTEGER NOT NULL,
    transcript INTEGER NOT NULL
);
CREATE TABLE day (
    source INTEGER NOT NULL, day INTEGER NOT NULL, state TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (source, day, state)
) WITHOUT ROWID;
CREATE UNIQUE INDEX by_id ON recording (recording_id, source);
"""

INDEXES = """
CREATE INDEX IF NOT EXISTS by_time
    ON recording (at, id, source, direction, seconds, agent, state, held, transcript);
CREATE INDEX IF NOT EXISTS by_call ON recording (call_id) WHERE call_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS by_from ON recording (from_reversed) WHERE from_reversed IS NOT NULL;
CREATE INDEX IF NOT EXISTS by_to ON recording (to_reversed) WHERE to_reversed IS NOT NULL;
CREATE INDEX IF NOT EXISTS by_agent ON recording (agent, at, id) WHERE agent IS NOT NULL;
CREATE INDEX IF NOT EXISTS by_day ON recording (source, day);
CREATE INDEX IF NOT EXISTS in_trouble ON recording (state, at, id) WHERE state <> 'archived';
CREATE INDEX IF NOT EXISTS on_hold ON recording (at, id) WHERE held = 1;
"""
"""Made after the first rows: sorting once is quicker than keeping eight trees in order for each row."""
