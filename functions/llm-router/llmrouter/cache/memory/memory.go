// Package memory keeps answers in this process.
package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// entryBytes is what an answer takes besides its text, about.
const entryBytes = 512

// Store is a cache.Store bounded in bytes and time. Make it with Open.
type Store struct {
	answers *otter.Cache[string, llm.Response]
}

// Open makes an empty store. limit, over 0, is in bytes of answers; ttl, over 0, is how long an answer is kept after it was written.
func Open(limit int64, ttl time.Duration) (*Store, error) {
	answers, err := otter.New(&otter.Options[string, llm.Response]{
		MaximumWeight:    uint64(limit),
		Weigher:          func(k string, r llm.Response) uint32 { return uint32(len(k) + len(r.Text) + entryBytes) },
		ExpiryCalculator: otter.ExpiryWriting[string, llm.Response](ttl),
	})
	if err != nil {
		return nil, fmt.Errorf("making the cache: %w", err)
	}
	return &Store{answers}, nil
}

// Take implements cache.Store. Nobody else has this store, so nobody is waited for.
func (s *Store) Take(_ context.Context, key string) (*llm.Response, func()) {
	if answer, ok := s.answers.GetIfPresent(key); ok {
		return &answer, nil
	}
	return nil, func() {}
}

// Put implements cache.Store.
func (s *Store) Put(_ context.Context, key string, answer llm.Response) { s.answers.Set(key, answer) }

// Close implements cache.Store.
func (s *Store) Close() error {
	s.answers.StopAllGoroutines()
	return nil
}
