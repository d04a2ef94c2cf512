package live

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/google/go-cmp/cmp"
	"github.com/muesli/termenv"

	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

var update = flag.Bool("update", false, "write the golden files anew")

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(seconds float64) *time.Time {
	t := began.Add(time.Duration(seconds * float64(time.Second)))
	return &t
}

// fresh is a run of which nothing has started.
func fresh() workflow.Run {
	run := workflow.Run{ID: "run-1", Status: workflow.Running, StartedAt: began, Request: pipeline.Request{Language: "go", Type: "api", Framework: "stdlib"}}
	for _, stage := range pipeline.Stages() {
		run.Stages = append(run.Stages, workflow.StageState{Stage: stage, Number: stage.Number(), Status: workflow.Pending})
	}
	for _, step := range []pipeline.Stage{pipeline.VerificationStep, pipeline.PackagingStep} {
		run.Stages = append(run.Stages, workflow.StageState{Stage: step, Status: workflow.Pending})
	}
	return run
}

func state(stage pipeline.Stage, status workflow.Status, start, end float64) workflow.StageState {
	s := workflow.StageState{Stage: stage, Number: stage.Number(), Status: status, StartedAt: at(start)}
	if status.Ended() {
		s.EndedAt = at(end)
	}
	return s
}

func stageEvent(t *testing.T, s workflow.StageState) workflow.Event {
	t.Helper()
	what := event.Started
	switch s.Status {
	case workflow.Completed:
		what = event.Completed
	case workflow.Failed:
		what = event.Failed
	}
	return asEvent(t, s.Stage, what, s)
}

func progress(t *testing.T, p workflow.Progress) workflow.Event {
	t.Helper()
	return asEvent(t, p.Stage, event.Progress, p)
}

func asEvent(t *testing.T, stage pipeline.Stage, what string, data any) workflow.Event {
	t.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return workflow.Event{Type: event.StageType(stage, what), WorkflowID: "run-1", Time: began, Data: raw}
}

// script is a run from its start to a finding, as events.
func script(t *testing.T) []workflow.Event {
	used := func(s workflow.StageState, in, out int) workflow.StageState {
		s.Usage = pipeline.Usage{Calls: 1, InputTokens: in, OutputTokens: out}
		return s
	}
	repaired := state(pipeline.CodeGeneration, workflow.Running, 9, 0)
	repaired.Round = 1
	reused := state(pipeline.FRDGeneration, workflow.Completed, 0.4, 2)
	reused.Reused = true
	failed := state(pipeline.VerificationStep, workflow.Failed, 10, 75)
	failed.Detail = "3 of 23 tests fail\x1b[2J"
	return []workflow.Event{
		stageEvent(t, state(pipeline.PromptEnhancement, workflow.Running, 0, 0)),
		stageEvent(t, used(state(pipeline.PromptEnhancement, workflow.Completed, 0, 0.4), 1000, 234)),
		stageEvent(t, state(pipeline.FRDGeneration, workflow.Running, 0.4, 0)),
		stageEvent(t, used(reused, 2000, 310)),
		stageEvent(t, state(pipeline.CodeGeneration, workflow.Running, 2, 0)),
		progress(t, workflow.Progress{Stage: pipeline.CodeGeneration, Total: 14, Message: "asking for internal/store/store.go"}),
		progress(t, workflow.Progress{Stage: pipeline.CodeGeneration, Done: 1, Total: 14, Message: "wrote internal/store/store.go"}),
		progress(t, workflow.Progress{Stage: pipeline.CodeGeneration, Done: 1, Total: 14, Message: "wrote internal/store/store.go"}),
		stageEvent(t, state(pipeline.CodeGeneration, workflow.Completed, 2, 8)),
		progress(t, workflow.Progress{Stage: pipeline.CodeGeneration, Done: 2, Total: 14, Message: "late"}),
		stageEvent(t, repaired),
		progress(t, workflow.Progress{Stage: pipeline.CodeGeneration, Round: 1, Done: 2, Message: "mending main.go", Usage: pipeline.Usage{InputTokens: 40, OutputTokens: 2}}),
		stageEvent(t, state(pipeline.VerificationStep, workflow.Running, 10, 0)),
		stageEvent(t, failed),
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", name, diff)
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	view := NewPlain(&out)
	var b Board
	b.Set(fresh())
	view.Show(b)
	for _, e := range script(t) {
		if !b.Apply(e) {
			t.Fatalf("%s needs a snapshot", e.Type)
		}
		view.Show(b)
	}
	if err := view.Close(); err != nil {
		t.Fatal(err)
	}
	golden(t, "plain.txt", out.String())
}

// drawn gives a picture of the run after the whole script.
func drawn(t *testing.T, width, height int) picture {
	t.Helper()
	renderer := lipgloss.NewRenderer(&bytes.Buffer{})
	renderer.SetColorProfile(termenv.Ascii)
	p := newPicture(renderer, "Ctrl-C stops")
	p.board.Set(fresh())
	for _, e := range script(t) {
		p.board.Apply(e)
	}
	p.width, p.height, p.now = width, height, began.Add(90*time.Second)
	return p
}

func TestScreen(t *testing.T) {
	t.Parallel()
	for name, size := range map[string][2]int{"screen.txt": {120, 40}, "screen_narrow.txt": {50, 40}, "screen_low.txt": {120, 10}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := drawn(t, size[0], size[1]).lines()
			golden(t, name, strings.Join(lines, "\n")+"\n")
			if len(lines) >= size[1] {
				t.Errorf("%d lines on a terminal of %d", len(lines), size[1])
			}
			for _, line := range lines {
				if w := lipgloss.Width(line); w > size[0] {
					t.Errorf("line of %d columns on a terminal of %d: %s", w, size[0], line)
				}
			}
		})
	}
}

