package generation

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	contract "github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// Time limits of one try. A slow model writes a large project for hours.
var timeLimits = map[pipeline.Stage]time.Duration{
	pipeline.CodeGeneration:   6 * time.Hour,
	pipeline.VerificationStep: minutes(30),
	pipeline.PackagingStep:    minutes(10),
}

const stageTimeLimit = 2 * time.Hour

func timeLimit(stage pipeline.Stage) time.Duration {
	if limit, ok := timeLimits[stage]; ok {
		return limit
	}
	return stageTimeLimit
}

// step is one thing to do, as soon as the steps it needs are done. Needs that are no part of the same plan are there already.
type step struct {
	stage pipeline.Stage
	needs []pipeline.Stage
	do    func(workflow.Context) error
}

// perform does steps, each as soon as what it needs is there, so independent ones at the same time. The first that fails
// cancels the others.
func (g *generation) perform(ctx workflow.Context, plan []step) error {
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	open := map[pipeline.Stage]bool{}
	for _, s := range plan {
		open[s.stage] = true
	}
	isOpen := func(stage pipeline.Stage) bool { return open[stage] }
	var failure error
	all := workflow.NewWaitGroup(ctx)
	for _, s := range plan {
		all.Add(1)
		workflow.GoNamed(ctx, string(s.stage), func(ctx workflow.Context) {
			defer all.Done()
			err := workflow.Await(ctx, func() bool { return !slices.ContainsFunc(s.needs, isOpen) })
			if err == nil {
				err = s.do(ctx)
			}
			if err == nil {
				delete(open, s.stage)
				return
			}
			if failure == nil {
				failure = err
			}
			cancel()
		})
	}
	all.Wait(ctx)
	return failure
}

// firstVersion is everything up to the first verification. The stages that only tell about the code wait for its final version.
func (g *generation) firstVersion() []step {
	var plan []step
	for _, stage := range pipeline.Stages() {
		if !slices.Contains(aboutFinalCode, stage) {
			plan = append(plan, g.stageStep(StageTask{Step: Step{Stage: stage}}, stage.Needs()...))
		}
	}
	return append(plan, g.verifyStep(0))
}

// aboutFinalCode are the stages that read the code and change nothing about it.
var aboutFinalCode = []pipeline.Stage{pipeline.SecurityScanning, pipeline.PerformanceAnalysis, pipeline.Documentation}

// completion is what is done once, with the final code: what is said about it, and the capsule.
func (g *generation) completion() []step {
	var plan []step
	for _, stage := range aboutFinalCode {
		plan = append(plan, g.stageStep(StageTask{Step: Step{Stage: stage}}, stage.Needs()...))
	}
	return append(plan, step{stage: pipeline.PackagingStep, needs: aboutFinalCode, do: g.packageUp})
}

// stageStep is the step that does a stage. The task has stage, round and repair; the rest is filled in when it starts.
func (g *generation) stageStep(task StageTask, needs ...pipeline.Stage) step {
	return step{stage: task.Stage, needs: needs, do: func(ctx workflow.Context) error { return g.runStage(ctx, task) }}
}

func (g *generation) verifyStep(round int) step {
	return step{
		stage: pipeline.VerificationStep,
		needs: []pipeline.Stage{pipeline.CodeGeneration, pipeline.DependencyResolution, pipeline.TestGeneration},
		do:    func(ctx workflow.Context) error { return g.verify(ctx, round) },
	}
}

// runStage does a stage and keeps the reference to its answer.
func (g *generation) runStage(ctx workflow.Context, task StageTask) error {
	task.Step = g.started(ctx, task.Stage, task.Round, g.reads(task))
	if task.Round > 0 && slices.Contains(contract.WritingStages(), task.Stage) {
		task.Previous = g.results[task.Stage].DropID
	}
	ctx = g.withOptions(ctx, fmt.Sprintf("%s/%d", task.Stage, task.Round), timeLimit(task.Stage))
	var result StageResult
	err := workflow.ExecuteActivity(ctx, stageActivity, task).Get(ctx, &result)
	if err == nil && result.Refusal != nil {
		err = fault.New(fault.Refused, "%s", result.Refusal.Reason).WithHint("%s", result.Refusal.Hint)
	}
	if err != nil {
		return g.failed(ctx, task.Step, err)
	}
	g.results[task.Stage] = result
	g.completed(ctx, task.Stage, contract.StageState{Round: result.Round, DropID: result.DropID, Reused: result.Reused, Usage: result.Usage, Detail: result.Detail})
	return nil
}

