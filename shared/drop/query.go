package drop

import (
	"encoding/base64"
	"encoding/binary"
	"time"
)

// How many drops a page holds.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
	// MaxText is the length of a search text in bytes.
	MaxText = 1024
	// MaxPageBytes ends a page with artifacts early: it holds at most this many
	// bytes of them, and always one drop.
	MaxPageBytes = MaxArtifact
)

// Query selects drops. Empty fields select everything but Tenant, which then is
// DefaultTenant. The order is by Timestamp and ID, oldest first.
type Query struct {
	Tenant     string
	WorkflowID string
	Stage      string
	Type       Type
	// Version selects one round; nil every one.
	Version *int
	// Text selects drops that have each of its words in an artifact kept inline
	// (UTF-8, up to 64 KiB) or in a metadata value, whatever the case. A word of
	// code such as BorrowBook is found whole and by its parts.
	Text string
	// WithArtifacts asks for the bodies too. A page then ends early after
	// MaxPageBytes.
	WithArtifacts bool
	// Limit of the page; zero means DefaultLimit, the most is MaxLimit.
	Limit int
	// Cursor is Page.Next of the page before, empty for the first.
	Cursor string
}

// Normalise fills in the defaults and fails with ErrInvalid when a field breaks
// a rule.
func (q Query) Normalise() (Query, error) {
	if q.Tenant == "" {
		q.Tenant = DefaultTenant
	}
	if q.Limit == 0 {
		q.Limit = DefaultLimit
	}
	var c checker
	c.text("tenant", q.Tenant, MaxTenant)
	c.text("workflow", q.WorkflowID, MaxWorkflowID)
	c.text("q", q.Text, MaxText)
	if q.Stage != "" {
		c.slug("stage", q.Stage, MaxStage)
	}
	if q.Type != "" {
		c.slug("type", string(q.Type), MaxType)
	}
	if q.Version != nil && (*q.Version < 0 || *q.Version > MaxVersion) {
		c.fail("version", "must be from 0 to %d, is %d", MaxVersion, *q.Version)
	}
	if q.Limit < 1 || q.Limit > MaxLimit {
		c.fail("limit", "must be from 1 to %d, is %d", MaxLimit, q.Limit)
	}
	if q.Cursor != "" {
		if _, err := ParseCursor(q.Cursor); err != nil {
			c.errs = append(c.errs, err)
		}
	}
	return q, c.err()
}

// Page is a part of a query's answer.
type Page struct {
	// Drops, with a nil Artifact unless the query asked for it.
	Drops []Drop
	// Next is the cursor of the following page, empty when this is the last.
	Next string
}

// Outcome says what storing a drop did.
type Outcome string

const (
	// Created says that the drop is new.
	Created Outcome = "created"
	// Exists says that the drop was there already, and stays as it was.
	Exists Outcome = "exists"
)

// StageSummary is what one stage of a workflow has stored so far.
type StageSummary struct {
	Stage string `json:"stage"`
	// Drops and their artifacts' size in bytes.
	Drops int64 `json:"drops"`
	Bytes int64 `json:"bytes"`
	// Types counts the drops of each type.
	Types map[Type]int64 `json:"types"`
	// Version is the last round that the stage has drops of.
	Version int `json:"version"`
	// First and Last are the earliest and latest timestamp.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Usage of all the stage's drops, without the models' names.
	Usage Usage `json:"usage"`
}

// Cursor is the place of a drop in the order of a query.
type Cursor struct {
	Timestamp time.Time
	ID        string
}

// String is the cursor as a page carries it: opaque, safe in a URL.
func (c Cursor) String() string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(c.Timestamp.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(raw, c.ID...))
}

// ParseCursor reads what Cursor.String writes. Everything else is ErrInvalid.
func ParseCursor(s string) (Cursor, error) {
	const timeBytes = 8
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(raw) < timeBytes || !ValidID(string(raw[timeBytes:])) {
		return Cursor{}, invalid("cursor", "is none that this service gave out")
	}
	micros := int64(binary.BigEndian.Uint64(raw))
	return Cursor{Timestamp: time.UnixMicro(micros).UTC(), ID: string(raw[timeBytes:])}, nil
}
