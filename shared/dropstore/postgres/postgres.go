// Package postgres keeps drops in PostgreSQL 15 or later, in a table that is
// partitioned by month.
package postgres

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/quantumlayer-dev/quantumlayer/shared/blob"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropstore/internal/rows"
)

// Store is a dropstore.Store on PostgreSQL. Make it with Open.
type Store struct {
	pool  *pgxpool.Pool
	blobs blob.Store
	// month, as year × 12 + month, up to which partitions were made.
	month atomic.Int64
}

// Blobs is where large bodies are.
func (s *Store) Blobs() blob.Store { return s.blobs }

// addMonths makes the partitions of this month and the next, once a month. Drops
// of other months go to the default partition.
func (s *Store) addMonths(ctx context.Context) error {
	now := time.Now().UTC()
	month := int64(now.Year())*12 + int64(now.Month())
	if s.month.Load() >= month {
		return nil
	}
	next := time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC)
	for _, moment := range []time.Time{now, next} {
		if _, err := s.pool.Exec(ctx, "SELECT quantum_drops_add_month($1)", moment); err != nil {
			return fmt.Errorf("making the partition of %s: %w", moment.Format("2006-01"), err)
		}
	}
	s.month.Store(month)
	return nil
}

// Ping implements dropstore.Store.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.pool.Ping(ctx); err != nil {
		return fmt.Errorf("asking the drop store: %w", err)
	}
	return nil
}

// Close implements dropstore.Store.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
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
	if err := s.addMonths(ctx); err != nil {
		return nil, fmt.Errorf("storing drops: %w", err)
	}
	var created map[string]bool
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		created, err = insertKeys(ctx, tx, batch)
		if err != nil {
			return err
		}
		if err := checkSame(ctx, tx, batch, created); err != nil {
			return err
		}
		return insertRows(ctx, tx, batch, created)
	})
	if err != nil {
		return nil, fmt.Errorf("storing drops: %w", err)
	}
	return rows.Outcomes(drops, created), nil
}

