package workflowapi

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

const (
	runsPath = "/v1/workflows"
	runPath  = runsPath + "/{id}"
)

// RunID is the path parameter that all routes of one run have.
type RunID struct {
	ID string `path:"id" maxLength:"64" pattern:"^[a-z0-9-]+$" doc:"ID of the run" example:"run-k4w2m7x5q3b6d7fa"`
}

// oneRun answers with a run.
type oneRun struct {
	Status   int
	Location string `header:"Location" doc:"URL of the run"`
	Body     workflow.Run
}

type startInput struct {
	Key     string `header:"Idempotency-Key" maxLength:"255" doc:"Any text of yours. The same key and body start one run however often they are sent; the same key with another body is a conflict"`
	RawBody []byte
	Body    workflow.Start
}

type listInput struct {
	Status string `query:"status" enum:"running,completed,completed_with_findings,failed,cancelled" doc:"Only runs in this state"`
	Cursor string `query:"cursor" maxLength:"8192" doc:"The cursor of the page before"`
	Limit  int    `query:"limit" default:"20" minimum:"1" maximum:"100" doc:"Runs on a page; there may be fewer though more follow"`
}

func (a *api) registerRuns(h huma.API) {
	huma.Register(h, operation("start-run", http.MethodPost, runsPath, "runs", "Start a run",
		"Answers at once. Follow the run by its events or by reading it.", http.StatusAccepted, 400, 409, 413, 422, 503), a.start)
	huma.Register(h, operation("list-runs", http.MethodGet, runsPath, "runs", "List runs",
		"Those that go on come first, then those that ended, the latest first.", http.StatusOK, 422, 503), a.list)
	huma.Register(h, operation("get-run", http.MethodGet, runPath, "runs", "Read a run",
		"", http.StatusOK, 404, 503), a.get)
	huma.Register(h, operation("retry-run", http.MethodPost, runPath+"/retry", "runs", "Let a run that ended go on",
		"For runs that failed, were cancelled, or completed with findings. What is finished stays as it is; the body may change the rest.",
		http.StatusAccepted, 400, 404, 409, 422, 503), a.retry)
	huma.Register(h, operation("cancel-run", http.MethodDelete, runPath, "runs", "Cancel a run",
		"Answers before the run has ended: its running calls are cut first.", http.StatusAccepted, 404, 409, 503), a.cancel)
}

// operation describes a route.
func operation(id, method, path, tag, summary, more string, status int, errors ...int) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Tags: []string{tag}, Summary: summary, Description: more,
		DefaultStatus: status, Errors: errors, MaxBodyBytes: BodyLimit}
}

func (a *api) start(ctx context.Context, in *startInput) (*oneRun, error) {
	run, found, err := a.begin(ctx, in)
	if err == nil && found {
		run, err = a.run(ctx, run.ID)
	}
	if err != nil {
		return nil, err
	}
	return &oneRun{Status: http.StatusAccepted, Location: runsPath + "/" + run.ID, Body: run}, nil
}

// begin starts a run, or finds the one that the same request with the same idempotency key has started: of that one, run says
// only the ID.
func (a *api) begin(ctx context.Context, in *startInput) (run workflow.Run, found bool, err error) {
	if !utf8.Valid(in.RawBody) { // the decoder would put U+FFFD in its place
		return run, false, fault.New(fault.Invalid, "the body is not UTF-8 text")
	}
	request := in.Body.Request
	if err := request.Normalise(); err != nil {
		return run, false, inBody(err)
	}
	input := workflow.Input{Tenant: a.tenant, Request: request, Attempt: 1, RepairRounds: workflow.DefaultRepairRounds}
	if in.Body.RepairRounds != nil {
		input.RepairRounds = *in.Body.RepairRounds
	}
	id := "run-" + shortID([]byte(rand.Text()))
	if in.Key != "" {
		raw, err := json.Marshal(input)
		if err != nil {
			return run, false, fmt.Errorf("encoding the request: %w", err)
		}
		sum := sha256.Sum256(raw)
		input.RequestSHA256 = hex.EncodeToString(sum[:])
		id = "run-" + shortID([]byte(a.tenant+"\x00"+in.Key))
	}
	found, err = a.startRun(ctx, id, input)
	if found {
		return workflow.Run{ID: id}, true, err
	}
	return newRun(id, input), false, err
}

