-- +goose Up
CREATE TABLE quantum_drops (
    -- The full-text index refers to rows by number, and only a declared one stays.
    number      INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    workflow_id TEXT    NOT NULL,
    stage       TEXT    NOT NULL,
    timestamp   INTEGER NOT NULL, -- microseconds since 1970, UTC
    artifact    TEXT,             -- NULL: the body is in the blob store, under sha256
    type        TEXT    NOT NULL,
    metadata    TEXT    NOT NULL, -- JSON
    tenant      TEXT    NOT NULL,
    name        TEXT    NOT NULL, -- metadata.path, or empty
    sha256      TEXT    NOT NULL,
    size        INTEGER NOT NULL, -- bytes
    version     INTEGER NOT NULL,
    parents     TEXT    NOT NULL, -- JSON
    usage       TEXT    NOT NULL  -- JSON
) STRICT;

CREATE INDEX quantum_drops_by_time ON quantum_drops (tenant, timestamp, id);
CREATE INDEX quantum_drops_by_workflow ON quantum_drops (tenant, workflow_id, timestamp, id);
CREATE INDEX quantum_drops_by_stage ON quantum_drops (tenant, workflow_id, stage, type, version, timestamp, id);

-- The words come cut and in lower case; the ascii tokenizer cuts at the spaces
-- between them and nowhere else.
CREATE VIRTUAL TABLE quantum_drops_words USING fts5(
    words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);
