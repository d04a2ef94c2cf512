package orchestrator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/functions/agent-orchestrator/orchestrator"
	"github.com/quantumlayer-dev/quantumlayer/shared/agent"
	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// model writes "package x" with the path it was asked for; wait, when set, is called in every call.
type model struct {
	mu       sync.Mutex
	requests map[string]llm.Request // by path
	wait     func(ctx context.Context, path string) error
}

func (m *model) Generate(ctx context.Context, req llm.Request) (llm.Response, error) {
	path := req.Labels["path"]
	m.mu.Lock()
	m.requests[path] = req
	m.mu.Unlock()
	if m.wait != nil {
		if err := m.wait(ctx, path); err != nil {
			return llm.Response{}, err
		}
	}
	return llm.Response{Text: prompt.WrapFile(req.Messages[0].Content, "package x // "+path), FinishReason: llm.Stop, Model: "m", Usage: llm.Usage{OutputTokens: 7}}, nil
}

type parser func(req analysis.Request) analysis.Report

func (p parser) Analyse(_ context.Context, req analysis.Request) (analysis.Report, error) {
	return p(req), nil
}

func clean(analysis.Request) analysis.Report { return analysis.Report{} }

type events struct {
	mu   sync.Mutex
	sent []nats.Event
}

func (e *events) Publish(_ context.Context, ev nats.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sent = append(e.sent, ev)
	return nil
}

func job(tasks ...agent.Task) agent.Job {
	return agent.Job{WorkflowID: "run-1", Stage: pipeline.CodeGeneration, Language: "go", Template: agent.Template{Name: "t", Version: 1, Text: "{{NONCE}}"}, Tasks: tasks}
}

func TestFilesAreWrittenWhenWhatTheyNeedIsThere(t *testing.T) {
	m, e := &model{requests: map[string]llm.Request{}}, &events{}
	o := &orchestrator.Orchestrator{Model: m, Analyser: parser(clean), Events: e, Concurrency: 4}
	got, err := o.Run(t.Context(), job(
		agent.Task{Path: "c.go", Needs: []string{"a.go", "b.go"}, Sections: agent.Sections(prompt.Section{Name: "task", Format: "json", Body: "{}"})},
		agent.Task{Path: "a.go"},
		agent.Task{Path: "b.go", Needs: []string{"a.go"}}))
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, f := range got.Files {
		paths = append(paths, f.Path)
	}
	if diff := cmp.Diff([]string{"c.go", "a.go", "b.go"}, paths); diff != "" {
		t.Errorf("the files are not in the order of the tasks:\n%s", diff)
	}
	sections, err := prompt.Parse(m.requests["c.go"].Messages[1].Content)
	if err != nil {
		t.Fatal(err)
	}
	want := []prompt.Section{{Name: "task", Format: "json", Body: "{}"}, {Name: "source", Format: "go", Path: "a.go", Body: "package x // a.go"}, {Name: "source", Format: "go", Path: "b.go", Body: "package x // b.go"}}
	if diff := cmp.Diff(want, sections); diff != "" {
		t.Errorf("what c.go was asked with (-want +got):\n%s", diff)
	}
	if got.Usage.Calls != 3 || got.Usage.OutputTokens != 21 {
		t.Errorf("usage %+v", got.Usage)
	}
	var last workflow.Progress
	if err := json.Unmarshal(e.sent[len(e.sent)-1].Data, &last); err != nil || last.Done != 3 || last.Total != 3 || last.Message != "wrote c.go" {
		t.Errorf("last progress %+v, %v", last, err)
	}
	if kind := e.sent[0].Type; kind != "dev.quantumlayer.stage.code-generation.progress" {
		t.Errorf("progress is of type %s", kind)
	}
}

