package workflowapi

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	sdk "go.temporal.io/sdk/temporal"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/temporal"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// What may be started under an ID that has been used.
const (
	firstRun   = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	furtherRun = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
)

// execute starts the Temporal workflow of a run. The fault is Conflict when the ID may not be used (again).
func (a *api) execute(ctx context.Context, id string, input workflow.Input, reuse enumspb.WorkflowIdReusePolicy) error {
	ctx, cancel := context.WithTimeout(ctx, temporalTimeout)
	defer cancel()
	keyword := func(name, value string) sdk.SearchAttributeUpdate {
		return sdk.NewSearchAttributeKeyKeyword(name).ValueSet(value)
	}
	_, err := a.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       id,
		TaskQueue:                                temporal.TaskQueue,
		WorkflowIDReusePolicy:                    reuse,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		TypedSearchAttributes: sdk.NewSearchAttributes(
			keyword(workflow.AttributeStatus, string(workflow.Running)),
			keyword(workflow.AttributeLanguage, input.Request.Language),
			keyword(workflow.AttributeProjectType, input.Request.Type),
			keyword(workflow.AttributePrompt, workflow.Excerpt(input.Request.Prompt)),
		),
		Memo: map[string]any{workflow.MemoAttempt: input.Attempt},
	}, workflow.TypeName, input)
	var used *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &used) {
		return fault.Wrap(fault.Conflict, err, "run %s has been started already", id)
	}
	return asFault(err)
}

// describe finds the latest Temporal run of a run; NotFound for an ID that is none.
func (a *api) describe(ctx context.Context, id string) (*client.WorkflowExecutionDescription, error) {
	ctx, cancel := context.WithTimeout(ctx, temporalTimeout)
	defer cancel()
	d, err := a.Temporal.DescribeWorkflow(ctx, id, "")
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) || err == nil && d.WorkflowType.Name != workflow.TypeName {
		return nil, fault.New(fault.NotFound, "there is no run %q", id)
	}
	return d, asFault(err)
}

// run gives a run as it stands. One that goes on is asked itself; one that ended has left its state as result or in the details
// of its failure, for which no worker is needed.
func (a *api) run(ctx context.Context, id string) (workflow.Run, error) {
	d, err := a.describe(ctx, id)
	if err != nil {
		return workflow.Run{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, temporalTimeout)
	defer cancel()
	if d.Status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return a.query(ctx, id, d.WorkflowExecution.RunID)
	}
	run, err := a.result(ctx, d)
	if err != nil {
		return workflow.Run{}, err
	}
	input, err := a.input(ctx, id, d.WorkflowExecution.RunID)
	run.ID, run.Attempt, run.Request = id, input.Attempt, input.Request
	return run, err
}

func (a *api) query(ctx context.Context, id, runID string) (workflow.Run, error) {
	var run workflow.Run
	answer, err := a.Temporal.QueryWorkflow(ctx, id, runID, workflow.RunQuery)
	if err != nil {
		return run, fault.Wrap(fault.Unavailable, err, "run %s goes on, but no worker tells how it stands", id).
			WithHint("is a worker running? The run continues as soon as one is")
	}
	if err := answer.Get(&run); err != nil {
		return run, fmt.Errorf("decoding the state of run %s: %w", id, err)
	}
	return run, nil
}

func (a *api) result(ctx context.Context, d *client.WorkflowExecutionDescription) (workflow.Run, error) {
	var run workflow.Run
	id := d.WorkflowExecution.ID
	err := a.Temporal.GetWorkflow(ctx, id, d.WorkflowExecution.RunID).Get(ctx, &run)
	var failed *sdk.ApplicationError
	var cancelled *sdk.CanceledError
	switch {
	case err == nil:
		return run, nil
	case errors.As(err, &failed) && failed.HasDetails():
		err = failed.Details(&run)
	case errors.As(err, &cancelled) && cancelled.HasDetails():
		err = cancelled.Details(&run)
	default:
		var execution *sdk.WorkflowExecutionError
		if !errors.As(err, &execution) {
			return run, asFault(err)
		}
		return endedByTemporal(d), nil
	}
	if err != nil {
		return run, fmt.Errorf("decoding the end of run %s: %w", id, err)
	}
	return run, nil
}

// endedByTemporal is a run that an operator or a fault of ours ended past the workflow, so that nothing of it is known.
func endedByTemporal(d *client.WorkflowExecutionDescription) workflow.Run {
	run := workflow.Run{Status: workflow.Failed, StartedAt: d.WorkflowStartTime, EndedAt: d.WorkflowCloseTime}
	if d.Status == enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED {
		run.Status = workflow.Cancelled
	}
	run.Problem = fault.New(fault.Internal, "Temporal ended the workflow: %s", d.Status).
		WithHint("retry the run; what was finished is not done again").Problem()
	return run
}

// input is what a Temporal run was started with: the first event of its history has it. An empty runID is the latest.
func (a *api) input(ctx context.Context, id, runID string) (workflow.Input, error) {
	ctx, cancel := context.WithTimeout(ctx, temporalTimeout)
	defer cancel()
	var input workflow.Input
	history := a.Temporal.GetWorkflowHistory(ctx, id, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	first, err := history.Next()
	if err != nil {
		return input, asFault(err)
	}
	payloads := first.GetWorkflowExecutionStartedEventAttributes().GetInput()
	if err := converter.GetDefaultDataConverter().FromPayloads(payloads, &input); err != nil {
		return input, fmt.Errorf("decoding the request of run %s: %w", id, err)
	}
	return input, nil
}

// awaitEnd waits until Temporal has closed a run that says it has ended.
func (a *api) awaitEnd(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, temporalTimeout)
	defer cancel()
	err := a.Temporal.GetWorkflow(ctx, id, "").Get(ctx, nil)
	var ended *sdk.WorkflowExecutionError
	if errors.As(err, &ended) {
		return nil
	}
	return asFault(err)
}

// requestCancel asks a run to end.
func (a *api) requestCancel(ctx context.Context, id string) error {
	d, err := a.describe(ctx, id)
	if err != nil {
		return err
	}
	ended := fault.New(fault.Conflict, "run %s has ended already", id)
	if d.Status != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return ended
	}
	ctx, cancel := context.WithTimeout(ctx, temporalTimeout)
	defer cancel()
	err = a.Temporal.CancelWorkflow(ctx, id, d.WorkflowExecution.RunID)
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) { // it ended in between
		return ended
	}
	return asFault(err)
}

// asFault gives an error of Temporal the code that says whether a retry helps.
func asFault(err error) error {
	if err == nil {
		return nil
	}
	var (
		missing   *serviceerror.NotFound
		invalid   *serviceerror.InvalidArgument
		exhausted *serviceerror.ResourceExhausted
		known     *fault.Error
	)
	switch {
	case errors.As(err, &known), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &missing):
		return fault.Wrap(fault.NotFound, err, "there is no such run")
	case errors.As(err, &invalid):
		return fault.Wrap(fault.Unprocessable, err, "Temporal does not take the request")
	case errors.As(err, &exhausted):
		return fault.Wrap(fault.Busy, err, "Temporal is busy").WithRetryAfter(2 * time.Second)
	}
	return fault.Wrap(fault.Unavailable, err, "the Temporal server cannot be reached").
		WithHint("is the server that QL_TEMPORAL_URL names running? Runs go on when it is back")
}
