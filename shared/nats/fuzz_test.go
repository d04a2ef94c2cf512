package nats_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats/embedded"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats/natstest"
)

// Whatever Publish accepts comes back the same.
func FuzzPublish(f *testing.F) {
	f.Add("wf-1", "event-1", "dev.quantumlayer.workflow.started", int64(0), []byte(`{}`))
	f.Add("ü", " ", "a", int64(1<<60), []byte(` 1`))
	f.Add("a.b", "a: b\r\nc", "dev.quantumlayer..", int64(-1), []byte(nil))
	f.Add("a\x00", "\xff", ".", int64(-1<<63), []byte(`"\ud800"`))
	f.Add("\xf1", "event-1", "a", int64(0), []byte(`{}`)) // was accepted, but could not be read
	log, err := nats.Open(f.Context(), nats.Options{URL: "embedded:" + f.TempDir(), Embedded: embedded.Start})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := log.Close(); err != nil {
			f.Error(err)
		}
	})
	count := 0
	f.Fuzz(func(t *testing.T, workflow, id, kind string, nanoseconds int64, data []byte) {
		count++
		event := nats.Event{
			WorkflowID: fmt.Sprintf("%s%d", workflow, count), // so that it is never a duplicate
			ID:         id,
			Type:       kind,
			Time:       time.Unix(0, nanoseconds).UTC(),
			Data:       data,
		}
		if err := log.Publish(t.Context(), event); errors.Is(err, nats.ErrInvalid) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		got := natstest.Read(t, log, event.WorkflowID, 0, 1)[0]
		if event.Sequence = got.Sequence; id == "" {
			event.ID = got.ID
		}
		if diff := cmp.Diff(event, got); diff != "" {
			t.Errorf("event (-want +got):\n%s", diff)
		}
	})
}
