package workflowclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflowclient"
)

// The client is tried against the real workflow-api in functions/workflow-api; here are the servers that misbehave.

func serve(t *testing.T, handler http.HandlerFunc) *workflowclient.Client {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return workflowclient.New(s.URL)
}

// line is an event as the server sends it.
func line(sequence uint64, eventType string) string {
	raw, err := json.Marshal(workflow.Event{Sequence: sequence, Type: eventType, WorkflowID: "run-1"})
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("id: %d\nevent: %s\ndata: %s\n\n", sequence, eventType, raw)
}

func stream(w http.ResponseWriter) { w.Header().Set("Content-Type", "text/event-stream") }

func sequences(t *testing.T, c *workflowclient.Client, after uint64) ([]uint64, error) {
	t.Helper()
	var seen []uint64
	for e, err := range c.Events(t.Context(), "run-1", after) {
		if err != nil {
			return seen, err
		}
		seen = append(seen, e.Sequence)
	}
	return seen, nil
}

func TestEventsOverBadConnections(t *testing.T) {
	t.Parallel()
	var asked []string
	answers := []http.HandlerFunc{
		func(w http.ResponseWriter, r *http.Request) { // half an event
			stream(w)
			fmt.Fprint(w, ": hello\n\n", line(3, "x"), strings.TrimSuffix(line(4, "x"), "\n\n"))
		},
		func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		func(w http.ResponseWriter, r *http.Request) {
			fault.Write(w, r, fault.New(fault.Unavailable, "Temporal is away"))
		},
		func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
		func(w http.ResponseWriter, r *http.Request) {
			stream(w)
			fmt.Fprint(w, line(4, "x"), line(9, event.WorkflowFailed))
		},
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/events") { // the client asks how the run stands
			fault.Write(w, r, fault.New(fault.Unavailable, "no worker"))
			return
		}
		asked = append(asked, r.Header.Get("Last-Event-ID"))
		answers[len(asked)-1](w, r)
	})
	got, err := sequences(t, c, 2)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]uint64{3, 4, 9}, got); diff != "" {
		t.Errorf("events:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"2", "3", "3", "3", "3"}, asked); diff != "" {
		t.Errorf("resumed behind:\n%s", diff)
	}
}

func TestEventsThatEndForGood(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		code   fault.Code
	}{
		"no such run": {func(w http.ResponseWriter, r *http.Request) { fault.Write(w, r, fault.New(fault.NotFound, "no run")) }, fault.NotFound},
		"a web page":  {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, fault.Invalid},
		"no JSON":     {func(w http.ResponseWriter, _ *http.Request) { stream(w); fmt.Fprint(w, "data: {\n\n") }, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := sequences(t, serve(t, test.answer), 0); !fault.Is(err, test.code) || len(got) != 0 {
				t.Errorf("got %v and %v, want a fault %s", got, err, test.code)
			}
		})
	}
}

func TestEventsStopWithTheReader(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{}, 2)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		stream(w)
		fmt.Fprint(w, line(1, "x"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		gone <- struct{}{}
	})
	for range c.Events(t.Context(), "run-1", 0) {
		break
	}
	<-gone
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range c.Events(ctx, "run-1", 0) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("ended with %v", last)
	}
	<-gone
}

func TestFilePathsAreEscaped(t *testing.T) {
	t.Parallel()
	var seen string
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { seen = r.URL.EscapedPath() })
	if _, err := c.File(t.Context(), "run-1", "a b/c?d.go"); err != nil {
		t.Fatal(err)
	}
	if want := "/v1/workflows/run-1/files/a%20b/c%3Fd.go"; seen != want {
		t.Errorf("asked for %s, want %s", seen, want)
	}
}
