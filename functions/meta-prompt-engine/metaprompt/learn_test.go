package metaprompt_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/metaprompt"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// drops is quantum-drops in memory.
type drops struct {
	all  map[string]drop.Drop
	down bool
}

func (d *drops) Get(_ context.Context, _, id string) (drop.Drop, error) {
	if d.down {
		return drop.Drop{}, fault.New(fault.Unavailable, "quantum-drops does not answer")
	}
	found, ok := d.all[id]
	if !ok {
		return drop.Drop{}, fmt.Errorf("reading %s: %w", id, drop.ErrNotFound)
	}
	return found, nil
}

func (d *drops) Latest(ctx context.Context, tenant, workflowID, stage string, kind drop.Type) (drop.Drop, error) {
	var latest drop.Drop
	for id, one := range d.all {
		if one.Tenant == tenant && one.WorkflowID == workflowID && one.Stage == stage && one.Type == kind && (latest.ID == "" || one.Version > latest.Version) {
			latest.ID = id
			latest.Version = one.Version
		}
	}
	return d.Get(ctx, tenant, latest.ID)
}

// add stores a drop of run "wf" of a tenant; what is no string becomes JSON.
func (d *drops) add(t *testing.T, stage string, kind drop.Type, version int, body any, change func(*drop.Drop)) drop.Drop {
	t.Helper()
	text, ok := body.(string)
	if !ok {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		text = string(raw)
	}
	made := drop.Drop{Tenant: "acme", WorkflowID: "wf", Stage: stage, Type: kind, Version: version, Artifact: []byte(text)}
	if change != nil {
		change(&made)
	}
	made, err := drop.Seal(made)
	if err != nil {
		t.Fatal(err)
	}
	if d.all == nil {
		d.all = map[string]drop.Drop{}
	}
	d.all[made.ID] = made
	return made
}

func learner(t *testing.T) (*metaprompt.Engine, *drops) {
	e, _ := engine(t)
	d := &drops{}
	e.Drops = d
	return e, d
}

// post sends an event in structured mode and gives the status.
func post(t *testing.T, e *metaprompt.Engine, eventType string, data any) int {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"specversion": "1.0", "id": "1", "source": "/test", "type": eventType, "datacontenttype": "application/json", "data": data})
	if err != nil {
		t.Fatal(err)
	}
	return postRaw(t, e, "application/cloudevents+json", string(raw))
}

func postRaw(t *testing.T, e *metaprompt.Engine, contentType, body string) int {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/events", strings.NewReader(body))
	req.Header.Set("Content-Type", contentType)
	rec := httptest.NewRecorder()
	e.Handler().ServeHTTP(rec, req)
	return rec.Code
}

