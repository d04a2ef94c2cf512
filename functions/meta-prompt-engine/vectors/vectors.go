// Package vectors is the similarity index of the meta-prompt-engine: collections of texts, searched by cosine.
package vectors

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"strings"
	"unicode"
)

// Lexical names the vectors that are made of words alone, where no model offers embeddings: texts are similar when they share
// words and pairs of words. It knows no synonyms.
const Lexical = "lexical"

// Embed makes the vector of a text, of length 1. Kind names how: Lexical, or embedding:MODEL. Vectors of two kinds never meet.
type Embed func(ctx context.Context, text string) (vector []float32, kind string, err error)

// Document is a text of a collection. About is what it is found by; empty: by its text.
type Document struct {
	ID    string  `json:"id"`
	About string  `json:"about,omitempty"`
	Text  string  `json:"text"`
	Score float64 `json:"score" doc:"Cosine of the angle to the text searched for, at most 1"`
	Kind  string  `json:"kind" doc:"How similarity was measured"`
}

// Space is where vectors can be compared with each other: those of one collection, made in one way and of one length.
type Space struct {
	Collection string // letters, digits and _
	Kind       string // see Embed
}

// Store keeps documents with their vectors. Vectors of another length than those of a space are in a space of their own, as after
// a model has changed. Its methods may be called at the same time. Implementations pass the suite in vectorstest.
type Store interface {
	// Put keeps a document with its vector, which has at least one element that is not 0. One of the same ID in the space is replaced.
	Put(ctx context.Context, s Space, d Document, vector []float32) error
	// Nearest gives the n documents, over 0, whose vectors have the smallest angle to this one, best first, with Score set.
	Nearest(ctx context.Context, s Space, vector []float32, n int) ([]Document, error)
	// Close gives back what the store holds; nothing else may be called after it.
	Close() error
}

// Index finds texts. It is safe for concurrent use.
type Index struct {
	store Store
	embed Embed
}

// New makes an index on a store.
func New(store Store, embed Embed) *Index { return &Index{store, embed} }

// Add puts a text into a collection; one of the same ID is replaced.
func (x *Index) Add(ctx context.Context, collection string, d Document) error {
	if d.About == "" {
		d.About = d.Text
	}
	vector, kind, err := x.embed(ctx, d.About)
	if err != nil {
		return fmt.Errorf("adding to %s: %w", collection, err)
	}
	if err := x.store.Put(ctx, Space{collection, kind}, d, vector); err != nil {
		return fmt.Errorf("adding to %s: %w", collection, err)
	}
	return nil
}

// Similar gives the n documents of a collection that are most like text and at least minimum like it, best first. Documents about
// this very text, or about a part of what it led to, are left out: they would tell nothing new, and the same question would be put another way each time.
func (x *Index) Similar(ctx context.Context, collection, text string, n int, minimum float64) ([]Document, error) {
	vector, kind, err := x.embed(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("searching %s: %w", collection, err)
	}
	found, err := x.store.Nearest(ctx, Space{collection, kind}, vector, n+sameLimit)
	if err != nil {
		return nil, fmt.Errorf("searching %s: %w", collection, err)
	}
	var docs []Document
	for _, d := range found {
		if d.Score >= minimum && !strings.HasPrefix(d.About, text) && len(docs) < n {
			d.Kind = kind
			docs = append(docs, d)
		}
	}
	return docs, nil
}

// sameLimit is how many documents about the very text may be among the best.
const sameLimit = 16

const lexicalDimensions = 1024

// EmbedLexical makes a vector of the words and neighbouring pairs of words of a text, hashed; frequent ones count by the logarithm.
func EmbedLexical(text string) []float32 {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	counts := make([]float64, lexicalDimensions)
	add := func(feature string) {
		h := fnv.New32a()
		h.Write([]byte(feature)) // a hash never fails to write
		counts[h.Sum32()%lexicalDimensions]++
	}
	for i, w := range words {
		if len(w) > 2 {
			add(strings.TrimSuffix(w, "s"))
		}
		if i > 0 {
			add(words[i-1] + " " + w)
		}
	}
	var norm float64
	for i, n := range counts {
		counts[i] = math.Log1p(n)
		norm += counts[i] * counts[i]
	}
	vector := make([]float32, lexicalDimensions)
	if norm == 0 {
		vector[0] = 1 // no words: a vector of length 1 all the same
		return vector
	}
	for i, n := range counts {
		vector[i] = float32(n / math.Sqrt(norm))
	}
	return vector
}
