package generation

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/broker"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
)

// kept is an event log in memory.
type kept struct{ types []string }

func (k *kept) Publish(_ context.Context, e nats.Event) error {
	k.types = append(k.types, e.Type)
	return nil
}

func TestTheBrokerHearsOfRuns(t *testing.T) {
	t.Parallel()
	sent := make(chan string, 10)
	var down atomic.Bool
	held := make(chan struct{}) // what is not awaited is held by the Broker until the test ends
	t.Cleanup(func() { close(held) })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		sent <- r.Header.Get("ce-id") + " " + r.Header.Get("ce-type") + " " + r.Header.Get("ce-subject")
		if r.Header.Get("ce-type") == event.WorkflowStarted {
			<-held
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(server.CloseClientConnections)
	log := &kept{}
	a := announced{Publisher: log, broker: broker.New(server.URL), insist: true}
	publish := func(eventType string) error {
		return a.Publish(t.Context(), nats.Event{WorkflowID: "run-1", ID: "1/x", Type: eventType, Time: time.Now(), Data: []byte(`{}`)})
	}
	for _, eventType := range []string{event.WorkflowStarted, "dev.quantumlayer.stage.documentation.completed", event.WorkflowCompleted} {
		if err := publish(eventType); err != nil {
			t.Fatal(err)
		}
	}
	got := []string{<-sent, <-sent}
	slices.Sort(got)
	if want := []string{"run-1/1/x " + event.WorkflowCompleted + " run-1", "run-1/1/x " + event.WorkflowStarted + " run-1"}; !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
	down.Store(true)
	if err := publish(event.WorkflowStarted); err != nil {
		t.Errorf("a run waits for a Broker that is down: %v", err)
	}
	if err := publish(event.WorkflowFailed); err == nil {
		t.Error("the event of a run's end is lost without an error")
	}
	a.insist = false
	if err := publish(event.WorkflowFailed); err != nil {
		t.Errorf("the end of a run fails with a receiver that nobody insists on: %v", err)
	}
	if len(log.types) != 6 {
		t.Errorf("the log has %q", log.types)
	}
}
