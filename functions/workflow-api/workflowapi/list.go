package workflowapi

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

type runsPage struct{ Body workflow.Page }

// list pages through Temporal's visibility store, whose order it keeps.
func (a *api) list(ctx context.Context, in *listInput) (*runsPage, error) {
	ctx, cancel := context.WithTimeout(ctx, temporalTimeout)
	defer cancel()
	token, err := parseCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	listed, err := a.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		PageSize: int32(in.Limit), NextPageToken: token, Query: inState(workflow.Status(in.Status)),
	})
	if err != nil {
		return nil, asFault(err)
	}
	latest, err := a.latest(ctx, listed.GetExecutions())
	if err != nil {
		return nil, err
	}
	page := workflow.Page{Runs: []workflow.Summary{}, Cursor: newCursor(listed.GetNextPageToken())}
	for _, e := range listed.GetExecutions() {
		if run := e.GetExecution(); latest[run.GetWorkflowId()] == "" || latest[run.GetWorkflowId()] == run.GetRunId() {
			page.Runs = append(page.Runs, summarise(e))
		}
	}
	return &runsPage{Body: page}, nil
}

// newCursor is a page token of Temporal in a URL. Temporal fails as if it were broken on a token that is none, so there is a
// checksum.
func newCursor(token []byte) string {
	if len(token) == 0 {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(token)), token...))
}

func parseCursor(cursor string) ([]byte, error) {
	if cursor == "" {
		return nil, nil
	}
	const sum = 4
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) <= sum || binary.BigEndian.Uint32(raw) != crc32.ChecksumIEEE(raw[sum:]) {
		return nil, fault.New(fault.Unprocessable, "the cursor is none that this service gave out")
	}
	return raw[sum:], nil
}

// inState is the visibility query for runs in a state; empty: in any.
func inState(status workflow.Status) string {
	query := fmt.Sprintf("WorkflowType = '%s'", workflow.TypeName)
	is := fmt.Sprintf("%s = '%s'", workflow.AttributeStatus, status)
	switch status {
	case "":
		return query
	case workflow.Running: // one that was ended past its workflow still says that it runs
		return query + " AND " + is + " AND ExecutionStatus = 'Running'"
	case workflow.Failed:
		return query + " AND (" + is + " OR ExecutionStatus = 'TimedOut')"
	case workflow.Cancelled:
		return query + " AND (" + is + " OR ExecutionStatus = 'Terminated')"
	}
	return query + " AND " + is
}

// latest gives the latest Temporal run of each run that may have been retried since, for a list has each of them.
func (a *api) latest(ctx context.Context, executions []*workflowpb.WorkflowExecutionInfo) (map[string]string, error) {
	var ids []string
	for _, e := range executions {
		if status := statusOf(e); status.Ended() && status != workflow.Completed {
			ids = append(ids, "'"+strings.ReplaceAll(e.GetExecution().GetWorkflowId(), "'", "''")+"'")
		}
	}
	latest := map[string]string{}
	if ids == nil {
		return latest, nil
	}
	started := map[string]time.Time{}
	request := &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000,
		Query: fmt.Sprintf("WorkflowType = '%s' AND WorkflowId IN (%s)", workflow.TypeName, strings.Join(ids, ", "))}
	for {
		listed, err := a.Temporal.ListWorkflow(ctx, request)
		if err != nil {
			return nil, asFault(err)
		}
		for _, e := range listed.GetExecutions() {
			id := e.GetExecution().GetWorkflowId()
			if at := e.GetStartTime().AsTime(); !at.Before(started[id]) {
				started[id], latest[id] = at, e.GetExecution().GetRunId()
			}
		}
		if request.NextPageToken = listed.GetNextPageToken(); len(request.NextPageToken) == 0 {
			return latest, nil
		}
	}
}

// summarise reads a run out of what visibility keeps of it.
func summarise(e *workflowpb.WorkflowExecutionInfo) workflow.Summary {
	run := workflow.Summary{
		ID: e.GetExecution().GetWorkflowId(), Attempt: decode[int](e.GetMemo().GetFields()[workflow.MemoAttempt]),
		Status: statusOf(e), Stage: pipeline.Stage(keyword(e, workflow.AttributeStage)), StartedAt: e.GetStartTime().AsTime(),
		Request: workflow.SummaryRequest{
			Prompt:   keyword(e, workflow.AttributePrompt),
			Language: keyword(e, workflow.AttributeLanguage),
			Type:     keyword(e, workflow.AttributeProjectType),
		},
	}
	if e.GetCloseTime() != nil {
		closed := e.GetCloseTime().AsTime()
		run.EndedAt = &closed
	}
	return run
}

// statusOf trusts Temporal about runs that were ended past their workflow, else what the workflow said.
func statusOf(e *workflowpb.WorkflowExecutionInfo) workflow.Status {
	switch e.GetStatus() {
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return workflow.Cancelled
	case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return workflow.Failed
	}
	return workflow.Status(keyword(e, workflow.AttributeStatus))
}

func keyword(e *workflowpb.WorkflowExecutionInfo, name string) string {
	return decode[string](e.GetSearchAttributes().GetIndexedFields()[name])
}

// decode gives the zero value for what is not set, or by someone else to something else.
func decode[T any](payload *commonpb.Payload) T {
	var value, zero T
	if payload == nil || converter.GetDefaultDataConverter().FromPayload(payload, &value) != nil {
		return zero
	}
	return value
}
