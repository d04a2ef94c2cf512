// Package cache keeps whole answers of models, so that the same question is paid once, and lets equal questions that are asked
// at the same time share one call.
package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// entryBytes is what an answer takes besides its text, about.
const entryBytes = 512

// Ask puts a question to a provider: it gives the text to each as it comes, and returns the whole answer.
type Ask func(ctx context.Context, each func(text string) error) (llm.Response, error)

// Memory is a cache in this process, bounded in bytes and time. It is safe for concurrent use.
type Memory struct {
	answers *otter.Cache[string, llm.Response] // nil: nothing is kept

	mu      sync.Mutex
	calls   map[string]*call // those that others may join
	running sync.WaitGroup
}

// Open opens the cache of QL_CACHE_URL, which must be "memory:". limit is in bytes of answers, 0: none are kept and equal
// questions still share a call; ttl, over 0, is how long an answer is kept after it was written.
func Open(url string, limit int64, ttl time.Duration) (*Memory, error) {
	m := &Memory{calls: map[string]*call{}}
	switch {
	case url != "memory:":
		return nil, errors.New("QL_CACHE_URL: memory: is the only cache that this router has")
	case limit < 0:
		return nil, errors.New("QL_CACHE_BYTES must not be below 0")
	case ttl <= 0:
		return nil, errors.New("QL_CACHE_TTL must be over 0; QL_CACHE_BYTES=0 keeps nothing")
	case limit == 0:
		return m, nil
	}
	var err error
	m.answers, err = otter.New(&otter.Options[string, llm.Response]{
		MaximumWeight:    uint64(limit),
		Weigher:          func(k string, r llm.Response) uint32 { return uint32(len(k) + len(r.Text) + entryBytes) },
		ExpiryCalculator: otter.ExpiryWriting[string, llm.Response](ttl),
	})
	if err != nil {
		return nil, fmt.Errorf("making the cache: %w", err)
	}
	return m, nil
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

// Do gives the answer of the cache, or of the call that is on its way for the same key, or of a new call. With fresh it makes
// a new call in any case, which nobody else joins. The text goes to each in order, from its beginning even if others heard it
// before; nil: nobody listens. Cached says that this caller paid nothing. Only answers that ended by a normal stop are kept.
//
// Whoever waits can leave by ctx or by an error of each; the call itself ends when the last one has left.
func (m *Memory) Do(ctx context.Context, key string, fresh bool, each func(string) error, ask Ask) (llm.Response, error) {
	if err := ctx.Err(); err != nil {
		return llm.Response{}, err
	}
	m.mu.Lock()
	if kept, ok := m.kept(key); ok && !fresh {
		m.mu.Unlock()
		kept.Cached = true
		return kept, tell(kept.Text, each)
	}
	c, joined := m.calls[key], false
	if c != nil && !fresh {
		joined = true
	} else {
		c = m.start(ctx, key, fresh, ask)
	}
	c.waiting++
	m.mu.Unlock()

	resp, err := c.follow(ctx, each)
	m.leave(key, c)
	if err != nil {
		return llm.Response{}, err
	}
	resp.Cached = joined
	return resp, nil
}

// Close waits until every call has ended, which is soon after the last caller has left.
func (m *Memory) Close(ctx context.Context) error {
	ended := make(chan struct{})
	go func() { m.running.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		return fmt.Errorf("waiting for calls to models: %w", ctx.Err())
	}
	if m.answers != nil {
		m.answers.StopAllGoroutines()
	}
	return nil
}

func (m *Memory) kept(key string) (llm.Response, bool) {
	if m.answers == nil {
		return llm.Response{}, false
	}
	return m.answers.GetIfPresent(key)
}

// start begins a call; m.mu is held.
func (m *Memory) start(ctx context.Context, key string, fresh bool, ask Ask) *call {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the one who came first may leave first
	c := newCall(cancel)
	if !fresh {
		m.calls[key] = c
	}
	m.running.Go(func() {
		defer cancel()
		resp, err := guarded(ask)(ctx, c.say)
		m.mu.Lock()
		if err == nil && resp.FinishReason == llm.Stop && m.answers != nil {
			m.answers.Set(key, resp)
		}
		m.forget(key, c)
		m.mu.Unlock()
		c.end(resp, err)
	})
	return c
}

// leave ends the call if nobody waits for it any more. Who asks from now on must not join a call that is being ended.
func (m *Memory) leave(key string, c *call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.waiting--; c.waiting == 0 {
		m.forget(key, c)
		c.cancel()
	}
}

func (m *Memory) forget(key string, c *call) {
	if m.calls[key] == c {
		delete(m.calls, key)
	}
}