// startRun starts a run, or finds that the same request with the same idempotency key has started it.
func (a *api) startRun(ctx context.Context, id string, input workflow.Input) (found bool, err error) {
	err = a.execute(ctx, id, input, firstRun)
	if !fault.Is(err, fault.Conflict) || input.RequestSHA256 == "" {
		return false, err
	}
	first, err := a.input(ctx, id, "")
	if err != nil {
		return false, err
	}
	if first.RequestSHA256 != input.RequestSHA256 {
		return false, fault.New(fault.Conflict, "the idempotency key belongs to run %s, which has another request", id).
			WithHint("take a new key for a new request")
	}
	return true, nil
}

// newRun is a run that has just been started.
func newRun(id string, input workflow.Input) workflow.Run {
	run := workflow.Run{ID: id, Attempt: input.Attempt, Status: workflow.Running, Request: input.Request, StartedAt: time.Now().UTC()}
	for _, stage := range append(pipeline.Stages(), pipeline.VerificationStep, pipeline.PackagingStep) {
		run.Stages = append(run.Stages, workflow.StageState{Stage: stage, Number: stage.Number(), Status: workflow.Pending})
	}
	return run
}

// shortID is 16 characters that name data.
func shortID(data []byte) string {
	sum := sha256.Sum256(data)
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))
}

// inBody says of wrong fields that they stand in the body.
func inBody(err error) error {
	f := *fault.From(err)
	f.Fields = nil
	for _, field := range fault.From(err).Fields {
		f.Fields = append(f.Fields, fault.Field{Location: "body." + field.Location, Message: field.Message})
	}
	return &f
}

func (a *api) get(ctx context.Context, in *RunID) (*struct{ Body workflow.Run }, error) {
	run, err := a.run(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body workflow.Run }{run}, nil
}

func (a *api) retry(ctx context.Context, in *struct {
	RunID
	Body *workflow.Retry
}) (*oneRun, error) {
	run, err := a.run(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	switch {
	case !run.Status.Ended():
		return nil, fault.New(fault.Conflict, "run %s goes on; there is nothing to retry", in.ID)
	case run.Status == workflow.Completed:
		return nil, fault.New(fault.Conflict, "run %s is completed; there is nothing to retry", in.ID)
	case run.Verified():
		return nil, fault.New(fault.Conflict, "run %s is verified; another attempt would go on from the same document, which leaves the same parts of the prompt out", in.ID).
			WithHint("start a run with those parts in other words, or with another model")
	}
	input, err := a.input(ctx, in.ID, "")
	if err != nil {
		return nil, err
	}
	input.Attempt++
	if in.Body != nil && in.Body.Model != nil {
		input.Request.Model = *in.Body.Model
	}
	if in.Body != nil && in.Body.RepairRounds != nil {
		input.RepairRounds = *in.Body.RepairRounds
	}
	if err := input.Request.Normalise(); err != nil {
		return nil, inBody(err)
	}
	if err := a.awaitEnd(ctx, in.ID); err != nil {
		return nil, err
	}
	if err := a.execute(ctx, in.ID, input, furtherRun); err != nil {
		return nil, err
	}
	return &oneRun{Status: http.StatusAccepted, Location: runsPath + "/" + in.ID, Body: newRun(in.ID, input)}, nil
}

func (a *api) cancel(ctx context.Context, in *RunID) (*struct{ Status int }, error) {
	if err := a.requestCancel(ctx, in.ID); err != nil {
		return nil, err
	}
	return &struct{ Status int }{http.StatusAccepted}, nil
}
