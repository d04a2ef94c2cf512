package generation

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/broker"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
)

// announced is an event log whose events about whole runs go to a Broker too, for other systems. What stages say stays in the
// log: a Broker carries the stage functions' own answers under these names.
type announced struct {
	Publisher
	broker *broker.Client
	insist bool
}

// What a Broker may take to accept an event: one that is not insisted on must not hold up the end of a run.
const (
	sendTimeout  = 30 * time.Second
	shortTimeout = 10 * time.Second
)

// The types of events that a Broker gets, and those of them that must arrive: they are what others wait for.
var (
	toBroker = []string{event.WorkflowStarted, event.WorkflowCompleted, event.WorkflowFailed, event.WorkflowCancelled, event.CapsuleCreated}
	awaited  = []string{event.WorkflowCompleted, event.WorkflowFailed, event.WorkflowCancelled}
)

// Publish puts the event into the log, then sends it to the Broker. A Broker that does not take the event of a run's end is an
// error, so that the step is tried again, unless nobody insists on it. The others are sent beside the run, which must not wait for
// them: a Broker on in-memory channels accepts an event only when every subscriber has had it, or was tried often enough. Of those
// that it does not take the log of this process tells.
func (a announced) Publish(ctx context.Context, e nats.Event) error {
	if err := a.Publisher.Publish(ctx, e); err != nil || !slices.Contains(toBroker, e.Type) {
		return err
	}
	switch {
	case !slices.Contains(awaited, e.Type):
		go a.try(context.WithoutCancel(ctx), e, sendTimeout)
	case a.insist:
		return a.send(ctx, e, sendTimeout)
	default:
		a.try(ctx, e, shortTimeout)
	}
	return nil
}

// try sends an event, and says in the log when that fails.
func (a announced) try(ctx context.Context, e nats.Event, limit time.Duration) {
	if err := a.send(ctx, e, limit); err != nil {
		slog.WarnContext(ctx, "the Broker did not take an event", "workflow", e.WorkflowID, "type", e.Type, "cause", err.Error())
	}
}

func (a announced) send(ctx context.Context, e nats.Event, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return a.broker.Send(ctx, broker.Event{
		ID: e.WorkflowID + "/" + e.ID, Type: e.Type, Source: "/v1/workflows/" + e.WorkflowID, Subject: e.WorkflowID, Time: e.Time, Data: e.Data,
	})
}
