package vectors_test

import (
	"context"
	"math"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors"
)

func lexical(_ context.Context, text string) ([]float32, string, error) {
	return vectors.EmbedLexical(text), vectors.Lexical, nil
}

func TestAnIndexInAFolderIsThereAgain(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		x, err := vectors.Open("memory:"+dir, lexical)
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Add(t.Context(), "prompts", vectors.Document{ID: "a", Text: "a lending library"}); err != nil {
			t.Fatal(err)
		}
	}
	x, err := vectors.Open("memory:"+dir, lexical)
	if err != nil {
		t.Fatal(err)
	}
	found, err := x.Similar(t.Context(), "prompts", "a lending library for tools", 5, 0.1)
	if err != nil || len(found) != 1 || found[0].ID != "a" {
		t.Errorf("found %+v, %v; want the one document, once", found, err)
	}
}

// Vectors of two kinds cannot be compared: a document of one is not found by the other.
func TestKindsOfVectorsNeverMeet(t *testing.T) {
	kind := "embedding:small"
	x, err := vectors.Open("memory:", func(context.Context, string) ([]float32, string, error) { return []float32{1, 0}, kind, nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Add(t.Context(), "prompts", vectors.Document{ID: "a", Text: "x"}); err != nil {
		t.Fatal(err)
	}
	found, err := x.Similar(t.Context(), "prompts", "y", 5, 0)
	if err != nil || len(found) != 1 || found[0].Kind != kind {
		t.Fatalf("found %+v, %v", found, err)
	}
	kind = "embedding:large"
	if found, err = x.Similar(t.Context(), "prompts", "y", 5, 0); err != nil || found != nil {
		t.Errorf("found %+v, %v", found, err)
	}
}

func TestLexicalVectors(t *testing.T) {
	cosine := func(a, b string) (sum float64) {
		x, y := vectors.EmbedLexical(a), vectors.EmbedLexical(b)
		for i := range x {
			sum += float64(x[i]) * float64(y[i])
		}
		return sum
	}
	if same := cosine("Books and loans", "books and loans!"); math.Abs(same-1) > 1e-6 {
		t.Errorf("the same words have cosine %f", same)
	}
	if near, far := cosine("a lending library with books", "a library with books and loans"), cosine("a lending library with books", "evaluate spreadsheet formulas"); near < far+0.2 {
		t.Errorf("near %f, far %f", near, far)
	}
	if got := cosine("", "?"); got != 1 {
		t.Errorf("two texts without words have cosine %f, want vectors of length 1", got)
	}
}

func TestUnknownIndex(t *testing.T) {
	if _, err := vectors.Open("mysql://x", lexical); err == nil {
		t.Error("accepted")
	}
}
