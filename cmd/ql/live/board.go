// Package live shows a run while it goes on: a redrawn table on a terminal, one line a change elsewhere, JSON for programs;
// and at its end, what came of it.
package live

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// Board is what is known of a run, put together from snapshots and events. The zero value knows nothing.
type Board struct {
	Run      workflow.Run
	Progress map[pipeline.Stage]workflow.Progress // latest, of stages that run
}

// Set takes a snapshot of the run in place of all that was known.
func (b *Board) Set(run workflow.Run) {
	b.Run = run
	b.forgetEnded()
}

// Apply takes an event. It answers false for an event after which only a new snapshot tells how the run stands.
func (b *Board) Apply(e workflow.Event) bool {
	stage, what, err := event.ParseStageType(e.Type)
	if err != nil { // of no stage
		return e.Type == event.DropStored || e.Type == event.CapsuleCreated || b.knowsStart(e)
	}
	if what == event.Progress {
		var p workflow.Progress
		if json.Unmarshal(e.Data, &p) != nil || p.Stage != stage {
			return false
		}
		row := b.row(stage)
		if row == nil || row.Status == workflow.Pending {
			return false
		}
		if row.Status == workflow.Running && p.Round == row.Round {
			b.setProgress(stage, p)
		}
		return true
	}
	var state workflow.StageState
	if json.Unmarshal(e.Data, &state) != nil || state.Stage != stage || state.Status == "" {
		return false
	}
	row := b.row(stage)
	if row == nil {
		return false
	}
	// A reader who comes late is told first what the snapshot has already.
	if newer(*row, state) {
		*row = state
		b.forgetEnded()
	}
	return true
}

// knowsStart says whether e tells the start of the attempt that is shown, and not of a later one.
func (b *Board) knowsStart(e workflow.Event) bool {
	var run workflow.Run
	return e.Type == event.WorkflowStarted && json.Unmarshal(e.Data, &run) == nil && run.Attempt == b.Run.Attempt
}

func (b *Board) row(stage pipeline.Stage) *workflow.StageState {
	i := slices.IndexFunc(b.Run.Stages, func(s workflow.StageState) bool { return s.Stage == stage })
	if i < 0 {
		return nil
	}
	return &b.Run.Stages[i]
}

func (b *Board) setProgress(stage pipeline.Stage, p workflow.Progress) {
	if b.Progress == nil {
		b.Progress = map[pipeline.Stage]workflow.Progress{}
	}
	b.Progress[stage] = p
}

func (b *Board) forgetEnded() {
	for stage := range b.Progress {
		if row := b.row(stage); row == nil || row.Status != workflow.Running {
			delete(b.Progress, stage)
		}
	}
}

// newer says whether state comes after row: of a later start, or further on since the same one.
func newer(row, state workflow.StageState) bool {
	switch {
	case state.StartedAt == nil:
		return row.StartedAt == nil && order(state.Status) > order(row.Status)
	case row.StartedAt == nil || state.StartedAt.After(*row.StartedAt):
		return true
	case state.StartedAt.Before(*row.StartedAt):
		return false
	}
	return order(state.Status) > order(row.Status)
}

func order(s workflow.Status) int {
	switch {
	case s.Ended():
		return 2
	case s == workflow.Running:
		return 1
	}
	return 0
}

// clone gives a copy that later changes leave alone.
func (b Board) clone() Board {
	b.Run.Stages = slices.Clone(b.Run.Stages)
	b.Progress = maps.Clone(b.Progress)
	return b
}

// usage is a stage's usage so far: what it reported while it runs, else its state's.
func (b Board) usage(row workflow.StageState) pipeline.Usage {
	if p, ok := b.Progress[row.Stage]; ok && row.Status == workflow.Running {
		return p.Usage
	}
	return row.Usage
}
