package llmrouter

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

const (
	// heartbeat is the longest silence of a stream: a comment goes out so that nobody takes a slow model for a dead connection.
	heartbeat = 15 * time.Second
	// sendTime is how long a client may take to read an event.
	sendTime = time.Minute
)

// eventStream writes server-sent events, and a comment when there was none for a while. Nothing is written, the status
// included, before the first of them.
type eventStream struct {
	w      http.ResponseWriter
	conn   *http.ResponseController
	cancel context.CancelFunc
	every  time.Duration

	mu    sync.Mutex
	timer *time.Timer
	begun bool
	ended bool
	lost  error // why nothing can be written any more
}

// newEventStream makes a stream; the context that it gives ends when the client is gone. end must be called.
func newEventStream(ctx context.Context, w http.ResponseWriter, every time.Duration) (*eventStream, context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	s := &eventStream{w: w, conn: http.NewResponseController(w), cancel: cancel, every: every}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = time.AfterFunc(every, s.beat)
	return s, ctx
}

func (s *eventStream) beat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(": waiting\n\n")
}

// send writes an event with data as JSON.
func (s *eventStream) send(name string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encoding an event: %w", err)
	}
	return s.sendText(name, string(raw))
}

func (s *eventStream) sendText(name, data string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(event(name, data))
	return s.lost
}

// write sends text and starts the silence anew; s.mu is held.
func (s *eventStream) write(text string) {
	if s.ended || s.lost != nil {
		return
	}
	if !s.begun {
		s.begun = true
		h := s.w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Accel-Buffering", "no") // proxies must not collect events
		s.w.WriteHeader(http.StatusOK)
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(sendTime)) // a writer that has no connection has no slow clients either
	_, err := fmt.Fprint(s.w, text)
	if err == nil {
		err = s.conn.Flush()
	}
	if err != nil {
		s.lost = fmt.Errorf("the client left before the stream ended: %w", err)
		s.cancel()
		return
	}
	s.timer.Reset(s.every)
}

// end ends the stream. An error that came before anything was written is given back, to be answered with a status; a later one
// becomes an event of this name, with what data makes of it.
func (s *eventStream) end(req *http.Request, err error, name string, data func(*fault.Error) any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		s.ended = true
		s.timer.Stop()
		s.cancel()
		_ = s.conn.SetWriteDeadline(time.Time{}) // the connection may serve the next request
	}()
	switch {
	case s.lost != nil:
		fault.Log(req, fault.Wrap(fault.Cancelled, s.lost, "the client left before the stream ended"))
	case err != nil && !s.begun:
		return err
	case err != nil:
		e := fault.From(err)
		fault.Log(req, e)
		raw, encodeErr := json.Marshal(data(e))
		if encodeErr != nil {
			return fmt.Errorf("encoding an error: %w", encodeErr)
		}
		s.write(event(name, string(raw)))
	}
	return nil
}

// event is the text of a server-sent event; name empty: the client's default, message.
func event(name, data string) string {
	if name != "" {
		name = "event: " + name + "\n"
	}
	return name + "data: " + data + "\n\n"
}
