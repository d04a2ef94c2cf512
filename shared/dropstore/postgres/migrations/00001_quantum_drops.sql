-- +goose Up

-- PostgreSQL keeps a key unique over partitions only when it holds the time that
-- they are cut by, and a drop stored twice may carry two times. This table is
-- what makes an ID unique: it fixes the one time of an ID, and the foreign key
-- below lets a drop have no other.
CREATE TABLE quantum_drop_keys (
    id        VARCHAR(255) PRIMARY KEY,
    timestamp TIMESTAMPTZ  NOT NULL,
    UNIQUE (id, timestamp)
);

CREATE TABLE quantum_drops (
    id          VARCHAR(255) NOT NULL,
    workflow_id VARCHAR(255) NOT NULL,
    stage       VARCHAR(100) NOT NULL,
    timestamp   TIMESTAMPTZ  NOT NULL,
    artifact    TEXT,                  -- NULL: the body is in the blob store, under sha256
    type        VARCHAR(50)  NOT NULL,
    metadata    JSONB        NOT NULL,
    tenant      TEXT         NOT NULL,
    name        TEXT         NOT NULL, -- metadata.path, or empty
    sha256      TEXT         NOT NULL,
    size        BIGINT       NOT NULL, -- bytes
    version     INTEGER      NOT NULL,
    parents     JSONB        NOT NULL,
    usage       JSONB        NOT NULL,
    words       TSVECTOR     NOT NULL, -- what the drop is found by
    PRIMARY KEY (id, timestamp),
    FOREIGN KEY (id, timestamp) REFERENCES quantum_drop_keys (id, timestamp)
) PARTITION BY RANGE (timestamp);

CREATE INDEX quantum_drops_by_time ON quantum_drops (tenant, timestamp, id);
CREATE INDEX quantum_drops_by_workflow ON quantum_drops (tenant, workflow_id, timestamp, id);
CREATE INDEX quantum_drops_by_stage ON quantum_drops (tenant, workflow_id, stage, type, version, timestamp, id);
CREATE INDEX quantum_drops_by_words ON quantum_drops USING gin (words);

-- What belongs to no month that has a partition of its own.
CREATE TABLE quantum_drops_default PARTITION OF quantum_drops DEFAULT;

-- Gives the month (UTC) of a time its own partition, and moves there what the
-- default one holds of it. Does nothing when it has one.
-- +goose StatementBegin
CREATE FUNCTION quantum_drops_add_month(moment TIMESTAMPTZ) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
    low  TIMESTAMPTZ := date_trunc('month', moment AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
    high TIMESTAMPTZ := (date_trunc('month', moment AT TIME ZONE 'UTC') + INTERVAL '1 month') AT TIME ZONE 'UTC';
    part TEXT := 'quantum_drops_' || to_char(moment AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
    IF to_regclass(part) IS NOT NULL THEN
        RETURN;
    END IF;
    LOCK TABLE quantum_drops IN ACCESS EXCLUSIVE MODE;
    IF to_regclass(part) IS NOT NULL THEN -- made while this waited for the lock
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE quantum_drops INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part);
    EXECUTE format(
        'WITH moved AS (DELETE FROM quantum_drops_default WHERE timestamp >= %L AND timestamp < %L RETURNING *)
         INSERT INTO %I SELECT * FROM moved', low, high, part);
    EXECUTE format('ALTER TABLE quantum_drops ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, low, high);
END
$$;
-- +goose StatementEnd
