package redis

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// pause is how long Redis is left alone after it failed: requests must not wait for it one by one.
	pause = 5 * time.Second
	// logEvery is how often a Redis that stays away is logged.
	logEvery = time.Minute
)

// health knows whether Redis answers. The zero value takes it that it does.
type health struct {
	mu     sync.Mutex
	down   bool
	retry  time.Time // when it may be asked again
	logged time.Time // the last time that a failure was
}

func (h *health) pausing() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Before(h.retry)
}

func (h *health) failed(ctx context.Context, err error, pause time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	h.down, h.retry = true, now.Add(pause)
	if now.Sub(h.logged) >= logEvery {
		h.logged = now
		slog.WarnContext(ctx, "the cache of answers fails, requests go on without it", "cause", err.Error())
	}
}

func (h *health) answered(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down {
		h.down = false
		slog.InfoContext(ctx, "the cache of answers works again")
	}
}
