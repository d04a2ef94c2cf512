package quantumdrops

import (
	"context"
	"encoding/json"
	"fmt"

	ce "github.com/cloudevents/sdk-go/v2/event"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// deadLetter keeps an event that a Broker could not deliver. The same event twice is one drop. One whose subject cannot be the
// ID of a workflow is kept without.
func (s *service) deadLetter(ctx context.Context, in ce.Event) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encoding the event: %w", err)
	}
	letter := drop.Drop{
		WorkflowID: in.Subject(), Stage: drop.DeadLetterStage, Type: drop.TypeEvent, Artifact: raw,
		Metadata: map[string]string{"event_type": in.Type(), "event_source": in.Source(), "event_id": in.ID()},
	}
	sealed, err := drop.Seal(letter)
	if err != nil {
		letter.WorkflowID, letter.Metadata = workflow.NoWorkflow, nil
		if sealed, err = drop.Seal(letter); err != nil {
			return asFault(err)
		}
	}
	_, err = s.store.Put(ctx, []drop.Drop{sealed})
	return asFault(err)
}
