package sandboxrunner

import (
	"context"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// retryAfter is when a caller may try again that found the queue full.
const retryAfter = 15 * time.Second

// queue lets a number of callers work at the same time and some more wait.
type queue struct {
	places chan struct{} // taken by those who work and those who wait
	slots  chan struct{} // taken by those who work
}

func newQueue(working, waiting int) *queue {
	return &queue{places: make(chan struct{}, working+waiting), slots: make(chan struct{}, working)}
}

// enter waits for a slot and gives what frees it. When too many wait already, it does not wait and the fault is Busy.
func (q *queue) enter(ctx context.Context) (leave func(), err error) {
	select {
	case q.places <- struct{}{}:
	default:
		return nil, fault.New(fault.Busy, "%d projects wait already", cap(q.places)-cap(q.slots)).WithRetryAfter(retryAfter)
	}
	select {
	case q.slots <- struct{}{}:
		return func() { <-q.slots; <-q.places }, nil
	case <-ctx.Done():
		<-q.places
		return nil, ctx.Err()
	}
}
