package quantumdrops

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	ce "github.com/cloudevents/sdk-go/v2/event"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// deadLetter keeps an event that a Broker could not deliver. The same event twice is one drop. It belongs to no workflow, whatever
// its subject says: a run's drops are what its stages made.
func (s *service) deadLetter(ctx context.Context, in ce.Event) error {
	if !inline(in) {
		if in.SpecVersion() == ce.CloudEventsVersionV03 {
			in.SetDataContentEncoding(ce.Base64)
		} else {
			in.DataBase64 = true
		}
	}
	raw, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encoding the event: %w", err)
	}
	letter := drop.Drop{
		WorkflowID: workflow.NoWorkflow, Stage: drop.DeadLetterStage, Type: drop.TypeEvent,
		Artifact: bytes.ToValidUTF8(raw, []byte("\uFFFD")), // an attribute that came in a header may be anything
		Metadata: map[string]string{"event_type": in.Type(), "event_source": in.Source(), "event_id": in.ID()},
	}
	sealed, err := drop.Seal(letter)
	if err != nil {
		letter.Metadata = nil
		if sealed, err = drop.Seal(letter); err != nil {
			return asFault(err)
		}
	}
	_, err = s.store.Put(ctx, []drop.Drop{sealed})
	return asFault(err)
}

// inline says whether an event's data can stand in structured JSON as it is. Data of a JSON type, or of none, is copied there by the
// SDK without a look at it.
func inline(in ce.Event) bool {
	data, media := in.Data(), in.DataMediaType()
	text := media != "" && !strings.Contains(media, "json")
	return len(data) == 0 || utf8.Valid(data) && (text || json.Valid(data))
}