// reads gives the stages whose results a task reads: what the stage needs, and in a repair the other side of a dispute.
func (g *generation) reads(task StageTask) []pipeline.Stage {
	needs := task.Stage.Needs()
	switch {
	case task.Repair == nil:
	case task.Stage == pipeline.CodeGeneration:
		needs = append(needs, pipeline.TestGeneration)
	case task.Stage == pipeline.TestGeneration && g.disputed(task.Round):
		needs = append(needs, pipeline.CodeGeneration)
	}
	return needs
}

// verify builds the files as they stand and runs their tests.
func (g *generation) verify(ctx workflow.Context, round int) error {
	task := g.started(ctx, pipeline.VerificationStep, round, contract.WritingStages()[:3])
	ctx = g.withOptions(ctx, fmt.Sprintf("%s/%d", task.Stage, task.Round), timeLimit(task.Stage))
	var result VerifyResult
	if err := workflow.ExecuteActivity(ctx, verifyActivity, task).Get(ctx, &result); err != nil {
		return g.failed(ctx, task, err)
	}
	g.verified = result
	g.completed(ctx, task.Stage, contract.StageState{Round: round, DropID: result.Verification.DropID, Reused: result.Reused, Detail: result.Detail})
	return nil
}

// packageUp makes the capsule.
func (g *generation) packageUp(ctx workflow.Context) error {
	task := g.started(ctx, pipeline.PackagingStep, 0, pipeline.Stages())
	task.Results[pipeline.VerificationStep] = g.verified.Verification.DropID
	ctx = g.withOptions(ctx, fmt.Sprintf("%s/%d", task.Stage, task.Round), timeLimit(task.Stage))
	var result PackageResult
	if err := workflow.ExecuteActivity(ctx, packageActivity, task).Get(ctx, &result); err != nil {
		return g.failed(ctx, task, err)
	}
	g.run.Capsule = &result.Capsule
	g.completed(ctx, task.Stage, contract.StageState{DropID: result.Capsule.DropID, Reused: result.Reused, Detail: count(result.Capsule.Files, "file")})
	return nil
}

// started notes that a step starts and gives its task.
func (g *generation) started(ctx workflow.Context, stage pipeline.Stage, round int, reads []pipeline.Stage) Step {
	task := Step{Tenant: g.in.Tenant, Attempt: g.in.Attempt, Stage: stage, Round: round, StartedAt: workflow.Now(ctx),
		Used: g.state(stage).Usage, Request: g.requestDrop, Results: map[pipeline.Stage]string{}}
	for _, s := range reads {
		task.Results[s] = g.results[s].DropID
	}
	state := g.state(stage)
	*state = contract.StageState{Stage: stage, Number: stage.Number(), Status: contract.Running, Round: round,
		StartedAt: &task.StartedAt, Usage: state.Usage}
	g.tell(ctx, contract.AttributeStage, string(stage))
	return task
}

// completed notes what a step made.
func (g *generation) completed(ctx workflow.Context, stage pipeline.Stage, made contract.StageState) {
	state := g.state(stage)
	ended := workflow.Now(ctx)
	state.Status, state.EndedAt, state.Round, state.DropID, state.Reused, state.Detail =
		contract.Completed, &ended, made.Round, made.DropID, made.Reused, made.Detail
	state.Usage.Add(made.Usage)
	g.run.Usage.Add(made.Usage)
}

// failed notes that a step failed or was cancelled, tells it, and gives the error back.
func (g *generation) failed(ctx workflow.Context, task Step, err error) error {
	state := g.state(task.Stage)
	ended := workflow.Now(ctx)
	state.EndedAt = &ended
	if temporal.IsCanceledError(err) {
		state.Status = contract.Cancelled
		return err
	}
	f := faultOf(err)
	state.Status, state.Problem, state.Detail = contract.Failed, f.Problem(), clip(f.Detail)
	aside, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	published := *state
	g.publish(aside, EventTask{ID: task.id(event.Failed), Type: event.StageType(task.Stage, event.Failed), Stage: &published})
	return err
}

// state gives the state of a step, which every step has.
func (g *generation) state(stage pipeline.Stage) *contract.StageState {
	i := slices.IndexFunc(g.run.Stages, func(s contract.StageState) bool { return s.Stage == stage })
	return &g.run.Stages[i]
}
