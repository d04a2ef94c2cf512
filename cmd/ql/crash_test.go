package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflowclient"
)

const libraryPrompt = "A REST API for a lending library: members, books, loans. A member borrows at most five books; a loan is due after 21 days."

// goEnv asks the go command for a setting of this machine.
func goEnv(name string) string {
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// up starts "ql up" over a data folder and gives its process and a client of it. It must say that these runs go on.
func up(t *testing.T, dir string, going ...string) (*exec.Cmd, *workflowclient.Client) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: exe, Args: []string{"ql", "up", "--json", "--addr", "127.0.0.1:0", "--data", dir}, Stderr: os.Stderr}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(t, cmd) })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("ql up says nothing: %v", err)
	}
	go io.Copy(io.Discard, out) // so that it never waits for us
	var said struct {
		URL  string
		Runs []string
	}
	if err := json.Unmarshal(line, &said); err != nil || !slices.Equal(said.Runs, going) {
		t.Fatalf("ql up says %s, where the runs %q go on: %v", line, going, err)
	}
	c, err := workflowclient.New(said.URL)
	if err != nil {
		t.Fatal(err)
	}
	return cmd, c
}

// kill ends a process as a power cut does. One that has ended is no matter.
func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if cmd.ProcessState != nil {
		return
	}
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	_ = cmd.Wait() // it was killed, and says so
}

// TestKilledInAnyStage kills the platform after each of several stages of one run, and starts it again: the run goes on to its
// end, and no stage that was finished is done a second time.
func TestKilledInAnyStage(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the platform several times")
	}
	dir := t.TempDir()
	cmd, c := up(t, dir)
	started, err := c.Start(t.Context(), workflow.Start{Request: pipeline.Request{Prompt: libraryPrompt}}, "key")
	if err != nil {
		t.Fatal(err)
	}
	var seen uint64
	finished := map[pipeline.Stage]string{} // stage → its drop, as it stood when it was first said to be done
	for _, stage := range []pipeline.Stage{pipeline.PromptEnhancement, pipeline.RequirementsParsing, pipeline.CodeGeneration, pipeline.VerificationStep} {
		seen = awaitStage(t, c, started.ID, seen, stage, finished)
		kill(t, cmd)
		cmd, c = up(t, dir, started.ID)
	}
	run := awaitEnd(t, c, started.ID, seen)
	if !run.Verified() {
		t.Fatalf("the run ended as %s: %+v", run.Status, run.Findings)
	}
	for _, row := range run.Stages {
		if id, ok := finished[row.Stage]; ok && row.Round == 0 && row.DropID != id {
			t.Errorf("%s was done twice: drop %s, then %s", row.Stage, id, row.DropID)
		}
	}
	drops, err := c.Drops(t.Context(), started.ID, "", drop.TypeResult)
	if err != nil {
		t.Fatal(err)
	}
	type step struct {
		stage   string
		version int
	}
	results := map[step]int{}
	for _, d := range drops {
		results[step{d.Stage, d.Version}]++
	}
	for s, n := range results {
		if n > 1 {
			t.Errorf("%s has %d results of round %d", s.stage, n, s.version)
		}
	}
	if len(results) < len(pipeline.Stages()) {
		t.Errorf("%d results, want one of each of the %d stages", len(results), len(pipeline.Stages()))
	}
}

// awaitStage reads events until the stage is started, or further on, and gives the last event's sequence.
func awaitStage(t *testing.T, c *workflowclient.Client, id string, after uint64, stage pipeline.Stage, finished map[pipeline.Stage]string) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for e, err := range c.Events(ctx, id, after) {
		if err != nil {
			t.Fatalf("waiting for %s: %v", stage, err)
		}
		after = e.Sequence
		of, what, err := event.ParseStageType(e.Type)
		if err != nil {
			continue
		}
		if what == event.Completed {
			var state workflow.StageState
			if err := json.Unmarshal(e.Data, &state); err != nil {
				t.Fatal(err)
			}
			if _, ok := finished[of]; !ok {
				finished[of] = state.DropID
			}
		}
		if of == stage {
			return after
		}
	}
	t.Fatalf("the run ended before %s", stage)
	return 0
}

func awaitEnd(t *testing.T, c *workflowclient.Client, id string, after uint64) workflow.Run {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for _, err := range c.Events(ctx, id, after) {
		if err != nil {
			t.Fatalf("following the run to its end: %v", err)
		}
	}
	for ctx.Err() == nil {
		run, err := c.Get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if run.Status.Ended() {
			return run
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the run does not end")
	return workflow.Run{}
}

// TestCapsuleIsReproducible: two platforms, two runs, the same bytes.
func TestCapsuleIsReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("makes the same project twice")
	}
	var sums []string
	for range 2 {
		dir := t.TempDir()
		_, c := up(t, dir)
		started, err := c.Start(t.Context(), workflow.Start{Request: pipeline.Request{Prompt: libraryPrompt}}, "key")
		if err != nil {
			t.Fatal(err)
		}
		run := awaitEnd(t, c, started.ID, 0)
		if run.Capsule == nil {
			t.Fatalf("no capsule: %s, %+v", run.Status, run.Problem)
		}
		sums = append(sums, run.Capsule.SHA256)
	}
	if sums[0] != sums[1] {
		t.Errorf("two runs, two capsules: %v", sums)
	}
}
