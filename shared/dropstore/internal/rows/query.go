package rows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropstore/internal/words"
)

// Dialect is where the SQL of the stores differs.
type Dialect struct {
	// Param writes the placeholder of the n-th argument, counted from 1.
	Param func(n int) string
	// Time is a timestamp as an argument.
	Time func(time.Time) any
	// Match is the condition that a row has all the words, the placeholder
	// standing for %s, and Words the argument for them.
	Match string
	Words func([]string) any
}

// Select is an SQL query and its arguments.
type Select struct {
	SQL  string
	Args []any
}

// columns in the order that Row.Targets scans them.
const columns = "id, workflow_id, stage, timestamp, %s, type, metadata, tenant, name, sha256, size, version, parents, usage"

// Columns of quantum_drops, the artifact only when asked for.
func Columns(withArtifact bool) string {
	if withArtifact {
		return fmt.Sprintf(columns, "artifact")
	}
	return fmt.Sprintf(columns, "CAST(NULL AS TEXT)")
}

// Targets are where a scan of Columns puts its values; timestamp is the store's.
func (r *Row) Targets(timestamp any) []any {
	return []any{
		&r.ID, &r.WorkflowID, &r.Stage, timestamp, &r.Artifact, &r.Type, &r.Metadata,
		&r.Tenant, &r.Name, &r.SHA256, &r.Size, &r.Version, &r.Parents, &r.Usage,
	}
}

// conditions collects what a WHERE clause joins by AND.
type conditions struct {
	dialect Dialect
	where   []string
	args    []any
}

func (c *conditions) param(arg any) string {
	c.args = append(c.args, arg)
	return c.dialect.Param(len(c.args))
}

func (c *conditions) equal(column string, arg any) {
	c.where = append(c.where, column+" = "+c.param(arg))
}

// List selects a page of a normalised query, and one row more when there are.
func List(q drop.Query, dialect Dialect) (Select, error) {
	c, err := matching(q, dialect)
	if err != nil {
		return Select{}, err
	}
	if q.Cursor != "" {
		at, err := drop.ParseCursor(q.Cursor)
		if err != nil {
			return Select{}, err
		}
		c.where = append(c.where, fmt.Sprintf("(timestamp, id) > (%s, %s)", c.param(dialect.Time(at.Timestamp)), c.param(at.ID)))
	}
	sql := fmt.Sprintf("SELECT %s FROM quantum_drops WHERE %s ORDER BY timestamp, id LIMIT %s",
		Columns(q.WithArtifacts), strings.Join(c.where, " AND "), c.param(q.Limit+1))
	return Select{SQL: sql, Args: c.args}, nil
}

// Latest selects the one drop of a normalised query with the highest version, and
// of these the last.
func Latest(q drop.Query, dialect Dialect) (Select, error) {
	c, err := matching(q, dialect)
	if err != nil {
		return Select{}, err
	}
	sql := fmt.Sprintf("SELECT %s FROM quantum_drops WHERE %s ORDER BY version DESC, timestamp DESC, id DESC LIMIT 1",
		Columns(true), strings.Join(c.where, " AND "))
	return Select{SQL: sql, Args: c.args}, nil
}

func matching(q drop.Query, dialect Dialect) (*conditions, error) {
	c := &conditions{dialect: dialect}
	c.equal("tenant", q.Tenant)
	if q.WorkflowID != "" {
		c.equal("workflow_id", q.WorkflowID)
	}
	if q.Stage != "" {
		c.equal("stage", q.Stage)
	}
	if q.Type != "" {
		c.equal("type", string(q.Type))
	}
	if q.Version != nil {
		c.equal("version", *q.Version)
	}
	if q.Text != "" {
		asked := words.InQuery(q.Text)
		if len(asked) == 0 {
			return nil, &drop.FieldError{Field: "q", Reason: "has no word to search for, only punctuation"}
		}
		c.where = append(c.where, fmt.Sprintf(dialect.Match, c.param(dialect.Words(asked))))
	}
	return c, nil
}

// StageRow is what one stage of a workflow has of one type.
type StageRow struct {
	Stage, Type string
	Drops       int64
	Bytes       int64
	Version     int
	First, Last time.Time
	Usage       drop.Usage
}

// Summarise folds rows ordered by stage into a summary a stage, in the order in
// which the stages stored their first drop.
func Summarise(found []StageRow) []drop.StageSummary {
	var stages []drop.StageSummary
	for _, row := range found {
		if n := len(stages); n == 0 || stages[n-1].Stage != row.Stage {
			stages = append(stages, drop.StageSummary{
				Stage: row.Stage, Types: map[drop.Type]int64{}, First: row.First.UTC(), Last: row.Last.UTC(),
			})
		}
		s := &stages[len(stages)-1]
		s.Drops += row.Drops
		s.Bytes += row.Bytes
		s.Types[drop.Type(row.Type)] = row.Drops
		s.Version = max(s.Version, row.Version)
		if row.First.Before(s.First) {
			s.First = row.First.UTC()
		}
		if row.Last.After(s.Last) {
			s.Last = row.Last.UTC()
		}
		s.Usage = s.Usage.Plus(row.Usage)
	}
	slices.SortStableFunc(stages, func(a, b drop.StageSummary) int { return a.First.Compare(b.First) })
	return stages
}