func TestScreenCloses(t *testing.T) {
	t.Parallel()
	p := drawn(t, 120, 10)
	p.closed = true
	all := strings.Join(p.lines(), "\n")
	if strings.Contains(all, "Ctrl-C") {
		t.Errorf("the footer stays:\n%s", all)
	}
	// What stays on the screen for good is complete.
	for _, stage := range pipeline.Stages() {
		if !strings.Contains(all, string(stage)) {
			t.Errorf("%s is missing", stage)
		}
	}
}

// noTerminal takes what is drawn, and has no size.
type noTerminal struct{ bytes.Buffer }

func (*noTerminal) Fd() uintptr { return ^uintptr(0) }

func TestScreenGivesTheTerminalBack(t *testing.T) {
	t.Parallel()
	var out noTerminal
	view := NewScreen(&out, "Ctrl-C stops")
	var b Board
	b.Set(fresh())
	view.Show(b)
	if err := view.Close(); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); !strings.HasPrefix(s, hideCursor) || !strings.HasSuffix(s, ShowCursor) || !strings.Contains(s, "run-1") {
		t.Errorf("drawn: %q", s)
	}
}

func TestCanvasDrawsOver(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := canvas{w: &out}
	c.draw([]string{"one", strings.Repeat("x", 25)}, 40)
	c.draw([]string{"three"}, 10) // the terminal was made narrower: the x now take three lines
	want := "one\x1b[K\r\n" + strings.Repeat("x", 25) + "\x1b[K\r\n\x1b[J" + "\r\x1b[4Athree\x1b[K\r\n\x1b[J"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestBoardKeepsTheNewest(t *testing.T) {
	t.Parallel()
	var b Board
	run := fresh()
	run.Stages[0] = state(pipeline.PromptEnhancement, workflow.Running, 50, 0) // the second attempt
	b.Set(run)
	for _, old := range []workflow.StageState{
		state(pipeline.PromptEnhancement, workflow.Running, 0, 0),
		state(pipeline.PromptEnhancement, workflow.Failed, 0, 5),
	} {
		if !b.Apply(stageEvent(t, old)) {
			t.Error("an old event asks for a snapshot")
		}
		if got := b.Run.Stages[0].Status; got != workflow.Running {
			t.Fatalf("an event of the first attempt made it %s", got)
		}
	}
	b.Apply(stageEvent(t, state(pipeline.PromptEnhancement, workflow.Completed, 50, 51)))
	if got := b.Run.Stages[0].Status; got != workflow.Completed {
		t.Fatalf("got %s, want completed", got)
	}
}

func TestBoardAsksForASnapshot(t *testing.T) {
	t.Parallel()
	var b Board
	b.Set(fresh())
	for name, e := range map[string]workflow.Event{
		"the end":                      {Type: event.WorkflowCompleted},
		"an event of a later version":  {Type: event.Prefix + "workflow.paused"},
		"a stage without its state":    {Type: event.StageType(pipeline.CodeGeneration, event.Completed), Data: json.RawMessage(`{}`)},
		"another stage's state":        {Type: event.StageType(pipeline.CodeGeneration, event.Completed), Data: json.RawMessage(`{"stage":"documentation","status":"completed"}`)},
		"a stage that nobody knows":    {Type: event.StageType("shipping", event.Completed), Data: json.RawMessage(`{"stage":"shipping","status":"completed"}`)},
		"progress of what is not seen": {Type: event.StageType(pipeline.CodeGeneration, event.Progress), Data: json.RawMessage(`{"stage":"code-generation","message":"x"}`)},
	} {
		if b.Apply(e) {
			t.Errorf("%s: the board thinks that it knows", name)
		}
	}
	if !b.Apply(workflow.Event{Type: event.DropStored}) {
		t.Error("a stored drop asks for a snapshot")
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	verified := fresh()
	verified.Status, verified.EndedAt = workflow.Completed, at(94)
	verified.Usage = pipeline.Usage{Provider: "blueprint", Model: "blueprint-1", Calls: 23, Cached: 2, InputTokens: 31204, OutputTokens: 12000}
	verified.Verification = &workflow.Verification{Verified: true, Mode: "namespaces", Build: "passed", Vet: "passed", Tests: "passed", Passed: 23}
	verified.Capsule = &workflow.Capsule{SHA256: strings.Repeat("ab", 32), Size: 48_300, Files: 31}
	verified.NotChecked = []string{"that the code does what nobody wrote a test for"}
	partly := verified
	partly.Status, partly.Unused = workflow.CompletedWithFindings, []string{"Users log in with OAuth", "fines"}
	red := verified
	red.Status = workflow.CompletedWithFindings
	red.Verification = &workflow.Verification{Mode: "namespaces", Weaker: "not gvisor: the sandbox was not ready", Build: "passed", Vet: "passed", Tests: "failed", Passed: 20, Failed: 3, Rounds: 4, Reason: "3 of 23 tests fail after 4 repair rounds"}
	red.Unused = []string{"Members pay fines"}
	red.Findings = []string{"TestBorrow/six books: got 201, want 409"}
	refused := fresh()
	refused.Status, refused.EndedAt = workflow.Failed, at(2)
	refused.Problem = fault.New(fault.Refused, "the prompt describes no software").WithHint("say what the program should do").Problem()
	for name, o := range map[string]Outcome{
		"summary_verified.txt": {Run: verified, Out: "library", Files: 31, Capsule: "library.tar.gz", Next: []string{"cd library && go test ./..."}},
		"summary_partly.txt":   {Run: partly, Out: "library", Files: 31, Next: []string{"cd library && go test ./..."}},
		"summary_red.txt":      {Run: red, Out: "library", Files: 31, Next: []string{"ql drops run-1"}, Notes: []string{"a note"}},
		"summary_refused.txt":  {Run: refused},
	} {
		var out bytes.Buffer
		if err := Summary(&out, o); err != nil {
			t.Fatal(err)
		}
		golden(t, name, out.String())
	}
	if !verified.Verified() || !partly.Verified() || red.Verified() || refused.Verified() {
		t.Error("Verified does not follow the verification")
	}
	lie := verified
	lie.Verification = nil
	if lie.Verified() {
		t.Error("a run that nobody verified counts as verified")
	}
}

// TestRefusalIsShort: of a run that ended at a refusal a view tells neither the reason, which stands at its end, nor what was never begun.
func TestRefusalIsShort(t *testing.T) {
	t.Parallel()
	run := fresh()
	for i := range run.Stages {
		run.Stages[i].Status = workflow.Skipped
	}
	run.Stages[0] = state(pipeline.PromptEnhancement, workflow.Completed, 0, 0.4)
	run.Stages[1] = state(pipeline.FRDGeneration, workflow.Failed, 0.4, 0.5)
	run.Stages[1].Detail, run.Stages[1].Problem = "no software", fault.New(fault.Refused, "no software").Problem()
	run.Status = workflow.Failed
	var b Board
	b.Set(run)
	var out bytes.Buffer
	NewPlain(&out).Show(b)
	want := "run run-1: go api, stdlib\n[ 1/12] prompt-enhancement completed, 0.4s\n[ 2/12] frd-generation refused the prompt, 0.1s\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("plain (-want +got):\n%s", diff)
	}
	p := newPicture(lipgloss.NewRenderer(&out), "")
	p.board, p.closed = b, true
	screen := strings.Join(p.lines(), "\n")
	if strings.Contains(screen, "no software") || strings.Contains(screen, string(pipeline.Documentation)) || !strings.Contains(screen, "refused the prompt") {
		t.Errorf("screen:\n%s", screen)
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0.0s", 340 * time.Millisecond: "0.3s", 9949 * time.Millisecond: "9.9s", 9950 * time.Millisecond: "10s",
		42 * time.Second: "42s", 59900 * time.Millisecond: "1m00s", 187 * time.Second: "3m07s", 3720 * time.Second: "1h02m",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %s, want %s", d, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567"} {
		if got := Number(n); got != want {
			t.Errorf("Number(%d) = %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 3 << 20: "3.0 MiB", 5 << 30: "5.0 GiB"} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %s, want %s", n, got, want)
		}
	}
	if got := Lines("a\x1b]0;t\x07\n  b\r\tc\u202e\xff\n"); got != "a]0;t\n  b  c\uFFFD" {
		t.Errorf("Lines: %q", got)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }
func (full) Fd() uintptr               { return ^uintptr(0) }

func TestViewsReportWriteErrors(t *testing.T) {
	t.Parallel()
	var b Board
	b.Set(fresh())
	plain, lines := NewPlain(full{}), NewJSON(full{})
	plain.Show(b)
	lines.Event(workflow.Event{})
	if plain.Close() == nil || lines.Close() == nil {
		t.Error("a write error is swallowed")
	}
	if NewScreen(full{}, "").Close() == nil {
		t.Error("the screen's write error is swallowed")
	}
	if Summary(full{}, Outcome{}) == nil {
		t.Error("the summary's write error is swallowed")
	}
}
