// Package sqlite keeps drops in a SQLite file, with the full-text index FTS5.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/quantumlayer-dev/quantumlayer/shared/blob"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropstore/internal/rows"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// migrationsTable keeps these migrations apart from those of other parts of
	// the platform in the same file.
	migrationsTable = "quantum_drops_migrations"
	// readers that may run beside the writer.
	readers = 4
)

// Store is a dropstore.Store in a SQLite file. Make it with Open.
type Store struct {
	// write has the one connection that writes: SQLite takes one writer at a
	// time, so writers wait here rather than time out there.
	write *sql.DB
	read  *sql.DB
	blobs blob.Store
}

// Open opens the file at path, making it and its directory if need be, and brings
// its tables up to date.
func Open(ctx context.Context, path string, blobs blob.Store) (_ *Store, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("opening the drop store in the SQLite file %s: %w", path, err)
		}
	}()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, errors.New("it is a directory: add the file's name to the path")
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	s := &Store{blobs: blobs}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	// FULL: a drop that was reported as stored outlives a power cut.
	s.write, err = sql.Open("sqlite", dsn(path, "journal_mode(wal)", "synchronous(full)")+"&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	s.write.SetMaxOpenConns(1)
	if err := migrate(ctx, s.write); err != nil {
		return nil, err
	}
	s.read, err = sql.Open("sqlite", dsn(path, "query_only(true)"))
	if err != nil {
		return nil, err
	}
	s.read.SetMaxOpenConns(readers)
	return s, s.Ping(ctx)
}

// createPrivate creates the file, if it is not there, for nobody else to read:
// drops hold prompts. SQLite gives the files beside it the same rights.
func createPrivate(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// dsn is the driver's name for a file. The path is escaped, as what follows a
// question mark in it would be executed.
func dsn(path string, pragmas ...string) string {
	query := url.Values{"_pragma": append([]string{"busy_timeout(10000)"}, pragmas...)}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + query.Encode()
}

func migrate(ctx context.Context, db *sql.DB) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("finding the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, dir, goose.WithTableName(migrationsTable))
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bringing the tables up to date: %w", err)
	}
	return nil
}

// Ping implements dropstore.Store.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	if err := s.read.QueryRowContext(ctx, "SELECT 1 FROM (SELECT count(*) FROM sqlite_schema)").Scan(&one); err != nil {
		return fmt.Errorf("asking the drop store: %w", err)
	}
	return nil
}

// Close implements dropstore.Store.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// Put implements dropstore.Store.
func (s *Store) Put(ctx context.Context, drops []drop.Drop) ([]drop.Outcome, error) {
	batch, err := rows.Prepare(ctx, s.blobs, drops)
	if err != nil {
		return nil, fmt.Errorf("storing drops: %w", err)
	}
	if len(batch) == 0 {
		return nil, nil
	}
	created, err := s.insert(ctx, batch)
	if err != nil {
		return nil, fmt.Errorf("storing drops: %w", err)
	}
	return rows.Outcomes(drops, created), nil
}

func (s *Store) insert(ctx context.Context, batch []rows.Row) (created map[string]bool, err error) {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			if rollback := tx.Rollback(); !errors.Is(rollback, sql.ErrTxDone) {
				err = errors.Join(err, rollback)
			}
		}
	}()
	created = make(map[string]bool, len(batch))
	for _, row := range batch {
		isNew, err := insertRow(ctx, tx, row)
		if err != nil {
			return nil, fmt.Errorf("drop %s: %w", row.ID, err)
		}
		created[row.ID] = isNew
	}
	return created, tx.Commit()
}

func insertRow(ctx context.Context, tx *sql.Tx, row rows.Row) (isNew bool, err error) {
	result, err := tx.ExecContext(ctx, `
		INSERT INTO quantum_drops (id, workflow_id, stage, timestamp, artifact, type, metadata,
			tenant, name, sha256, size, version, parents, usage, announced)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO NOTHING`,
		row.ID, row.WorkflowID, row.Stage, row.Timestamp.UnixMicro(), row.Artifact, row.Type, row.Metadata,
		row.Tenant, row.Name, row.SHA256, row.Size, row.Version, row.Parents, row.Usage, row.Silent())
	if err != nil {
		return false, err
	}
	changed, err := result.RowsAffected()
	if err != nil {
		return false, err
	}
	if changed == 0 {
		var stored string
		if err := tx.QueryRowContext(ctx, "SELECT sha256 FROM quantum_drops WHERE id = ?", row.ID).Scan(&stored); err != nil {
			return false, err
		}
		return false, rows.CheckSame(row, stored)
	}
	number, err := result.LastInsertId()
	if err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO quantum_drops_words (rowid, words) VALUES (?, ?)",
		number, strings.Join(row.Words, " "))
	return true, err
}

var dialect = rows.Dialect{
	Param: func(n int) string { return fmt.Sprintf("?%d", n) },
	Time:  func(t time.Time) any { return t.UnixMicro() },
	Match: "number IN (SELECT rowid FROM quantum_drops_words WHERE quantum_drops_words MATCH %s)",
	// Quoted, AND is a word and no operator.
	Words: func(asked []string) any { return `"` + strings.Join(asked, `" "`) + `"` },
}

