package workflowapi_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflowclient"
	"github.com/quantumlayer-dev/quantumlayer/worker/generation/generationtest"
)

// follow reads a run's events to their end.
func follow(t *testing.T, c *workflowclient.Client, id string, after uint64) []workflow.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var events []workflow.Event
	for e, err := range c.Events(ctx, id, after) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

func TestEventsFollowTheRunToItsEnd(t *testing.T) {
	t.Parallel()
	c, _, _ := serve(t)
	id := create(t, c, &generationtest.Script{})
	live := follow(t, c, id, 0) // the run has only begun
	if first, last := live[0], live[len(live)-1]; first.Type != event.WorkflowStarted || last.Type != event.WorkflowCompleted {
		t.Errorf("they begin with %s and end with %s", first.Type, last.Type)
	}
	if diff := cmp.Diff(live, follow(t, c, id, 0)); diff != "" {
		t.Errorf("read again:\n%s", diff)
	}
	for _, at := range []int{0, 5, len(live) - 2} {
		if diff := cmp.Diff(live[at+1:], follow(t, c, id, live[at].Sequence)); diff != "" {
			t.Errorf("resumed behind event %d:\n%s", at, diff)
		}
	}
	if events := follow(t, c, id, live[len(live)-1].Sequence); len(events) != 0 {
		t.Errorf("behind the last event there are %v", events)
	}
}

func TestEventsOfARetriedRunGoOn(t *testing.T) {
	t.Parallel()
	c, _, _ := serve(t)
	id := create(t, c, breaking(pipeline.RequirementsParsing))
	await(t, c, id, ended)
	if _, err := c.Retry(t.Context(), id, workflow.Retry{}); err != nil {
		t.Fatal(err)
	}
	var ends []string
	for _, e := range follow(t, c, id, 0) {
		if e.EndsRun() {
			ends = append(ends, e.Type)
		}
	}
	if diff := cmp.Diff([]string{event.WorkflowFailed, event.WorkflowCompleted}, ends); diff != "" {
		t.Errorf("ends of attempts:\n%s", diff)
	}
}

// TestEventsSurviveBrokenConnections reads through a proxy that cuts each connection after a few events, of which a run has over 10 kB.
func TestEventsSurviveBrokenConnections(t *testing.T) {
	t.Parallel()
	direct, base, _ := serve(t)
	target, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval = -1
	var connections atomic.Int32
	cutting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") {
			connections.Add(1)
			w = &cutter{ResponseWriter: w, left: 3001}
		}
		proxy.ServeHTTP(w, r)
	}))
	defer cutting.Close()
	id := create(t, direct, &generationtest.Script{})
	got := follow(t, clientOf(t, cutting.URL), id, 0)
	if diff := cmp.Diff(follow(t, direct, id, 0), got); diff != "" {
		t.Errorf("through broken connections:\n%s", diff)
	}
	if n := connections.Load(); n < 3 {
		t.Errorf("only %d connections: nothing was broken", n)
	}
}

// cutter closes the connection after so many bytes, which is in the middle of an event.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if len(p) > c.left {
		_, _ = c.ResponseWriter.Write(p[:c.left])
		c.Flush()
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

func (c *cutter) Flush()                      { c.ResponseWriter.(http.Flusher).Flush() }
func (c *cutter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func TestEventStreamOnTheWire(t *testing.T) {
	t.Parallel()
	c, base, stop := serve(t)
	id := create(t, c, hanging(pipeline.FRDGeneration))
	resp, err := http.Get(base + "/v1/workflows/" + id + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("%s, %s", resp.Status, got)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	var seen []string
	beats := 0
	for beats < 2 && lines.Scan() {
		if lines.Text() == ": alive" {
			beats++
		}
		seen = append(seen, lines.Text())
	}
	if beats < 2 {
		t.Fatalf("a silent stream shows no life: %q", seen)
	}
	i := slices.Index(seen, "event: "+event.WorkflowStarted)
	if i < 1 || !strings.HasPrefix(seen[i-1], "id: ") || !strings.HasPrefix(seen[i+1], `data: {"sequence":`) || seen[i+2] != "" {
		t.Errorf("an event is sent so: %q", seen)
	}
	stop() // as on SIGTERM: the stream must not hold the server up
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream of a server that stops ends with %v", err)
	}
	if err := c.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
}

func TestEventsOfARunWithoutALastEventEnd(t *testing.T) {
	t.Parallel()
	c, _, _ := serve(t)
	id := create(t, c, hanging(pipeline.FRDGeneration))
	await(t, c, id, runs(pipeline.FRDGeneration))
	if err := platform.Temporal.Client().TerminateWorkflow(t.Context(), id, "", "an operator"); err != nil {
		t.Fatal(err)
	}
	if events := follow(t, c, id, 0); len(events) == 0 {
		t.Error("no events at all")
	}
}

func TestLastEventIDThatIsNone(t *testing.T) {
	t.Parallel()
	_, base, _ := serve(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/v1/workflows/run-any/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Last-Event-ID", "yesterday")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("got %s", resp.Status)
	}
}
