// Package natstest is the suite that an event log passes on every kind of NATS
// server.
package natstest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
)

// patience is how long a test waits for what has to come.
const patience = 20 * time.Second

// Run runs the suite. open returns a log that the suite may share with others:
// each test uses workflows of its own, and closes its log.
func Run(t *testing.T, open func(t *testing.T) *nats.Log) {
	for name, test := range map[string]func(*testing.T, *nats.Log){
		"keeps every field":                 keepsEveryField,
		"replays and goes on live":          replaysAndGoesOnLive,
		"resumes after every sequence":      resumesAfterEverySequence,
		"takes an ID once":                  takesAnIDOnce,
		"same order for all":                sameOrderForAll,
		"forgotten sequence reads all":      forgottenSequenceReadsAll,
		"refuses what it cannot store":      refusesWhatItCannotStore,
		"stores up to the limit":            storesUpToTheLimit,
		"context ends a subscription":       contextEndsASubscription,
		"break ends a subscription":         breakEndsASubscription,
		"context ends publishing":           contextEndsPublishing,
		"slow reader misses nothing":        slowReaderMissesNothing,
		"workflow IDs with common prefixes": workflowsWithCommonPrefixes,
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			log := open(t)
			t.Cleanup(func() {
				if err := log.Close(); err != nil {
					t.Error(err)
				}
			})
			test(t, log)
		})
	}
	t.Run("close-ends-all", func(t *testing.T) {
		t.Parallel()
		closeEndsAll(t, open(t))
	})
}

// NewWorkflowID returns an ID that no other test uses.
func NewWorkflowID() string {
	return "wf-" + rand.Text()
}

// NewEvent returns an event with that number in ID, type and data.
func NewEvent(workflowID string, number int) nats.Event {
	return nats.Event{
		WorkflowID: workflowID,
		ID:         fmt.Sprintf("event-%d", number),
		Type:       "dev.quantumlayer.stage.frd-generation.progress",
		Time:       time.Date(2025, 3, 1, 12, 0, number, 123456789, time.UTC),
		Data:       fmt.Appendf(nil, `{"number":%d}`, number),
	}
}

// Publish publishes the events.
func Publish(t *testing.T, log *nats.Log, events ...nats.Event) {
	t.Helper()
	for _, event := range events {
		if err := log.Publish(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
}

// Read reads so many events from after a sequence on.
func Read(t *testing.T, log *nats.Log, workflowID string, after uint64, count int) []nats.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var events []nats.Event
	for event, err := range log.Subscribe(ctx, workflowID, after) {
		if err != nil {
			t.Fatal(err)
		}
		if events = append(events, event); len(events) == count {
			break
		}
	}
	if len(events) != count {
		t.Fatalf("got %d events after %s, want %d: %v", len(events), patience, count, events)
	}
	return events
}

func keepsEveryField(t *testing.T, log *nats.Log) {
	workflow := NewWorkflowID()
	full := NewEvent(workflow, 1)
	full.Time = full.Time.In(time.FixedZone("", 3*3600))
	bare := nats.Event{WorkflowID: workflow, Type: "com.example.Prüfung"}
	before := time.Now()
	Publish(t, log, full, bare)
	got := Read(t, log, workflow, 0, 2)

	if got[0].Sequence == 0 || got[1].Sequence <= got[0].Sequence {
		t.Errorf("sequences %d, %d do not grow", got[0].Sequence, got[1].Sequence)
	}
	want := NewEvent(workflow, 1)
	want.Sequence = got[0].Sequence
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("full event (-want +got):\n%s", diff)
	}
	if got[1].ID == "" || got[1].Time.Before(before) || got[1].Time.After(time.Now()) {
		t.Errorf("got ID %q and time %s, want a random one and that of publishing", got[1].ID, got[1].Time)
	}
	bare.ID, bare.Time, bare.Sequence = got[1].ID, got[1].Time, got[1].Sequence
	if diff := cmp.Diff(bare, got[1]); diff != "" {
		t.Errorf("bare event (-want +got):\n%s", diff)
	}
}

func replaysAndGoesOnLive(t *testing.T, log *nats.Log) {
	workflow, other := NewWorkflowID(), NewWorkflowID()
	Publish(t, log, NewEvent(workflow, 0), NewEvent(other, 0), NewEvent(workflow, 1))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var got []string
	for event, err := range log.Subscribe(ctx, workflow, 0) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, event.ID)
		if len(got) == 5 {
			break
		}
		if len(got) >= 2 { // all that was there is read: what comes now is live
			Publish(t, log, NewEvent(other, len(got)), NewEvent(workflow, len(got)))
		}
	}
	want := []string{"event-0", "event-1", "event-2", "event-3", "event-4"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func resumesAfterEverySequence(t *testing.T, log *nats.Log) {
	workflow := NewWorkflowID()
	const count = 8
	for number := range count {
		Publish(t, log, NewEvent(workflow, number), NewEvent(NewWorkflowID(), number))
	}
	all := Read(t, log, workflow, 0, count)
	for i, last := range all[:count-1] {
		rest := Read(t, log, workflow, last.Sequence, count-1-i)
		if diff := cmp.Diff(all[i+1:], rest); diff != "" {
			t.Errorf("after event %d (-want +got):\n%s", i, diff)
		}
	}
}

func takesAnIDOnce(t *testing.T, log *nats.Log) {
	workflow, other := NewWorkflowID(), NewWorkflowID()
	again := NewEvent(workflow, 1)
	again.Data = json.RawMessage(`{"number":"another"}`)
	nameless := NewEvent(workflow, 2)
	nameless.ID = ""
	Publish(t, log, NewEvent(workflow, 1), again, NewEvent(other, 1), nameless, nameless, NewEvent(workflow, 3))

	got := Read(t, log, workflow, 0, 4)
	var data []string
	for _, event := range got {
		data = append(data, string(event.Data))
	}
	if diff := cmp.Diff([]string{`{"number":1}`, `{"number":2}`, `{"number":2}`, `{"number":3}`}, data); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got[1].ID == got[2].ID {
		t.Errorf("two events without ID both got %q", got[1].ID)
	}
	Read(t, log, other, 0, 1)
}

func sameOrderForAll(t *testing.T, log *nats.Log) {
	workflow := NewWorkflowID()
	const publishers, each, readers = 4, 25, 3
	var group sync.WaitGroup
	for publisher := range publishers {
		group.Go(func() {
			for number := range each {
				if err := log.Publish(t.Context(), NewEvent(workflow, publisher*each+number)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	reads := make([][]nats.Event, readers)
	for i := range reads {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			for event, err := range log.Subscribe(ctx, workflow, 0) {
				if err != nil {
					t.Error(err)
				}
				if reads[i] = append(reads[i], event); len(reads[i]) == publishers*each {
					return
				}
			}
		})
	}
	group.Wait()
	ids := map[string]bool{}
	for i, event := range reads[0] {
		ids[event.ID] = true
		if i > 0 && event.Sequence <= reads[0][i-1].Sequence {
			t.Errorf("sequence %d comes after %d", event.Sequence, reads[0][i-1].Sequence)
		}
	}
	if len(ids) != publishers*each {
		t.Errorf("got %d different events, want %d", len(ids), publishers*each)
	}
	for _, read := range reads[1:] {
		if diff := cmp.Diff(reads[0], read); diff != "" {
			t.Errorf("two readers differ:\n%s", diff)
		}
	}
}

func forgottenSequenceReadsAll(t *testing.T, log *nats.Log) {
	workflow := NewWorkflowID()
	Publish(t, log, NewEvent(workflow, 1))
	for _, after := range []uint64{math.MaxInt64, math.MaxUint64} {
		if got := Read(t, log, workflow, after, 1); got[0].ID != "event-1" {
			t.Errorf("after %d: got %v, want event-1", after, got)
		}
	}
}

func refusesWhatItCannotStore(t *testing.T, log *nats.Log) {
	workflow := NewWorkflowID()
	for name, spoil := range map[string]func(*nats.Event){
		"no workflow":         func(e *nats.Event) { e.WorkflowID = "" },
		"workflow with dot":   func(e *nats.Event) { e.WorkflowID += ".x" },
		"wildcard workflow":   func(e *nats.Event) { e.WorkflowID = ">" },
		"workflow with space": func(e *nats.Event) { e.WorkflowID += " x" },
		"no type":             func(e *nats.Event) { e.Type = "" },
		"only the prefix":     func(e *nats.Event) { e.Type = "dev.quantumlayer." },
		"wildcard type":       func(e *nats.Event) { e.Type = "dev.quantumlayer.stage.*" },
		"type with gap":       func(e *nats.Event) { e.Type = "dev.quantumlayer.stage..failed" },
		"ID with line break":  func(e *nats.Event) { e.ID = "a\r\nNats-Rollup: all" },
		"ID too long":         func(e *nats.Event) { e.ID = strings.Repeat("a", 1<<20) },
		"not JSON":            func(e *nats.Event) { e.Data = json.RawMessage("{") },
		"empty data":          func(e *nats.Event) { e.Data = json.RawMessage{} },
		"data too large":      func(e *nats.Event) { e.Data = jsonOfSize(nats.MaxDataBytes + 1) },
	} {
		event := NewEvent(workflow, 1)
		spoil(&event)
		err := log.Publish(t.Context(), event)
		if !errors.Is(err, nats.ErrInvalid) || errors.Is(err, nats.ErrTooLarge) != (name == "data too large") {
			t.Errorf("%s: got error %v", name, err)
		}
	}
	for _, bad := range []string{"", "a.b", "*", ">"} {
		for event, err := range log.Subscribe(t.Context(), bad, 0) {
			if !errors.Is(err, nats.ErrInvalid) {
				t.Errorf("subscribe to %q: got %v, %v", bad, event, err)
			}
		}
	}
	Publish(t, log, NewEvent(workflow, 2))
	if got := Read(t, log, workflow, 0, 1); got[0].ID != "event-2" {
		t.Errorf("a refused event was stored: %v", got)
	}
}

func storesUpToTheLimit(t *testing.T, log *nats.Log) {
	event := NewEvent(strings.Repeat("w", 300)+NewWorkflowID(), 1)
	event.ID = strings.Repeat("i", 300)
	event.Type = "dev.quantumlayer." + strings.Repeat("t", 300)
	event.Data = jsonOfSize(nats.MaxDataBytes)
	Publish(t, log, event)
	if got := Read(t, log, event.WorkflowID, 0, 1); !bytes.Equal(got[0].Data, event.Data) {
		t.Errorf("got %d bytes of data, want %d", len(got[0].Data), len(event.Data))
	}
}

func jsonOfSize(size int) json.RawMessage {
	return json.RawMessage(`"` + strings.Repeat("x", size-2) + `"`)
}

func contextEndsASubscription(t *testing.T, log *nats.Log) {
	workflow := NewWorkflowID()
	Publish(t, log, NewEvent(workflow, 1))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(patience, cancel)
	var got int
	for _, err := range log.Subscribe(ctx, workflow, 0) {
		if err != nil {
			t.Errorf("got error %v, want a silent end", err)
		}
		got++
		cancel()
	}
	if got != 1 {
		t.Errorf("got %d events, want 1", got)
	}
}

func breakEndsASubscription(t *testing.T, log *nats.Log) {
	workflow := NewWorkflowID()
	Publish(t, log, NewEvent(workflow, 1), NewEvent(workflow, 2))
	events := log.Subscribe(t.Context(), workflow, 0)
	for range 2 { // the sequence can be read again, from its start
		for event, err := range events {
			if err != nil || event.ID != "event-1" {
				t.Errorf("got %v, %v", event, err)
			}
			break
		}
	}
}

func contextEndsPublishing(t *testing.T, log *nats.Log) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := log.Publish(ctx, NewEvent(NewWorkflowID(), 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func slowReaderMissesNothing(t *testing.T, log *nats.Log) {
	workflow := NewWorkflowID()
	const count = 300 // several times what waits in memory
	for number := range count {
		Publish(t, log, NewEvent(workflow, number))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	next := 0
	for event, err := range log.Subscribe(ctx, workflow, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("event-%d", next); event.ID != want {
			t.Fatalf("got %s, want %s", event.ID, want)
		}
		if next++; next == count {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if next != count {
		t.Errorf("got %d events, want %d", next, count)
	}
}

func workflowsWithCommonPrefixes(t *testing.T, log *nats.Log) {
	short := NewWorkflowID()
	long := short + "-retry"
	Publish(t, log, NewEvent(long, 1), NewEvent(short, 2), NewEvent(long, 3))
	if got := Read(t, log, short, 0, 1); got[0].ID != "event-2" {
		t.Errorf("got %v, want event-2", got)
	}
}

func closeEndsAll(t *testing.T, log *nats.Log) {
	workflow := NewWorkflowID()
	Publish(t, log, NewEvent(workflow, 1))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last error
	for event, err := range log.Subscribe(ctx, workflow, 0) {
		if last = err; err != nil {
			continue
		}
		if event.ID != "event-1" {
			t.Errorf("got %v", event)
		}
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}
	if !errors.Is(last, nats.ErrClosed) {
		t.Errorf("subscription ended with %v, want ErrClosed", last)
	}
	if err := log.Publish(t.Context(), NewEvent(workflow, 2)); !errors.Is(err, nats.ErrClosed) {
		t.Errorf("publish on a closed log: got %v, want ErrClosed", err)
	}
}
