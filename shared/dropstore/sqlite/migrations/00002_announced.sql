-- +goose Up

-- Whether a drop's event was sent. What is there already counts as announced.
ALTER TABLE quantum_drops ADD COLUMN announced INTEGER NOT NULL DEFAULT 1;
CREATE INDEX quantum_drops_unannounced ON quantum_drops (timestamp, id) WHERE announced = 0;
