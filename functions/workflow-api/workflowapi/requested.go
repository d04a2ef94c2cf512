package workflowapi

import (
	"context"

	ce "github.com/cloudevents/sdk-go/v2/event"

	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// eventsPath is where Triggers deliver events.
const eventsPath = "/events"

var startSchema = runner.NewSchema[workflow.Start]()

// requested starts a run for a workflow.requested event, whose data is what starting a run by POST takes. The event's source and
// ID are the idempotency key: an event that is delivered twice starts one run. How that stands is not asked: it takes a
// worker, and nobody reads the answer.
func (a *api) requested(ctx context.Context, in ce.Event) error {
	if in.Type() != event.WorkflowRequested {
		return fault.New(fault.UnknownEvent, "workflow-api does not take events of type %q", in.Type()).WithHint("send %s", event.WorkflowRequested)
	}
	body, err := startSchema.Decode(in.Data())
	if err != nil {
		return err
	}
	_, _, err = a.begin(ctx, &startInput{Key: "event\x00" + in.Source() + "\x00" + in.ID(), RawBody: in.Data(), Body: body})
	return err
}
