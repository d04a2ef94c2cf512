// Package cache keeps whole answers of models, so that the same question is paid once, and lets equal questions that are asked
// at the same time share one call.
package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// Memory is a cache in this process, bounded in bytes and time.
type Memory struct {
	answers *otter.Cache[string, llm.Response]
	mu      sync.Mutex
	calls   map[string]*call
}

// call is one question on its way to the provider, with those who wait for the answer.
type call struct {
	done    chan struct{}
	waiting int
	cancel  context.CancelFunc
	resp    llm.Response
	err     error
}

// Open opens the cache of QL_CACHE_URL: "memory:". limit is in bytes of answers; ttl is how long one is kept after it was written.
func Open(url string, limit int64, ttl time.Duration) (*Memory, error) {
	if !strings.HasPrefix(url, "memory:") {
		return nil, fmt.Errorf("QL_CACHE_URL: %q is not memory:", url)
	}
	answers, err := otter.New(&otter.Options[string, llm.Response]{
		MaximumWeight:    uint64(limit),
		Weigher:          func(k string, r llm.Response) uint32 { return uint32(len(k) + len(r.Text) + 256) },
		ExpiryCalculator: otter.ExpiryWriting[string, llm.Response](ttl),
	})
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return &Memory{answers: answers, calls: map[string]*call{}}, nil
}

// Key is a hash of all that shapes the answer; labels and NoCache do not.
func Key(provider string, req llm.Request) (string, error) {
	req.Labels, req.NoCache = nil, false
	raw, err := json.Marshal(req)
	if err != nil {
		return "", fmt.Errorf("cache key: %w", err)
	}
	sum := sha256.Sum256(append([]byte(provider+"\x00"), raw...))
	return hex.EncodeToString(sum[:]), nil
}

// Do gives the answer of the cache, or of the call that is on its way for the same key, or calls fetch. Only answers that ended
// by a normal stop are kept. Whoever waits can leave by ctx; the call itself ends when the last one has left.
func (m *Memory) Do(ctx context.Context, key string, fetch func(context.Context) (llm.Response, error)) (llm.Response, error) {
	m.mu.Lock()
	if resp, ok := m.answers.GetIfPresent(key); ok {
		m.mu.Unlock()
		resp.Cached = true
		return resp, nil
	}
	c, shared := m.calls[key]
	if !shared {
		callCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		c = &call{done: make(chan struct{}), cancel: cancel}
		m.calls[key] = c
		go m.run(callCtx, key, c, fetch)
	}
	c.waiting++
	m.mu.Unlock()

	select {
	case <-c.done:
		resp := c.resp
		resp.Cached = shared && c.err == nil
		return resp, c.err
	case <-ctx.Done():
		m.mu.Lock()
		defer m.mu.Unlock()
		if c.waiting--; c.waiting == 0 {
			c.cancel()
			if m.calls[key] == c {
				delete(m.calls, key) // who asks now must not wait for a call that is being ended
			}
		}
		return llm.Response{}, ctx.Err()
	}
}

func (m *Memory) run(ctx context.Context, key string, c *call, fetch func(context.Context) (llm.Response, error)) {
	defer c.cancel()
	c.resp, c.err = fetch(ctx)
	m.mu.Lock()
	if c.err == nil && c.resp.FinishReason == llm.Stop {
		m.answers.Set(key, c.resp)
	}
	if m.calls[key] == c {
		delete(m.calls, key)
	}
	m.mu.Unlock()
	close(c.done)
}
