package generation

import (
	"context"
	"log/slog"
	"slices"

	"github.com/quantumlayer-dev/quantumlayer/shared/broker"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
)

// announced is an event log whose events about whole runs go to a Broker too, for other systems. What stages say stays in the
// log: a Broker carries the stage functions' own answers under these names.
type announced struct {
	Publisher
	broker *broker.Client
}

// The types of events that a Broker gets, and those of them that must arrive: they are what others wait for.
var (
	toBroker = []string{event.WorkflowStarted, event.WorkflowCompleted, event.WorkflowFailed, event.WorkflowCancelled, event.CapsuleCreated}
	awaited  = []string{event.WorkflowCompleted, event.WorkflowFailed, event.WorkflowCancelled}
)

// Publish puts the event into the log, then sends it to the Broker. A Broker that does not take the event of a run's end is an
// error, so that the step is tried again. The others are sent beside the run, which must not wait for them: a Broker on
// in-memory channels accepts an event only when every subscriber has had it, or was tried often enough. Of those that it does
// not take the log of this process tells.
func (a announced) Publish(ctx context.Context, e nats.Event) error {
	if err := a.Publisher.Publish(ctx, e); err != nil || !slices.Contains(toBroker, e.Type) {
		return err
	}
	out := broker.Event{
		ID: e.WorkflowID + "/" + e.ID, Type: e.Type, Source: "/v1/workflows/" + e.WorkflowID, Subject: e.WorkflowID, Time: e.Time, Data: e.Data,
	}
	if slices.Contains(awaited, e.Type) {
		return a.broker.Send(ctx, out)
	}
	go func() {
		ctx := context.WithoutCancel(ctx)
		if err := a.broker.Send(ctx, out); err != nil {
			slog.WarnContext(ctx, "the Broker did not take an event", "workflow", e.WorkflowID, "type", e.Type, "cause", err.Error())
		}
	}()
	return nil
}
