package workflowapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/functions/workflow-api/workflowapi"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/temporal"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflowclient"
	"github.com/quantumlayer-dev/quantumlayer/worker/generation/generationtest"
)

// platform is shared by the tests: each has runs of its own.
var platform *generationtest.Platform

func TestMain(m *testing.M) { os.Exit(generationtest.Main(m, &platform)) }

const patience = time.Minute

// serve starts workflow-api for a test and gives a client of it, its URL and what makes it stop as on SIGTERM.
func serve(t *testing.T) (*workflowclient.Client, string, context.CancelFunc) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	handler := workflowapi.Handler(ctx, workflowapi.Parts{Temporal: platform.Temporal.Client(), Events: platform.Events, Drops: platform.Drops})
	s := httptest.NewServer(runner.Guard(handler, 64<<20))
	t.Cleanup(func() { stop(); s.Close() })
	return clientOf(t, s.URL), s.URL, stop
}

func clientOf(t *testing.T, url string) *workflowclient.Client {
	t.Helper()
	c, err := workflowclient.New(url)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func request() workflow.Start { return workflow.Start{Request: generationtest.Input().Request} }

// create starts a run that a script answers to.
func create(t *testing.T, c *workflowclient.Client, s *generationtest.Script) string {
	t.Helper()
	run, err := c.Start(t.Context(), request(), "")
	if err != nil {
		t.Fatal(err)
	}
	platform.Play(run.ID, s)
	return run.ID
}

// await reads a run until it is as wanted.
func await(t *testing.T, c *workflowclient.Client, id string, is func(workflow.Run) bool) workflow.Run {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		run, err := c.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if is(run) {
			return run
		}
		if time.Now().After(deadline) {
			t.Fatalf("not after %s; the run: %+v", patience, run)
		}
	}
}

func ended(run workflow.Run) bool { return run.Status.Ended() }

// runs says that a stage is being done.
func runs(stage pipeline.Stage) func(workflow.Run) bool {
	return func(run workflow.Run) bool {
		return slices.ContainsFunc(run.Stages, func(s workflow.StageState) bool { return s.Stage == stage && s.Status == workflow.Running })
	}
}

// hanging answers a stage's calls only when their connection is closed.
func hanging(stage pipeline.Stage) *generationtest.Script {
	return &generationtest.Script{Before: func(ctx context.Context, s pipeline.Stage, _ int) error {
		if s == stage {
			<-ctx.Done()
		}
		return ctx.Err()
	}}
}

// breaking answers a stage's first call with a fault that stays.
func breaking(stage pipeline.Stage) *generationtest.Script {
	return &generationtest.Script{Before: func(_ context.Context, s pipeline.Stage, call int) error {
		if s == stage && call == 1 {
			return fault.New(fault.BadModel, "no such model")
		}
		return nil
	}}
}

func wantFault(t *testing.T, err error, code fault.Code) {
	t.Helper()
	if !fault.Is(err, code) {
		t.Errorf("got %v, want a fault %s", err, code)
	}
}

