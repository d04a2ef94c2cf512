// Package memory keeps vectors in this process, and in a folder where one is given.
package memory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	chromem "github.com/philippgille/chromem-go"

	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors"
)

// aboutKey is the metadata that holds what a document is found by.
const aboutKey = "about"

// Store is a vectors.Store. Make it with Open.
type Store struct {
	db  *chromem.DB
	dir string // empty: nothing is kept
	// creating guards the making of collections: chromem looks and makes in two steps, so that of two makers one would lose what the other puts.
	creating sync.Mutex
}

var _ vectors.Store = (*Store)(nil)

// kept is the content of a file: chromem's own are written in place, and one that a killed process left half written could not be opened.
type kept struct {
	Space    vectors.Space    `json:"space"`
	Document vectors.Document `json:"document"`
	Vector   []float32        `json:"vector"`
}

// Files of the folder: documents, and those that were being written when a process was killed.
const (
	files   = "*.json"
	writing = "new-*"
)

// Open opens the store that is kept in a folder, which is made if need be and belongs to one process at a time, or with "" an empty
// one that ends with the process. A file that cannot be read is left out, with a warning in the log: these texts only help.
func Open(dir string) (*Store, error) {
	s := &Store{db: chromem.NewDB(), dir: dir}
	if dir == "" {
		return s, nil
	}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("opening the index in %s: %w", dir, err)
	}
	return s, nil
}

func (s *Store) load() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	left, err := filepath.Glob(filepath.Join(s.dir, writing))
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	paths, err := filepath.Glob(filepath.Join(s.dir, files))
	if err != nil {
		return err
	}
	for _, path := range paths {
		var k kept
		text, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(text, &k)
		}
		if err == nil {
			err = s.add(context.Background(), k)
		}
		if err != nil {
			slog.Warn("a text of the index is left out", "file", path, "cause", err.Error())
		}
	}
	return nil
}

// write keeps a document. Whoever opens the folder finds all of it or what was there before.
func (s *Store) write(k kept) (err error) {
	if s.dir == "" {
		return nil
	}
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(s.dir, writing)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		name := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s", collectionName(k.Space, len(k.Vector)), k.Document.ID))
		err = os.Rename(f.Name(), filepath.Join(s.dir, hex.EncodeToString(name[:16])+".json"))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keeping a text: %w", err), os.Remove(f.Name()))
	}
	return nil
}

func collectionName(space vectors.Space, size int) string {
	return fmt.Sprintf("%s@%s@%d", space.Collection, space.Kind, size)
}

func (s *Store) collection(space vectors.Space, size int) (*chromem.Collection, error) {
	name := collectionName(space, size)
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
	k := kept{space, d, vector}
	if err := s.write(k); err != nil {
		return err
	}
	return s.add(ctx, k)
}

func (s *Store) add(ctx context.Context, k kept) error {
	c, err := s.collection(k.Space, len(k.Vector))
	if err != nil {
		return err
	}
	return c.AddDocument(ctx, chromem.Document{ID: k.Document.ID, Content: k.Document.Text, Metadata: map[string]string{aboutKey: k.Document.About}, Embedding: k.Vector})
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
