// Package vectors is the embedded similarity index of the meta-prompt-engine: collections of texts, searched by cosine.
package vectors

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"strings"
	"unicode"

	chromem "github.com/philippgille/chromem-go"
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

// Index holds collections. It is safe for concurrent use.
type Index struct {
	db    *chromem.DB
	embed Embed
}

// Open opens the index of QL_VECTORS_URL: "memory:" for one that ends with the process, "memory:DIR" for one that is kept in a folder.
func Open(url string, embed Embed) (*Index, error) {
	dir, ok := strings.CutPrefix(url, "memory:")
	if !ok {
		return nil, fmt.Errorf("QL_VECTORS_URL: %q is neither memory: nor memory:DIR", url)
	}
	if dir == "" {
		return &Index{chromem.NewDB(), embed}, nil
	}
	db, err := chromem.NewPersistentDB(dir, false)
	if err != nil {
		return nil, fmt.Errorf("QL_VECTORS_URL: opening the index in %s: %w", dir, err)
	}
	return &Index{db, embed}, nil
}

func (x *Index) collection(name, kind string) (*chromem.Collection, error) {
	c, err := x.db.GetOrCreateCollection(name+"@"+kind, nil, func(context.Context, string) ([]float32, error) {
		return nil, fmt.Errorf("documents come with their vectors")
	})
	if err != nil {
		return nil, fmt.Errorf("collection %s: %w", name, err)
	}
	return c, nil
}

// Add puts a text into a collection; one of the same ID is replaced.
func (x *Index) Add(ctx context.Context, collection string, d Document) error {
	if d.About == "" {
		d.About = d.Text
	}
	vector, kind, err := x.embed(ctx, d.About)
	if err != nil {
		return fmt.Errorf("adding to %s: %w", collection, err)
	}
	c, err := x.collection(collection, kind)
	if err != nil {
		return err
	}
	if err := c.AddDocument(ctx, chromem.Document{ID: d.ID, Content: d.Text, Metadata: map[string]string{aboutKey: d.About}, Embedding: vector}); err != nil {
		return fmt.Errorf("adding to %s: %w", collection, err)
	}
	return nil
}

// aboutKey is the metadata that holds what a document is found by.
const aboutKey = "about"

// Similar gives the n documents of a collection that are most like text and at least minimum like it, best first. Documents about
// this very text, or about a part of what it led to, are left out: they would tell nothing new, and the same question would be put another way each time.
func (x *Index) Similar(ctx context.Context, collection, text string, n int, minimum float64) ([]Document, error) {
	vector, kind, err := x.embed(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("searching %s: %w", collection, err)
	}
	c, err := x.collection(collection, kind)
	if err != nil || c.Count() == 0 {
		return nil, err
	}
	found, err := c.QueryEmbedding(ctx, vector, min(n+sameLimit, c.Count()), nil, nil)
	if err != nil {
		return nil, fmt.Errorf("searching %s: %w", collection, err)
	}
	var docs []Document
	for _, r := range found {
		if float64(r.Similarity) >= minimum && !strings.HasPrefix(r.Metadata[aboutKey], text) && len(docs) < n {
			docs = append(docs, Document{ID: r.ID, About: r.Metadata[aboutKey], Text: r.Content, Score: float64(r.Similarity), Kind: kind})
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
