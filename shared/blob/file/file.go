// Package file keeps blobs as files in a directory: DIR/ab/cd/abcd…, one file a
// body, readable by the owner alone.
package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/blob"
)

const (
	// partial holds files that are still being written; a rename within one file
	// system moves them to their place.
	partial = "partial"
	// staleAfter is the age at which a partial file belongs to a process that
	// died: no write takes so long.
	staleAfter = 24 * time.Hour
)

// Store is a blob.Store in a directory. Make it with Open.
type Store struct{ dir string }

var _ blob.Store = (*Store)(nil)

// Open makes the directory if need be, with its parents, and removes what
// processes that died left half-written there.
func Open(dir string) (*Store, error) {
	if dir == "" {
		return nil, errors.New("opening the blob directory: its path is empty")
	}
	if err := os.MkdirAll(filepath.Join(dir, partial), 0o700); err != nil {
		return nil, fmt.Errorf("opening the blob directory: %w", err)
	}
	s := &Store{dir: dir}
	if err := s.sweep(); err != nil {
		return nil, fmt.Errorf("opening the blob directory: %w", err)
	}
	return s, nil
}

func (s *Store) sweep() error {
	entries, err := os.ReadDir(filepath.Join(s.dir, partial))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // another process has just put it in its place
		}
		if err != nil {
			return err
		}
		if time.Since(info.ModTime()) < staleAfter {
			continue
		}
		if err := os.Remove(filepath.Join(s.dir, partial, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (s *Store) path(digest string) string {
	return filepath.Join(s.dir, digest[:2], digest[2:4], digest)
}

// Put implements blob.Store. The file, and the directories that lead to it, are
// synced to the disk before it returns.
func (s *Store) Put(ctx context.Context, digest string, body []byte) error {
	if err := blob.Check(digest, body); err != nil {
		return fmt.Errorf("storing a blob: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("storing blob %s: %w", digest, err)
	}
	// What cannot be read, damaged or not there, is written. What can may have been
	// renamed by a process that has not synced the directory yet.
	if _, err := s.Get(ctx, digest); err != nil {
		if err := s.write(s.path(digest), body); err != nil {
			return fmt.Errorf("storing blob %s: %w", digest, err)
		}
	}
	if err := s.syncPath(digest); err != nil {
		return fmt.Errorf("storing blob %s: %w", digest, err)
	}
	return nil
}

func (s *Store) write(path string, body []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Join(s.dir, partial), "blob-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(body)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// syncPath makes the entries that lead to a blob durable.
func (s *Store) syncPath(digest string) error {
	dir := filepath.Dir(s.path(digest))
	for _, d := range []string{dir, filepath.Dir(dir), s.dir} {
		f, err := os.Open(d)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Get implements blob.Store.
func (s *Store) Get(ctx context.Context, digest string) ([]byte, error) {
	if err := blob.CheckName(digest); err != nil {
		return nil, fmt.Errorf("reading a blob: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("reading blob %s: %w", digest, err)
	}
	body, err := os.ReadFile(s.path(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", blob.ErrNotFound, digest)
	}
	if err != nil {
		return nil, fmt.Errorf("reading blob %s: %w", digest, err)
	}
	if err := blob.Check(digest, body); err != nil {
		return nil, fmt.Errorf("reading a blob: %w", err)
	}
	return body, nil
}
