// Package blob names stores of bodies too large for a database row. A body is
// named by its SHA-256, so it never changes and storing it again is no error.
package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

var (
	// ErrNotFound says that the store has no body of that name.
	ErrNotFound = errors.New("blob not found")
	// ErrCorrupt says that the stored body no longer has the digest that is its
	// name. Putting the body again mends it.
	ErrCorrupt = errors.New("blob is damaged")
)

// Store keeps bodies by their digest. Its methods may be called at the same time,
// from several processes too. Implementations pass the suite in blobtest.
type Store interface {
	// Put stores a body under its digest and returns once it is durable. A body
	// that is there already is kept, a damaged one replaced.
	Put(ctx context.Context, digest string, body []byte) error
	// Get returns a body after checking it against its digest. It fails with
	// ErrNotFound or ErrCorrupt.
	Get(ctx context.Context, digest string) ([]byte, error)
}

// Digest is the name of a body: its SHA-256, 64 lower-case hexadecimal digits.
func Digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// CheckName fails when a name is no digest. Stores call it before they use a name
// as a path or key.
func CheckName(digest string) error {
	raw, err := hex.DecodeString(digest)
	if err != nil || len(raw) != sha256.Size || hex.EncodeToString(raw) != digest {
		return fmt.Errorf("blob name %.80q is not 64 lower-case hexadecimal digits", digest)
	}
	return nil
}

// Check fails when a body does not belong to a name: with ErrCorrupt when the
// name is well-formed.
func Check(digest string, body []byte) error {
	if err := CheckName(digest); err != nil {
		return err
	}
	if got := Digest(body); got != digest {
		return fmt.Errorf("%w: %s holds what hashes to %s", ErrCorrupt, digest, got)
	}
	return nil
}
