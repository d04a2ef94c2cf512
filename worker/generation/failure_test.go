package generation_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/worker/generation/generationtest"
)

// failing answers the calls of one stage with an error, where there is one.
func failing(stage pipeline.Stage, err func(call int) error) func(context.Context, pipeline.Stage, int) error {
	return func(_ context.Context, s pipeline.Stage, call int) error {
		if s != stage {
			return nil
		}
		return err(call)
	}
}

func TestFaultThatPassesIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := start(t, &generationtest.Script{Before: failing(pipeline.RequirementsParsing, func(call int) error {
		if call <= 2 {
			return fault.New(fault.Unavailable, "the parser is down")
		}
		return nil
	})}, nil)
	run := s.end()
	calls := s.Calls(pipeline.RequirementsParsing)
	if run.Status != workflow.Completed || len(calls) != 3 {
		t.Fatalf("ended as %s after %d calls", run.Status, len(calls))
	}
	if calls[0].EventID == "" || calls[0].EventID != calls[2].EventID {
		t.Errorf("the same work must have the same event ID: %q, %q", calls[0].EventID, calls[2].EventID)
	}
	for _, stage := range pipeline.Stages() {
		if n := len(s.Calls(stage)); stage != pipeline.RequirementsParsing && n != 1 {
			t.Errorf("%s was called %d times", stage, n)
		}
	}
	var tried int
	for _, e := range s.events() {
		if e.Type == event.StageType(pipeline.RequirementsParsing, event.Progress) && strings.Contains(string(e.Data), "the parser is down") {
			tried++
		}
	}
	if tried != 2 {
		t.Errorf("%d failed tries were announced, want 2", tried)
	}
}

func TestFaultThatStaysEndsTheRun(t *testing.T) {
	t.Parallel()
	cut := make(chan struct{})
	s := start(t, &generationtest.Script{Before: func(ctx context.Context, stage pipeline.Stage, _ int) error {
		switch stage {
		case pipeline.CodeGeneration:
			return fault.New(fault.BadModel, "the model server knows no model m").WithHint("name another model")
		case pipeline.TestPlanGeneration: // runs at the same time and would take for ever
			<-ctx.Done()
			close(cut)
			return ctx.Err()
		}
		return nil
	}}, nil)
	run := s.end()
	if run.Status != workflow.Failed || run.Problem == nil || run.Problem.Code != fault.BadModel ||
		!strings.Contains(run.Problem.Detail, "the model server knows no model m") || run.Problem.Hint != "name another model" {
		t.Fatalf("ended as %s: %+v", run.Status, run.Problem)
	}
	if n := len(s.Calls(pipeline.CodeGeneration)); n != 1 {
		t.Errorf("a fault that stays was tried %d times", n)
	}
	select {
	case <-cut:
	case <-time.After(patience):
		t.Error("the stage that ran at the same time was not cut")
	}
	for stage, want := range map[pipeline.Stage]workflow.Status{
		pipeline.ProjectStructure: workflow.Completed, pipeline.CodeGeneration: workflow.Failed,
		pipeline.TestPlanGeneration: workflow.Cancelled, pipeline.Documentation: workflow.Skipped, pipeline.PackagingStep: workflow.Skipped,
	} {
		if got := state(run, stage).Status; got != want {
			t.Errorf("%s ended as %s, want %s", stage, got, want)
		}
	}
	const want = "10 of the 14 steps were not done."
	if !slices.Contains(run.Findings, want) {
		t.Errorf("findings %q, want %q", run.Findings, want)
	}
}

func TestFaultThatDoesNotPassGivesUp(t *testing.T) {
	t.Parallel()
	s := start(t, &generationtest.Script{Before: failing(pipeline.PromptEnhancement, func(int) error {
		return fault.New(fault.ModelDown, "nobody answers")
	})}, func(in *workflow.Input) { in.MaximumAttempts = 2 })
	run := s.end()
	if n := len(s.Calls(pipeline.PromptEnhancement)); run.Status != workflow.Failed || run.Problem.Code != fault.ModelDown || n != 2 {
		t.Errorf("ended as %s after %d tries: %+v", run.Status, n, run.Problem)
	}
}

func TestRefusalIsAResultWithAReason(t *testing.T) {
	t.Parallel()
	refuse := true
	script := &generationtest.Script{FRD: func(pipeline.FRDGenerationIn) pipeline.FRDGenerationOut {
		if !refuse {
			return pipeline.FRDGenerationOut{Markdown: "# Greeting"}
		}
		return pipeline.FRDGenerationOut{Refusal: &pipeline.Refusal{Reason: "a poem is no software", Hint: "describe a program"}}
	}}
	s := start(t, script, nil)
	run := s.end()
	if run.Status != workflow.Failed || run.Problem.Code != fault.Refused || run.Problem.Hint != "describe a program" ||
		!strings.Contains(run.Problem.Detail, "a poem is no software") {
		t.Fatalf("ended as %s: %+v", run.Status, run.Problem)
	}
	if len(run.Findings) > 0 {
		t.Errorf("a refusal has its reason, and findings beside: %q", run.Findings)
	}
	if n := len(s.Calls(pipeline.FRDGeneration)); n != 1 {
		t.Errorf("a refusal was asked for %d times", n)
	}

	refuse = false
	input := generationtest.Input()
	input.Attempt = 2
	s.again(input)
	if run := s.end(); run.Status != workflow.Completed || len(s.Calls(pipeline.FRDGeneration)) != 2 || len(s.Calls(pipeline.PromptEnhancement)) != 1 {
		t.Errorf("the retry ended as %s: %+v", run.Status, run.Problem)
	}
}

