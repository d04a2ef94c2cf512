package nats

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/quantumlayer-dev/quantumlayer/shared/event"
)

// Errors of this package that a caller may want to tell apart. All others come
// from the server or the connection.
var (
	// ErrInvalid: the event cannot be stored as it is; trying again does not help.
	ErrInvalid = errors.New("invalid event")
	// ErrTooLarge: the event's data is over MaxDataBytes; nothing was stored.
	// It wraps ErrInvalid.
	ErrTooLarge = fmt.Errorf("%w: data too large", ErrInvalid)
	// ErrClosed: the log was closed, here or by the server's end.
	ErrClosed = errors.New("event log closed")
)

// MaxDataBytes is the most that Event.Data may hold. The rest of the 1 MiB
// which a message may have is for its headers.
const MaxDataBytes = maxMessageBytes - maxHeaderBytes

const (
	maxMessageBytes = 1 << 20
	// The names are repeated in up to three headers, which maxHeaderBytes covers.
	maxNameBytes   = 1 << 10
	maxHeaderBytes = 8 << 10
)

// Event is one thing that happened in a workflow.
type Event struct {
	// WorkflowID is one token of a subject: no dot, space, '*' or '>'.
	WorkflowID string
	// ID names the event within its workflow. Publishing the same ID again
	// within a day stores nothing and is no error. Empty means never the same as
	// another: such an event gets a random ID.
	ID string
	// Type is the CloudEvents type, as in
	// "dev.quantumlayer.stage.frd-generation.completed".
	Type string
	// Time is when it happened; zero means when it was published. Read back, it
	// is in UTC.
	Time time.Time
	// Data is the event's JSON, at most MaxDataBytes; nil for none.
	Data json.RawMessage
	// Sequence is the event's place in the log, set by the log and ignored by
	// Publish. It grows over all workflows, starts at 1 and has gaps within one.
	Sequence uint64
}

// The subjects are ql.events.<workflow>.<kind>, where the kind is the type
// without event.Prefix.
const subjectRoot = "ql.events"

// Headers of the CloudEvents NATS binding in binary mode.
const (
	headerSpecVersion = "ce-specversion"
	headerID          = "ce-id"
	headerType        = "ce-type"
	headerSource      = "ce-source"
	headerSubject     = "ce-subject"
	headerTime        = "ce-time"
	headerContentType = "content-type"
)

// message renders an event as a CloudEvent in NATS's binary mode.
func (e Event) message() (*natsio.Msg, error) {
	if err := e.validate(); err != nil {
		return nil, err
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	header := natsio.Header{
		headerSpecVersion: {"1.0"},
		headerType:        {e.Type},
		headerSource:      {"/v1/workflows/" + url.PathEscape(e.WorkflowID)},
		headerSubject:     {e.WorkflowID},
		headerTime:        {e.Time.UTC().Format(time.RFC3339Nano)},
	}
	if e.ID == "" {
		header[headerID] = []string{rand.Text()}
	} else {
		header[headerID] = []string{e.ID}
		// The server compares these over the whole stream, so two workflows'
		// equal IDs must not meet.
		header[jetstream.MsgIDHeader] = []string{e.WorkflowID + "/" + e.ID}
	}
	if e.Data != nil {
		header[headerContentType] = []string{"application/json"}
	}
	return &natsio.Msg{
		Subject: workflowSubject(e.WorkflowID) + strings.TrimPrefix(e.Type, event.Prefix),
		Header:  header,
		Data:    e.Data,
	}, nil
}

func (e Event) validate() error {
	if !isToken(e.WorkflowID) {
		return fmt.Errorf("%w: workflow ID %q is not one token of a subject", ErrInvalid, e.WorkflowID)
	}
	for token := range strings.SplitSeq(strings.TrimPrefix(e.Type, event.Prefix), ".") {
		if !isToken(token) {
			return fmt.Errorf("%w: type %q is not made of subject tokens", ErrInvalid, e.Type)
		}
	}
	if strings.ContainsAny(e.ID, "\r\n") || strings.TrimSpace(e.ID) != e.ID || !utf8.ValidString(e.ID) {
		return fmt.Errorf("%w: ID %q has line breaks, outer spaces or bytes that are not UTF-8", ErrInvalid, e.ID)
	}
	if names := len(e.WorkflowID) + len(e.ID) + len(e.Type); names > maxNameBytes {
		return fmt.Errorf("%w: workflow ID, ID and type together have %d bytes, at most %d", ErrInvalid, names, maxNameBytes)
	}
	if len(e.Data) > MaxDataBytes {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(e.Data), MaxDataBytes)
	}
	if e.Data != nil && !json.Valid(e.Data) {
		return fmt.Errorf("%w: data is not JSON", ErrInvalid)
	}
	return nil
}

// isToken tells whether s can stand between two dots of a subject.
func isToken(s string) bool {
	for _, r := range s {
		if r <= ' ' || r == 0x7f || r == '.' || r == '*' || r == '>' {
			return false
		}
	}
	return s != "" && utf8.ValidString(s)
}

// workflowSubject is the beginning of the subjects of a workflow's events.
func workflowSubject(workflowID string) string {
	return subjectRoot + "." + workflowID + "."
}

// readEvent reads back what message made.
func readEvent(message jetstream.Msg) (Event, error) {
	meta, err := message.Metadata()
	if err != nil {
		return Event{}, fmt.Errorf("read place of event in the log: %w", err)
	}
	header := message.Headers()
	read := Event{
		WorkflowID: header.Get(headerSubject),
		ID:         header.Get(headerID),
		Type:       header.Get(headerType),
		Sequence:   meta.Sequence.Stream,
	}
	if data := message.Data(); len(data) > 0 {
		read.Data = data
	}
	read.Time, err = time.Parse(time.RFC3339Nano, header.Get(headerTime))
	if err != nil {
		return Event{}, fmt.Errorf("read time of event %d: %w", read.Sequence, err)
	}
	if !strings.HasPrefix(message.Subject(), workflowSubject(read.WorkflowID)) || read.Type == "" || read.ID == "" {
		return Event{}, fmt.Errorf("message %d on %s is not an event of ours", read.Sequence, message.Subject())
	}
	return read, nil
}
