package temporal_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	sdkworkflow "go.temporal.io/sdk/workflow"

	"github.com/quantumlayer-dev/quantumlayer/shared/temporal"
	"github.com/quantumlayer-dev/quantumlayer/shared/temporal/embedded"
)

// The workflow of these tests has two steps, and counts the first.
const (
	workflowType = "TwoSteps"
	workflowID   = "two-steps"
	stepTimeout  = 2 * time.Second // of a heartbeat: when a dead worker is noticed
)

func twoSteps(ctx sdkworkflow.Context) (string, error) {
	ctx = sdkworkflow.WithActivityOptions(ctx, sdkworkflow.ActivityOptions{
		StartToCloseTimeout: time.Minute,
		HeartbeatTimeout:    stepTimeout,
		RetryPolicy:         &sdk.RetryPolicy{InitialInterval: 10 * time.Millisecond},
	})
	var first, second string
	if err := sdkworkflow.ExecuteActivity(ctx, "first").Get(ctx, &first); err != nil {
		return "", err
	}
	if err := sdkworkflow.ExecuteActivity(ctx, "second").Get(ctx, &second); err != nil {
		return "", err
	}
	return first + " " + second, nil
}

// startWorker works on the workflow with the given steps until the test ends or
// the returned function is called.
func startWorker(c client.Client, first, second func(context.Context) (string, error)) (stop func(), err error) {
	w := worker.New(c, temporal.TaskQueue, worker.Options{WorkerStopTimeout: time.Second})
	w.RegisterWorkflowWithOptions(twoSteps, sdkworkflow.RegisterOptions{Name: workflowType})
	w.RegisterActivityWithOptions(first, activity.RegisterOptions{Name: "first"})
	w.RegisterActivityWithOptions(second, activity.RegisterOptions{Name: "second"})
	return sync.OnceFunc(w.Stop), w.Start()
}

// says is a step that returns a text.
func says(text string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return text, nil }
}

func execute(ctx context.Context, c client.Client, options client.StartWorkflowOptions) (string, error) {
	options.TaskQueue = temporal.TaskQueue
	run, err := c.ExecuteWorkflow(ctx, options, workflowType)
	if err != nil {
		return "", err
	}
	var result string
	err = run.Get(ctx, &result)
	return result, err
}

func open(t *testing.T, url string) *temporal.Server {
	t.Helper()
	server, err := temporal.Open(t.Context(), temporal.Options{URL: url, Logger: testLogger(t), Embedded: embedded.Start})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func closeServer(t *testing.T, server *temporal.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := server.Close(ctx); err != nil {
		t.Error(err)
	}
}

// testLogger writes into the test's log.
func testLogger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// childVariable names the database on which the test binary, as a process of
// its own, runs a server until it is killed.
const childVariable = "TEMPORAL_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		fmt.Fprintln(os.Stderr, runChild(context.Background(), path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// runChild opens the server, starts the workflow and gets stuck in its second
// step. It reports on standard output and ends with its standard input.
func runChild(ctx context.Context, path string) error {
	server, err := temporal.Open(ctx, temporal.Options{URL: "embedded:" + path, Embedded: embedded.Start})
	if err != nil {
		return err
	}
	fmt.Println("open")
	stuck := func(context.Context) (string, error) {
		fmt.Println("second step")
		select {}
	}
	stop, err := startWorker(server.Client(), says("first-of-child"), stuck)
	if err != nil {
		return err
	}
	defer stop()
	options := client.StartWorkflowOptions{ID: workflowID, TaskQueue: temporal.TaskQueue}
	if _, err := server.Client().ExecuteWorkflow(ctx, options, workflowType); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(errors.New("not killed"), err)
}

// child is such a process.
type child struct {
	*exec.Cmd
	lines *bufio.Scanner
}

func startChild(t *testing.T, path string) child {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childVariable+"="+path)
	command.Stderr = t.Output()
	if _, err := command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return child{Cmd: command, lines: bufio.NewScanner(output)}
}

// expect waits for a line, which must be the next that the child prints.
func (c child) expect(t *testing.T, want string) {
	t.Helper()
	if !c.lines.Scan() || c.lines.Text() != want {
		t.Fatalf("child printed %q, want %q", c.lines.Text(), want)
	}
}

func (c child) kill(t *testing.T) {
	t.Helper()
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if c.lines.Scan() {
		t.Errorf("child also printed %q", c.lines.Text())
	}
	if err := c.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("child ended with %v, want it killed", err)
	}
}
