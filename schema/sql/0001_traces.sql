-- 0001: sites, catalogues, traces, cloud attempts, labels, spend.
-- Times are Unix milliseconds (UTC) or microseconds of duration, money is micro-USD (millionths of
-- a US dollar), JSON columns hold minified UTF-8 text. Texts have passed the redaction rules.

-- A catalogue's content, named by its hash; many sites and traces may share one.
CREATE TABLE catalog (
    hash           TEXT PRIMARY KEY,      -- SHA-256 of text, 64 lower-case hexadecimal digits
    text           TEXT NOT NULL,         -- the catalogue, minified with sorted keys
    added_unix_ms  INTEGER NOT NULL       -- when it was first seen, Unix ms
) STRICT, WITHOUT ROWID;

-- A home or car that this gateway has served.
CREATE TABLE site (
    name             TEXT PRIMARY KEY,    -- topic level, as in lintel/<site>/request
    catalog          TEXT REFERENCES catalog (hash), -- in use now; NULL before the first
    added_unix_ms    INTEGER NOT NULL,    -- when it was first seen, Unix ms
    changed_unix_ms  INTEGER NOT NULL     -- when its catalogue last changed, Unix ms
) STRICT, WITHOUT ROWID;

-- One request and what came of it. site is no foreign key: a request for an unknown site is kept too.
CREATE TABLE trace (
    id               TEXT PRIMARY KEY,    -- ULID, 26 characters; sorts by time of receipt
    site             TEXT NOT NULL,       -- topic level it came for
    source           TEXT NOT NULL,       -- front door: mqtt, cli, http, hermes, wyoming
    request_id       TEXT,                -- the caller's own id; the same twice in the window is one
    state            TEXT NOT NULL CHECK (state IN
                         ('accepted','decided','answered','executed','failed','refused')),
    received_unix_ms INTEGER NOT NULL,    -- when it arrived, Unix ms
    deadline_ms      INTEGER NOT NULL DEFAULT 0, -- time allowed from receipt, ms; 0: none given
    is_dry_run       INTEGER NOT NULL DEFAULT 0 CHECK (is_dry_run IN (0, 1)), -- 1: call nothing
    text             TEXT,                -- what was said, as far as it may be stored
    here             TEXT,                -- area of the speaking device
    lang             TEXT,                -- language tag
    session          TEXT,                -- conversation it belongs to
    catalog          TEXT REFERENCES catalog (hash), -- catalogue it was decided with
    reply_topic      TEXT,                -- MQTT Response Topic
    correlation      BLOB,                -- MQTT Correlation Data
    -- decided
    model            TEXT,                -- network that answered; NULL when none did
    local_calls      TEXT,                -- JSON: calls of the network, [] for nothing
    confidence       REAL,                -- of local_calls, 0..1
    decisions        TEXT,                -- JSON: the network's decisions and their probabilities
    n_tokens         INTEGER,             -- tokens of the utterance
    encode_us        INTEGER,             -- tokenizer and encoder, microseconds
    decode_us        INTEGER,             -- decisions, microseconds
    route            TEXT,                -- local, cloud, cache, clarify, refused, none
    why              TEXT,                -- reason code
    -- answered
    calls            TEXT,                -- JSON: calls that were answered, [] for none
    speech           TEXT,                -- what was said back
    result           TEXT,                -- JSON: the whole result object as published
    total_us         INTEGER,             -- receipt to answer, microseconds
    cost_usd_micro   INTEGER NOT NULL DEFAULT 0, -- all cloud attempts, micro-USD
    calls_sent       INTEGER NOT NULL DEFAULT 0, -- of calls, how many are known to be out, from the first
    -- executed, failed, refused
    executed_unix_ms INTEGER,             -- when the calls went out, Unix ms
    outcome          TEXT,                -- JSON: what happened to each device
    error            TEXT                 -- one line for people: what failed or was refused
) STRICT, WITHOUT ROWID;
CREATE INDEX trace_by_request ON trace (site, request_id, received_unix_ms)
    WHERE request_id IS NOT NULL;
CREATE INDEX trace_by_time ON trace (received_unix_ms);
CREATE INDEX trace_by_catalog ON trace (catalog) WHERE catalog IS NOT NULL;
CREATE INDEX trace_unfinished ON trace (state)
    WHERE state IN ('accepted', 'decided', 'answered');

-- One request that was sent to a cloud model.
CREATE TABLE cloud_attempt (
    id              INTEGER PRIMARY KEY,  -- order of sending
    trace           TEXT NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    provider        TEXT NOT NULL,        -- endpoint as the configuration names it
    model           TEXT NOT NULL,        -- model as asked
    status          TEXT NOT NULL,        -- ok, or the class of the fault
    http_status     INTEGER NOT NULL,     -- 0 when no answer came
    input_tokens    INTEGER NOT NULL,     -- prompt, tokens
    cached_tokens   INTEGER NOT NULL,     -- of these read from the vendor's cache, tokens
    output_tokens   INTEGER NOT NULL,     -- answer, tokens
    cost_usd_micro  INTEGER NOT NULL,     -- micro-USD
    started_unix_ms INTEGER NOT NULL,     -- when it was sent, Unix ms
    duration_us     INTEGER NOT NULL,     -- until the answer was complete, microseconds
    calls           TEXT,                 -- JSON: what it answered
    error           TEXT,                 -- one line: what went wrong
    sent            TEXT                  -- JSON: exactly the body that was sent
) STRICT;
CREATE INDEX cloud_attempt_by_trace ON cloud_attempt (trace);

-- A judgement about a trace. The newest of the most trusted source counts.
CREATE TABLE label (
    id            INTEGER PRIMARY KEY,    -- order of arrival
    trace         TEXT NOT NULL REFERENCES trace (id) ON DELETE CASCADE,
    source        TEXT NOT NULL CHECK (source IN ('console', 'user', 'cloud')), -- falling trust
    is_correct    INTEGER NOT NULL CHECK (is_correct IN (0, 1)), -- were the answered calls right?
    calls         TEXT,                   -- JSON: the right calls; NULL: not told
    note          TEXT,                   -- remark of whoever judged
    added_unix_ms INTEGER NOT NULL        -- Unix ms
) STRICT;
CREATE INDEX label_by_trace ON label (trace);

-- Money by day. Estimates are booked before sending and corrected after.
CREATE TABLE spend (
    day            TEXT NOT NULL,         -- UTC day, YYYY-MM-DD
    site           TEXT NOT NULL,         -- topic level
    provider       TEXT NOT NULL,         -- endpoint as the configuration names it
    n_bookings     INTEGER NOT NULL,      -- rows added up here
    cost_usd_micro INTEGER NOT NULL,      -- micro-USD
    input_tokens   INTEGER NOT NULL,      -- tokens
    output_tokens  INTEGER NOT NULL,      -- tokens
    PRIMARY KEY (day, site, provider)
) STRICT, WITHOUT ROWID;
