// Package cache keeps whole answers of models, so that the same question is paid once, and lets equal questions that are asked
// at the same time share one call.
package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// AnswerLimit is the longest text of an answer that is kept, in bytes.
const AnswerLimit = 1 << 20

// Store keeps answers for a router, or for several that share it. Its methods may be called at the same time and never fail: a
// store that cannot be reached keeps nothing. Implementations pass the suite in cachetest.
type Store interface {
	// Take gives the answer kept under a key, or nil and the turn to ask for it: done is called when the answer was put or will
	// not come. A store of several routers waits here while another of them asks, until that one is done or ctx ends.
	Take(ctx context.Context, key string) (answer *llm.Response, done func())
	// Put keeps an answer in the place of an older one.
	Put(ctx context.Context, key string, answer llm.Response)
	// Close gives back what the store holds; nothing else may be called after it.
	Close() error
}

// Ask puts a question to a provider: it gives the text to each as it comes, and returns the whole answer.
type Ask func(ctx context.Context, each func(text string) error) (llm.Response, error)

// Cache keeps answers in a store and lets equal questions share a call. It is safe for concurrent use.
type Cache struct {
	store Store

	mu      sync.Mutex
	calls   map[string]*call // those that others may join
	running sync.WaitGroup
}

// New makes a cache, which closes the store with itself. Without one (nil) no answer is kept, and equal questions share a call
// all the same.
func New(store Store) *Cache {
	if store == nil {
		store = nothing{}
	}
	return &Cache{store: store, calls: map[string]*call{}}
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
func (m *Cache) Do(ctx context.Context, key string, fresh bool, each func(string) error, ask Ask) (llm.Response, error) {
	if err := ctx.Err(); err != nil {
		return llm.Response{}, err
	}
	m.mu.Lock()
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
	resp.Cached = resp.Cached || joined
	return resp, nil
}

// Close waits until every call has ended, which is soon after the last caller has left, and closes the store.
func (m *Cache) Close(ctx context.Context) error {
	ended := make(chan struct{})
	go func() { m.running.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		return fmt.Errorf("waiting for calls to models: %w", ctx.Err())
	}
	if err := m.store.Close(); err != nil {
		return fmt.Errorf("closing the cache: %w", err)
	}
	return nil
}

// start begins a call; m.mu is held.
func (m *Cache) start(ctx context.Context, key string, fresh bool, ask Ask) *call {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the one who came first may leave first
	c := newCall(cancel)
	if !fresh {
		m.calls[key] = c
	}
	m.running.Go(func() {
		defer cancel()
		resp, err := m.answer(ctx, key, fresh, c.say, guarded(ask))
		m.mu.Lock()
		m.forget(key, c)
		m.mu.Unlock()
		c.end(resp, err)
	})
	return c
}

// answer takes the answer of the store, or asks and lets the store keep it.
func (m *Cache) answer(ctx context.Context, key string, fresh bool, say func(string) error, ask Ask) (llm.Response, error) {
	if !fresh {
		kept, done := m.store.Take(ctx, key)
		if kept != nil {
			kept.Cached = true
			return *kept, say(kept.Text)
		}
		defer done()
		if err := ctx.Err(); err != nil { // while it waited
			return llm.Response{}, err
		}
	}
	resp, err := ask(ctx, say)
	resp.Cached = false
	if err == nil && resp.FinishReason == llm.Stop && len(resp.Text) <= AnswerLimit {
		m.store.Put(context.WithoutCancel(ctx), key, resp) // paid for, also when the last caller has just left
	}
	return resp, err
}

// leave ends the call if nobody waits for it any more. Who asks from now on must not join a call that is being ended.
func (m *Cache) leave(key string, c *call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.waiting--; c.waiting == 0 {
		m.forget(key, c)
		c.cancel()
	}
}

func (m *Cache) forget(key string, c *call) {
	if m.calls[key] == c {
		delete(m.calls, key)
	}
}

// nothing is a store that keeps nothing.
type nothing struct{}

func (nothing) Take(context.Context, string) (*llm.Response, func()) { return nil, func() {} }
func (nothing) Put(context.Context, string, llm.Response)            {}
func (nothing) Close() error                                         { return nil }
