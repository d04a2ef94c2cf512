// Package bench measures what the README says about speed. Every figure stands beside something known in the same run:
//
//	go test -run '^$' -bench . -benchtime 1x ./test/bench
package bench_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	sdkclient "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	sdkworkflow "go.temporal.io/sdk/workflow"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/platform"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/temporal"
	temporalserver "github.com/quantumlayer-dev/quantumlayer/shared/temporal/embedded"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflowclient"
)

const example = "A REST API for a lending library: members, books, loans. A member borrows at most five books; a loan is due after 21 days."

// BenchmarkExample is the README's command as a process of its own, from start to the files on disk, on a warm machine: the
// binary is built and the sandbox's build cache is filled. peak-MiB is the memory of the process at its largest.
func BenchmarkExample(b *testing.B) {
	ql := filepath.Join(b.TempDir(), "ql")
	run(b, exec.Command("go", "build", "-o", ql, "../../cmd/ql"))
	home := b.TempDir()
	generate := func(i int) *exec.Cmd {
		cmd := exec.Command(ql, "generate", "--language", "go", "--out", filepath.Join(b.TempDir(), fmt.Sprint(i)), example)
		cmd.Env = append(os.Environ(), "QL_HOME="+home)
		run(b, cmd)
		return cmd
	}
	generate(-1)
	b.ResetTimer()
	for i := range b.N {
		cmd := generate(i)
		b.ReportMetric(float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)/1024, "peak-MiB")
	}
}

func run(b *testing.B, cmd *exec.Cmd) {
	b.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}

func start(b *testing.B) *platform.Platform {
	b.Helper()
	p, err := platform.Start(b.Context(), platform.Config{Dir: b.TempDir(), Address: "127.0.0.1:0", Logger: slog.New(slog.NewJSONHandler(io.Discard, nil))})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := p.Close(context.WithoutCancel(b.Context())); err != nil {
			b.Error(err)
		}
	})
	return p
}

// finish starts a run and waits for its end.
func finish(ctx context.Context, c *workflowclient.Client) (workflow.Run, error) {
	run, err := c.Start(ctx, workflow.Start{Request: pipeline.Request{Prompt: example, Language: "go"}}, "")
	if err != nil {
		return run, err
	}
	for _, err := range c.Events(ctx, run.ID, 0) {
		if err != nil {
			return run, err
		}
	}
	if run, err = c.Get(ctx, run.ID); err == nil && run.Status != workflow.Completed {
		err = fmt.Errorf("run %s ended %s: %v", run.ID, run.Status, run.Findings)
	}
	return run, err
}

func connect(b *testing.B, p *platform.Platform) *workflowclient.Client {
	b.Helper()
	c, err := workflowclient.New(p.URL())
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// BenchmarkOverhead is the time that the platform itself takes for a run, since blueprint answers at once: all of the run but its
// time in the sandbox. x-bare is its ratio to a workflow on the same kind of server with as many activities, which do nothing, one
// after the other; the goal is 1.5.
func BenchmarkOverhead(b *testing.B) {
	c := connect(b, start(b))
	bare := bareWorkflow(b)
	if _, err := finish(b.Context(), c); err != nil { // fills the sandbox's build cache
		b.Fatal(err)
	}
	if err := bare(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	var ours, theirs time.Duration
	for range b.N {
		began := time.Now()
		run, err := finish(b.Context(), c)
		if err != nil {
			b.Fatal(err)
		}
		ours += time.Since(began) - inSandbox(run)
		began = time.Now()
		if err := bare(b.Context()); err != nil {
			b.Fatal(err)
		}
		theirs += time.Since(began)
	}
	b.ReportMetric(float64(ours.Milliseconds())/float64(b.N), "platform-ms/op")
	b.ReportMetric(float64(theirs.Milliseconds())/float64(b.N), "bare-ms/op")
	b.ReportMetric(float64(ours)/float64(theirs), "x-bare")
}

// inSandbox is how long the run's verification took.
func inSandbox(run workflow.Run) time.Duration {
	for _, s := range run.Stages {
		if s.Stage == pipeline.VerificationStep && s.StartedAt != nil && s.EndedAt != nil {
			return s.EndedAt.Sub(*s.StartedAt)
		}
	}
	return 0
}

// activities is how many a run has: its beginning, twelve stages, verification, packaging, the last event.
const activities = 16

// bareWorkflow starts a Temporal server of its own, embedded like the platform's, and gives what runs one workflow on it.
func bareWorkflow(b *testing.B) func(context.Context) error {
	b.Helper()
	server, err := temporal.Open(b.Context(), temporal.Options{URL: "embedded:", DataDir: b.TempDir(), Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)), Embedded: temporalserver.Start})
	if err != nil {
		b.Fatal(err)
	}
	w := worker.New(server.Client(), "bare", worker.Options{})
	w.RegisterActivityWithOptions(func(context.Context) error { return nil }, activity.RegisterOptions{Name: "nothing"})
	w.RegisterWorkflowWithOptions(func(ctx sdkworkflow.Context) error {
		ctx = sdkworkflow.WithActivityOptions(ctx, sdkworkflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		for range activities {
			if err := sdkworkflow.ExecuteActivity(ctx, "nothing").Get(ctx, nil); err != nil {
				return err
			}
		}
		return nil
	}, sdkworkflow.RegisterOptions{Name: "bare"})
	if err := w.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		w.Stop()
		if err := server.Close(context.WithoutCancel(b.Context())); err != nil {
			b.Error(err)
		}
	})
	return func(ctx context.Context) error {
		run, err := server.Client().ExecuteWorkflow(ctx, sdkclient.StartWorkflowOptions{TaskQueue: "bare"}, "bare")
		if err != nil {
			return err
		}
		return run.Get(ctx, nil)
	}
}

// BenchmarkTwentyRuns is twenty runs at once. x-one is the ratio of the time for all to that for one alone in the same
// process: 20 would be one after the other.
func BenchmarkTwentyRuns(b *testing.B) {
	c := connect(b, start(b))
	if _, err := finish(b.Context(), c); err != nil { // fills the sandbox's build cache
		b.Fatal(err)
	}
	began := time.Now()
	if _, err := finish(b.Context(), c); err != nil {
		b.Fatal(err)
	}
	one := time.Since(began)
	b.ResetTimer()
	for range b.N {
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				if _, err := finish(b.Context(), c); err != nil {
					b.Error(err)
				}
			})
		}
		group.Wait()
	}
	b.ReportMetric(float64(one.Milliseconds()), "one-ms")
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(one), "x-one")
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(usage.Maxrss)/1024, "peak-MiB")
}
