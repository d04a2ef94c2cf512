package command

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/live"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

const (
	// settle bounds how long a run may take to end after its last event, and how often that is asked.
	settle      = 20 * time.Second
	settleEvery = 50 * time.Millisecond
	// A server that breaks off is tried again this often, with pauses that double up to the last.
	reconnects     = 8
	reconnectFirst = 250 * time.Millisecond
	reconnectLast  = 10 * time.Second
)

// follower shows a run until it ends.
type follower struct {
	session *session
	id      string
	view    live.View
	board   live.Board
	after   uint64 // sequence of the last event seen
	events  int    // seen in all
}

// follow shows the run in the view and gives it as it ended. A connection that breaks is made again, behind the last event.
func follow(ctx context.Context, s *session, run workflow.Run, view live.View) (workflow.Run, error) {
	f := &follower{session: s, id: run.ID, view: view}
	f.set(run)
	err := f.untilEnd(ctx)
	return f.board.Run, err
}

func (f *follower) untilEnd(ctx context.Context) error {
	pause, tries := reconnectFirst, 0
	for {
		seen := f.events
		err := f.session.Events(ctx, f.id, f.after, func(e workflow.Event) error { return f.take(ctx, e) })
		if err == nil {
			err = f.reload(ctx) // the stream ended: the run has, or the server is going down
		}
		switch {
		case f.board.Run.Status.Ended():
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && !retryable(err):
			return err
		}
		if f.events > seen {
			pause, tries = reconnectFirst, 0
		}
		if tries++; tries > reconnects {
			return f.lost(err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
			pause = min(2*pause, reconnectLast)
		}
	}
}

func retryable(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Retryable()
}

func (f *follower) lost(err error) error {
	if err == nil {
		err = errors.New("it ends the stream of events again and again")
	}
	return fault.New(fault.Unavailable, "lost the platform at %s while run %s went on: %w", f.session.Base(), f.id, err).
		WithHint("the run is kept; when the platform is back: ql resume %s", f.id)
}

// errEnded stops the reading of events.
var errEnded = errors.New("the run ended")

func (f *follower) take(ctx context.Context, e workflow.Event) error {
	f.after = max(f.after, e.Sequence)
	f.events++
	f.view.Event(e)
	if f.board.Apply(e) {
		f.view.Show(f.board)
		return nil
	}
	if err := f.reload(ctx); err != nil {
		return err
	}
	if f.board.Run.Status.Ended() {
		return errEnded
	}
	if ends(e.Type) && !f.superseded(e) {
		return f.settled(ctx)
	}
	return nil
}

func ends(eventType string) bool {
	switch eventType {
	case event.WorkflowCompleted, event.WorkflowFailed, event.WorkflowCancelled:
		return true
	}
	return false
}

// superseded says that e is of an earlier attempt: a stage has started since.
func (f *follower) superseded(e workflow.Event) bool {
	return slices.ContainsFunc(f.board.Run.Stages, func(s workflow.StageState) bool {
		return s.StartedAt != nil && s.StartedAt.After(e.Time)
	})
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
	if f.board.Run.Status.Ended() {
		return errEnded
	}
	return nil // it was of an earlier attempt after all
}

func (f *follower) reload(ctx context.Context) error {
	run, err := f.session.Get(ctx, f.id)
	if err != nil {
		return err
	}
	f.set(run)
	return nil
}

func (f *follower) set(run workflow.Run) {
	f.board.Set(run)
	f.view.Show(f.board)
}
