// Package vectorstest is the conformance suite of vectors.Store.
package vectorstest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors"
)

// Run checks that the stores that open returns, each empty, keep the contract.
func Run(t *testing.T, open func(t *testing.T) vectors.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, vectors.Store){
		"best first":            bestFirst,
		"every field":           everyField,
		"same ID":               sameID,
		"nothing there":         nothingThere,
		"spaces":                spacesNeverMeet,
		"index":                 index,
		"ended context":         endedContext,
		"many at the same time": manyAtOnce,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			test(t, s)
		})
	}
}

var prompts = vectors.Space{Collection: "prompts", Kind: vectors.Lexical}

func put(t *testing.T, s vectors.Store, space vectors.Space, d vectors.Document, vector ...float32) {
	t.Helper()
	if err := s.Put(t.Context(), space, d, vector); err != nil {
		t.Fatalf("Put: %v", err)
	}
}

// want checks what is nearest, with scores to three digits.
func want(t *testing.T, s vectors.Store, space vectors.Space, vector []float32, n int, docs ...vectors.Document) {
	t.Helper()
	got, err := s.Nearest(t.Context(), space, vector, n)
	if diff := cmp.Diff(docs, got, cmpopts.EquateApprox(0, 1e-3), cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("Nearest: %v (-want +got):\n%s", err, diff)
	}
}

func bestFirst(t *testing.T, s vectors.Store) {
	put(t, s, prompts, vectors.Document{ID: "across"}, 0, 2)
	put(t, s, prompts, vectors.Document{ID: "against"}, -1, 0)
	put(t, s, prompts, vectors.Document{ID: "along"}, 3, 0)
	put(t, s, prompts, vectors.Document{ID: "between"}, 0.5, 0.5)
	along, between := vectors.Document{ID: "along", Score: 1}, vectors.Document{ID: "between", Score: math.Sqrt2 / 2}
	across, against := vectors.Document{ID: "across"}, vectors.Document{ID: "against", Score: -1}
	want(t, s, prompts, []float32{1, 0}, 10, along, between, across, against)
	want(t, s, prompts, []float32{7, 0}, 2, along, between)
}

func everyField(t *testing.T, s vectors.Store) {
	d := vectors.Document{ID: "run-1:a/b@c d", About: "é\n語", Text: strings.Repeat("x\x00", 1000), Score: 1}
	put(t, s, prompts, d, 1, 0)
	want(t, s, prompts, []float32{1, 0}, 1, d)
}

func sameID(t *testing.T, s vectors.Store) {
	put(t, s, prompts, vectors.Document{ID: "a", Text: "old"}, 1, 0)
	put(t, s, prompts, vectors.Document{ID: "a", Text: "new"}, 0, 1)
	want(t, s, prompts, []float32{0, 1}, 5, vectors.Document{ID: "a", Text: "new", Score: 1})
}

func nothingThere(t *testing.T, s vectors.Store) {
	want(t, s, prompts, []float32{1, 0}, 5)
}

// spacesNeverMeet: nor do lengths, and in whatever order they come.
func spacesNeverMeet(t *testing.T, s vectors.Store) {
	type place struct {
		space vectors.Space
		query []float32
	}
	var places []place
	for _, collection := range []string{"prompts", "code_samples"} {
		for _, kind := range []string{"embedding:BAAI/bge-m3", vectors.Lexical, "embedding:BAAI:bge-m3", "embedding:" + strings.Repeat("long", 100)} {
			for _, query := range [][]float32{{1, 0}, {1, 0, 0}} {
				places = append(places, place{vectors.Space{Collection: collection, Kind: kind}, query})
			}
		}
	}
	for i, p := range places {
		put(t, s, p.space, vectors.Document{ID: "same", Text: fmt.Sprint(i)}, p.query...)
	}
	for i, p := range places {
		want(t, s, p.space, p.query, 5, vectors.Document{ID: "same", Text: fmt.Sprint(i), Score: 1})
	}
}

// index: what the engine does with a store.
func index(t *testing.T, s vectors.Store) {
	kind := vectors.Lexical
	x := vectors.New(s, func(_ context.Context, text string) ([]float32, string, error) {
		return vectors.EmbedLexical(text), kind, nil
	})
	for id, about := range map[string]string{"library": "a lending library", "same": "a lending library for tools", "far": "evaluate spreadsheet formulas"} {
		if err := x.Add(t.Context(), "prompts", vectors.Document{ID: id, About: about, Text: "the text of " + id}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := x.Similar(t.Context(), "prompts", "a lending library for tools", 5, 0.1)
	wanted := []vectors.Document{{ID: "library", About: "a lending library", Text: "the text of library", Kind: vectors.Lexical}}
	if diff := cmp.Diff(wanted, got, cmpopts.IgnoreFields(vectors.Document{}, "Score")); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	kind = "embedding:large"
	if got, err := x.Similar(t.Context(), "prompts", "a lending library for tools", 5, 0.1); err != nil || len(got) != 0 {
		t.Errorf("with another kind of vectors: %+v, %v", got, err)
	}
}

func endedContext(t *testing.T, s vectors.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, prompts, vectors.Document{ID: "a"}, []float32{1}); !errors.Is(err, context.Canceled) {
		t.Errorf("Put: error %v, want Canceled", err)
	}
	if _, err := s.Nearest(ctx, prompts, []float32{1}, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Nearest: error %v, want Canceled", err)
	}
}

// manyAtOnce begins with a collection that is not there yet.
func manyAtOnce(t *testing.T, s vectors.Store) {
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			d := vectors.Document{ID: fmt.Sprint(i % 8), Text: "x"}
			if err := s.Put(t.Context(), prompts, d, []float32{1, float32(i % 8)}); err != nil {
				t.Errorf("Put: %v", err)
			}
			if found, err := s.Nearest(t.Context(), prompts, []float32{1, float32(i % 8)}, 1); err != nil || len(found) != 1 || found[0].ID != d.ID {
				t.Errorf("Nearest: %+v, %v", found, err)
			}
		})
	}
	group.Wait()
	if found, err := s.Nearest(t.Context(), prompts, []float32{1, 0}, 100); err != nil || len(found) != 8 {
		t.Errorf("%d documents, %v; want 8", len(found), err)
	}
}
