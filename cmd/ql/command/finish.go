package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/live"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// result is the last line of JSON of generate and resume: the run, and where its project and capsule were written.
type result struct {
	workflow.Run
	Out         string `json:"out,omitempty"`
	CapsuleFile string `json:"capsule_file,omitempty"`
}

// finish follows a run to its end, writes what it made to the target and says what came of it. The error carries the exit
// code of the run.
func (a *app) finish(ctx context.Context, s *session, run workflow.Run, t target) error {
	run, err := a.watch(ctx, s, run)
	if errors.Is(err, errInterrupted) {
		return a.interrupted(s, run, t)
	}
	if err != nil {
		return err
	}
	written, err := t.write(ctx, s.Client, run)
	if errors.Is(context.Cause(ctx), errInterrupted) {
		return a.interrupted(s, run, t)
	}
	if err != nil {
		return fmt.Errorf("run %s ended as %s, but its result cannot be written: %w", run.ID, run.Status, err)
	}
	if err := a.tell(s, run, written); err != nil {
		return fmt.Errorf("writing the outcome: %w", err)
	}
	switch {
	case !run.Verified():
		return &exitError{code: exitUnverified}
	case len(run.Unused) > 0:
		return &exitError{code: exitUnused}
	}
	return nil
}

// watch shows the run until it ends.
func (a *app) watch(ctx context.Context, s *session, run workflow.Run) (workflow.Run, error) {
	var view live.View
	switch {
	case a.json:
		view = live.NewJSON(a.stdout)
	case a.terminal(a.stdout):
		footer := "Ctrl-C leaves; the run goes on at " + s.Base()
		if s.local() {
			footer = "Ctrl-C stops; ql resume goes on from there"
		}
		view = live.NewScreen(a.stdout.(*os.File), footer)
	default:
		view = live.NewPlain(a.stdout)
	}
	run, err := follow(ctx, s, run, view)
	return run, errors.Join(err, view.Close())
}

// tell says what came of a run.
func (a *app) tell(s *session, run workflow.Run, w written) error {
	if a.json {
		return json.NewEncoder(a.stdout).Encode(result{Run: run, Out: w.out, CapsuleFile: w.capsule})
	}
	o := live.Outcome{Run: run, Out: display(w.out), Files: w.files, Capsule: display(w.capsule)}
	if w.out != "" && w.test != "" {
		o.Next = append(o.Next, "cd "+quote(o.Out)+" && "+w.test)
	}
	o.Next = append(o.Next, further(run, s.flags)...)
	return live.Summary(a.stdout, o)
}

// further gives what can be done about a run that did not verify. A prompt that was refused is refused again.
func further(run workflow.Run, flags string) []string {
	const note = "   # another attempt; finished stages are not done again"
	switch {
	case run.Verified(), run.Problem != nil && run.Problem.Code == fault.Refused:
		return nil
	case !run.Status.Ended():
		return []string{"ql resume " + run.ID + "   # watch it to its end"}
	}
	commands := []string{"ql drops " + run.ID + "   # what each stage made"}
	if again(run, false) {
		return append(commands, "ql resume "+run.ID+flags+note)
	}
	return append(commands, "ql resume "+run.ID+" --retry"+flags+note)
}

// interrupted says what becomes of a run that is no longer watched.
func (a *app) interrupted(s *session, run workflow.Run, t target) error {
	goOn := "ql resume " + run.ID + t.flags() + s.flags
	err := fmt.Errorf("%w: run %s goes on at %s\n  see it again:  %s\n  end it:        ql cancel %s", errInterrupted, run.ID, s.Base(), goOn, run.ID)
	if s.local() {
		err = fmt.Errorf("%w: run %s is kept in %s\n  go on:  %s", errInterrupted, run.ID, s.dir, goOn)
	}
	return &exitError{code: exitInterrupted, err: err}
}

// display gives a path as short as it can be typed here.
func display(path string) string {
	if path == "" {
		return ""
	}
	here, err := filepath.Abs(".")
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(here, path)
	if err != nil || len(rel) >= len(path) {
		return path
	}
	return rel
}
