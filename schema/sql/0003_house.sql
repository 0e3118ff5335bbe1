-- 0003: what the gateway keeps for the house itself: timers, lists, switches.

-- A timer that runs or is paused. It is removed when it was cancelled, or rang and the broker knows.
CREATE TABLE timer (
    id              TEXT PRIMARY KEY,      -- ULID
    site            TEXT NOT NULL,
    name            TEXT,                  -- as spoken ("pasta"), NULL without
    area            TEXT,                  -- area of the device it was started from, NULL unknown
    session         TEXT,                  -- conversation that started it, NULL unknown
    command         TEXT,                  -- what to say to ourselves when the time is up, NULL for none
    total_ms        INTEGER NOT NULL,      -- length it was started with
    due_unix_ms     INTEGER NOT NULL,      -- when it rings, Unix ms; 0 while paused
    left_ms         INTEGER NOT NULL,      -- what is left while paused; 0 while running
    started_unix_ms INTEGER NOT NULL       -- Unix ms
) STRICT, WITHOUT ROWID;
CREATE INDEX timer_by_site ON timer (site);

-- An item of a list ("milk" on "Shopping List").
CREATE TABLE list_item (
    id            TEXT PRIMARY KEY,        -- ULID: also the order of adding
    site          TEXT NOT NULL,
    list          TEXT NOT NULL,           -- name of the list as first written
    item          TEXT NOT NULL,           -- as spoken
    is_done       INTEGER NOT NULL CHECK (is_done IN (0, 1)), -- ticked off
    added_unix_ms INTEGER NOT NULL         -- Unix ms
) STRICT, WITHOUT ROWID;
CREATE INDEX list_item_by_site ON list_item (site, list);

-- What was switched while running and must outlive a restart ("cloud" = "off").
CREATE TABLE setting (
    site  TEXT NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (site, key)
) STRICT, WITHOUT ROWID;
