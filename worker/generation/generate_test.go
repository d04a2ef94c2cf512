package generation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/temporal"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/temporal"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/worker/generation/generationtest"
)

// platform is shared by the tests: each has a run, a script and drops of its own.
var platform *generationtest.Platform

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := runChild(dir, os.Getenv(childWorld)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(generationtest.Main(m, &platform))
}

// patience is how long a test waits for a run that takes seconds.
const patience = 2 * time.Minute

// started is a run of a test.
type started struct {
	*generationtest.Script
	t   *testing.T
	id  string
	run client.WorkflowRun
}

// runID makes a run's ID out of the test's name.
func runID(t *testing.T) string {
	return "run-" + strings.ToLower(strings.NewReplacer("_", "-", "/", "-").Replace(t.Name()))
}

// start starts a run under the test's name.
func start(t *testing.T, script *generationtest.Script, change func(*workflow.Input)) *started {
	t.Helper()
	input := generationtest.Input()
	if change != nil {
		change(&input)
	}
	id := runID(t)
	s := &started{Script: platform.Play(id, script), t: t, id: id}
	s.again(input)
	return s
}

// again starts a further Temporal run of the same run.
func (s *started) again(input workflow.Input) {
	s.t.Helper()
	run, err := platform.Temporal.Client().ExecuteWorkflow(s.t.Context(),
		client.StartWorkflowOptions{ID: s.id, TaskQueue: temporal.TaskQueue}, workflow.TypeName, input)
	if err != nil {
		s.t.Fatal(err)
	}
	s.run = run
}

// end waits for the end of the run, which is in the details of an error when it failed or was cancelled.
func (s *started) end() workflow.Run {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	var run workflow.Run
	err := s.run.Get(ctx, &run)
	var failed *sdk.ApplicationError
	var cancelled *sdk.CanceledError
	switch {
	case errors.As(err, &failed):
		err = failed.Details(&run)
	case errors.As(err, &cancelled):
		err = cancelled.Details(&run)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return run
}

// query asks the run how it stands.
func (s *started) query() workflow.Run {
	s.t.Helper()
	var run workflow.Run
	answer, err := platform.Temporal.Client().QueryWorkflow(s.t.Context(), s.id, "", workflow.RunQuery)
	if err == nil {
		err = answer.Get(&run)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return run
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not after %s: %s", patience, what)
		}
	}
}

func state(run workflow.Run, stage pipeline.Stage) workflow.StageState {
	i := slices.IndexFunc(run.Stages, func(s workflow.StageState) bool { return s.Stage == stage })
	return run.Stages[i]
}

