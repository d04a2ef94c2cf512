package workflowclient_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflowclient"
)

// The client is tried against the real workflow-api in functions/workflow-api; here are the servers that misbehave.

// line is an event as the server sends it.
func line(sequence uint64, eventType string) string {
	raw, err := json.Marshal(workflow.Event{Sequence: sequence, Type: eventType, WorkflowID: "r1"})
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("id: %d\nevent: %s\ndata: %s\n\n", sequence, eventType, raw)
}

func stream(w http.ResponseWriter) { w.Header().Set("Content-Type", "text/event-stream") }

// read reads a run's events to their end.
func read(t *testing.T, c *workflowclient.Client, after uint64) (events []workflow.Event, err error) {
	t.Helper()
	for e, err := range c.Events(t.Context(), "r1", after) {
		if err != nil {
			return events, err
		}
		events = append(events, e)
	}
	return events, nil
}

func TestEventsOverBadConnections(t *testing.T) {
	t.Parallel()
	var asked []string
	answers := []http.HandlerFunc{
		func(w http.ResponseWriter, _ *http.Request) { // half an event
			stream(w)
			fmt.Fprint(w, ": hello\n\n", line(3, "x"), strings.TrimSuffix(line(4, "x"), "\n\n"))
		},
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		func(w http.ResponseWriter, r *http.Request) {
			fault.Write(w, r, fault.New(fault.Unavailable, "Temporal is away"))
		},
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		func(w http.ResponseWriter, _ *http.Request) {
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
	events, err := read(t, c, 2)
	if err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for _, e := range events {
		got = append(got, e.Sequence)
	}
	if diff := cmp.Diff([]uint64{3, 4, 9}, got); diff != "" {
		t.Errorf("events:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"2", "3", "3", "3", "3"}, asked); diff != "" {
		t.Errorf("resumed behind:\n%s", diff)
	}
}

// A stream may use all that the format allows; an event that its end cuts off is none.
func TestEventsAsTheFormatAllows(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/events") {
			answer(200, "application/json", `{"id":"r1","status":"completed"}`)(w, r)
			return
		}
		answer(200, "text/event-stream; charset=utf-8", ": hello\n\nid: 7\nevent: x\ndata: {\"type\":\"x\",\ndata: \"workflow_id\":\"r1\"}\n\nid: 8\r\ndata:{\"type\":\"y\"}\r\n\r\nid: 9\ndata: {\"type\":\"cut\"}")(w, r)
	})
	got, err := read(t, c, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []workflow.Event{{Sequence: 7, Type: "x", WorkflowID: "r1"}, {Sequence: 8, Type: "y"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What would be the same again is not asked for again.
func TestEventsThatEndForGood(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		code   fault.Code
	}{
		"no such run": {func(w http.ResponseWriter, r *http.Request) { fault.Write(w, r, fault.New(fault.NotFound, "no run")) }, fault.NotFound},
		"a web page":  {answer(200, "text/html", "<html>"), fault.Unavailable},
		"no JSON":     {answer(200, "text/event-stream", "data: {\n\n"), fault.Unavailable},
		"too long":    {answer(200, "text/event-stream", "data: "+string(bytes.Repeat([]byte("x"), 5<<20))), fault.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			c := serve(t, func(w http.ResponseWriter, r *http.Request) { asked++; test.answer(w, r) })
			if got, err := read(t, c, 0); !fault.Is(err, test.code) || len(got) != 0 || asked != 1 {
				t.Errorf("got %v and %v after asking %d times, want a fault %s", got, err, asked, test.code)
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
	for range c.Events(t.Context(), "r1", 0) {
		break
	}
	<-gone
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range c.Events(ctx, "r1", 0) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("ended with %v", last)
	}
	<-gone
}
