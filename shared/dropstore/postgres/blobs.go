package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/quantumlayer-dev/quantumlayer/shared/blob"
)

// blobs is a blob.Store in a table of the same database, for clusters that have
// no object store.
type blobs struct{ pool *pgxpool.Pool }

// Put implements blob.Store.
func (b *blobs) Put(ctx context.Context, digest string, body []byte) error {
	if err := blob.Check(digest, body); err != nil {
		return fmt.Errorf("storing a blob: %w", err)
	}
	const insert = `INSERT INTO quantum_blobs (sha256, body) VALUES ($1, $2)
		ON CONFLICT (sha256) DO UPDATE SET body = excluded.body WHERE quantum_blobs.body <> excluded.body`
	if _, err := b.pool.Exec(ctx, insert, digest, body); err != nil {
		return fmt.Errorf("storing blob %s: %w", digest, err)
	}
	return nil
}

// Get implements blob.Store.
func (b *blobs) Get(ctx context.Context, digest string) ([]byte, error) {
	if err := blob.CheckName(digest); err != nil {
		return nil, fmt.Errorf("reading a blob: %w", err)
	}
	var body []byte
	err := b.pool.QueryRow(ctx, "SELECT body FROM quantum_blobs WHERE sha256 = $1", digest).Scan(&body)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("reading blob %s: %w", digest, blob.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("reading blob %s: %w", digest, err)
	}
	return body, blob.Check(digest, body)
}
