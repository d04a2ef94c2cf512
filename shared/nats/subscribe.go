package nats

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	resubscribeDelay = time.Second
	// prefetch bounds the events that wait in memory for a slow reader.
	prefetch = 64
	// consumerIdle is how long the server remembers a subscription whose end it
	// was not told.
	consumerIdle = 30 * time.Second
)

// Subscribe yields the workflow's events whose sequence is greater than after,
// oldest first, and then new ones as they come. It ends silently when ctx does,
// and with an error when the log is closed or the server refuses at first; a
// connection lost on the way is taken up again without gap or repetition. Events
// beyond the log's limits are gone. After a sequence that the log has not
// reached (it was lost and began anew) all events are yielded.
func (l *Log) Subscribe(ctx context.Context, workflowID string, after uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		r := &reader{log: l, workflowID: workflowID, after: after, yield: yield}
		err := r.checkStart(ctx)
		for err == nil {
			err = r.read(ctx)
			if r.begun {
				err = r.retry(ctx, err)
			}
		}
		if !errors.Is(err, errReaderLeft) && ctx.Err() == nil {
			yield(Event{}, fmt.Errorf("subscribe to workflow %s: %w", workflowID, closedError(err)))
		}
	}
}

// errReaderLeft ends a subscription whose reader broke out of the loop.
var errReaderLeft = errors.New("reader left")

// reader is one run of the sequence that Subscribe returns.
type reader struct {
	log        *Log
	workflowID string
	after      uint64 // the last sequence yielded
	begun      bool   // the server has accepted a subscription before
	yield      func(Event, error) bool
}

// checkStart makes sure that there is something to read and a place to start.
func (r *reader) checkStart(ctx context.Context) error {
	if !isToken(r.workflowID) {
		return fmt.Errorf("%w: workflow ID %q is not one token of a subject", ErrInvalid, r.workflowID)
	}
	stream, err := r.log.jetStream.Stream(ctx, StreamName)
	if err != nil {
		return fmt.Errorf("look up stream %s: %w", StreamName, err)
	}
	if last := stream.CachedInfo().State.LastSeq; r.after > last {
		r.log.logger.Warn("the event log is shorter than a reader remembers, reading from its start",
			"workflow", r.workflowID, "after", r.after, "last", last)
		r.after = 0
	}
	return nil
}

// read yields events until something fails, which is never nil.
func (r *reader) read(ctx context.Context) error {
	consumer, err := r.log.jetStream.OrderedConsumer(ctx, StreamName, jetstream.OrderedConsumerConfig{
		FilterSubjects:    []string{workflowSubject(r.workflowID) + ">"},
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       r.after + 1,
		InactiveThreshold: consumerIdle,
		// More would wait without looking at ctx.
		MaxResetAttempts: 1,
	})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(prefetch))
	if err != nil {
		return err
	}
	defer r.leave(ctx, consumer, messages)
	r.begun = true
	for {
		message, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		event, err := readEvent(message)
		if err != nil {
			// Somebody else's message must not end every reading of this workflow.
			r.log.logger.Warn("skip a message of the event log", "workflow", r.workflowID, "error", err)
			continue
		}
		if !r.yield(event, nil) {
			return errReaderLeft
		}
		r.after = event.Sequence
	}
}

// leave gives the server's memory of this subscription back at once, for readers
// may come and go faster than it forgets them.
func (r *reader) leave(ctx context.Context, consumer jetstream.Consumer, messages jetstream.MessagesContext) {
	messages.Stop()
	info := consumer.CachedInfo()
	if info == nil || !r.log.connection.IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	defer cancel()
	err := r.log.jetStream.DeleteConsumer(ctx, StreamName, info.Name)
	if err != nil && !errors.Is(closedError(err), ErrClosed) && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		r.log.logger.Warn("end a subscription to events", "workflow", r.workflowID, "error", err)
	}
}

// retry waits before the next reading. It returns an error when there must be
// none.
func (r *reader) retry(ctx context.Context, cause error) error {
	if errors.Is(cause, errReaderLeft) || errors.Is(closedError(cause), ErrClosed) || errors.Is(cause, jetstream.ErrStreamNotFound) {
		return cause
	}
	if ctx.Err() == nil {
		r.log.logger.Warn("subscribe to events again", "workflow", r.workflowID, "after", r.after, "error", cause)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(resubscribeDelay):
		return nil
	}
}
