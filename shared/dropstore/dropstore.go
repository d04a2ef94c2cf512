// Package dropstore keeps drops: rows in a SQL database, large bodies in a blob
// store. Open picks the implementation by the database's URL.
package dropstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/blob"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropstore/postgres"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropstore/sqlite"
)

// Store keeps drops. Its methods may be called at the same time.
// Implementations pass the suite in dropstoretest.
type Store interface {
	// Put stores sealed drops, all or none, and says for each what it did. A drop
	// that is there already stays as it was. It fails with drop.ErrInvalid, and
	// with drop.ErrConflict when the stored row was altered.
	Put(ctx context.Context, drops []drop.Drop) ([]drop.Outcome, error)
	// Get returns a drop, of whatever tenant, with its artifact. It fails with
	// drop.ErrNotFound or drop.ErrCorrupt.
	Get(ctx context.Context, id string) (drop.Drop, error)
	// List returns the page of a query. It fails with drop.ErrInvalid.
	List(ctx context.Context, q drop.Query) (drop.Page, error)
	// Latest returns, with its artifact, the drop of the highest version that the
	// query selects; among equals the last one made. It ignores Limit and Cursor
	// and fails with drop.ErrNotFound when there is none.
	Latest(ctx context.Context, q drop.Query) (drop.Drop, error)
	// Stages sums up what each stage of a workflow has stored, in the order of
	// their first drops. An unknown workflow has none. An empty tenant is
	// drop.DefaultTenant.
	Stages(ctx context.Context, tenant, workflowID string) ([]drop.StageSummary, error)
	// Unannounced returns, without artifacts, up to limit drops that were stored
	// and not marked by Announced, oldest first. Dead letters are never among them.
	Unannounced(ctx context.Context, limit int) ([]drop.Drop, error)
	// Announced marks drops. IDs that are marked already or not there are no error.
	Announced(ctx context.Context, ids ...string) error
	// Ping fails when the database does not answer.
	Ping(ctx context.Context) error
	// Close ends the store; nothing else may be called after it.
	Close() error
}

// Open opens the store at a database URL, "sqlite:PATH" or "postgres://…", and
// brings its tables up to date. Blobs, which may be nil with PostgreSQL only, is
// where large bodies go; nil keeps them in the database. Errors never hold the
// URL's password.
func Open(ctx context.Context, databaseURL string, blobs blob.Store) (Store, error) {
	scheme, rest, _ := strings.Cut(databaseURL, ":")
	switch scheme {
	case "sqlite":
		path, err := sqlitePath(rest)
		if err != nil {
			return nil, err
		}
		if blobs == nil {
			return nil, errors.New("only PostgreSQL keeps large bodies itself: with sqlite: they need a blob store")
		}
		return sqlite.Open(ctx, path, blobs)
	case "postgres", "postgresql":
		return postgres.Open(ctx, databaseURL, blobs)
	case "":
		return nil, fmt.Errorf("no database URL: %s", urlForms)
	}
	// A URL without a scheme may begin with a password.
	return nil, fmt.Errorf("the database URL has no scheme that is known: %s", urlForms)
}

const urlForms = "write sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE"

// sqlitePath is what stands behind "sqlite:", taken as it is. "sqlite:///abs" is
// what other tools write and means the same here; "sqlite://name" would be read
// as a file in the root directory, which nobody means.
func sqlitePath(rest string) (string, error) {
	if strings.HasPrefix(rest, "//") && !strings.HasPrefix(rest, "///") {
		return "", fmt.Errorf("the database URL sqlite:%s names a host: write sqlite:%s", rest, rest[2:])
	}
	if strings.HasPrefix(rest, "///") {
		rest = rest[2:]
	}
	switch rest {
	case "":
		return "", fmt.Errorf("the database URL lacks the path behind sqlite: write sqlite:PATH")
	case ":memory:":
		return "", fmt.Errorf("the database URL sqlite::memory: is not supported, as a crash would lose every drop: write sqlite:PATH")
	}
	return rest, nil
}
