-- 0006: labels are numbered once and for all; files that traces were exported to; what was erased.

-- As before, but that a number is never used again: whoever sends labels on (`lintel share`) remembers
-- the last number sent.
CREATE TABLE label_6 (
    id            INTEGER PRIMARY KEY AUTOINCREMENT, -- order of arrival; a later judgement gets a new one
    trace         TEXT NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    source        TEXT NOT NULL CHECK (source IN
                      ('console', 'user', 'undo', 'rephrase', 'import', 'cloud')), -- falling trust
    is_correct    INTEGER NOT NULL CHECK (is_correct IN (0, 1)), -- were the answered calls right?
    calls         TEXT,                   -- JSON: the right calls; NULL: not told
    note          TEXT,                   -- remark of whoever judged
    added_unix_ms INTEGER NOT NULL        -- Unix ms
) STRICT;
INSERT INTO label_6 SELECT * FROM label;
DROP TABLE label;
ALTER TABLE label_6 RENAME TO label;
CREATE UNIQUE INDEX label_by_trace ON label (trace, source);

-- A file that traces were exported to.
CREATE TABLE export (
    id         INTEGER PRIMARY KEY AUTOINCREMENT, -- order
    path       TEXT UNIQUE,               -- from the root; NULL: a pipe, nobody knows where it went
    filters    TEXT NOT NULL,             -- JSON: what was asked for
    at_unix_ms INTEGER NOT NULL           -- Unix ms
) STRICT;

-- A trace that the file has a line of. The trace may be gone (pruned, erased): the line may still be there.
CREATE TABLE export_trace (
    export INTEGER NOT NULL REFERENCES export (id) ON DELETE CASCADE,
    trace  TEXT NOT NULL,                 -- id of the trace, which is the id of the line
    site   TEXT NOT NULL,                 -- of the trace
    PRIMARY KEY (export, trace)
) STRICT, WITHOUT ROWID;
CREATE INDEX export_trace_by_site ON export_trace (site);

-- Traces that were erased and that others may have lines of. Only a hash is kept.
CREATE TABLE erased (
    mark TEXT PRIMARY KEY                 -- SHA-256 of the trace's id, 64 lower-case hexadecimal digits
) STRICT, WITHOUT ROWID;
