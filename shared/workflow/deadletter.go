package workflow

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
)

// NoWorkflow stands for the workflow of a drop that belongs to none: a dead letter.
const NoWorkflow = "none"

// DeadLetter is an event that could not be delivered.
type DeadLetter struct {
	DropID  string          `json:"drop_id" doc:"The drop that keeps it"`
	KeptAt  time.Time       `json:"kept_at"`
	ID      string          `json:"id" doc:"The event's ID"`
	Type    string          `json:"type" doc:"The event's type"`
	Source  string          `json:"source" doc:"Who sent it"`
	Subject string          `json:"subject,omitempty"`
	To      string          `json:"to,omitempty" doc:"Who could not take it"`
	Code    string          `json:"code,omitempty" doc:"HTTP status of the last try"`
	Reason  string          `json:"reason,omitempty" doc:"What was answered to the last try"`
	Event   json.RawMessage `json:"event" doc:"The event, structured"`
}

// DeadLetters is a page of them, the oldest first.
type DeadLetters struct {
	Events []DeadLetter `json:"events"`
	Cursor string       `json:"cursor,omitempty" doc:"Where the next page begins; absent on the last"`
}

// ReadDeadLetter reads a drop of type event. The error says that its artifact is no event.
func ReadDeadLetter(d drop.Drop) (DeadLetter, error) {
	var e struct {
		ID      string `json:"id"`
		Type    string `json:"type"`
		Source  string `json:"source"`
		Subject string `json:"subject"`
		// What Knative adds to an event that it gives up on.
		To     string `json:"knativeerrordest"`
		Code   string `json:"knativeerrorcode"`
		Reason string `json:"knativeerrordata"`
	}
	if err := json.Unmarshal(d.Artifact, &e); err != nil {
		return DeadLetter{}, fmt.Errorf("no event: %w", err)
	}
	return DeadLetter{
		DropID: d.ID, KeptAt: d.Timestamp, ID: e.ID, Type: e.Type, Source: e.Source, Subject: e.Subject,
		To: e.To, Code: e.Code, Reason: e.Reason, Event: json.RawMessage(d.Artifact),
	}, nil
}
