package command

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/live"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

const (
	// settle bounds how long a run may take to end after its last event, and settleEvery is how often that is asked.
	settle      = 20 * time.Second
	settleEvery = 50 * time.Millisecond
	// A run that cannot be read for the moment, say while its worker starts, is asked for this often with pauses that double.
	reloads     = 6
	reloadFirst = 250 * time.Millisecond
)

// follower shows a run until it ends.
type follower struct {
	session *session
	id      string
	attempt int  // that is shown; the log has the earlier ones too
	begun   bool // its events have begun to come
	view    live.View
	board   live.Board
}

// follow shows the run in the view and gives it as it ended. Of a run that has ended nothing more happens: it is shown as it is.
func follow(ctx context.Context, s *session, run workflow.Run, view live.View) (workflow.Run, error) {
	f := &follower{session: s, id: run.ID, attempt: run.Attempt, begun: run.Attempt <= 1, view: view}
	f.set(run)
	if run.Status.Ended() {
		return run, nil
	}
	err := f.untilEnd(ctx)
	return f.board.Run, err
}

func (f *follower) untilEnd(ctx context.Context) error {
	for e, err := range f.session.Events(ctx, f.id, 0) {
		if err == nil {
			err = f.take(ctx, e)
		}
		switch {
		case f.board.Run.Status.Ended():
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case retryable(err):
			return f.lost(err)
		case err != nil:
			return err
		}
	}
	if err := f.reload(ctx); retryable(err) { // the last event may be gone from the log
		return f.lost(err)
	} else if err != nil {
		return err
	}
	return nil
}

func retryable(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Retryable()
}

func (f *follower) lost(err error) error {
	return fault.New(fault.Unavailable, "lost the platform at %s while run %s went on: %w", f.session.Base(), f.id, err).
		WithHint("the run is kept; when the platform is back: ql resume %s", f.id)
}

func (f *follower) take(ctx context.Context, e workflow.Event) error {
	if f.begun = f.begun || f.begins(e); !f.begun {
		return nil
	}
	f.view.Event(e)
	if f.board.Apply(e) {
		f.view.Show(f.board)
		return nil
	}
	if err := f.reload(ctx); err != nil {
		return err
	}
	if e.EndsRun() && attemptOf(e) >= f.board.Run.Attempt { // else it goes on: somebody has retried it
		return f.settled(ctx)
	}
	return nil
}

// begins says whether e is the first event of the attempt, or its last one where the log has no more.
func (f *follower) begins(e workflow.Event) bool {
	return (e.Type == event.WorkflowStarted || e.EndsRun()) && attemptOf(e) >= f.attempt
}

// attemptOf gives the attempt that an event of a run's start or end is of.
func attemptOf(e workflow.Event) int {
	var run workflow.Run
	if json.Unmarshal(e.Data, &run) != nil {
		return 0
	}
	return run.Attempt
}

// settled waits until the run has ended after the event that says so: the event is published by the run's last step.
func (f *follower) settled(ctx context.Context) error {
	limit := time.Now().Add(settle)
	for !f.board.Run.Status.Ended() && time.Now().Before(limit) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(settleEvery):
		}
		if err := f.reload(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (f *follower) reload(ctx context.Context) error {
	pause := reloadFirst
	for try := 1; ; try++ {
		run, err := f.session.Get(ctx, f.id)
		if err == nil {
			f.set(run)
			return nil
		}
		if try == reloads || !retryable(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
			pause *= 2
		}
	}
}

func (f *follower) set(run workflow.Run) {
	f.board.Set(run)
	f.view.Show(f.board)
}
