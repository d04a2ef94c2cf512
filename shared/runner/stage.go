package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/cloudevents/sdk-go/v2/binding"
	ce "github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/google/uuid"

	"github.com/quantumlayer-dev/quantumlayer/shared/dataref"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/services"
)

// eventLimit bounds an event on the wire, in bytes: data of event.InlineLimit as base64 in structured mode, and its attributes.
const eventLimit = 1 << 20

// Handle is a stage's work: everything it needs is in, everything it made is in out.
type Handle[In, Out any] func(ctx context.Context, in In) (Out, error)

// Stage makes the service of a stage function: it takes the stage's requested event in binary or structured mode, checks the
// payload against its schema, and answers the completed event in the mode it was asked in. Data over event.InlineLimit travels
// as a reference to quantum-drops, both ways. Bad input is answered with 4xx, never 5xx.
func Stage[In, Out any](environ Environ, stage pipeline.Stage, handle Handle[In, Out]) (*Service, error) {
	cfg, err := Config[services.URLs](environ)
	if err != nil {
		return nil, err
	}
	s := &stageHandler[In, Out]{stage: stage, handle: handle, schema: NewSchema[In](), references: dataref.New(cfg.Drops)}
	return &Service{Handler: s}, nil
}

type stageHandler[In, Out any] struct {
	stage      pipeline.Stage
	handle     Handle[In, Out]
	schema     *Schema[In]
	references *dataref.Store
}

func (s *stageHandler[In, Out]) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		fault.Write(w, r, fault.New(fault.Invalid, "stage %s takes CloudEvents by POST", s.stage))
		return
	}
	in, mode, err := readEvent(w, r)
	if err != nil {
		fault.Write(w, r, err)
		return
	}
	out, err := s.answer(r.Context(), in)
	if err != nil {
		if fault.Is(err, fault.NotFound) { // 404 would read as "no such function"
			e := *fault.From(err)
			e.Code = fault.Unprocessable
			err = &e
		}
		fault.Write(w, r, err)
		return
	}
	ctx := binding.WithForceBinary(r.Context())
	if mode == binding.EncodingStructured {
		ctx = binding.WithForceStructured(r.Context())
	}
	if err := cehttp.WriteResponseWriter(ctx, (*binding.EventMessage)(out), http.StatusOK, w); err != nil {
		slog.WarnContext(r.Context(), "the caller left before the answer", "stage", s.stage, "workflow", in.Subject(), "cause", err.Error())
	}
}

// readEvent reads a CloudEvent in binary or structured mode, and says in which it came.
func readEvent(w http.ResponseWriter, r *http.Request) (ce.Event, binding.Encoding, error) {
	r.Body = http.MaxBytesReader(w, r.Body, eventLimit)
	msg := cehttp.NewMessageFromHttpRequest(r)
	in, err := toEvent(r.Context(), msg)
	if err != nil {
		return ce.Event{}, msg.ReadEncoding(), unreadable(err)
	}
	if err := in.Validate(); err != nil {
		return ce.Event{}, msg.ReadEncoding(), fault.New(fault.Invalid, "the CloudEvent is not valid: %s", strings.TrimSpace(err.Error()))
	}
	return *in, msg.ReadEncoding(), nil
}

// toEvent reads an event. What the SDK panics over is an event that cannot be read: it takes the JSON types of some attributes for
// granted.
func toEvent(ctx context.Context, msg binding.MessageReader) (in *ce.Event, err error) {
	defer func() {
		if p := recover(); p != nil {
			slog.WarnContext(ctx, "the CloudEvents SDK panicked over an event", "cause", fmt.Sprint(p))
			err = errors.New("an attribute has a value that it cannot have")
		}
	}()
	return binding.ToEvent(ctx, msg)
}

// Receiver makes the handler of a function that takes events and answers none: 202 when handle has no error. Events are read as
// Stage reads them.
func Receiver(handle func(context.Context, ce.Event) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, _, err := readEvent(w, r)
		if err == nil {
			err = handle(r.Context(), in)
		}
		if err != nil {
			fault.Write(w, r, err)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
}

func unreadable(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) || strings.Contains(err.Error(), "request body too large") {
		return fault.New(fault.TooLarge, "the event is over %d bytes", eventLimit).WithHint("send data over %d bytes by reference, with extension %s", event.InlineLimit, event.DataRef)
	}
	return fault.New(fault.Invalid, "no CloudEvent: %w", err).WithHint("send CloudEvents 1.0 in binary mode (ce-id, ce-type, ce-source, ce-specversion) or structured mode (application/cloudevents+json)")
}

func (s *stageHandler[In, Out]) answer(ctx context.Context, in ce.Event) (*ce.Event, error) {
	if want := event.StageType(s.stage, event.Requested); in.Type() != want {
		return nil, fault.New(fault.UnknownEvent, "stage %s does not take events of type %q", s.stage, in.Type()).WithHint("send %s", want)
	}
	data, err := s.data(ctx, in)
	if err != nil {
		return nil, err
	}
	payload, err := s.schema.Decode(data)
	if err != nil {
		return nil, err
	}
	result, err := s.handle(ctx, payload)
	if err != nil {
		return nil, fmt.Errorf("stage %s: %w", s.stage, err)
	}
	raw, err := json.Marshal(result)
	if err != nil {
		return nil, fmt.Errorf("encoding the answer of stage %s: %w", s.stage, err)
	}
	out := ce.New()
	out.SetID(uuid.NewSHA1(uuid.NameSpaceURL, []byte(in.Source()+"\x00"+in.ID()+"\x00"+string(s.stage))).String()) // the same request has the same answer's ID
	out.SetType(event.StageType(s.stage, event.Completed))
	out.SetSource("/functions/stages/" + string(s.stage))
	out.SetSubject(in.Subject())
	if len(raw) <= event.InlineLimit {
		err = out.SetData(ce.ApplicationJSON, json.RawMessage(raw))
	} else {
		out.SetDataContentType(ce.ApplicationJSON)
		var ref string
		if ref, err = s.references.Save(ctx, in.Subject(), string(s.stage), raw); err == nil {
			out.SetExtension(event.DataRef, ref)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("answering for stage %s: %w", s.stage, err)
	}
	return &out, nil
}

// data gives the event's data, fetched when it is a reference. Only references to the configured quantum-drops are followed.
func (s *stageHandler[In, Out]) data(ctx context.Context, in ce.Event) ([]byte, error) {
	ref, ok := in.Extensions()[event.DataRef].(string)
	if !ok {
		return in.Data(), nil
	}
	return s.references.Load(ctx, ref)
}