// drops gives the drops of a run of a type, with artefacts.
func (s *started) drops(kind drop.Type) []drop.Drop {
	s.t.Helper()
	var all []drop.Drop
	for d, err := range platform.Drops.All(s.t.Context(), drop.Query{WorkflowID: s.id, Type: kind, WithArtifacts: true}) {
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

func TestVerifiedProjectCompletes(t *testing.T) {
	t.Parallel()
	s := start(t, &generationtest.Script{}, nil)
	run := s.end()

	if run.Status != workflow.Completed || run.Problem != nil || run.EndedAt == nil || run.ID != s.id {
		t.Fatalf("the run ended so: %+v", run)
	}
	for _, stage := range run.Stages {
		if stage.Status != workflow.Completed || stage.StartedAt == nil || stage.EndedAt == nil || stage.DropID == "" || stage.Reused {
			t.Errorf("stage %s: %+v", stage.Stage, stage)
		}
	}
	for _, stage := range pipeline.Stages() {
		if n := len(s.Calls(stage)); n != 1 {
			t.Errorf("%s was called %d times", stage, n)
		}
	}
	v := *run.Verification
	v.DropID = ""
	if diff := cmp.Diff(workflow.Verification{Verified: true, Mode: "namespaces", Build: "passed", Vet: "passed", Tests: "passed", Passed: 2}, v); diff != "" {
		t.Errorf("verification:\n%s", diff)
	}
	if run.Capsule == nil || run.Capsule.SHA256 == "" || run.Capsule.Files != 5 {
		t.Errorf("capsule %+v, want one with 2 source files, a test, go.mod and README", run.Capsule)
	}
	want := generationtest.Usage
	for range 6 {
		want.Add(generationtest.Usage)
	}
	if diff := cmp.Diff(want, run.Usage); diff != "" {
		t.Errorf("usage of seven stages that ask a model:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Security: business logic"}, run.NotChecked); diff != "" {
		t.Errorf("not checked:\n%s", diff)
	}
	if run.Request != (pipeline.Request{}) {
		t.Error("the result repeats the request, which the history has already")
	}
	if queried := s.query(); queried.Request.Prompt != generationtest.Input().Request.Prompt || queried.Status != workflow.Completed {
		t.Errorf("the query answers %+v", queried)
	}
}

func TestStagesThatDoNotNeedEachOtherRunAtTheSameTime(t *testing.T) {
	t.Parallel()
	// Each of the two waits until the other is there too.
	meet := func(a, b pipeline.Stage) func(ctx context.Context, stage pipeline.Stage) {
		arrived := map[pipeline.Stage]chan struct{}{a: make(chan struct{}), b: make(chan struct{})}
		other := map[pipeline.Stage]pipeline.Stage{a: b, b: a}
		return func(ctx context.Context, stage pipeline.Stage) {
			if o, ok := other[stage]; ok {
				close(arrived[stage])
				select {
				case <-arrived[o]:
				case <-ctx.Done():
				}
			}
		}
	}
	pairs := [][2]pipeline.Stage{
		{pipeline.CodeGeneration, pipeline.TestPlanGeneration},
		{pipeline.SemanticValidation, pipeline.TestGeneration},
		{pipeline.SecurityScanning, pipeline.Documentation},
	}
	var meetings []func(context.Context, pipeline.Stage)
	for _, p := range pairs {
		meetings = append(meetings, meet(p[0], p[1]))
	}
	s := start(t, &generationtest.Script{Before: func(ctx context.Context, stage pipeline.Stage, _ int) error {
		for _, m := range meetings {
			m(ctx, stage)
		}
		return ctx.Err()
	}}, nil)
	if run := s.end(); run.Status != workflow.Completed {
		t.Fatalf("ended as %s: %+v", run.Status, run.Problem)
	}
	for _, p := range pairs {
		if !s.Overlap(p[0], p[1]) {
			t.Errorf("%s and %s did not overlap", p[0], p[1])
		}
	}
	// What needs the other waits for it.
	for _, stage := range pipeline.Stages() {
		for _, need := range stage.Needs() {
			if s.Overlap(stage, need) {
				t.Errorf("%s did not wait for %s", stage, need)
			}
		}
		if stage != pipeline.SemanticValidation && s.Overlap(stage, pipeline.VerificationStep) {
			t.Errorf("%s ran during the verification", stage)
		}
	}
}

// TestHistoryOfAProjectWith200FilesStaysUnder1MiB takes the longest prompt, every repair round and more findings than anyone reads.
func TestHistoryOfAProjectWith200FilesStaysUnder1MiB(t *testing.T) {
	t.Parallel()
	const files, findings = 200, 300
	c := &coder{}
	s := start(t, &generationtest.Script{
		Structure: func() pipeline.Contract { return generationtest.Project(runID(t), files) },
		Code:      c.write,
		Validation: func(in pipeline.SemanticValidationIn) pipeline.SemanticValidationOut {
			out := pipeline.SemanticValidationOut{Files: []pipeline.FileSummary{}}
			for _, f := range in.Files {
				out.Issues = append(out.Issues, pipeline.Issue{File: f.Path, Rule: "export-missing", Severity: "error", Message: strings.Repeat("long ", 100)})
			}
			return out
		},
		Verify: func(_ map[string]string, call int) verification.Result {
			var names []string
			for i := range findings {
				names = append(names, fmt.Sprintf("Test%c%d", 'A'+call, i))
			}
			return generationtest.FailingTests(names...)
		},
	}, func(in *workflow.Input) {
		in.Request.Prompt = strings.Repeat("word ", pipeline.PromptLimit/5)
		in.RepairRounds = workflow.MaxRepairRounds
	})
	run := s.end()
	if run.Status != workflow.CompletedWithFindings || run.Verification.Rounds != workflow.MaxRepairRounds {
		t.Fatalf("ended as %s after %d rounds: %+v", run.Status, run.Verification.Rounds, run.Problem)
	}
	d, err := platform.Temporal.Client().DescribeWorkflowExecution(t.Context(), s.id, "")
	if err != nil {
		t.Fatal(err)
	}
	info := d.GetWorkflowExecutionInfo()
	t.Logf("history: %d bytes, %d events", info.GetHistorySizeBytes(), info.GetHistoryLength())
	if info.GetHistorySizeBytes() >= 1<<20 {
		t.Errorf("the history has %d bytes, must stay under 1 MiB", info.GetHistorySizeBytes())
	}
	if n := len(s.drops(drop.TypeFile)); n != files+3+workflow.MaxRepairRounds {
		t.Errorf("%d file drops, want those of the first version and one a round", n)
	}
}

func TestDropsNameWhatTheyAreMadeFrom(t *testing.T) {
	t.Parallel()
	s := start(t, &generationtest.Script{}, nil)
	run := s.end()
	byID := map[string]drop.Drop{}
	for _, kind := range []drop.Type{drop.TypeResult, drop.TypeFile, drop.TypeVerification} {
		for _, d := range s.drops(kind) {
			byID[d.ID] = d
		}
	}
	for _, d := range byID {
		if d.Stage != "request" && len(d.Parents) == 0 {
			t.Errorf("drop %s has no parents", d.Address())
		}
		for _, id := range d.Parents {
			if _, ok := byID[id]; !ok {
				t.Errorf("drop %s has a parent %s that is not there", d.Address(), id)
			}
		}
	}
	code := byID[state(run, pipeline.CodeGeneration).DropID]
	var parents []string
	for _, id := range code.Parents {
		parents = append(parents, byID[id].Stage)
	}
	slices.Sort(parents)
	if diff := cmp.Diff([]string{"project-structure", "requirements-parsing"}, parents); diff != "" {
		t.Errorf("the code was made from:\n%s", diff)
	}
	if code.Usage.Model != generationtest.Usage.Model || code.Usage.Calls != 1 {
		t.Errorf("usage of the code: %+v", code.Usage)
	}
	var index workflow.FileIndex
	if err := json.Unmarshal(code.Artifact, &index); err != nil {
		t.Fatal(err)
	}
	if len(index.Files) != 2 || strings.Contains(string(code.Artifact), "func Greet") {
		t.Errorf("the result of code-generation must name its files, not hold them: %s", code.Artifact)
	}
	for _, f := range index.Files {
		d := byID[f.DropID]
		if d.Name() != f.Path || d.SHA256 != f.SHA256 || d.Size != f.Size || !strings.Contains(string(d.Artifact), "func Greet") || d.Usage != (drop.Usage{}) {
			t.Errorf("file %+v is drop %+v", f, d)
		}
	}
}

// events gives the events of a run that has ended, to its last.
func (s *started) events() []nats.Event {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	var all []nats.Event
	for e, err := range platform.Events.Subscribe(ctx, s.id, 0) {
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, e)
		if e.Type == event.WorkflowCompleted || e.Type == event.WorkflowFailed || e.Type == event.WorkflowCancelled {
			return all
		}
	}
	s.t.Fatal("the run has no last event")
	return nil
}
