// Package generation is the worker's part of a run: the workflow Generate, which decides what happens when, and the
// activities, which read drops, call stages, sandbox and capsule, and keep what these answer.
//
// The workflow must give the same commands whenever its history is replayed: it has no clock, no randomness, no goroutine but
// Temporal's, never ranges over a map, and holds references, never artefacts. replay_test.go replays saved histories; a change
// that breaks them needs workflow.GetVersion.
package generation

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	contract "github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// generation is a run in progress.
type generation struct {
	in          contract.Input
	run         contract.Run // as the query answers it
	requestDrop string
	results     map[pipeline.Stage]StageResult // answers that later steps read; looked up, never ranged over
	verified    VerifyResult                   // of the files in results
}

// Generate is the workflow of a run. It ends with the run as it stands then: as result when it is completed, with or without
// findings; in the details of an error when it failed or was cancelled, so that Temporal tells the same as we do.
// The result leaves out the request, which is in the input.
func Generate(ctx workflow.Context, in contract.Input) (contract.Run, error) {
	g, err := setup(ctx, in)
	if err != nil {
		return contract.Run{}, err
	}
	return g.end(ctx, g.generate(ctx))
}

// setup makes the run and lets it be queried.
func setup(ctx workflow.Context, in contract.Input) (*generation, error) {
	if err := in.Normalise(); err != nil {
		return nil, temporal.NewNonRetryableApplicationError(err.Error(), string(fault.Unprocessable), nil)
	}
	info := workflow.GetInfo(ctx)
	g := &generation{in: in, results: map[pipeline.Stage]StageResult{}, run: contract.Run{
		ID: info.WorkflowExecution.ID, Attempt: in.Attempt, Status: contract.Running, Request: in.Request, StartedAt: info.WorkflowStartTime,
	}}
	for _, stage := range append(pipeline.Stages(), pipeline.VerificationStep, pipeline.PackagingStep) {
		g.run.Stages = append(g.run.Stages, contract.StageState{Stage: stage, Number: stage.Number(), Status: contract.Pending})
	}
	err := workflow.SetQueryHandler(ctx, contract.RunQuery, func() (contract.Run, error) { return g.run, nil })
	if err != nil {
		return nil, fmt.Errorf("setting the query handler: %w", err)
	}
	return g, nil
}

// generate makes the project: its first version, then repairs until it is verified or they bring nothing more, then what is
// said about the final code, then the capsule.
func (g *generation) generate(ctx workflow.Context) error {
	if err := g.begin(ctx); err != nil {
		return err
	}
	if err := g.perform(ctx, g.firstVersion()); err != nil {
		return err
	}
	if err := g.repairUntilVerified(ctx); err != nil {
		return err
	}
	return g.perform(ctx, g.completion())
}

// begin keeps the request and tells that the run has started.
func (g *generation) begin(ctx workflow.Context) error {
	run := g.summary()
	run.Request = pipeline.Request{}
	ctx = g.withOptions(ctx, beginActivity, minutes(5))
	task := BeginTask{Tenant: g.in.Tenant, Attempt: g.in.Attempt, Request: g.in.Request, Run: run}
	if err := workflow.ExecuteActivity(ctx, beginActivity, task).Get(ctx, &g.requestDrop); err != nil {
		return fmt.Errorf("keeping the request: %w", err)
	}
	return nil
}

// end settles how the run ended and tells it.
func (g *generation) end(ctx workflow.Context, err error) (contract.Run, error) {
	ended := workflow.Now(ctx)
	g.run.EndedAt = &ended
	eventType := g.conclude(err, ctx.Err() != nil)
	aside, cancel := workflow.NewDisconnectedContext(ctx) // what follows happens in a cancelled run too
	defer cancel()
	g.tell(aside, contract.AttributeStatus, string(g.run.Status))
	summary := g.summary()
	summary.Request = pipeline.Request{}
	g.publish(aside, EventTask{ID: fmt.Sprintf("%d/ended", g.in.Attempt), Type: eventType, Run: &summary})
	final := g.run
	final.Request = pipeline.Request{}
	switch g.run.Status {
	case contract.Cancelled:
		return contract.Run{}, temporal.NewCanceledError(final)
	case contract.Failed:
		return contract.Run{}, temporal.NewNonRetryableApplicationError(g.run.Problem.Detail, string(g.run.Problem.Code), nil, final)
	}
	return final, nil
}

// conclude sets status, problem and findings of the run, and gives the type of its last event.
func (g *generation) conclude(err error, cancelled bool) string {
	for i := range g.run.Stages {
		if g.run.Stages[i].Status == contract.Pending {
			g.run.Stages[i].Status = contract.Skipped
		}
	}
	if err == nil && !g.verified.Verification.Verified {
		g.find("Not verified: " + g.verified.Verification.Reason)
	}
	g.collect()
	switch {
	case err == nil && g.verified.Verification.Verified && len(g.run.Unused) == 0:
		g.run.Status = contract.Completed
		return event.WorkflowCompleted
	case err == nil:
		g.run.Status = contract.CompletedWithFindings
		return event.WorkflowCompleted
	case cancelled && temporal.IsCanceledError(err):
		g.run.Status = contract.Cancelled
		g.find(g.missing())
		return event.WorkflowCancelled
	}
	g.run.Status = contract.Failed
	g.run.Problem = faultOf(err).Problem()
	if g.run.Problem.Code != fault.Refused { // a prompt that is refused has its reason, and was never to go on
		g.find(g.missing())
	}
	return event.WorkflowFailed
}

// summary is the run without its stages, for events.
func (g *generation) summary() contract.Run {
	run := g.run
	run.Stages = nil
	return run
}

// publish lets an event out. A log that takes none must not hold up a run that has ended, so this gives up after a while.
func (g *generation) publish(ctx workflow.Context, task EventTask) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    30 * time.Second,
		ScheduleToCloseTimeout: 2 * time.Minute,
		HeartbeatTimeout:       g.in.HeartbeatTimeout,
	})
	if err := workflow.ExecuteActivity(ctx, publishActivity, task).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Error("event not published", "event", task.Type, "cause", err)
	}
}

// tell sets a search attribute.
func (g *generation) tell(ctx workflow.Context, attribute, value string) {
	update := temporal.NewSearchAttributeKeyKeyword(attribute).ValueSet(value)
	if err := workflow.UpsertTypedSearchAttributes(ctx, update); err != nil {
		workflow.GetLogger(ctx).Error("search attribute not set", "attribute", attribute, "cause", err)
	}
}

// withOptions sets how an activity of the run is tried. Its name makes histories readable.
func (g *generation) withOptions(ctx workflow.Context, name string, limit time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ActivityID:          name,
		StartToCloseTimeout: limit,
		HeartbeatTimeout:    g.in.HeartbeatTimeout,
		WaitForCancellation: true, // so that a run counts as cancelled when its calls have really ended
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    time.Second,
			BackoffCoefficient: 2,
			MaximumInterval:    time.Minute,
			MaximumAttempts:    int32(g.in.MaximumAttempts),
			// What was not done in its time will not be done in as much again.
			NonRetryableErrorTypes: []string{"TemporalTimeout:StartToClose"},
		},
	})
}

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }
