package generation_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/worker"
	sdkworkflow "go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/worker/generation"
	"github.com/quantumlayer-dev/quantumlayer/worker/generation/generationtest"
)

var update = flag.Bool("update", false, "record the histories in testdata again, from real runs")

// recorded are the runs whose histories are saved: between them they take every way through the workflow.
var recorded = map[string]struct {
	script func() *generationtest.Script
	ended  workflow.Status
	cancel pipeline.Stage // cancelled while this stage runs
}{
	"verified": {script: func() *generationtest.Script { return &generationtest.Script{} }, ended: workflow.Completed},
	"repaired": {script: func() *generationtest.Script {
		c := &coder{disputes: func(r pipeline.Repair) []pipeline.Dispute {
			return []pipeline.Dispute{{Test: "TestGreet", File: generationtest.TestFile, Requirement: generationtest.Requirement, Reason: "too much"}}
		}}
		return &generationtest.Script{Code: c.write, Verify: verdicts(
			generationtest.FailingTests("TestGreet"),
			generationtest.NotCompiling(verification.Build, "part0/part.go"), // worse: undone
			generationtest.NotCompiling(verification.Vet, generationtest.TestFile),
			generationtest.Passing(),
		)}
	}, ended: workflow.Completed},
	"failed": {script: func() *generationtest.Script {
		return &generationtest.Script{Before: failing(pipeline.TestGeneration, func(int) error { return fault.New(fault.BadAnswer, "no") })}
	}, ended: workflow.Failed},
	"cancelled": {script: func() *generationtest.Script {
		return &generationtest.Script{Before: func(ctx context.Context, stage pipeline.Stage, _ int) error {
			if stage == pipeline.ProjectStructure {
				<-ctx.Done()
			}
			return ctx.Err()
		}}
	}, ended: workflow.Cancelled, cancel: pipeline.ProjectStructure},
}

// TestSavedHistoriesReplay shows that a worker with today's code can take up runs that were started with earlier code.
func TestSavedHistoriesReplay(t *testing.T) {
	t.Parallel()
	for name, r := range recorded {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join("testdata", "history", name+".json")
			if *update {
				s := start(t, r.script(), nil)
				if r.cancel != "" {
					eventually(t, string(r.cancel)+" is called", func() bool { return len(s.Calls(r.cancel)) == 1 })
					if err := platform.Temporal.Client().CancelWorkflow(t.Context(), s.id, ""); err != nil {
						t.Fatal(err)
					}
				}
				if run := s.end(); run.Status != r.ended {
					t.Fatalf("ended as %s, not %s: %+v", run.Status, r.ended, run.Problem)
				}
				record(t, s.id, file)
			}
			if err := replay(file, generation.Generate); err != nil {
				t.Errorf("the workflow no longer gives the commands of a run that it made before; use workflow.GetVersion: %v", err)
			}
		})
	}
}

// TestReplayFindsAChange shows that the test above would see a change.
func TestReplayFindsAChange(t *testing.T) {
	t.Parallel()
	changed := func(ctx sdkworkflow.Context, in workflow.Input) (workflow.Run, error) {
		if err := sdkworkflow.Sleep(ctx, time.Second); err != nil {
			return workflow.Run{}, err
		}
		return generation.Generate(ctx, in)
	}
	if err := replay(filepath.Join("testdata", "history", "verified.json"), changed); err == nil {
		t.Error("a workflow that first sleeps replays the history of one that does not")
	}
}

func replay(file string, workflowFunction any) error {
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(workflowFunction, sdkworkflow.RegisterOptions{Name: workflow.TypeName})
	return replayer.ReplayWorkflowHistoryFromJSONFile(nil, file)
}

// names are of the machine and process that recorded: workers' identities and their sticky queues.
var names = regexp.MustCompile(`("identity":\s*|"name":\s*)"([^"]*:[0-9a-f-]{36}|[0-9]+@[^"]*)"`)

// record saves a history, without the names of who took part in it.
func record(t *testing.T, id, file string) {
	t.Helper()
	history := &historypb.History{}
	events := platform.Temporal.Client().GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			t.Fatal(err)
		}
		history.Events = append(history.Events, e)
	}
	raw, err := protojson.Marshal(history)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(names.ReplaceAll(raw, []byte(`$1"recorded"`)), '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
