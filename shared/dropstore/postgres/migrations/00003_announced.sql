-- +goose Up

-- Whether a drop's event was sent. What is there already counts as announced, at no cost: a constant default is not written to
-- the rows. What a replica of the version before stores while this one starts does not.
ALTER TABLE quantum_drops ADD COLUMN announced BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE quantum_drops ALTER COLUMN announced SET DEFAULT FALSE;

-- Every partition, those to come too, gets its own, which holds next to nothing.
CREATE INDEX quantum_drops_unannounced ON quantum_drops (timestamp, id) WHERE NOT announced;
