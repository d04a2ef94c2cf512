package workflow

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

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
	Reason  string          `json:"reason,omitempty" doc:"What was answered to the last try, or why the event cannot be read"`
	Event   json.RawMessage `json:"event" doc:"The event in structured mode, as it can be sent again; data that is no JSON and no text stands in data_base64. Null when it cannot be read"`
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
		To     extension `json:"knativeerrordest"`
		Code   extension `json:"knativeerrorcode"`
		Reason extension `json:"knativeerrordata"`
	}
	if err := json.Unmarshal(d.Artifact, &e); err != nil {
		return DeadLetter{}, fmt.Errorf("no event: %w", err)
	}
	return DeadLetter{
		DropID: d.ID, KeptAt: d.Timestamp, ID: e.ID, Type: e.Type, Source: e.Source, Subject: e.Subject,
		To: string(e.To), Code: string(e.Code), Reason: reason(string(e.Reason)), Event: json.RawMessage(d.Artifact),
	}, nil
}

// extension is the text of an attribute that structured events have as a string, a number or a boolean.
type extension string

func (e *extension) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	*e = extension(text)
	return nil
}

// errorDataLimit is where Knative cuts the base64 of what was answered, in characters.
const errorDataLimit = 1024

// reason decodes what Knative says was answered: base64, cut at errorDataLimit. What is not, or hides no text, stays as it is.
func reason(sent string) string {
	whole := sent
	wasCut := len(sent) > errorDataLimit-4
	if wasCut {
		whole = sent[:len(sent)/4*4]
	}
	answer, err := base64.StdEncoding.DecodeString(whole)
	if err != nil {
		return sent
	}
	for i := 1; wasCut && i < utf8.UTFMax && !utf8.Valid(answer); i++ { // the cut goes through a character
		answer = answer[:len(answer)-1]
	}
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) && !unicode.IsSpace(r) }
	if !utf8.Valid(answer) || bytes.ContainsFunc(answer, unprintable) {
		return sent
	}
	return string(bytes.TrimSpace(answer))
}
