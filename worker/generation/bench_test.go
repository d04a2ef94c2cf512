package generation_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	sdkworkflow "go.temporal.io/sdk/workflow"

	"github.com/quantumlayer-dev/quantumlayer/shared/temporal"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/worker/generation/generationtest"
)

// activities of a run in which nothing is wrong: twelve stages, begin, verification, packaging, the last event.
const activities = 16

// BenchmarkRun is a whole run whose stages answer at once; BenchmarkEmptyActivities the same number of activities that do
// nothing. The difference is what the platform takes itself.
func BenchmarkRun(b *testing.B) {
	n := 0
	for b.Loop() {
		n++
		id := fmt.Sprintf("run-bench-%d-%d", time.Now().UnixNano(), n)
		platform.Play(id, &generationtest.Script{})
		execute(b, id, temporal.TaskQueue, workflow.TypeName, generationtest.Input())
	}
}

func BenchmarkEmptyActivities(b *testing.B) {
	const queue = "bench"
	w := worker.New(platform.Temporal.Client(), queue, worker.Options{})
	w.RegisterActivityWithOptions(func(context.Context) error { return nil }, activity.RegisterOptions{Name: "Nothing"})
	w.RegisterWorkflowWithOptions(func(ctx sdkworkflow.Context) error {
		ctx = sdkworkflow.WithActivityOptions(ctx, sdkworkflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		for range activities {
			if err := sdkworkflow.ExecuteActivity(ctx, "Nothing").Get(ctx, nil); err != nil {
				return err
			}
		}
		return nil
	}, sdkworkflow.RegisterOptions{Name: "Empty"})
	if err := w.Start(); err != nil {
		b.Fatal(err)
	}
	defer w.Stop()
	for b.Loop() {
		execute(b, fmt.Sprintf("empty-%d", time.Now().UnixNano()), queue, "Empty")
	}
}

func execute(b *testing.B, id, queue, workflowType string, args ...any) {
	b.Helper()
	run, err := platform.Temporal.Client().ExecuteWorkflow(b.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: queue}, workflowType, args...)
	if err == nil {
		err = run.Get(b.Context(), nil)
	}
	if err != nil {
		b.Fatal(err)
	}
}
