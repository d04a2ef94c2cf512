package generation_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
	natsserver "github.com/quantumlayer-dev/quantumlayer/shared/nats/embedded"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/temporal"
	temporalserver "github.com/quantumlayer-dev/quantumlayer/shared/temporal/embedded"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/worker/generation"
	"github.com/quantumlayer-dev/quantumlayer/worker/generation/generationtest"
)

// Variables that make the test binary a process with Temporal, NATS and a worker, as `ql up` is one.
const (
	childDir   = "GENERATION_TEST_DIR"
	childWorld = "GENERATION_TEST_WORLD"
)

// runChild is that process. It prints Temporal's URL, then works until SIGTERM.
func runChild(dir, world string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server, err := temporal.Open(ctx, temporal.Options{URL: "embedded:", DataDir: dir, Embedded: temporalserver.Start})
	if err != nil {
		return err
	}
	log, err := nats.Open(ctx, nats.Options{URL: "embedded:", DataDir: dir, Embedded: natsserver.Start})
	if err != nil {
		return err
	}
	cfg := generationtest.ConfigAt(world)
	activities, err := cfg.Activities(log)
	if err != nil {
		return err
	}
	w, err := generation.Start(server.Client(), cfg.Steps, activities)
	if err != nil {
		return err
	}
	fmt.Println(server.URL())
	<-ctx.Done()
	w.Stop()
	if err := log.Close(); err != nil {
		return err
	}
	return server.Close(context.Background())
}

// child starts the process and gives a client of its Temporal.
func child(t *testing.T, dir string, world *generationtest.World) (*exec.Cmd, client.Client) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childDir+"="+dir, childWorld+"="+world.URL())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill() // it may just have ended
			_ = cmd.Wait()
		}
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the process ended before it was ready: %v", err)
	}
	server, err := temporal.Open(t.Context(), temporal.Options{URL: strings.TrimSpace(url)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return cmd, server.Client()
}

// TestKilledProcessesResume kills the process with Temporal and worker in one stage after the other. The run must go on each
// time, and no stage that had finished may be called again.
func TestKilledProcessesResume(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	world, err := generationtest.NewWorld(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := world.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	interrupted := map[pipeline.Stage]syscall.Signal{
		pipeline.FRDGeneration: syscall.SIGKILL, pipeline.CodeGeneration: syscall.SIGKILL,
		pipeline.VerificationStep: syscall.SIGKILL, pipeline.Documentation: syscall.SIGTERM,
	}
	inStage := make(chan pipeline.Stage, len(interrupted))
	id := runID(t)
	script := world.Play(id, &generationtest.Script{Before: func(ctx context.Context, stage pipeline.Stage, call int) error {
		if _, ok := interrupted[stage]; ok && call == 1 {
			inStage <- stage
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}})

	cmd, temporalClient := child(t, dir, world)
	input := generationtest.Input()
	input.HeartbeatTimeout = 2 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	if _, err := temporalClient.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: temporal.TaskQueue}, workflow.TypeName, input); err != nil {
		t.Fatal(err)
	}
	for range interrupted {
		var stage pipeline.Stage
		select {
		case stage = <-inStage:
		case <-ctx.Done():
			t.Fatal("the run does not go on")
		}
		// What finished at the same time has to be kept before the process dies, or it did not finish.
		eventually(t, "only "+string(stage)+" runs", func() bool { return script.Running() == 1 && quiet(t, temporalClient, id) })
		at := time.Now()
		if err := cmd.Process.Signal(interrupted[stage]); err != nil {
			t.Fatal(err)
		}
		err := cmd.Wait()
		if (err == nil) != (interrupted[stage] == syscall.SIGTERM) {
			t.Errorf("after %s the process ended with %v", interrupted[stage], err)
		}
		cmd, temporalClient = child(t, dir, world)
		eventually(t, string(stage)+" is taken up again", func() bool { return len(script.Calls(stage)) == 2 })
		t.Logf("%s: taken up %s after %s", stage, time.Since(at).Round(time.Millisecond), interrupted[stage])
	}
	var run workflow.Run
	if err := temporalClient.GetWorkflow(ctx, id, "").Get(ctx, &run); err != nil {
		t.Fatal(err)
	}
	if run.Status != workflow.Completed {
		t.Errorf("ended as %s", run.Status)
	}
	for _, stage := range append(pipeline.Stages(), pipeline.VerificationStep) {
		calls := script.Calls(stage)
		want := 1
		if _, ok := interrupted[stage]; ok {
			want = 2
		}
		if len(calls) != want || (want == 2) != calls[0].Cut {
			t.Errorf("%s was called %d times, want %d", stage, len(calls), want)
		}
	}
}

// quiet says whether Temporal knows of one running step at most: what its stage answered last is kept.
func quiet(t *testing.T, c client.Client, id string) bool {
	t.Helper()
	d, err := c.DescribeWorkflowExecution(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}
	return len(d.GetPendingActivities()) == 1 && d.GetPendingWorkflowTask() == nil
}
