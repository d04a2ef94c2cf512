package workflowclient

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

const (
	reconnectFirst = 200 * time.Millisecond
	reconnectMost  = 10 * time.Second
	// silence is when a connection counts as dead; the server sends something every few seconds.
	silence = time.Minute
	// lineLimit bounds a line of the stream, in bytes: an event has at most 1 MiB.
	lineLimit = 4 << 20
)

// Events yields a run's events whose sequence is greater than after, those so far and then each as it comes, until the run has
// ended. A connection that breaks, and a server that is away for a while, are waited for: no event is missed or comes twice.
// It ends with an error when ctx ends and when the server refuses, say because there is no such run.
func (c *Client) Events(ctx context.Context, id string, after uint64) iter.Seq2[workflow.Event, error] {
	return func(yield func(workflow.Event, error) bool) {
		wait := reconnectFirst
		for {
			s := &stream{client: c, id: id, after: after, yield: yield}
			err := s.read(ctx)
			switch {
			case s.left:
				return
			case ctx.Err() != nil:
				yield(workflow.Event{}, fmt.Errorf("following run %s: %w", id, ctx.Err()))
				return
			case err != nil && !fault.From(err).Retryable():
				yield(workflow.Event{}, err)
				return
			case err == nil && (s.ended || c.hasEnded(ctx, id)):
				return
			}
			if s.after > after {
				after, wait = s.after, reconnectFirst
			}
			select {
			case <-ctx.Done():
			case <-time.After(wait):
				wait = min(2*wait, reconnectMost)
			}
		}
	}
}

// hasEnded tells a stream that ended with its run, whose last event may be gone from the log, from one that ended with its server.
func (c *Client) hasEnded(ctx context.Context, id string) bool {
	run, err := c.Get(ctx, id)
	return err == nil && run.Status.Ended() // an error shows again when the stream is opened
}

// stream is one connection.
type stream struct {
	client *Client
	id     string
	after  uint64
	yield  func(workflow.Event, error) bool
	left   bool // the reader wants no more
	ended  bool // the last event seen ends a run
}

// read yields events until the connection ends; nil: the server has ended it.
func (s *stream) read(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.client.http.Base+path(s.id)+"/events", nil)
	if err != nil {
		return fmt.Errorf("request to %s: %w", s.client.http.Service, err)
	}
	req.Header.Set("Accept", "text/event-stream")
	if s.after > 0 {
		req.Header.Set("Last-Event-ID", strconv.FormatUint(s.after, 10))
	}
	resp, err := s.client.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); media != "text/event-stream" {
		return fault.New(fault.Invalid, "%s answered %q in place of events", s.client.http.Service, resp.Header.Get("Content-Type"))
	}
	dead := time.AfterFunc(silence, cancel)
	defer dead.Stop()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, lineLimit)
	data := ""
	for lines.Scan() {
		dead.Reset(silence)
		switch line := lines.Text(); {
		case line != "":
			if d, ok := strings.CutPrefix(line, "data:"); ok { // our server sends the data in one line, with its id inside
				data = strings.TrimPrefix(d, " ")
			}
		case data != "":
			if err := s.take(data); err != nil || s.left {
				return err
			}
			data = ""
		}
	}
	if err := lines.Err(); err != nil {
		return fault.New(fault.Unavailable, "%s broke off the events: %w", s.client.http.Service, err)
	}
	return nil
}

func (s *stream) take(data string) error {
	var e workflow.Event
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return fault.New(fault.Invalid, "%s sent an event that is not the JSON expected: %w", s.client.http.Service, err)
	}
	s.after, s.ended = e.Sequence, e.EndsRun()
	s.left = !s.yield(e, nil)
	return nil
}
