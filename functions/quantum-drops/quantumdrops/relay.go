package quantumdrops

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/quantumlayer-dev/quantumlayer/shared/broker"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// How the relay goes about it.
const (
	gather      = 200 * time.Millisecond // for more drops to come after one, since they are read and marked together
	batchLimit  = 64                     // drops
	senders     = 8                      // events on their way at the same time
	sendTimeout = 2 * time.Minute        // for the Broker to accept an event
	markTimeout = 5 * time.Second        // for the marks to be written while the function ends
	firstWait   = time.Second            // after a failure; doubled by each that follows
	longestWait = time.Minute
)

// source is where drops come from, as their events say.
const source = "/v1/drops"

// outbox is the part of a store that the relay needs; see dropstore.Store.
type outbox interface {
	Unannounced(ctx context.Context, limit int) ([]drop.Drop, error)
	Announced(ctx context.Context, ids ...string) error
}

// relay sends an event about every drop that was stored, at least once. What it could not send stays in the store and goes out
// later, after another start too. Two replicas, or one that ended before it could mark what it had sent, may send the same event
// twice: its ID is the drop's, by which receivers know. The order is that in which drops were made, as far as senders at the same
// time keep it.
type relay struct {
	outbox outbox
	broker *broker.Client
	wake   chan struct{}
}

func newRelay(o outbox, b *broker.Client) *relay { return &relay{o, b, make(chan struct{}, 1)} }

// stored says that there are new drops. It never waits.
func (r *relay) stored() {
	select {
	case r.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// start lets the relay run until end is called, which waits for it.
func (r *relay) start(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.run(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

func (r *relay) run(ctx context.Context) {
	wait := firstWait
	for {
		n, err := r.batch(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if wait == firstWait { // once, however long it lasts
				slog.WarnContext(ctx, "drops are not announced for now; they will be", "cause", err.Error())
			}
			pause(ctx, wait)
			wait = min(2*wait, longestWait)
			continue
		case wait != firstWait:
			slog.InfoContext(ctx, "drops are announced again")
			wait = firstWait
		}
		if n < batchLimit {
			select {
			case <-r.wake:
				pause(ctx, gather)
			case <-ctx.Done():
				return
			}
		}
	}
}

// pause waits, or until the relay has to end.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// batch sends what is not announced, the oldest first, and marks what was taken. It gives how many it found, and the first error;
// then it begins no other.
func (r *relay) batch(ctx context.Context) (found int, err error) {
	drops, err := r.outbox.Unannounced(ctx, batchLimit)
	if err != nil || len(drops) == 0 {
		return 0, err
	}
	var mu sync.Mutex
	var taken []string
	group, begin := errgroup.WithContext(ctx)
	group.SetLimit(senders)
	for _, d := range drops {
		if begin.Err() != nil {
			break
		}
		group.Go(func() error {
			if err := r.send(ctx, d); err != nil { // with ctx: those on their way are not cut by another's failure
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			taken = append(taken, d.ID)
			return nil
		})
	}
	err = group.Wait()
	// What was taken is marked even when the function ends, so that it is not sent again.
	marking, cancel := context.WithTimeout(context.WithoutCancel(ctx), markTimeout)
	defer cancel()
	if markErr := r.outbox.Announced(marking, taken...); markErr != nil {
		return len(drops), markErr
	}
	return len(drops), err
}

// send announces a drop. One that the receiver will never take counts as announced: it would come again for ever.
func (r *relay) send(ctx context.Context, d drop.Drop) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	data, err := json.Marshal(d.Announcement())
	if err != nil {
		return fmt.Errorf("encoding the event of %s: %w", d.ID, err)
	}
	err = r.broker.Send(ctx, broker.Event{
		ID: d.ID, Type: event.DropStored, Source: source, Subject: d.WorkflowID, Time: d.Timestamp, Data: data,
		Extensions: map[string]string{event.DropStage: d.Stage, event.DropType: string(d.Type)},
	})
	if refused(err) {
		slog.WarnContext(ctx, "the event of a drop was refused", "drop", d.ID, "workflow", d.WorkflowID, "cause", err.Error())
		return nil
	}
	return err
}

// refused says whether the receiver has understood the event and does not want it. Other answers that are no success, such as 404,
// 401 and 403, may come of a Broker or a policy that is not there yet.
func refused(err error) bool {
	for _, code := range []fault.Code{fault.Invalid, fault.TooLarge, fault.Unprocessable, fault.UnknownEvent} {
		if fault.Is(err, code) {
			return true
		}
	}
	return false
}
