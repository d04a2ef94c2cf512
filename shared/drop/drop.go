// Package drop defines the Quantum Drop: one artifact of one stage of one
// workflow, named by its content. It knows no store and no transport.
package drop

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Type says what an artifact is. The set is open: a store keeps any well-formed
// type, the constants are the ones that the platform itself writes.
type Type string

const (
	// TypeResult is the answer of a stage, one per stage and round.
	TypeResult Type = "result"
	// TypeFile is one file of the project; MetadataPath holds its path.
	TypeFile Type = "file"
	// TypeVerification is what the sandbox found: build, vet and test results.
	TypeVerification Type = "verification"
	// TypeCapsule is a packed project, a tar.gz.
	TypeCapsule Type = "capsule"
	// TypePayload is the data of an event that was too large to travel in it.
	TypePayload Type = "payload"
	// TypeEvent is a CloudEvent in structured JSON, kept for people to find.
	TypeEvent Type = "event"
)

// Stages that are none of the pipeline's.
const (
	// RequestStage is the stage under which a run's request is kept, as a result.
	RequestStage = "request"
	// DeadLetterStage is the stage of the events that could not be delivered.
	DeadLetterStage = "dead-letter"
)

// Types gives the types of a run's own drops; a store takes others too. TypeEvent is none: dead letters belong to no run.
func Types() []Type {
	return []Type{TypeResult, TypeFile, TypeVerification, TypeCapsule, TypePayload}
}

// MetadataPath is the metadata key whose value names a drop among the others of
// its stage and type: for a file, its path inside the project, with slashes.
const MetadataPath = "path"

// DefaultTenant owns the drops of an installation that has no tenants.
const DefaultTenant = "default"

// Drop is one immutable artifact and where it came from. The zero value is not
// valid; fill in WorkflowID, Stage, Type and Artifact, then call Seal.
type Drop struct {
	// ID is "drop_" and 32 hexadecimal digits. It follows from Tenant,
	// WorkflowID, Stage, Type, Name, Version and the artifact, so storing the
	// same drop again is no second drop.
	ID string
	// Tenant that owns the drop; Seal turns empty into DefaultTenant.
	Tenant     string
	WorkflowID string
	// Stage that made the artifact, in lower case with hyphens.
	Stage string
	Type  Type
	// Version is the round in which the artifact was made; the first is zero.
	Version int
	// Timestamp is when the artifact was made, UTC, whole microseconds. It is no
	// part of the ID: of two drops that are the same but for it, the first stays.
	Timestamp time.Time
	// Artifact is the body. Nil means that it was left out of an answer, as
	// lists do; SHA256 and Size describe it all the same.
	Artifact []byte
	// SHA256 of the artifact, 64 lower-case hexadecimal digits.
	SHA256 string
	// Size of the artifact in bytes.
	Size int64
	// Metadata is free text by key; MetadataPath is the one key with a meaning.
	Metadata map[string]string
	// Parents are the IDs of the drops that this one was made from.
	Parents []string
	// Usage is what the models' part in it took. Zero: no model was asked.
	Usage Usage
}

// Name tells a drop from the others of its stage and type; empty when there is
// but one.
func (d Drop) Name() string { return d.Metadata[MetadataPath] }

// Address names the artifact by what it is and holds, whatever workflow made it
// and when: "stage/type/name@sha256:…", without "/name" when that is empty.
func (d Drop) Address() string {
	return Address{Stage: d.Stage, Type: d.Type, Name: d.Name(), SHA256: d.SHA256}.String()
}

// Digest is the hexadecimal SHA-256 of an artifact.
func Digest(artifact []byte) string {
	sum := sha256.Sum256(artifact)
	return hex.EncodeToString(sum[:])
}

// Seal fills in what follows from the rest (tenant, timestamp in microseconds,
// SHA-256, size, ID) and validates the drop. It fails with ErrInvalid when a
// field breaks a rule, and when an ID, digest or size that is already there does
// not belong to the artifact.
func Seal(d Drop) (Drop, error) {
	if d.Artifact == nil && (d.SHA256 != "" || d.Size != 0) {
		return Drop{}, invalid("artifact", "is missing: this drop came from a list, read it by its ID first")
	}
	if d.Tenant == "" {
		d.Tenant = DefaultTenant
	}
	if d.Timestamp.IsZero() {
		d.Timestamp = time.Now()
	}
	d.Timestamp = d.Timestamp.UTC().Truncate(time.Microsecond)
	if d.Artifact == nil {
		d.Artifact = []byte{}
	}
	// Empty and nil mean the same; only one of them survives a store.
	if len(d.Metadata) == 0 {
		d.Metadata = nil
	}
	if len(d.Parents) == 0 {
		d.Parents = nil
	}
	if d.SHA256 == "" {
		d.SHA256 = Digest(d.Artifact)
	}
	if d.Size == 0 {
		d.Size = int64(len(d.Artifact))
	}
	if d.ID == "" {
		d.ID = d.identity()
	}
	if err := d.Validate(); err != nil {
		return Drop{}, err
	}
	return d, nil
}

// identity hashes the fields that make a drop the one it is. Each is preceded by
// its length, so that no two lists of fields read the same.
func (d Drop) identity() string {
	h := sha256.New()
	for _, field := range []string{
		d.Tenant, d.WorkflowID, d.Stage, string(d.Type), d.Name(), strconv.Itoa(d.Version), d.SHA256,
	} {
		fmt.Fprintf(h, "%d:%s", len(field), field)
	}
	return idPrefix + hex.EncodeToString(h.Sum(nil))[:idDigits]
}

const (
	idPrefix = "drop_"
	idDigits = 32
)

// ValidID reports whether id has the shape of a drop's ID.
func ValidID(id string) bool {
	digits, ok := strings.CutPrefix(id, idPrefix)
	return ok && len(digits) == idDigits && isHex(digits)
}

func isHex(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'f')
	}) < 0
}