// Get implements dropstore.Store.
func (s *Store) Get(ctx context.Context, id string) (drop.Drop, error) {
	return s.one(ctx, rows.Select{
		SQL:  "SELECT " + rows.Columns(true) + " FROM quantum_drops WHERE id = ?1",
		Args: []any{id},
	}, "drop "+id)
}

// Latest implements dropstore.Store.
func (s *Store) Latest(ctx context.Context, q drop.Query) (drop.Drop, error) {
	q, err := q.Normalise()
	if err != nil {
		return drop.Drop{}, err
	}
	query, err := rows.Latest(q, dialect)
	if err != nil {
		return drop.Drop{}, err
	}
	return s.one(ctx, query, "the latest drop")
}

func (s *Store) one(ctx context.Context, query rows.Select, what string) (drop.Drop, error) {
	found, err := s.query(ctx, query)
	if err != nil {
		return drop.Drop{}, fmt.Errorf("reading %s: %w", what, err)
	}
	if len(found) == 0 {
		return drop.Drop{}, fmt.Errorf("reading %s: %w", what, drop.ErrNotFound)
	}
	return found[0].Load(ctx, s.blobs)
}

// List implements dropstore.Store.
func (s *Store) List(ctx context.Context, q drop.Query) (drop.Page, error) {
	q, err := q.Normalise()
	if err != nil {
		return drop.Page{}, err
	}
	query, err := rows.List(q, dialect)
	if err != nil {
		return drop.Page{}, err
	}
	found, err := s.query(ctx, query)
	if err != nil {
		return drop.Page{}, fmt.Errorf("listing drops: %w", err)
	}
	return rows.Page(ctx, s.blobs, q, found)
}

func (s *Store) query(ctx context.Context, query rows.Select) (found []rows.Row, err error) {
	result, err := s.read.QueryContext(ctx, query.SQL, query.Args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, result.Close()) }()
	for result.Next() {
		var row rows.Row
		var micros int64
		if err := result.Scan(row.Targets(&micros)...); err != nil {
			return nil, err
		}
		row.Timestamp = time.UnixMicro(micros)
		found = append(found, row)
	}
	return found, result.Err()
}

// Stages implements dropstore.Store.
func (s *Store) Stages(ctx context.Context, tenant, workflowID string) (_ []drop.StageSummary, err error) {
	q, err := drop.Query{Tenant: tenant, WorkflowID: workflowID}.Normalise()
	if err != nil {
		return nil, err
	}
	result, err := s.read.QueryContext(ctx, `
		SELECT stage, type, count(*), sum(size), max(version), min(timestamp), max(timestamp),
			sum(usage ->> 'input_tokens'), sum(usage ->> 'output_tokens'), sum(usage ->> 'cached_tokens'),
			sum(usage ->> 'cost_micros'), sum(usage ->> 'calls')
		FROM quantum_drops WHERE tenant = ? AND workflow_id = ?
		GROUP BY stage, type ORDER BY stage, type`, q.Tenant, q.WorkflowID)
	if err != nil {
		return nil, fmt.Errorf("summing up the stages: %w", err)
	}
	defer func() { err = errors.Join(err, result.Close()) }()
	var found []rows.StageRow
	for result.Next() {
		var row rows.StageRow
		var first, last int64
		if err := result.Scan(&row.Stage, &row.Type, &row.Drops, &row.Bytes, &row.Version, &first, &last,
			&row.Usage.InputTokens, &row.Usage.OutputTokens, &row.Usage.CachedTokens, &row.Usage.CostMicros, &row.Usage.Calls); err != nil {
			return nil, fmt.Errorf("summing up the stages: %w", err)
		}
		row.First, row.Last = time.UnixMicro(first), time.UnixMicro(last)
		found = append(found, row)
	}
	return rows.Summarise(found), result.Err()
}

// Unannounced implements dropstore.Store.
func (s *Store) Unannounced(ctx context.Context, limit int) ([]drop.Drop, error) {
	found, err := s.query(ctx, rows.Select{
		SQL:  "SELECT " + rows.Columns(false) + " FROM quantum_drops WHERE announced = 0 ORDER BY timestamp, id LIMIT ?1",
		Args: []any{limit},
	})
	if err != nil {
		return nil, fmt.Errorf("reading which drops are not announced: %w", err)
	}
	return rows.Decode(found)
}

// Announced implements dropstore.Store.
func (s *Store) Announced(ctx context.Context, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	asked, err := json.Marshal(ids)
	if err != nil {
		return fmt.Errorf("encoding the IDs: %w", err)
	}
	if _, err := s.write.ExecContext(ctx, "UPDATE quantum_drops SET announced = 1 WHERE id IN (SELECT value FROM json_each(?))", string(asked)); err != nil {
		return fmt.Errorf("noting that drops are announced: %w", err)
	}
	return nil
}