// similar asks for what is like a prompt.
func similar(t *testing.T, e *metaprompt.Engine, collection, text string) []string {
	t.Helper()
	found, err := e.Index.Similar(t.Context(), collection, text, 10, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, d := range found {
		texts = append(texts, d.Text)
	}
	return texts
}

const likeLending = "A REST API for a lending library: members, books, loans, fines."

func TestAStoredRequestIsLearned(t *testing.T) {
	t.Parallel()
	e, d := learner(t)
	request := d.add(t, drop.RequestStage, drop.TypeResult, 0, pipeline.Request{Prompt: lending, Language: "go"}, nil)
	for range 2 { // twice is once
		if got := post(t, e, event.DropStored, request.Announcement()); got != http.StatusAccepted {
			t.Fatalf("status %d", got)
		}
	}
	if got := similar(t, e, metaprompt.Prompts, likeLending); len(got) != 1 || got[0] != lending {
		t.Errorf("kept %q", got)
	}
}

// verifiedRun stores what a run leaves in which the last repair was taken back, and gives the data of its last event.
func verifiedRun(t *testing.T, d *drops) workflow.Run {
	t.Helper()
	d.add(t, drop.RequestStage, drop.TypeResult, 0, pipeline.Request{Prompt: lending}, nil)
	d.add(t, string(pipeline.ProjectStructure), drop.TypeResult, 0, pipeline.ProjectStructureOut{
		Contract: pipeline.Contract{Files: []pipeline.ContractFile{{Path: "f0.go", Purpose: "keeps the loans"}}}}, nil)
	index := func(round int, bodies ...string) drop.Drop {
		var files workflow.FileIndex
		for i, body := range bodies {
			path := fmt.Sprintf("f%d.go", i)
			f := d.add(t, string(pipeline.CodeGeneration), drop.TypeFile, round, body, func(d *drop.Drop) { d.Metadata = map[string]string{drop.MetadataPath: path} })
			files.Files = append(files.Files, workflow.FileRef{Path: path, DropID: f.ID, SHA256: f.SHA256, Size: f.Size, Stage: pipeline.CodeGeneration, Round: round})
		}
		return d.add(t, string(pipeline.CodeGeneration), drop.TypeResult, round, files, nil)
	}
	final := index(1, "package f0", strings.Repeat("// long\n", 1000), "", "package f3", "package f4", "package f5", "package f6", "package f7")
	index(2, "package taken_back")
	tests := d.add(t, string(pipeline.TestGeneration), drop.TypeResult, 1, workflow.FileIndex{}, nil)
	verification := d.add(t, string(pipeline.VerificationStep), drop.TypeVerification, 1, "{}", func(d *drop.Drop) { d.Parents = []string{tests.ID, final.ID} })
	return workflow.Run{ID: "wf", Status: workflow.Completed, Verification: &workflow.Verification{Verified: true, DropID: verification.ID}}
}

func TestTheCodeOfAVerifiedRunIsLearned(t *testing.T) {
	t.Parallel()
	e, d := learner(t)
	run := verifiedRun(t, d)
	for range 2 {
		if got := post(t, e, event.WorkflowCompleted, run); got != http.StatusAccepted {
			t.Fatalf("status %d", got)
		}
	}
	got := similar(t, e, metaprompt.CodeSamples, likeLending)
	if len(got) != 5 || strings.Contains(strings.Join(got, "\n"), "taken_back") || strings.Contains(strings.Join(got, "\n"), "long") {
		t.Errorf("kept %q, want the five short files that were verified", got)
	}
	if got := similar(t, e, metaprompt.CodeSamples, "keeps the loans"); len(got) == 0 || got[0] != "package f0" {
		t.Errorf("by its purpose: %q", got)
	}
}

func TestTheCodeOfOtherRunsIsNot(t *testing.T) {
	t.Parallel()
	e, d := learner(t)
	run := verifiedRun(t, d)
	run.Verification.Verified = false
	for _, run := range []workflow.Run{run, {ID: "wf"}} {
		if got := post(t, e, event.WorkflowCompleted, run); got != http.StatusAccepted {
			t.Errorf("status %d", got)
		}
	}
	if got := similar(t, e, metaprompt.CodeSamples, likeLending); got != nil {
		t.Errorf("kept %q", got)
	}
}

func TestEventsThatTeachNothing(t *testing.T) {
	t.Parallel()
	e, d := learner(t)
	id := "drop_" + strings.Repeat("0", 32)
	request := drop.Announcement{ID: id, Stage: drop.RequestStage, Type: drop.TypeResult}
	verified := func(id string) workflow.Run {
		return workflow.Run{Verification: &workflow.Verification{Verified: true, DropID: id}}
	}
	lone := d.add(t, string(pipeline.VerificationStep), drop.TypeVerification, 0, "{}", nil)
	blank := d.add(t, drop.RequestStage, drop.TypeResult, 0, pipeline.Request{}, nil)
	for name, tc := range map[string]struct {
		eventType string
		data      any
		want      int
	}{
		"another drop":          {event.DropStored, drop.Announcement{ID: id, Stage: "documentation", Type: drop.TypeResult}, 202},
		"another event of ours": {event.WorkflowStarted, 1, 202},
		"somebody else's event": {"com.example.thing", 1, 422},
		"no data":               {event.DropStored, nil, 422},
		"data of another shape": {event.DropStored, []int{1}, 422},
		"no ID of a drop":       {event.DropStored, drop.Announcement{ID: "../x", Stage: drop.RequestStage, Type: drop.TypeResult}, 422},
		"no such drop":          {event.DropStored, request, 422},
		"no prompt":             {event.DropStored, blank.Announcement(), 422},
		"no run":                {event.WorkflowCompleted, "x", 422},
		"no verification":       {event.WorkflowCompleted, verified("x"), 422},
		"verification is gone":  {event.WorkflowCompleted, verified(id), 422},
		"verification of what":  {event.WorkflowCompleted, verified(lone.ID), 422},
	} {
		if got := post(t, e, tc.eventType, tc.data); got != tc.want {
			t.Errorf("%s: status %d, want %d", name, got, tc.want)
		}
	}
	for name, tc := range map[string]struct {
		contentType, body string
		want              int
	}{
		"no event":   {"application/json", "{}", 400},
		"not JSON":   {"application/cloudevents+json", "{", 400},
		"no ID":      {"application/cloudevents+json", `{"specversion":"1.0","source":"/s","type":"t"}`, 400},
		"over limit": {"application/cloudevents+json", `{"specversion":"1.0","id":"1","source":"/s","type":"t","data":"` + strings.Repeat("x", 2<<20) + `"}`, 413},
	} {
		if got := postRaw(t, e, tc.contentType, tc.body); got != tc.want {
			t.Errorf("%s: status %d, want %d", name, got, tc.want)
		}
	}
	d.down = true // then another try may help
	for eventType, data := range map[string]any{event.DropStored: request, event.WorkflowCompleted: verified(id)} {
		if got := post(t, e, eventType, data); got != http.StatusServiceUnavailable {
			t.Errorf("%s without quantum-drops: status %d, want 503", eventType, got)
		}
	}
}
