package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/quantumlayer-dev/quantumlayer/shared/blob"
	"github.com/quantumlayer-dev/quantumlayer/shared/blob/blobtest"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropstore/postgres"
	"github.com/quantumlayer-dev/quantumlayer/shared/testservices"
)

// database is a place of the suite: a database of its own.
type database struct{ url string }

func (d database) Open(t *testing.T) blob.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), d.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.Blobs()
}

func (d database) Overwrite(t *testing.T, digest string, body []byte) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), d.url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	tag, err := c.Exec(t.Context(), "UPDATE quantum_blobs SET body = $2 WHERE sha256 = $1", digest, body)
	if err != nil || tag.RowsAffected() != 1 {
		t.Fatalf("%d rows: %v", tag.RowsAffected(), err)
	}
}

func TestBlobConformance(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) blobtest.Place { return database{testservices.Postgres(t)} })
}
