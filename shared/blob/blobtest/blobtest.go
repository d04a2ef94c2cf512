// Package blobtest is the conformance suite of blob.Store.
package blobtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/shared/blob"
)

// Place is where one or several stores keep their bodies.
type Place interface {
	// Open opens a store of the place, as one process of several would.
	Open(t *testing.T) blob.Store
	// Overwrite puts other bytes where the stores keep the body of a digest, as broken hardware would.
	Overwrite(t *testing.T, digest string, body []byte)
}

// Run checks that the stores of places that create returns, each empty, keep the contract.
func Run(t *testing.T, create func(t *testing.T) Place) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, blob.Store){
		"round trip":            roundTrip,
		"again":                 again,
		"not there":             notThere,
		"wrong name":            wrongName,
		"ended context":         endedContext,
		"many at the same time": manyAtOnce,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, create(t).Open(t))
		})
	}
	for name, test := range map[string]func(*testing.T, Place){
		"damage":        damage,
		"two processes": twoProcesses,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, create(t))
		})
	}
}

func random(n int) []byte {
	body := make([]byte, n)
	_, _ = rand.Read(body) // never fails
	return body
}

func put(t *testing.T, s blob.Store, body []byte) string {
	t.Helper()
	digest := blob.Digest(body)
	if err := s.Put(t.Context(), digest, body); err != nil {
		t.Fatalf("Put: %v", err)
	}
	return digest
}

func wantBody(t *testing.T, s blob.Store, digest string, want []byte) {
	t.Helper()
	got, err := s.Get(t.Context(), digest)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("Get returned %d bytes, other than the %d put", len(got), len(want))
	}
}

func roundTrip(t *testing.T, s blob.Store) {
	for _, size := range []int{0, 1, 64 << 10, 6 << 20} {
		body := random(size)
		wantBody(t, s, put(t, s, body), body)
	}
}

func again(t *testing.T, s blob.Store) {
	body := random(1000)
	put(t, s, body)
	wantBody(t, s, put(t, s, body), body)
}

func notThere(t *testing.T, s blob.Store) {
	if _, err := s.Get(t.Context(), blob.Digest([]byte("never put"))); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("error = %v, want ErrNotFound", err)
	}
}

func wrongName(t *testing.T, s blob.Store) {
	digest := blob.Digest([]byte("one"))
	if err := s.Put(t.Context(), digest, []byte("two")); !errors.Is(err, blob.ErrCorrupt) {
		t.Errorf("a body under another's name: error %v, want ErrCorrupt", err)
	}
	if _, err := s.Get(t.Context(), digest); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("the refused body left error %v, want ErrNotFound", err)
	}
	for _, name := range []string{"", "..", "../../etc/passwd", strings.ToUpper(digest), digest[1:], digest + "0"} {
		if err := s.Put(t.Context(), name, nil); err == nil {
			t.Errorf("Put took the name %q", name)
		}
		if _, err := s.Get(t.Context(), name); err == nil || errors.Is(err, blob.ErrNotFound) {
			t.Errorf("Get with the name %q: error %v, want that it is none", name, err)
		}
	}
}

func endedContext(t *testing.T, s blob.Store) {
	body := random(10)
	digest := put(t, s, body)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Get(ctx, digest); !errors.Is(err, context.Canceled) {
		t.Errorf("Get: error %v, want Canceled", err)
	}
	if err := s.Put(ctx, digest, body); !errors.Is(err, context.Canceled) {
		t.Errorf("Put: error %v, want Canceled", err)
	}
}

func manyAtOnce(t *testing.T, s blob.Store) {
	bodies := [][]byte{random(100), random(100_000)}
	var wg sync.WaitGroup
	for i := range 16 {
		body := bodies[i%len(bodies)]
		wg.Go(func() {
			digest := blob.Digest(body)
			if err := s.Put(t.Context(), digest, body); err != nil {
				t.Errorf("Put: %v", err)
				return
			}
			got, err := s.Get(t.Context(), digest)
			if err != nil || !bytes.Equal(got, body) {
				t.Errorf("Get: %d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
}

// damage of any kind is found by who reads, and mended by who puts.
func damage(t *testing.T, p Place) {
	s, body := p.Open(t), random(1000)
	digest := put(t, s, body)
	for name, other := range map[string][]byte{"a byte": append([]byte{body[0] + 1}, body[1:]...), "the end": body[:999], "all": {}, "more": append(body[:1000:1000], 0)} {
		p.Overwrite(t, digest, other)
		if _, err := s.Get(t.Context(), digest); !errors.Is(err, blob.ErrCorrupt) || errors.Is(err, blob.ErrNotFound) {
			t.Errorf("%s is wrong: error %v, want ErrCorrupt", name, err)
		}
		wantBody(t, s, put(t, s, body), body)
	}
}

func twoProcesses(t *testing.T, p Place) {
	one, other, body := p.Open(t), p.Open(t), random(1000)
	digest := put(t, one, body)
	wantBody(t, other, digest, body)
	put(t, other, body)
	wantBody(t, one, digest, body)
	wantBody(t, p.Open(t), digest, body)
}
