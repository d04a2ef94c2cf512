package workflowapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

const (
	// heartbeat is how often a silent stream shows that it lives; proxies cut silent connections after 30 s and more.
	heartbeat = 10 * time.Second
	// writeTimeout ends a stream whose reader takes nothing.
	writeTimeout = 30 * time.Second
)

type eventsInput struct {
	RunID
	After uint64 `header:"Last-Event-ID" doc:"Id of the last event that was received: the stream starts behind it. Browsers send it by themselves"`
}

func (a *api) registerEvents(h huma.API) {
	op := operation("stream-events", http.MethodGet, runPath+"/events", "runs", "Follow a run",
		"A stream of server-sent events: those so far, then each as it comes, until the run has ended. The id of an event is its "+
			"sequence, the event is its type, the data is JSON as below. A comment every few seconds shows that the stream lives.",
		http.StatusOK, 404, 422, 503)
	schema := h.OpenAPI().Components.Schemas.Schema(typeOf[workflow.Event](), true, "")
	op.Responses = map[string]*huma.Response{"200": {
		Description: "The events",
		Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: schema}},
	}}
	huma.Register(h, op, func(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
		if _, err := a.describe(ctx, in.ID); err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(hctx huma.Context) {
			r, w := humago.Unwrap(hctx)
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("X-Accel-Buffering", "no")
			s := &stream{api: a, id: in.ID, w: w, control: http.NewResponseController(w)}
			if err := s.run(r.Context(), in.After); err != nil && r.Context().Err() == nil {
				slog.WarnContext(r.Context(), "event stream broken off", "workflow", in.ID, "cause", err.Error())
			}
		}}, nil
	})
}

// stream sends the events of one run to one reader.
type stream struct {
	*api
	id      string
	w       io.Writer
	control *http.ResponseController
}

// run sends events until the run has ended, the reader leaves or the server stops. A reader who wants more comes back with the
// last id that it saw.
func (s *stream) run(ctx context.Context, after uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := make(chan nats.Event)
	broken := make(chan error, 1)
	go func() {
		defer close(events)
		for e, err := range s.Events.Subscribe(ctx, s.id, after) {
			if err != nil {
				broken <- err
				return
			}
			select {
			case events <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	if err := s.send(": the events of run %s\n\n", s.id); err != nil { // so that the reader knows at once that it is connected
		return err
	}
	silent := false
	for {
		select {
		case e, ok := <-events:
			if !ok {
				select {
				case err := <-broken:
					return err
				default:
					return nil
				}
			}
			silent = false
			sent, err := s.sendEvent(e)
			if err != nil {
				return err
			}
			if ends, err := s.isLast(ctx, sent); ends || err != nil {
				return err
			}
		case <-beat.C:
			if silent { // the last event may be gone from the log, or never have come: then Temporal knows
				if ended, err := s.hasEnded(ctx); ended || err != nil {
					return err
				}
			}
			silent = true
			if err := s.send(": alive\n\n"); err != nil {
				return err
			}
		case <-s.stopping:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *stream) sendEvent(e nats.Event) (workflow.Event, error) {
	sent := workflow.Event{Sequence: e.Sequence, Type: e.Type, WorkflowID: e.WorkflowID, Time: e.Time, Data: e.Data}
	raw, err := json.Marshal(sent)
	if err != nil {
		return sent, fmt.Errorf("encoding event %d: %w", e.Sequence, err)
	}
	return sent, s.send("id: %d\nevent: %s\ndata: %s\n\n", e.Sequence, e.Type, raw)
}

func (s *stream) send(format string, args ...any) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return fmt.Errorf("limiting the time of a write: %w", err)
	}
	if _, err := fmt.Fprintf(s.w, format, args...); err != nil {
		return err
	}
	return s.control.Flush()
}

// isLast says whether an event is the end of the run, and not of an earlier attempt of it.
func (s *stream) isLast(ctx context.Context, e workflow.Event) (bool, error) {
	if !e.EndsRun() {
		return false, nil
	}
	var ended workflow.Run
	if err := json.Unmarshal(e.Data, &ended); err != nil {
		return false, fmt.Errorf("reading event %d: %w", e.Sequence, err)
	}
	input, err := s.input(ctx, s.id, "")
	return ended.Attempt >= input.Attempt, err
}

func (s *stream) hasEnded(ctx context.Context) (bool, error) {
	d, err := s.describe(ctx, s.id)
	return err == nil && d.Status != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, err
}
