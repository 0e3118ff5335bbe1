-- 0005: labels from more sources, one of each source for a trace; what a candidate network said.

-- A judgement about a trace. The most trusted source's counts: console, user, undo, rephrase, import,
-- cloud. A later judgement of the same source replaces the earlier one.
CREATE TABLE label_5 (
    id            INTEGER PRIMARY KEY,    -- order of arrival
    trace         TEXT NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    source        TEXT NOT NULL CHECK (source IN
                      ('console', 'user', 'undo', 'rephrase', 'import', 'cloud')), -- falling trust
    is_correct    INTEGER NOT NULL CHECK (is_correct IN (0, 1)), -- were the answered calls right?
    calls         TEXT,                   -- JSON: the right calls; NULL: not told
    note          TEXT,                   -- remark of whoever judged
    added_unix_ms INTEGER NOT NULL        -- Unix ms
) STRICT;
INSERT INTO label_5 SELECT * FROM label
    WHERE id IN (SELECT max(id) FROM label GROUP BY trace, source);
DROP TABLE label;
ALTER TABLE label_5 RENAME TO label;
CREATE UNIQUE INDEX label_by_trace ON label (trace, source);

-- What a network that runs beside the active one answered to the same request.
CREATE TABLE shadow (
    trace         TEXT NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    model         TEXT NOT NULL,          -- SHA-256 of the candidate's file
    calls         TEXT NOT NULL,          -- JSON: what it would have called
    confidence    REAL NOT NULL,          -- of these, 0..1
    is_same       INTEGER NOT NULL CHECK (is_same IN (0, 1)), -- as the active network's
    added_unix_ms INTEGER NOT NULL,       -- Unix ms
    PRIMARY KEY (trace, model)
) STRICT, WITHOUT ROWID;
CREATE INDEX shadow_by_model ON shadow (model);
