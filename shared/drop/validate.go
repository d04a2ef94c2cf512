package drop

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// What a drop may hold, in bytes unless the name says otherwise.
const (
	MaxArtifact   = 32 << 20
	MaxMetadata   = 64 << 10 // as JSON
	MaxTenant     = 64
	MaxWorkflowID = 255
	MaxStage      = 100
	MaxType       = 50
	MaxName       = 1024
	MaxParents    = 4096 // drops
	MaxVersion    = 1_000_000
)

var (
	// ErrInvalid is what a drop, query or address that breaks a rule wraps.
	// Trying again without a change never helps.
	ErrInvalid = errors.New("invalid drop")
	// ErrNotFound says that no drop has that ID, or that none matches.
	ErrNotFound = errors.New("drop not found")
	// ErrConflict says that the store holds another artifact under the drop's
	// ID. IDs follow from artifacts, so the stored row has been altered;
	// nothing of the batch was written.
	ErrConflict = errors.New("stored drop differs from the one with the same ID")
	// ErrCorrupt says that a stored artifact no longer has the digest it was
	// stored under.
	ErrCorrupt = errors.New("stored artifact is damaged")
)

// FieldError is one broken rule. It unwraps to ErrInvalid.
type FieldError struct {
	// Field as it is called in JSON.
	Field string
	// Reason reads on from the field: "must not be empty".
	Reason string
}

func (e *FieldError) Error() string { return e.Field + " " + e.Reason }

func (e *FieldError) Unwrap() error { return ErrInvalid }

func invalid(field, format string, args ...any) error {
	return &FieldError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// Validate checks a sealed drop against every rule. The error joins one
// *FieldError for each that is broken; each unwraps to ErrInvalid.
func (d Drop) Validate() error {
	var c checker
	if d.Tenant == "" {
		c.fail("tenant", "must not be empty")
	}
	c.text("tenant", d.Tenant, MaxTenant)
	if d.WorkflowID == "" {
		c.fail("workflow_id", "must not be empty")
	}
	c.text("workflow_id", d.WorkflowID, MaxWorkflowID)
	c.slug("stage", d.Stage, MaxStage)
	c.slug("type", string(d.Type), MaxType)
	c.text("metadata."+MetadataPath, d.Name(), MaxName)
	if d.Version < 0 || d.Version > MaxVersion {
		c.fail("version", "must be from 0 to %d, is %d", MaxVersion, d.Version)
	}
	if y := d.Timestamp.Year(); d.Timestamp.IsZero() || y < 1970 || y > 9999 {
		c.fail("timestamp", "must lie in the years 1970 to 9999")
	} else if d.Timestamp.Location() != time.UTC || d.Timestamp.Nanosecond()%1000 != 0 {
		c.fail("timestamp", "must be UTC and whole microseconds")
	}
	c.metadata(d.Metadata)
	c.parents(d.Parents)
	c.usage(d.Usage)
	c.artifact(d)
	return c.err()
}

// checker collects broken rules, so that a caller learns of all at once.
type checker struct{ errs []error }

func (c *checker) err() error { return errors.Join(c.errs...) }

func (c *checker) fail(field, format string, args ...any) {
	c.errs = append(c.errs, invalid(field, format, args...))
}

// text accepts printable UTF-8 on one line, empty included.
func (c *checker) text(field, s string, limit int) {
	switch {
	case len(s) > limit:
		c.fail(field, "is %d bytes long, at most %d are allowed", len(s), limit)
	case !utf8.ValidString(s):
		c.fail(field, "is not valid UTF-8")
	case strings.ContainsFunc(s, unicode.IsControl):
		c.fail(field, "has a control character")
	}
}

// slug accepts lower-case words with hyphens: what is safe in a URL, an event's
// type and a folder's name alike.
func (c *checker) slug(field, s string, limit int) {
	if s == "" {
		c.fail(field, "must not be empty")
		return
	}
	if len(s) > limit {
		c.fail(field, "is %d bytes long, at most %d are allowed", len(s), limit)
		return
	}
	outside := strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	})
	if outside >= 0 || s[0] == '-' || s[len(s)-1] == '-' {
		c.fail(field, "must be lower-case letters, digits and hyphens between them, is %q", clip(s))
	}
}

func (c *checker) digest(field, s string) {
	if len(s) != 64 || !isHex(s) {
		c.fail(field, "must be 64 lower-case hexadecimal digits, is %q", clip(s))
	}
}

func (c *checker) metadata(m map[string]string) {
	for k, v := range m {
		switch {
		case k == "":
			c.fail("metadata", "has an empty key")
		case !utf8.ValidString(k) || !utf8.ValidString(v):
			c.fail("metadata", "is not valid UTF-8 at key %q", clip(k))
		// PostgreSQL's text and jsonb cannot hold the character NUL.
		case strings.ContainsRune(k, 0) || strings.ContainsRune(v, 0):
			c.fail("metadata", "has a NUL character at key %q", clip(k))
		}
	}
	raw, err := json.Marshal(m)
	if err != nil {
		c.fail("metadata", "cannot be written as JSON: %v", err)
	} else if len(raw) > MaxMetadata {
		c.fail("metadata", "is %d bytes of JSON, at most %d are allowed", len(raw), MaxMetadata)
	}
}

func (c *checker) parents(ids []string) {
	if len(ids) > MaxParents {
		c.fail("parents", "are %d, at most %d are allowed", len(ids), MaxParents)
		return
	}
	for i, id := range ids {
		if !ValidID(id) {
			c.fail(fmt.Sprintf("parents[%d]", i), "is no drop's ID: %q", clip(id))
			return
		}
	}
}

func (c *checker) usage(u Usage) {
	c.text("usage.provider", u.Provider, MaxName)
	c.text("usage.model", u.Model, MaxName)
	for _, n := range []struct {
		field string
		value int64
	}{
		{"input_tokens", u.InputTokens},
		{"output_tokens", u.OutputTokens},
		{"cached_tokens", u.CachedTokens},
		{"cost_micros", u.CostMicros},
		{"calls", u.Calls},
	} {
		if n.value < 0 {
			c.fail("usage."+n.field, "must not be negative, is %d", n.value)
		}
	}
}

// artifact checks the body and everything that follows from it.
func (c *checker) artifact(d Drop) {
	if d.Artifact == nil {
		c.fail("artifact", "is missing")
		return
	}
	if len(d.Artifact) > MaxArtifact {
		c.fail("artifact", "is %d bytes, at most %d are allowed", len(d.Artifact), MaxArtifact)
		return
	}
	if d.Size != int64(len(d.Artifact)) {
		c.fail("size", "is %d, the artifact has %d bytes", d.Size, len(d.Artifact))
	}
	if sum := Digest(d.Artifact); d.SHA256 != sum {
		c.fail("sha256", "is %q, the artifact's is %q", clip(d.SHA256), sum)
		return
	}
	if id := d.identity(); d.ID != id {
		c.fail("id", "is %q, what the drop holds makes it %q", clip(d.ID), id)
	}
}

// clip keeps what a stranger sent short enough for an error message.
func clip(s string) string {
	const limit = 64
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "…"
}