func TestRunFromStartToEnd(t *testing.T) {
	t.Parallel()
	c, url, _ := serve(t)
	id := create(t, c, &generationtest.Script{})
	run := await(t, c, id, ended)
	if run.ID != id || run.Status != workflow.Completed || run.Attempt != 1 || len(run.Stages) != 14 || !run.Verification.Verified {
		t.Errorf("ended as %+v", run)
	}
	if diff := cmp.Diff(generationtest.Input().Request, run.Request); diff != "" {
		t.Errorf("its request:\n%s", diff)
	}
	resp, err := http.Post(url+"/v1/workflows", "application/json", strings.NewReader(`{"prompt":"A library that greets."}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	location := resp.Header.Get("Location")
	other, found := strings.CutPrefix(location, "/v1/workflows/run-")
	if resp.StatusCode != http.StatusAccepted || !found || len(other) != 16 {
		t.Errorf("started with %s, Location %q", resp.Status, location)
	}
	platform.Play("run-"+other, &generationtest.Script{})
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	c, _, _ := serve(t)
	first, err := c.Start(t.Context(), request(), t.Name())
	if err != nil {
		t.Fatal(err)
	}
	platform.Play(first.ID, &generationtest.Script{})
	await(t, c, first.ID, ended)
	again, err := c.Start(t.Context(), request(), t.Name())
	if err != nil || again.ID != first.ID || again.Status != workflow.Completed {
		t.Errorf("the same request again gives %s, %s (%v)", again.ID, again.Status, err)
	}
	other := request()
	other.Prompt += " In French."
	_, err = c.Start(t.Context(), other, t.Name())
	wantFault(t, err, fault.Conflict)
	rounds := 0
	other = request()
	other.RepairRounds = &rounds
	_, err = c.Start(t.Context(), other, t.Name())
	wantFault(t, err, fault.Conflict)
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	_, url, _ := serve(t)
	for name, test := range map[string]struct {
		body   string
		status int
		fields []string
	}{
		"no JSON":           {"prompt", 400, []string{"body"}},
		"not UTF-8":         {"{\"prompt\":\"\xff\xfe\"}", 400, nil},
		"no prompt":         {`{}`, 422, []string{"body"}},
		"empty prompt":      {`{"prompt":"  "}`, 422, []string{"body.prompt"}},
		"long prompt":       {`{"prompt":"` + strings.Repeat("x", pipeline.PromptLimit+1) + `"}`, 422, []string{"body.prompt"}},
		"too large":         {`{"prompt":"` + strings.Repeat("x", workflowapi.BodyLimit) + `"}`, 413, nil},
		"two wrong":         {`{"prompt":"x","language":"cobol","type":"game"}`, 422, []string{"body.language", "body.type"}},
		"unknown field":     {`{"prompt":"x","colour":"red"}`, 422, []string{"body.colour"}},
		"many rounds":       {`{"prompt":"x","repair_rounds":99}`, 422, []string{"body.repair_rounds"}},
		"wrong type":        {`{"prompt":7}`, 422, []string{"body.prompt"}},
		"another framework": {`{"prompt":"x","framework":"rails"}`, 422, []string{"body.framework"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, err := http.Post(url+"/v1/workflows", "application/json", strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			f := fault.From(fault.FromResponse(resp, "workflow-api"))
			var fields []string
			for _, field := range f.Fields {
				fields = append(fields, field.Location)
			}
			if resp.StatusCode != test.status || resp.Header.Get("Content-Type") != fault.ProblemType || !cmp.Equal(test.fields, fields) {
				t.Errorf("got %s, %s, fields %q (%v), want %d, %q", resp.Status, resp.Header.Get("Content-Type"), fields, f, test.status, test.fields)
			}
		})
	}
}

func TestUnknownRun(t *testing.T) {
	t.Parallel()
	c, _, _ := serve(t)
	_, err := c.Get(t.Context(), "run-none")
	wantFault(t, err, fault.NotFound)
	wantFault(t, c.Cancel(t.Context(), "run-none"), fault.NotFound)
	_, err = c.Retry(t.Context(), "run-none", workflow.Retry{})
	wantFault(t, err, fault.NotFound)
	_, err = c.Drops(t.Context(), "run-none", "", "")
	wantFault(t, err, fault.NotFound)
	_, err = c.Drop(t.Context(), "run-none", "drop_"+strings.Repeat("0", 32))
	wantFault(t, err, fault.NotFound)
	_, err = c.File(t.Context(), "run-none", "go.mod")
	wantFault(t, err, fault.NotFound)
	wantFault(t, c.Capsule(t.Context(), "run-none", nil), fault.NotFound)
	for _, err := range c.Events(t.Context(), "run-none", 0) {
		wantFault(t, err, fault.NotFound)
	}
	_, err = c.Get(t.Context(), "Run_None")
	wantFault(t, err, fault.Unprocessable)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	c, _, _ := serve(t)
	id := create(t, c, hanging(pipeline.ProjectStructure))
	await(t, c, id, runs(pipeline.ProjectStructure))
	_, err := c.Retry(t.Context(), id, workflow.Retry{})
	wantFault(t, err, fault.Conflict) // it goes on
	wantFault(t, c.Capsule(t.Context(), id, nil), fault.Conflict)
	if err := c.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if run := await(t, c, id, ended); run.Status != workflow.Cancelled || run.Request.Prompt == "" {
		t.Errorf("ended as %+v", run)
	}
	wantFault(t, c.Capsule(t.Context(), id, nil), fault.NotFound)
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) { // until Temporal has closed it
		if err = c.Cancel(t.Context(), id); fault.Is(err, fault.Conflict) {
			return
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("cancelling an ended run: %v", err)
		}
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	c, _, _ := serve(t)
	script := breaking(pipeline.CodeGeneration)
	id := create(t, c, script)
	if run := await(t, c, id, ended); run.Status != workflow.Failed || run.Problem.Code != fault.BadModel || run.EndedAt == nil {
		t.Fatalf("ended as %+v", run)
	}
	model := "another"
	again, err := c.Retry(t.Context(), id, workflow.Retry{Model: &model})
	if err != nil || again.ID != id || again.Attempt != 2 || again.Status != workflow.Running {
		t.Fatalf("the retry began as %+v (%v)", again, err)
	}
	run := await(t, c, id, ended)
	if run.Status != workflow.Completed || run.Attempt != 2 || run.Request.Model != model {
		t.Errorf("the retry ended as %+v", run)
	}
	for stage, want := range map[pipeline.Stage]int{pipeline.FRDGeneration: 1, pipeline.CodeGeneration: 2} {
		if n := len(script.Calls(stage)); n != want {
			t.Errorf("%s was called %d times, want %d", stage, n, want)
		}
	}
	_, err = c.Retry(t.Context(), id, workflow.Retry{})
	wantFault(t, err, fault.Conflict) // it is completed
}

func TestRetryWithoutBody(t *testing.T) {
	t.Parallel()
	c, url, _ := serve(t)
	id := create(t, c, breaking(pipeline.FRDGeneration))
	await(t, c, id, ended)
	resp, err := http.Post(url+"/v1/workflows/"+id+"/retry", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("got %s", resp.Status)
	}
	if run := await(t, c, id, ended); run.Status != workflow.Completed {
		t.Errorf("the retry ended as %s", run.Status)
	}
}

func TestRunEndedPastItsWorkflow(t *testing.T) {
	t.Parallel()
	c, _, _ := serve(t)
	id := create(t, c, hanging(pipeline.FRDGeneration))
	await(t, c, id, runs(pipeline.FRDGeneration))
	if err := platform.Temporal.Client().TerminateWorkflow(t.Context(), id, "", "an operator"); err != nil {
		t.Fatal(err)
	}
	if run := await(t, c, id, ended); run.Status != workflow.Cancelled || !strings.Contains(run.Problem.Detail, "Terminated") || run.Request.Prompt == "" {
		t.Errorf("it is %+v", run)
	}
}

func TestTemporalThatIsGone(t *testing.T) {
	t.Parallel()
	gone, err := temporal.Open(t.Context(), temporal.Options{URL: platform.Temporal.URL()})
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Close(t.Context()); err != nil { // its client answers as one whose server went away
		t.Fatal(err)
	}
	s := httptest.NewServer(workflowapi.Handler(t.Context(), workflowapi.Parts{Temporal: gone.Client(), Events: platform.Events, Drops: platform.Drops}))
	defer s.Close()
	c := clientOf(t, s.URL)
	_, err = c.Start(t.Context(), request(), "")
	wantFault(t, err, fault.Unavailable)
	if hint := fault.From(err).Hint; !strings.Contains(hint, "QL_TEMPORAL_URL") {
		t.Errorf("hint %q", hint)
	}
	_, err = c.Get(t.Context(), "run-any")
	wantFault(t, err, fault.Unavailable)
	_, err = c.Page(t.Context(), "", "", 0)
	wantFault(t, err, fault.Unavailable)
}
