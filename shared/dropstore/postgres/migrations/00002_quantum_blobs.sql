-- +goose Up

-- Bodies too large for a row of quantum_drops, where no other blob store is
-- chosen. They do not compress again what is packed already.
CREATE TABLE quantum_blobs (
    sha256 TEXT  PRIMARY KEY,
    body   BYTEA NOT NULL
);
ALTER TABLE quantum_blobs ALTER COLUMN body SET STORAGE EXTERNAL;
