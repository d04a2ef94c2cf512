// Package rows is what the SQL stores of drops share: which drops become which
// columns, what goes to the blob store, and how a query becomes conditions.
package rows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/quantumlayer-dev/quantumlayer/shared/blob"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropstore/internal/words"
)

// MaxInline is the size in bytes up to which an artifact stays in its row.
const MaxInline = 64 << 10

// Row is a drop as the table quantum_drops holds it.
type Row struct {
	ID         string
	WorkflowID string
	Stage      string
	Timestamp  time.Time
	// Artifact is nil when the body is in the blob store, under SHA256.
	Artifact *string
	Type     string
	// Metadata, Parents and Usage are JSON.
	Metadata string
	Tenant   string
	Name     string
	SHA256   string
	Size     int64
	Version  int
	Parents  string
	Usage    string
	// Words is what the drop is found by.
	Words []string
}

// Silent says that the drop is never announced: of a dead letter's event that
// cannot be delivered there would be another dead letter, and so on for ever.
func (r *Row) Silent() bool { return r.Stage == drop.DeadLetterStage }

// Prepare turns sealed drops into rows, each ID once, and puts the bodies that do
// not fit into one in the blob store. A body left there by a batch that fails
// later does no harm: nothing refers to it.
func Prepare(ctx context.Context, blobs blob.Store, drops []drop.Drop) ([]Row, error) {
	prepared := make([]Row, 0, len(drops))
	seen := make(map[string]bool, len(drops))
	for i, d := range drops {
		if err := d.Validate(); err != nil {
			return nil, fmt.Errorf("drop %d of the batch: %w", i, err)
		}
		if seen[d.ID] {
			continue
		}
		seen[d.ID] = true
		row, err := encode(d)
		if err != nil {
			return nil, fmt.Errorf("drop %s: %w", d.ID, err)
		}
		if row.Artifact == nil {
			if err := blobs.Put(ctx, d.SHA256, d.Artifact); err != nil {
				return nil, fmt.Errorf("drop %s: %w", d.ID, err)
			}
		}
		prepared = append(prepared, row)
	}
	return prepared, nil
}

func encode(d drop.Drop) (Row, error) {
	row := Row{
		ID: d.ID, WorkflowID: d.WorkflowID, Stage: d.Stage, Timestamp: d.Timestamp, Type: string(d.Type),
		Tenant: d.Tenant, Name: d.Name(), SHA256: d.SHA256, Size: d.Size, Version: d.Version,
	}
	for _, column := range []struct {
		to   *string
		from any
	}{{&row.Metadata, d.Metadata}, {&row.Parents, d.Parents}, {&row.Usage, d.Usage}} {
		raw, err := json.Marshal(column.from)
		if err != nil {
			return Row{}, fmt.Errorf("encoding a column: %w", err)
		}
		*column.to = string(raw)
	}
	texts := make([]string, 0, len(d.Metadata)+1)
	for _, value := range d.Metadata {
		texts = append(texts, value)
	}
	if text := string(d.Artifact); inline(text) {
		row.Artifact = &text
		texts = append(texts, text)
	}
	row.Words = words.Of(texts...)
	return row, nil
}

// inline reports whether a body can be kept as TEXT. PostgreSQL's has no NUL.
func inline(body string) bool {
	return len(body) <= MaxInline && utf8.ValidString(body) && !strings.ContainsRune(body, 0)
}

// Drop is the drop of a row, without its artifact.
func (r Row) Drop() (drop.Drop, error) {
	d := drop.Drop{
		ID: r.ID, Tenant: r.Tenant, WorkflowID: r.WorkflowID, Stage: r.Stage, Type: drop.Type(r.Type),
		Version: r.Version, Timestamp: r.Timestamp.UTC(), SHA256: r.SHA256, Size: r.Size,
	}
	if err := errors.Join(
		json.Unmarshal([]byte(r.Metadata), &d.Metadata),
		json.Unmarshal([]byte(r.Parents), &d.Parents),
		json.Unmarshal([]byte(r.Usage), &d.Usage),
	); err != nil {
		return drop.Drop{}, fmt.Errorf("%w: decoding the row of drop %s: %w", drop.ErrCorrupt, r.ID, err)
	}
	return d, nil
}

// Load is the drop of a row with its artifact, checked against its digest.
func (r Row) Load(ctx context.Context, blobs blob.Store) (drop.Drop, error) {
	d, err := r.Drop()
	if err != nil {
		return drop.Drop{}, err
	}
	if r.Artifact != nil {
		d.Artifact = []byte(*r.Artifact)
		if drop.Digest(d.Artifact) != d.SHA256 {
			return drop.Drop{}, fmt.Errorf("%w: drop %s", drop.ErrCorrupt, d.ID)
		}
		return d, nil
	}
	d.Artifact, err = blobs.Get(ctx, d.SHA256)
	switch {
	// A row is written after its blob: one without has lost it.
	case errors.Is(err, blob.ErrCorrupt), errors.Is(err, blob.ErrNotFound):
		return drop.Drop{}, fmt.Errorf("%w: drop %s: %w", drop.ErrCorrupt, d.ID, err)
	case err != nil:
		return drop.Drop{}, fmt.Errorf("drop %s: %w", d.ID, err)
	}
	return d, nil
}

// Page turns the rows that a query with the given limit found, one more than the
// limit when there are more, into a page.
func Page(ctx context.Context, blobs blob.Store, q drop.Query, found []Row) (drop.Page, error) {
	page := drop.Page{Drops: make([]drop.Drop, 0, len(found))}
	var bytes int64
	for i, row := range found {
		if q.WithArtifacts {
			bytes += row.Size
		}
		if i == q.Limit || (i > 0 && bytes > drop.MaxPageBytes) {
			last := page.Drops[i-1]
			page.Next = drop.Cursor{Timestamp: last.Timestamp, ID: last.ID}.String()
			break
		}
		d, err := row.Drop()
		if q.WithArtifacts {
			d, err = row.Load(ctx, blobs)
		}
		if err != nil {
			return drop.Page{}, err
		}
		page.Drops = append(page.Drops, d)
	}
	return page, nil
}

// Decode turns rows into drops without their artifacts.
func Decode(found []Row) ([]drop.Drop, error) {
	drops := make([]drop.Drop, len(found))
	for i, row := range found {
		var err error
		if drops[i], err = row.Drop(); err != nil {
			return nil, err
		}
	}
	return drops, nil
}

// Outcomes tells for each drop of a batch whether it is new, in the batch's order.
// A drop that comes twice in one batch exists the second time.
func Outcomes(drops []drop.Drop, created map[string]bool) []drop.Outcome {
	outcomes := make([]drop.Outcome, len(drops))
	told := make(map[string]bool, len(created))
	for i, d := range drops {
		outcomes[i] = drop.Exists
		if created[d.ID] && !told[d.ID] {
			outcomes[i] = drop.Created
			told[d.ID] = true
		}
	}
	return outcomes
}

// CheckSame asserts what follows from how IDs are made: what is stored under an
// ID has that drop's digest. It fails with drop.ErrConflict.
func CheckSame(row Row, storedSHA256 string) error {
	if storedSHA256 != row.SHA256 {
		return fmt.Errorf("%w: %s has digest %q, its ID belongs to %s", drop.ErrConflict, row.ID, storedSHA256, row.SHA256)
	}
	return nil
}
