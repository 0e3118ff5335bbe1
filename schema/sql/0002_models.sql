-- 0002: networks and their scores.

-- A model file that has been registered; its content hash is its name.
CREATE TABLE model (
    sha256            TEXT PRIMARY KEY,   -- of the file, 64 lower-case hexadecimal digits
    name              TEXT NOT NULL,      -- general.name of the GGUF file
    path              TEXT NOT NULL,      -- where the file lies
    n_bytes           INTEGER NOT NULL,   -- size of the file, bytes
    metrics           TEXT,               -- JSON: scores at registration
    added_unix_ms     INTEGER NOT NULL,   -- Unix ms
    activated_unix_ms INTEGER NOT NULL DEFAULT 0, -- last became active, Unix ms; 0: never
    is_active         INTEGER NOT NULL DEFAULT 0 CHECK (is_active IN (0, 1)) -- at most one row is 1
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX model_active ON model (is_active) WHERE is_active = 1;

-- The model that was active before each activation, for rolling back.
CREATE TABLE activation (
    id         INTEGER PRIMARY KEY,       -- order
    model      TEXT NOT NULL REFERENCES model (sha256) ON DELETE CASCADE,
    previous   TEXT REFERENCES model (sha256) ON DELETE SET NULL, -- NULL: none was active
    at_unix_ms INTEGER NOT NULL           -- Unix ms
) STRICT;

-- A score of a model on a data set.
CREATE TABLE evaluation (
    id         INTEGER PRIMARY KEY,       -- order
    model      TEXT NOT NULL REFERENCES model (sha256) ON DELETE CASCADE,
    data       TEXT NOT NULL,             -- name or hash of the data set
    n_cases    INTEGER NOT NULL,          -- lines that were scored
    metrics    TEXT NOT NULL,             -- JSON: the scores
    at_unix_ms INTEGER NOT NULL           -- Unix ms
) STRICT;
CREATE INDEX evaluation_by_model ON evaluation (model);
