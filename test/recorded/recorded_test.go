// Package recorded_test runs the whole platform against the recorded answers of a real model: nothing but the model is replaced.
// A recording is a txtar in testdata: the prompt, then each answer under the task that it answers.
package recorded_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/platform"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflowclient"
)

// model answers with what was recorded. Answers are told apart by task, path and how often that was asked, so that a prompt can be
// reworded without a new recording.
type model struct {
	t       *testing.T
	answers map[string]string
	mu      sync.Mutex
	asked   map[string]int
	unknown []string
}

var fileMarker = regexp.MustCompile(`<<<(BEGIN|END) FILE [0-9a-f]{12}>>>`)

func (m *model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Messages []struct{ Content string } `json:"messages"`
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil || len(req.Messages) < 2 {
		http.Error(w, `{"error":{"message":"no chat request"}}`, http.StatusNotFound) // embeddings: the recording has none
		return
	}
	sections, err := prompt.Parse(req.Messages[1].Content)
	if err != nil || len(sections) == 0 {
		http.Error(w, `{"error":{"message":"no task"}}`, http.StatusNotFound)
		return
	}
	var task struct{ Task, Path string }
	if err := json.Unmarshal([]byte(sections[0].Body), &task); err != nil {
		m.t.Errorf("task section: %v", err)
	}
	name := strings.TrimSpace(task.Task + " " + task.Path)
	m.mu.Lock()
	m.asked[name]++
	key := fmt.Sprintf("%s %d", name, m.asked[name])
	answer, ok := m.answers[key]
	if !ok {
		m.unknown = append(m.unknown, key)
	}
	m.mu.Unlock()
	if !ok {
		http.Error(w, `{"error":{"message":"not recorded"}}`, http.StatusNotFound)
		return
	}
	nonce := prompt.Nonce(sections)
	answer = fileMarker.ReplaceAllString(answer, "<<<$1 FILE "+nonce+">>>")
	w.Header().Set("Content-Type", "text/event-stream")
	for _, chunk := range []map[string]any{
		{"model": "recorded", "choices": []any{map[string]any{"index": 0, "delta": map[string]string{"content": answer}}}},
		{"model": "recorded", "choices": []any{map[string]any{"index": 0, "delta": map[string]string{}, "finish_reason": "stop"}}},
	} {
		raw, err := json.Marshal(chunk)
		if err != nil {
			m.t.Error(err)
		}
		fmt.Fprintf(w, "data: %s\n\n", raw)
	}
	io.WriteString(w, "data: [DONE]\n\n")
}

func TestRecordedRunsOfARealModel(t *testing.T) {
	recordings, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(recordings) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range recordings {
		t.Run(filepath.Base(file), func(t *testing.T) { replay(t, file) })
	}
}

func replay(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := &model{t: t, answers: map[string]string{}, asked: map[string]int{}}
	request := pipeline.Request{Language: "go"}
	for _, f := range archive.Files {
		if f.Name == "prompt" {
			request.Prompt = strings.TrimSpace(string(f.Data))
			continue
		}
		m.answers[f.Name] = string(f.Data)
	}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	p, err := platform.Start(t.Context(), platform.Config{Dir: t.TempDir(), Address: "127.0.0.1:0",
		Environ: map[string]string{"QL_LLM_URL": server.URL + "/v1", "QL_LLM_MODEL": "recorded"},
		Logger:  slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	c, err := workflowclient.New(p.URL())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	run, err := c.Start(ctx, workflow.Start{Request: request}, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range c.Events(ctx, run.ID, 0) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if run, err = c.Get(ctx, run.ID); err != nil {
		t.Fatal(err)
	}
	if len(m.unknown) > 0 {
		t.Errorf("asked for what was not recorded: %q", m.unknown)
	}
	if run.Status != workflow.Completed || run.Verification == nil || !run.Verification.Verified || run.Verification.Passed == 0 {
		t.Errorf("the run ended %s: verification %+v, findings %q, problem %+v", run.Status, run.Verification, run.Findings, run.Problem)
	}
	if run.Usage.Model != "recorded" {
		t.Errorf("the run names model %q", run.Usage.Model)
	}
}
