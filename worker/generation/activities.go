package generation

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/stageclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// Publisher is the event log.
type Publisher interface {
	Publish(context.Context, nats.Event) error
}

// Activities are what a run does outside of its workflow. All fields but Waker must be set.
type Activities struct {
	Drops    Drops
	Stages   *stageclient.Client
	Sandbox  Sandbox
	Capsules Capsules
	Events   Publisher
	Waker    *Waker // nil: functions start when they are called
}

// Begin keeps the run's request as a drop, says that the run has started and gives the drop's ID.
func (a *Activities) Begin(ctx context.Context, task BeginTask) (string, error) {
	return attend(ctx, func(ctx context.Context) (string, error) {
		defer a.Waker.while(ctx, beginning)()
		raw, err := json.Marshal(task.Request)
		if err != nil {
			return "", fmt.Errorf("encoding the request: %w", err)
		}
		d, err := drop.Seal(drop.Drop{Tenant: task.Tenant, WorkflowID: workflowID(ctx), Stage: drop.RequestStage, Type: drop.TypeResult, Artifact: raw})
		if err != nil {
			return "", fmt.Errorf("sealing the request: %w", err)
		}
		if err := a.Drops.Store(ctx, []drop.Drop{d}); err != nil {
			return "", fmt.Errorf("keeping the request: %w", err)
		}
		task.Run.Request = task.Request
		return d.ID, a.publish(ctx, fmt.Sprintf("%d/started", task.Attempt), event.WorkflowStarted, task.Run)
	})
}

// PublishEvent publishes what the workflow has to say itself: how the run and its failed stages ended.
func (a *Activities) PublishEvent(ctx context.Context, task EventTask) error {
	_, err := attend(ctx, func(ctx context.Context) (struct{}, error) {
		var data any = task.Run
		if task.Stage != nil {
			data = task.Stage
		}
		return struct{}{}, a.publish(ctx, task.ID, task.Type, data)
	})
	return err
}

// publish publishes an event of the run that the activity belongs to. The same ID twice is one event.
func (a *Activities) publish(ctx context.Context, id, eventType string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encoding event %s: %w", eventType, err)
	}
	return a.Events.Publish(ctx, nats.Event{WorkflowID: workflowID(ctx), ID: id, Type: eventType, Time: time.Now(), Data: raw})
}

// publishStep publishes an event of a step.
func (a *Activities) publishStep(ctx context.Context, step Step, what string, state workflow.StageState) error {
	state.Stage, state.Number, state.Round, state.StartedAt = step.Stage, step.Stage.Number(), step.Round, &step.StartedAt
	state.Attempt = int(activity.GetInfo(ctx).Attempt)
	used := step.Used
	used.Add(state.Usage)
	state.Usage = used
	id := step.id(what)
	switch what {
	case event.Started:
		state.Status = workflow.Running
		id += fmt.Sprintf("/%d", state.Attempt)
	case event.Completed:
		now := time.Now()
		state.Status, state.EndedAt = workflow.Completed, &now
	}
	return a.publish(ctx, id, event.StageType(step.Stage, what), state)
}

// id names something of the step within its workflow, over all attempts.
func (s Step) id(what string) string {
	return fmt.Sprintf("%d/%s/%d/%s", s.Attempt, s.Stage, s.Round, what)
}

// sayFailed tells who watches that a try failed. It only informs, so its own failure is only logged.
func (a *Activities) sayFailed(ctx context.Context, step Step, err error) {
	if ctx.Err() != nil {
		return
	}
	attempt := activity.GetInfo(ctx).Attempt
	progress := workflow.Progress{Stage: step.Stage, Round: step.Round, Message: clip(fmt.Sprintf("try %d failed: %v", attempt, err))}
	if err := a.publish(ctx, step.id(fmt.Sprintf("tried/%d", attempt)), event.StageType(step.Stage, event.Progress), progress); err != nil {
		slog.WarnContext(ctx, "a failed try could not be announced", "workflow", workflowID(ctx), "stage", step.Stage, "cause", err.Error())
	}
}

func workflowID(ctx context.Context) string { return activity.GetInfo(ctx).WorkflowExecution.ID }

// kept finds the drop of a step's answer when an earlier try or run has stored it, made from the same drops. A refusal counts
// only within the attempt of the run that met it: a retry asks again.
func (a *Activities) kept(ctx context.Context, step Step, kind drop.Type, parents []string) (drop.Drop, bool, error) {
	page, err := a.Drops.Find(ctx, drop.Query{Tenant: step.Tenant, WorkflowID: workflowID(ctx), Stage: string(step.Stage), Type: kind,
		Version: &step.Round, WithArtifacts: true, Limit: drop.MaxLimit})
	if err != nil {
		return drop.Drop{}, false, fmt.Errorf("looking for an answer of %s that is there already: %w", step.Stage, err)
	}
	for _, d := range page.Drops {
		volatile := d.Metadata[metadataAttempt]
		if (volatile == "" || volatile == fmt.Sprint(step.Attempt)) && step.madeFrom(d, parents) {
			return d, true, nil
		}
	}
	return drop.Drop{}, false, nil
}

// madeFrom compares parents; the first stage has the request alone, which a retry may change.
func (s Step) madeFrom(d drop.Drop, parents []string) bool {
	return len(s.Results) == 0 || equalSets(d.Parents, parents)
}

// dropUsage and stageUsage convert between the usage of a stage's answer and that of a drop.
func dropUsage(u pipeline.Usage) drop.Usage {
	return drop.Usage{Provider: u.Provider, Model: u.Model, InputTokens: int64(u.InputTokens), OutputTokens: int64(u.OutputTokens),
		CostMicros: u.CostMicros, Calls: int64(u.Calls)}
}