// Files that do not depend on each other are asked for at the same time, but never more than the limit.
func TestIndependentFilesAtTheSameTime(t *testing.T) {
	var running, most atomic.Int32
	both := make(chan struct{})
	m := &model{requests: map[string]llm.Request{}}
	m.wait = func(ctx context.Context, _ string) error {
		if n := running.Add(1); n > most.Load() {
			most.Store(n)
			if n == 2 {
				close(both)
			}
		}
		defer running.Add(-1)
		select {
		case <-both:
			return nil
		case <-time.After(10 * time.Second):
			return fmt.Errorf("no second call came while this one ran")
		}
	}
	o := &orchestrator.Orchestrator{Model: m, Analyser: parser(clean), Events: &events{}, Concurrency: 2}
	if _, err := o.Run(t.Context(), job(agent.Task{Path: "a.go"}, agent.Task{Path: "b.go"}, agent.Task{Path: "c.go"}, agent.Task{Path: "d.go"})); err != nil {
		t.Fatal(err)
	}
	if most.Load() != 2 {
		t.Errorf("%d calls at the same time, the limit is 2", most.Load())
	}
}

func TestAnAnswerThatBreaksItsContractIsAskedForAgain(t *testing.T) {
	var checks atomic.Int32
	check := func(req analysis.Request) analysis.Report {
		if len(req.Contract) != 1 || req.Contract[0].Path != "a.go" {
			t.Errorf("checked against %+v", req.Contract)
		}
		if checks.Add(1) == 1 {
			return analysis.Report{Issues: []pipeline.Issue{{Line: 3, Message: "Get is not exported"}}}
		}
		return analysis.Report{}
	}
	o := &orchestrator.Orchestrator{Model: &model{requests: map[string]llm.Request{}}, Analyser: parser(check), Events: &events{}, Concurrency: 1}
	got, err := o.Run(t.Context(), job(agent.Task{Path: "a.go", Contract: &pipeline.ContractFile{Path: "a.go"}}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"line 3: Get is not exported"}}, got.Files[0].Rejections); diff != "" || got.Files[0].Asks != 2 {
		t.Errorf("%d asks, rejections (-want +got):\n%s", got.Files[0].Asks, diff)
	}
}

func TestJobsThatCannotBeOrdered(t *testing.T) {
	for name, tasks := range map[string][]agent.Task{
		"a circle":          {{Path: "a.go", Needs: []string{"b.go"}}, {Path: "b.go", Needs: []string{"a.go"}}},
		"a need nobody has": {{Path: "a.go", Needs: []string{"b.go"}}},
		"a path twice":      {{Path: "a.go"}, {Path: "a.go"}},
		"a path outside":    {{Path: "../a.go"}},
	} {
		o := &orchestrator.Orchestrator{Model: &model{requests: map[string]llm.Request{}}, Analyser: parser(clean), Events: &events{}, Concurrency: 1}
		if _, err := o.Run(t.Context(), job(tasks...)); !fault.Is(err, fault.Unprocessable) {
			t.Errorf("%s: %v, want %s", name, err, fault.Unprocessable)
		}
	}
}

func TestTheFirstFailureEndsTheJob(t *testing.T) {
	m := &model{requests: map[string]llm.Request{}}
	m.wait = func(ctx context.Context, path string) error {
		if path == "a.go" {
			return fault.New(fault.ModelDown, "the model is gone")
		}
		<-ctx.Done()
		return ctx.Err()
	}
	o := &orchestrator.Orchestrator{Model: m, Analyser: parser(clean), Events: &events{}, Concurrency: 2}
	_, err := o.Run(t.Context(), job(agent.Task{Path: "a.go"}, agent.Task{Path: "b.go"}))
	if !fault.Is(err, fault.ModelDown) || !strings.Contains(err.Error(), "a.go") {
		t.Errorf("got %v", err)
	}
}

// A caller that goes away takes the model's call with it.
func TestCancellationReachesTheModel(t *testing.T) {
	entered, left := make(chan struct{}), make(chan struct{})
	m := &model{requests: map[string]llm.Request{}}
	m.wait = func(ctx context.Context, _ string) error {
		close(entered)
		<-ctx.Done()
		close(left)
		return ctx.Err()
	}
	o := &orchestrator.Orchestrator{Model: m, Analyser: parser(clean), Events: &events{}, Concurrency: 1}
	server := httptest.NewServer(o.Handler())
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := agent.NewClient(server.URL).Run(ctx, job(agent.Task{Path: "a.go", Sections: []agent.Section{}}))
		ended <- err
	}()
	<-entered
	cancel()
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Fatal("the model's call goes on")
	}
	if err := <-ended; !fault.Is(fault.From(err), fault.Cancelled) {
		t.Errorf("got %v", err)
	}
}