// insertKeys claims the IDs that are new. Another transaction that has claimed one
// of them is waited for; all claim in the order of the IDs, so none waits for ever.
func insertKeys(ctx context.Context, tx pgx.Tx, batch []rows.Row) (map[string]bool, error) {
	ids := make([]string, len(batch))
	times := make([]time.Time, len(batch))
	for i, row := range batch {
		ids[i], times[i] = row.ID, row.Timestamp
	}
	result, err := tx.Query(ctx, `
		INSERT INTO quantum_drop_keys (id, timestamp)
		SELECT id, moment FROM unnest($1::text[], $2::timestamptz[]) AS batch (id, moment) ORDER BY id
		ON CONFLICT (id) DO NOTHING RETURNING id`, ids, times)
	if err != nil {
		return nil, err
	}
	claimed, err := pgx.CollectRows(result, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	created := make(map[string]bool, len(claimed))
	for _, id := range claimed {
		created[id] = true
	}
	return created, nil
}

const byKey = ` FROM quantum_drop_keys k JOIN quantum_drops d ON d.id = k.id AND d.timestamp = k.timestamp WHERE k.id = ANY($1)`

// checkSame asserts that what is stored under the IDs that are not new is the same.
func checkSame(ctx context.Context, tx pgx.Tx, batch []rows.Row, created map[string]bool) error {
	known := make(map[string]rows.Row)
	var ids []string
	for _, row := range batch {
		if !created[row.ID] {
			known[row.ID] = row
			ids = append(ids, row.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	result, err := tx.Query(ctx, "SELECT d.id, d.sha256"+byKey, ids)
	if err != nil {
		return err
	}
	var id, stored string
	_, err = pgx.ForEachRow(result, []any{&id, &stored}, func() error {
		row := known[id]
		delete(known, id)
		return rows.CheckSame(row, stored)
	})
	if err != nil {
		return err
	}
	for id := range known {
		return fmt.Errorf("%w: %s has a key but no row", drop.ErrConflict, id)
	}
	return nil
}

func insertRows(ctx context.Context, tx pgx.Tx, batch []rows.Row, created map[string]bool) error {
	var queue pgx.Batch
	for _, row := range batch {
		if !created[row.ID] {
			continue
		}
		queue.Queue(`
			INSERT INTO quantum_drops (id, workflow_id, stage, timestamp, artifact, type, metadata,
				tenant, name, sha256, size, version, parents, usage, announced, words)
			VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8, $9, $10, $11, $12, $13::text::jsonb, $14::text::jsonb,
				$15, array_to_tsvector($16::text[]))`,
			row.ID, row.WorkflowID, row.Stage, row.Timestamp, row.Artifact, row.Type, row.Metadata,
			row.Tenant, row.Name, row.SHA256, row.Size, row.Version, row.Parents, row.Usage, row.Silent(), append([]string{}, row.Words...))
	}
	return tx.SendBatch(ctx, &queue).Close()
}

var dialect = rows.Dialect{
	Param: func(n int) string { return fmt.Sprintf("$%d", n) },
	Time:  func(t time.Time) any { return t },
	// Cast, not parsed: the words are taken as they come.
	Match: "words @@ %s::text::tsquery",
	Words: func(asked []string) any { return "'" + strings.Join(asked, "' & '") + "'" },
}

// Get implements dropstore.Store.
func (s *Store) Get(ctx context.Context, id string) (drop.Drop, error) {
	return s.one(ctx, rows.Select{
		// The key's time leads to the one partition that has the drop.
		SQL: "SELECT " + rows.Columns(true) +
			" FROM quantum_drops WHERE id = $1 AND timestamp = (SELECT timestamp FROM quantum_drop_keys WHERE id = $1)",
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

func (s *Store) query(ctx context.Context, query rows.Select) ([]rows.Row, error) {
	result, err := s.pool.Query(ctx, query.SQL, query.Args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(result, func(r pgx.CollectableRow) (rows.Row, error) {
		var row rows.Row
		err := r.Scan(row.Targets(&row.Timestamp)...)
		return row, err
	})
}

// Unannounced implements dropstore.Store.
func (s *Store) Unannounced(ctx context.Context, limit int) ([]drop.Drop, error) {
	found, err := s.query(ctx, rows.Select{
		SQL:  "SELECT " + rows.Columns(false) + " FROM quantum_drops WHERE NOT announced ORDER BY timestamp, id LIMIT $1",
		Args: []any{limit},
	})
	if err != nil {
		return nil, fmt.Errorf("reading which drops are not announced: %w", err)
	}
	return rows.Decode(found)
}

// Announced implements dropstore.Store.
func (s *Store) Announced(ctx context.Context, ids ...string) error {
	// The keys' times lead to the partitions that have the drops. Rows are locked in one order, so that two replicas which mark
	// the same drops do not wait for each other.
	_, err := s.pool.Exec(ctx, `
		WITH found AS (
			SELECT d.id, d.timestamp`+byKey+` AND NOT d.announced ORDER BY d.timestamp, d.id FOR UPDATE OF d
		)
		UPDATE quantum_drops d SET announced = TRUE FROM found WHERE d.id = found.id AND d.timestamp = found.timestamp`, ids)
	if err != nil {
		return fmt.Errorf("noting that drops are announced: %w", err)
	}
	return nil
}

// Stages implements dropstore.Store.
func (s *Store) Stages(ctx context.Context, tenant, workflowID string) ([]drop.StageSummary, error) {
	q, err := drop.Query{Tenant: tenant, WorkflowID: workflowID}.Normalise()
	if err != nil {
		return nil, err
	}
	result, err := s.pool.Query(ctx, `
		SELECT stage, type, count(*), sum(size)::bigint, max(version), min(timestamp), max(timestamp),
			sum((usage ->> 'input_tokens')::bigint)::bigint, sum((usage ->> 'output_tokens')::bigint)::bigint,
			sum((usage ->> 'cached_tokens')::bigint)::bigint, sum((usage ->> 'cost_micros')::bigint)::bigint,
			sum((usage ->> 'calls')::bigint)::bigint
		FROM quantum_drops WHERE tenant = $1 AND workflow_id = $2
		GROUP BY stage, type ORDER BY stage, type`, q.Tenant, q.WorkflowID)
	if err != nil {
		return nil, fmt.Errorf("summing up the stages: %w", err)
	}
	found, err := pgx.CollectRows(result, func(r pgx.CollectableRow) (rows.StageRow, error) {
		var row rows.StageRow
		err := r.Scan(&row.Stage, &row.Type, &row.Drops, &row.Bytes, &row.Version, &row.First, &row.Last,
			&row.Usage.InputTokens, &row.Usage.OutputTokens, &row.Usage.CachedTokens, &row.Usage.CostMicros, &row.Usage.Calls)
		return row, err
	})
	if err != nil {
		return nil, fmt.Errorf("summing up the stages: %w", err)
	}
	return rows.Summarise(found), nil
}
