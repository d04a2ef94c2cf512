package live

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// View is told of every event, and shown the board after every change. Close ends it; what it drew stays.
type View interface {
	Event(workflow.Event)
	Show(Board)
	Close() error
}

// Plain writes one line a change: for logs, pipes and terminals that cannot redraw.
type Plain struct {
	w     io.Writer
	began bool
	seen  map[pipeline.Stage]workflow.StageState
	said  map[pipeline.Stage]string
	done  map[pipeline.Stage]int
	err   error
}

// NewPlain makes a view that writes lines to w.
func NewPlain(w io.Writer) *Plain {
	return &Plain{w: w, seen: map[pipeline.Stage]workflow.StageState{}, said: map[pipeline.Stage]string{}, done: map[pipeline.Stage]int{}}
}

// Event is part of View; Plain shows boards only.
func (p *Plain) Event(workflow.Event) {}

// Show writes what changed since the last time.
func (p *Plain) Show(b Board) {
	if !p.began {
		p.began = true
		p.line("run %s: %s", Clean(b.Run.ID), title(b.Run))
	}
	for _, row := range b.Run.Stages {
		old := p.seen[row.Stage]
		if row.Status == workflow.Pending || row.Status == workflow.Skipped { // nothing is to be told of what was never begun
			continue
		}
		changed := row.Status != old.Status || row.Round != old.Round || !sameTime(row.StartedAt, old.StartedAt)
		if changed {
			p.seen[row.Stage] = row
			delete(p.said, row.Stage)
			delete(p.done, row.Stage)
			p.line("%s", stageLine(row))
		}
		// Of a stage that counts, a line for each thing done is enough: what it is about to do is for who watches live.
		progress, ok := b.Progress[row.Stage]
		if !ok || (progress.Total > 0 && progress.Done <= p.done[row.Stage]) {
			continue
		}
		if text := progressText(progress); text != "" && text != p.said[row.Stage] {
			p.done[row.Stage], p.said[row.Stage] = progress.Done, text
			p.line("%s %s", label(row), text)
		}
	}
}

// Close gives the first error of writing.
func (p *Plain) Close() error { return p.err }

func (p *Plain) line(format string, args ...any) {
	if _, err := fmt.Fprintf(p.w, format+"\n", args...); err != nil && p.err == nil {
		p.err = err
	}
}

// JSON writes every event as one line of JSON.
type JSON struct {
	encoder *json.Encoder
	err     error
}

// NewJSON makes a view that writes events to w.
func NewJSON(w io.Writer) *JSON { return &JSON{encoder: json.NewEncoder(w)} }

// Event writes one line.
func (j *JSON) Event(e workflow.Event) {
	if err := j.encoder.Encode(e); err != nil && j.err == nil {
		j.err = err
	}
}

// Show is part of View; programs get events only.
func (j *JSON) Show(Board) {}

// Close gives the first error of writing.
func (j *JSON) Close() error { return j.err }

func title(run workflow.Run) string {
	s := Clean(run.Request.Language)
	if run.Request.Type != "" && run.Request.Type != "auto" {
		s += " " + Clean(run.Request.Type)
	}
	if run.Request.Framework != "" {
		s += ", " + Clean(run.Request.Framework)
	}
	return s
}

// label is a stage with its number: "[ 5/12] code-generation".
func label(row workflow.StageState) string {
	if row.Number == 0 {
		return "[  --  ] " + Clean(string(row.Stage))
	}
	return fmt.Sprintf("[%2d/%d] ", row.Number, len(pipeline.Stages())) + Clean(string(row.Stage))
}

func stageLine(row workflow.StageState) string {
	status := string(row.Status)
	if refused(row.Problem) {
		status = "refused the prompt"
	}
	s := label(row) + " " + Clean(status)
	if row.Round > 0 {
		s += fmt.Sprintf(", round %d", row.Round)
	}
	if row.Reused {
		s += ", was done already"
	}
	if row.Status.Ended() && row.StartedAt != nil && row.EndedAt != nil {
		s += ", " + Duration(row.EndedAt.Sub(*row.StartedAt))
	}
	if n := tokens(row.Usage); n > 0 {
		s += ", " + Count(n, "token")
	}
	if row.Detail != "" && !refused(row.Problem) { // the reason of a refusal is that of the run, which is told at its end
		s += ": " + Clean(row.Detail)
	}
	return s
}

// progressText is what a stage last said: "3/14 wrote internal/store/store.go".
func progressText(p workflow.Progress) string {
	s := Clean(p.Message)
	if p.Total > 0 {
		s = fmt.Sprintf("%d/%d %s", p.Done, p.Total, s)
	}
	return s
}

func sameTime(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}
