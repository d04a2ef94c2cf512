// Package memory keeps vectors in this process, and in a folder where one is given.
package memory

import (
	"context"
	"errors"
	"fmt"
	"sync"

	chromem "github.com/philippgille/chromem-go"

	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors"
)

// aboutKey is the metadata that holds what a document is found by.
const aboutKey = "about"

// Store is a vectors.Store. Make it with Open.
type Store struct {
	db *chromem.DB
	// creating guards the making of collections: chromem looks and makes in two steps, so that of two makers one would lose what the other puts.
	creating sync.Mutex
}

var _ vectors.Store = (*Store)(nil)

// Open opens the store that is kept in a folder, which is made if need be, or with "" an empty one that ends with the process.
func Open(dir string) (*Store, error) {
	if dir == "" {
		return &Store{db: chromem.NewDB()}, nil
	}
	db, err := chromem.NewPersistentDB(dir, false)
	if err != nil {
		return nil, fmt.Errorf("opening the index in %s: %w", dir, err)
	}
	return &Store{db: db}, nil
}

func (s *Store) collection(space vectors.Space, size int) (*chromem.Collection, error) {
	name := fmt.Sprintf("%s@%s@%d", space.Collection, space.Kind, size)
	s.creating.Lock()
	defer s.creating.Unlock()
	c, err := s.db.GetOrCreateCollection(name, nil, func(context.Context, string) ([]float32, error) {
		return nil, errors.New("documents come with their vectors")
	})
	if err != nil {
		return nil, fmt.Errorf("collection %s: %w", name, err)
	}
	return c, nil
}

// Put implements vectors.Store.
func (s *Store) Put(ctx context.Context, space vectors.Space, d vectors.Document, vector []float32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c, err := s.collection(space, len(vector))
	if err != nil {
		return err
	}
	return c.AddDocument(ctx, chromem.Document{ID: d.ID, Content: d.Text, Metadata: map[string]string{aboutKey: d.About}, Embedding: vector})
}

// Nearest implements vectors.Store.
func (s *Store) Nearest(ctx context.Context, space vectors.Space, vector []float32, n int) ([]vectors.Document, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := s.collection(space, len(vector))
	if err != nil || c.Count() == 0 {
		return nil, err
	}
	found, err := c.QueryEmbedding(ctx, vector, min(n, c.Count()), nil, nil)
	if err != nil {
		return nil, err
	}
	docs := make([]vectors.Document, len(found))
	for i, r := range found {
		docs[i] = vectors.Document{ID: r.ID, About: r.Metadata[aboutKey], Text: r.Content, Score: float64(r.Similarity)}
	}
	return docs, nil
}

// Close implements vectors.Store. Documents are written as they come, so nothing is left to do.
func (s *Store) Close() error { return nil }
