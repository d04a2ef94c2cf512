package generation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/stageclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// RunStage does one stage: it looks whether the answer is there already, else reads what the stage needs, calls it and keeps
// the answer. So whenever it is interrupted, doing it again does nothing twice that was finished.
func (a *Activities) RunStage(ctx context.Context, task StageTask) (StageResult, error) {
	return attend(ctx, func(ctx context.Context) (StageResult, error) {
		result, err := a.runStage(ctx, task)
		if err != nil {
			a.sayFailed(ctx, task.Step, err)
		}
		return result, err
	})
}

func (a *Activities) runStage(ctx context.Context, task StageTask) (StageResult, error) {
	work, ok := stages[task.Stage]
	if !ok {
		return StageResult{}, fmt.Errorf("there is no stage %q", task.Stage)
	}
	in := a.inputs(ctx, task.Step)
	parents := task.parents()
	d, reused, err := a.kept(ctx, task.Step, drop.TypeResult, parents)
	if err != nil {
		return StageResult{}, err
	}
	if !reused {
		d, reused, err = a.makeAnswer(ctx, task, in, parents, work)
	}
	if errors.Is(err, errUnchanged) {
		in.err = nil
		d, err = a.Drops.Get(ctx, task.Tenant, task.Previous)
	}
	if err != nil {
		return StageResult{}, err
	}
	result, err := readAnswer(in, work, d)
	if err != nil {
		return StageResult{}, err
	}
	result.Reused = reused
	if result.Refusal != nil {
		return result, nil // the workflow says that it failed
	}
	return result, a.publishStep(ctx, task.Step, event.Completed, workflow.StageState{
		DropID: d.ID, Reused: reused, Usage: result.Usage, Detail: result.Detail,
	})
}

// errUnchanged says that a stage would answer as it did before.
var errUnchanged = errors.New("nothing has changed that the stage reads")

// makeAnswer calls the stage and keeps what it answers.
func (a *Activities) makeAnswer(ctx context.Context, task StageTask, in *inputs, parents []string, work stageWork) (drop.Drop, bool, error) {
	defer a.Waker.while(ctx, task.Stage)()
	if err := a.publishStep(ctx, task.Step, event.Started, workflow.StageState{}); err != nil {
		return drop.Drop{}, false, err
	}
	c := &caller{ctx: ctx, inputs: in, task: task, client: a.Stages}
	ans, err := work.call(c)
	if errors.Is(err, errUnchanged) {
		return drop.Drop{}, true, err
	}
	if err != nil {
		return drop.Drop{}, false, err
	}
	var previous workflow.FileIndex
	if task.Previous != "" {
		in.artifact(task.Previous, &previous)
	}
	if in.err != nil {
		return drop.Drop{}, false, in.err
	}
	d, err := a.store(ctx, task.Step, drop.TypeResult, parents, previous.Files, ans)
	return d, false, err
}

// readAnswer makes an activity's output of an answer as it is stored, so that a kept one reads as a new one does.
func readAnswer(in *inputs, work stageWork, d drop.Drop) (StageResult, error) {
	var common struct {
		pipeline.Trace
		Refusal *pipeline.Refusal `json:"refusal"`
	}
	if err := json.Unmarshal(d.Artifact, &common); err != nil {
		return StageResult{}, fmt.Errorf("reading drop %s (%s): %w", d.ID, d.Address(), err)
	}
	result := StageResult{DropID: d.ID, Round: d.Version, Usage: common.Usage, Refusal: common.Refusal}
	in.results[d.ID] = d
	result.Summary = work.summarize(in, d.ID)
	return result, in.err
}

// caller calls one stage.
type caller struct {
	*inputs
	ctx    context.Context
	task   StageTask
	client *stageclient.Client
}

// previous gives the drop of the stage's answer in an earlier round, or the zero drop.
func (c *caller) previous() drop.Drop {
	if c.task.Previous == "" {
		return drop.Drop{}
	}
	c.artifact(c.task.Previous, &struct{}{})
	return c.results[c.task.Previous]
}

// ask sends a stage its payload, whose parts were read before.
func ask[In, Out any](c *caller, payload In) (Out, error) {
	if c.err != nil {
		var none Out
		return none, c.err
	}
	id := workflowID(c.ctx)
	return stageclient.Do[In, Out](c.ctx, c.client, stageclient.Call{
		ID: id + "/" + c.task.id(event.Requested), WorkflowID: id, Stage: c.task.Stage,
	}, payload)
}
