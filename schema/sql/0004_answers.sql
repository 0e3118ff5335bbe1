-- 0004: answers that people confirmed, to be given again to the same words.

-- The newest confirmed answer to a text at a place, for one catalogue of one site.
CREATE TABLE confirmed_answer (
    site           TEXT NOT NULL,         -- topic level
    catalog        TEXT NOT NULL REFERENCES catalog (hash) ON DELETE CASCADE, -- it fitted this one
    said           TEXT NOT NULL,         -- SHA-256 of the text in normal form and of the place
    calls          TEXT NOT NULL,         -- JSON: the calls
    trace          TEXT NOT NULL REFERENCES trace (id) ON DELETE CASCADE, -- which was confirmed
    added_unix_ms  INTEGER NOT NULL,      -- Unix ms
    PRIMARY KEY (site, catalog, said)
) STRICT, WITHOUT ROWID;
CREATE INDEX confirmed_answer_by_trace ON confirmed_answer (trace);
