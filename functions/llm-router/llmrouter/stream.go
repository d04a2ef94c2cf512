package llmrouter

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

// heartbeat is the longest silence of a stream: a comment goes out so that nobody takes a slow model for a dead connection.
const heartbeat = 15 * time.Second

var requestSchema = runner.NewSchema[llm.Request]()

// stream answers with server-sent events: one for each piece, the last with the whole answer, or one named error.
func (r *Router) stream(w http.ResponseWriter, req *http.Request) {
	var in llm.Request
	raw, err := readBody(w, req)
	if err == nil {
		in, err = requestSchema.Decode(raw)
	}
	if err != nil {
		fault.Write(w, req, err)
		return
	}
	s := newEventStream(w)
	defer s.stop()
	resp, err := r.Stream(req.Context(), in, func(text string) error { return s.send("", llm.Delta{Text: text}) })
	if err != nil {
		e := fault.From(err)
		fault.Log(req, e)
		err = s.send("error", e.Problem())
	} else {
		err = s.send("", llm.Delta{Done: &resp})
	}
	if err != nil {
		fault.Log(req, fault.From(fault.Wrap(fault.Cancelled, err, "the client left before the stream ended")))
	}
}

// eventStream writes server-sent events, and a comment when there was none for a while.
type eventStream struct {
	mu    sync.Mutex
	w     http.ResponseWriter
	flush *http.ResponseController
	timer *time.Timer
	ended bool
}

func newEventStream(w http.ResponseWriter) *eventStream {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	s := &eventStream{w: w, flush: http.NewResponseController(w)}
	s.timer = time.AfterFunc(heartbeat, s.beat)
	_ = s.flush.Flush() // the headers; a client that is gone shows at the first event
	return s
}

func (s *eventStream) beat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	fmt.Fprint(s.w, ": waiting\n\n")
	_ = s.flush.Flush() // as above
	s.timer.Reset(heartbeat)
}

func (s *eventStream) send(event string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encoding an event: %w", err)
	}
	return s.line(event, string(raw))
}

func (s *eventStream) line(event, data string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if event != "" {
		event = "event: " + event + "\n"
	}
	if _, err := fmt.Fprintf(s.w, "%sdata: %s\n\n", event, data); err != nil {
		return fmt.Errorf("sending an event: %w", err)
	}
	s.timer.Reset(heartbeat)
	return s.flush.Flush()
}

func (s *eventStream) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.timer.Stop()
}