func TestCancellationReachesTheCall(t *testing.T) {
	t.Parallel()
	s := start(t, &generationtest.Script{Before: func(ctx context.Context, stage pipeline.Stage, _ int) error {
		if stage == pipeline.CodeGeneration {
			<-ctx.Done() // the connection is closed
			return ctx.Err()
		}
		return nil
	}}, nil)
	eventually(t, "code-generation is called", func() bool { return len(s.Calls(pipeline.CodeGeneration)) == 1 })
	if err := platform.Temporal.Client().CancelWorkflow(t.Context(), s.id, ""); err != nil {
		t.Fatal(err)
	}
	run := s.end()
	if run.Status != workflow.Cancelled || state(run, pipeline.CodeGeneration).Status != workflow.Cancelled {
		t.Errorf("ended as %s: %+v", run.Status, run.Problem)
	}
	if c := s.Calls(pipeline.CodeGeneration)[0]; !c.Cut {
		t.Error("the stage's server did not see its connection closed before the run had ended")
	}
	if last := s.events(); last[len(last)-1].Type != event.WorkflowCancelled {
		t.Errorf("the last event is %s", last[len(last)-1].Type)
	}
}

func TestRetryDoesNothingTwice(t *testing.T) {
	t.Parallel()
	broken := true
	s := start(t, &generationtest.Script{Before: failing(pipeline.Documentation, func(int) error {
		if broken {
			return fault.New(fault.BadModel, "no")
		}
		return nil
	})}, nil)
	if run := s.end(); run.Status != workflow.Failed {
		t.Fatalf("ended as %s", run.Status)
	}
	broken = false
	input := generationtest.Input()
	input.Attempt, input.Request.Model = 2, "another"
	s.again(input)
	run := s.end()
	if run.Status != workflow.Completed || run.Attempt != 2 {
		t.Fatalf("the retry ended as %s: %+v", run.Status, run.Problem)
	}
	for _, stage := range append(pipeline.Stages(), pipeline.VerificationStep) {
		calls := 1
		if stage == pipeline.Documentation {
			calls = 2
		}
		if n := len(s.Calls(stage)); n != calls {
			t.Errorf("%s was called %d times, want %d", stage, n, calls)
		}
		if st := state(run, stage); st.Reused != (calls == 1) {
			t.Errorf("%s: reused is %t", stage, st.Reused)
		}
	}
	if run.Usage.Calls != 7 {
		t.Errorf("usage %+v, want that of both attempts together", run.Usage)
	}
}

func TestPathsOutOfTheProjectAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, &generationtest.Script{Code: func(pipeline.CodeGenerationIn) pipeline.CodeGenerationOut {
		return pipeline.CodeGenerationOut{SourceFiles: pipeline.SourceFiles{Files: []pipeline.File{{Path: "../evil.go", Content: "package evil\n"}}}}
	}}, nil)
	if run := s.end(); run.Status != workflow.Failed || run.Problem.Code != fault.BadAnswer || !strings.Contains(run.Problem.Detail, "../evil.go") {
		t.Errorf("ended as %s: %+v", run.Status, run.Problem)
	}
	for _, d := range s.drops(drop.TypeFile) {
		if d.Stage == string(pipeline.CodeGeneration) {
			t.Errorf("%s was kept", d.Address())
		}
	}
}

func TestLargePayloadsTravelByReference(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("// padding\n", 100_000) // over 1 MiB
	s := start(t, &generationtest.Script{Code: func(in pipeline.CodeGenerationIn) pipeline.CodeGenerationOut {
		out := (&coder{}).write(in)
		out.Files[0].Content += large
		return out
	}}, nil)
	if run := s.end(); run.Status != workflow.Completed {
		t.Fatalf("ended as %s: %+v", run.Status, run.Problem)
	}
	if n := len(s.drops(drop.TypePayload)); n < 2 {
		t.Errorf("%d payloads were kept, want at least the answer of code-generation and a request of a stage that reads it", n)
	}
}

func TestEventsTellTheRun(t *testing.T) {
	t.Parallel()
	s := start(t, &generationtest.Script{}, nil)
	run := s.end()
	events := s.events()
	counts := map[string]int{}
	for _, e := range events {
		counts[e.Type]++
	}
	want := map[string]int{event.WorkflowStarted: 1, event.WorkflowCompleted: 1, event.CapsuleCreated: 1}
	for _, stage := range append(pipeline.Stages(), pipeline.VerificationStep, pipeline.PackagingStep) {
		want[event.StageType(stage, event.Started)], want[event.StageType(stage, event.Completed)] = 1, 1
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("events:\n%s", diff)
	}
	if first, last := events[0], events[len(events)-1]; first.Type != event.WorkflowStarted || last.Type != event.WorkflowCompleted {
		t.Errorf("the events begin with %s and end with %s", first.Type, last.Type)
	}
	for _, e := range events {
		if e.Type != event.StageType(pipeline.CodeGeneration, event.Completed) {
			continue
		}
		var got workflow.StageState
		if err := json.Unmarshal(e.Data, &got); err != nil {
			t.Fatal(err)
		}
		final := state(run, pipeline.CodeGeneration)
		if got.DropID != final.DropID || got.Usage != final.Usage || !got.StartedAt.Equal(*final.StartedAt) || got.Status != final.Status || got.Detail != "2 files" {
			t.Errorf("the event says %+v, the run %+v", got, final)
		}
	}
	var ended workflow.Run
	if err := json.Unmarshal(events[len(events)-1].Data, &ended); err != nil || ended.Status != workflow.Completed || ended.Attempt != 1 {
		t.Errorf("the last event says %+v (%v)", ended, err)
	}
}
