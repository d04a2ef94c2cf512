package workflowapi_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/quantumlayer-dev/quantumlayer/functions/workflow-api/workflowapi"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropclient"
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

// idle is a Temporal server whose workers are gone: what runs is told by none.
type idle struct {
	client.Client
	asked atomic.Int32
}

func (i *idle) QueryWorkflow(context.Context, string, string, string, ...any) (converter.EncodedValue, error) {
	i.asked.Add(1)
	return nil, serviceerror.NewDeadlineExceeded("no worker")
}

// Starting a run needs no worker, so an event that is delivered again while there is none is taken as well.
func TestRequestedEventAgainWithoutAWorker(t *testing.T) {
	t.Parallel()
	workers := &idle{Client: platform.Temporal.Client()}
	s := httptest.NewServer(workflowapi.Handler(t.Context(), workflowapi.Parts{Temporal: workers, Events: platform.Events, Drops: platform.Drops}))
	defer s.Close()
	const data = `{"prompt": "A library that waits for a worker"}`
	for range 2 {
		if status, p := post(t, s.URL, "event-1", "dev.quantumlayer.workflow.requested", data); status != http.StatusAccepted {
			t.Errorf("answered %d: %+v", status, p)
		}
	}
	if n := workers.asked.Load(); n != 0 {
		t.Errorf("workers were asked %d times for what nobody reads", n)
	}
	if status, _ := post(t, s.URL, "event-1", "dev.quantumlayer.workflow.requested", `{"prompt": "Another library"}`); status != http.StatusConflict {
		t.Errorf("another request under the same ID: answered %d", status)
	}
	c := clientOf(t, s.URL)
	runs, err := c.List(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range runs {
		if strings.HasPrefix(run.Request.Prompt, "A library that waits") {
			if err := c.Cancel(t.Context(), run.ID); err != nil {
				t.Error(err)
			}
		}
	}
}

// letters is what is kept of three events: one that can be read, one that is none, and one whose artefact is damaged.
type letters struct {
	*dropclient.Client
	damaged string
}

func (l letters) Find(ctx context.Context, q drop.Query) (drop.Page, error) {
	page, err := l.Client.Find(ctx, q)
	if q.WithArtifacts && slices.ContainsFunc(page.Drops, func(d drop.Drop) bool { return d.ID == l.damaged }) {
		return drop.Page{}, fault.New(fault.Internal, "the stored drop is damaged")
	}
	return page, err
}

func (l letters) Get(ctx context.Context, tenant, id string) (drop.Drop, error) {
	if id == l.damaged {
		return drop.Drop{}, fault.New(fault.Internal, "the stored drop is damaged")
	}
	return l.Client.Get(ctx, tenant, id)
}

func TestDeadLettersAreListed(t *testing.T) {
	t.Parallel()
	var ids []string
	for i, artifact := range []string{
		`{"specversion":"1.0","id":"e-7","type":"t","source":"/s","knativeerrorcode":422,"knativeerrordata":"bm8gcHJvbXB0","data":{"a":1}}`,
		`["no event"]`,
		`{"id":"lost"}`,
	} {
		d, err := drop.Seal(drop.Drop{WorkflowID: workflow.NoWorkflow, Stage: drop.DeadLetterStage, Type: drop.TypeEvent, Artifact: []byte(artifact), Timestamp: time.UnixMilli(int64(i) * 1000)})
		if err != nil {
			t.Fatal(err)
		}
		if err := platform.Drops.Store(t.Context(), []drop.Drop{d}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, d.ID)
	}
	parts := workflowapi.Parts{Temporal: platform.Temporal.Client(), Events: platform.Events, Drops: letters{platform.Drops, ids[2]}}
	s := httptest.NewServer(workflowapi.Handler(t.Context(), parts))
	defer s.Close()
	got, err := clientOf(t, s.URL).DeadLetters(t.Context())
	if err != nil || len(got) != 3 {
		t.Fatalf("%v: %+v", err, got)
	}
	if e := got[0]; e.ID != "e-7" || e.Code != "422" || e.Reason != "no prompt" || !strings.Contains(string(e.Event), `"a":1`) {
		t.Errorf("got %+v", e)
	}
	for i, says := range map[int]string{1: "no event", 2: "damaged"} {
		if e := got[i]; e.DropID != ids[i] || e.KeptAt.IsZero() || !strings.Contains(e.Reason, says) {
			t.Errorf("of %s is told %+v, want that it cannot be read: %s", ids[i], e, says)
		}
	}
}
