package generation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// beatsInTimeout is how many heartbeats there are in a heartbeat timeout: some may be late before a worker counts as dead.
const beatsInTimeout = 5

var errWorkerStops = errors.New("the worker stops")

// attend does an activity's work while it tells Temporal that this worker lives. The work's context ends with the run's
// cancellation, with the activity's time limit, and at once when the worker stops: the next worker then starts over without
// waiting for a heartbeat that does not come. Errors come back as Temporal reads them.
func attend[T any](ctx context.Context, work func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	info := activity.GetInfo(ctx)
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		beat := time.NewTicker(max(info.HeartbeatTimeout, time.Second) / beatsInTimeout)
		defer beat.Stop()
		for {
			select {
			case <-done:
				return
			case <-activity.GetWorkerStopChannel(ctx):
				cancel(errWorkerStops)
				return
			case <-beat.C:
				activity.RecordHeartbeat(ctx)
			}
		}
	}()
	out, err := work(ctx)
	close(done)
	<-ended
	if err == nil {
		return out, nil
	}
	var none T
	return none, asActivityError(ctx, err)
}

// asActivityError turns an error of an activity's work into one that carries its fault through Temporal: the type is the
// fault's code, the details are its problem document. Whether to try again stands in it.
func asActivityError(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	switch {
	case cause != nil && temporal.IsCanceledError(cause):
		return context.Canceled
	case cause != nil: // the worker stops, the time limit passed, or Temporal was not reachable for a while
		return temporal.NewApplicationErrorWithOptions(fmt.Sprintf("interrupted: %v", cause), string(fault.Unavailable),
			temporal.ApplicationErrorOptions{Details: []any{fault.New(fault.Unavailable, "interrupted: %v", cause).Problem()}})
	}
	f := fault.From(err)
	info := activity.GetInfo(ctx)
	slog.WarnContext(ctx, "step failed", "workflow", info.WorkflowExecution.ID, "step", info.ActivityID, "attempt", info.Attempt,
		"code", f.Code, "cause", err.Error())
	return temporal.NewApplicationErrorWithOptions(f.Error(), string(f.Code), temporal.ApplicationErrorOptions{
		NonRetryable:   !mayPass(f),
		Details:        []any{f.Problem()},
		NextRetryDelay: f.RetryAfter,
	})
}

// mayPass says whether the same step may succeed later. A callee that says it was cancelled while we were not went away itself.
func mayPass(f *fault.Error) bool { return f.Retryable() || f.Code == fault.Cancelled }

// faultOf gives the fault that an activity's error carries, or that the workflow has found itself. A timeout that Temporal found
// becomes DeadlinePassed, or Unavailable when no heartbeat came.
func faultOf(err error) *fault.Error {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		var p fault.Problem
		if app.HasDetails() && app.Details(&p) == nil && p.Code != "" {
			return &fault.Error{Code: p.Code, Detail: p.Detail, Hint: p.Hint, Fields: p.Errors}
		}
		return fault.New(fault.Code(app.Type()), "%s", app.Message())
	}
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) {
		if timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_HEARTBEAT {
			return fault.New(fault.Unavailable, "its worker was lost again and again")
		}
		return fault.New(fault.DeadlinePassed, "it took longer than its time limit")
	}
	return fault.From(err)
}
