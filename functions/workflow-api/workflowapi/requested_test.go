package workflowapi_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// post sends an event in binary mode and gives the status and the problem that was answered.
func post(t *testing.T, url, id, eventType, data string) (int, fault.Problem) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/events", strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "ce-specversion": "1.0", "ce-id": id, "ce-type": eventType, "ce-source": "/tests/" + t.Name()} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var p fault.Problem
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &p); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
	}
	return resp.StatusCode, p
}

func TestRequestedEventStartsOneRun(t *testing.T) {
	t.Parallel()
	c, url, _ := serve(t)
	const wanted = "dev.quantumlayer.workflow.requested"
	marker := "A command-line tool that greets by event"
	data, err := json.Marshal(map[string]any{"prompt": marker, "language": "go"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if status, p := post(t, url, "event-1", wanted, string(data)); status != http.StatusAccepted {
			t.Fatalf("answered %d: %+v", status, p)
		}
	}
	started := 0
	all, err := c.List(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range all {
		if strings.HasPrefix(run.Request.Prompt, marker) {
			started++
			if err := c.Cancel(t.Context(), run.ID); err != nil {
				t.Error(err)
			}
		}
	}
	if started != 1 {
		t.Errorf("the event, delivered twice, started %d runs", started)
	}
	for name, test := range map[string]struct {
		id, eventType, data string
		status              int
	}{
		"another request under the same ID": {"event-1", wanted, `{"prompt": "A library of matrices"}`, http.StatusConflict},
		"unknown type":                      {"event-2", "com.example.order.placed", `{}`, http.StatusUnprocessableEntity},
		"no ID":                             {"", wanted, string(data), http.StatusBadRequest},
		"no JSON":                           {"event-3", wanted, `prompt=hello`, http.StatusBadRequest},
		"no prompt":                         {"event-4", wanted, `{"language": "go"}`, http.StatusUnprocessableEntity},
		"too large":                         {"event-5", wanted, `{"prompt": "` + strings.Repeat("a", 2<<20) + `"}`, http.StatusRequestEntityTooLarge},
	} {
		status, p := post(t, url, test.id, test.eventType, test.data)
		if status != test.status || p.Detail == "" {
			t.Errorf("%s: answered %d (%q), want %d and the reason", name, status, p.Detail, test.status)
		}
	}
}

func TestDeadLettersAreListed(t *testing.T) {
	t.Parallel()
	_, url, _ := serve(t)
	d, err := drop.Seal(drop.Drop{WorkflowID: workflow.NoWorkflow, Stage: drop.DeadLetterStage, Type: drop.TypeEvent,
		Artifact: []byte(`{"specversion":"1.0","id":"e-7","type":"t","source":"/s","knativeerrorcode":"422","knativeerrordata":"no prompt","data":{"a":1}}`)})
	if err != nil {
		t.Fatal(err)
	}
	if err := platform.Drops.Store(t.Context(), []drop.Drop{d}); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(url + "/v1/dead-letters")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var page workflow.DeadLetters
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil || len(page.Events) != 1 {
		t.Fatalf("%v: %+v", err, page)
	}
	if e := page.Events[0]; e.ID != "e-7" || e.Code != "422" || e.Reason != "no prompt" || !strings.Contains(string(e.Event), `"a":1`) {
		t.Errorf("got %+v", e)
	}
}
