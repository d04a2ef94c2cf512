package workflowclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

const (
	// A stream that breaks off is opened again this often in a row without an event, with pauses that double up to the last.
	reconnects     = 8
	reconnectFirst = 250 * time.Millisecond
	reconnectLast  = 10 * time.Second
	// silence is when a connection counts as dead; the server sends something every few seconds.
	silence = time.Minute
)

// Events yields a run's events whose sequence is greater than after, those so far and then each as it comes, until the run has
// ended. A connection that breaks is made again behind the last event: none is missed or comes twice. It ends with an error when
// ctx ends, when the server refuses, say because there is no such run, and when it stays away for more than half a minute
// (fault.Unavailable).
func (c *Client) Events(ctx context.Context, id string, after uint64) iter.Seq2[workflow.Event, error] {
	return func(yield func(workflow.Event, error) bool) {
		pause, tries := reconnectFirst, 0
		for {
			s := &stream{client: c, id: id, after: after, yield: yield}
			err := s.read(ctx)
			ended := err == nil && s.ended
			if err == nil && !s.left && !ended {
				ended, err = c.hasEnded(ctx, id)
			}
			switch {
			case s.left || ended:
				return
			case ctx.Err() != nil:
				yield(workflow.Event{}, fmt.Errorf("following run %s: %w", id, ctx.Err()))
				return
			case err != nil && (s.senseless || !fault.From(err).Retryable()):
				yield(workflow.Event{}, err)
				return
			}
			if s.after > after {
				after, pause, tries = s.after, reconnectFirst, 0
			}
			if tries++; tries > reconnects {
				if err == nil {
					err = fault.New(fault.Unavailable, "%s ends the stream of events again and again", c.base)
				}
				yield(workflow.Event{}, err)
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
				pause = min(2*pause, reconnectLast)
			}
		}
	}
}

// hasEnded tells a stream that ended with its run, whose last event may be gone from the log, from one that ended with its server.
func (c *Client) hasEnded(ctx context.Context, id string) (bool, error) {
	run, err := c.Get(ctx, id)
	return err == nil && run.Status.Ended(), err
}

// stream is one connection.
type stream struct {
	client *Client
	id     string
	after  uint64 // sequence of the last event
	yield  func(workflow.Event, error) bool
	left   bool // the reader wants no more
	ended  bool // the last event tells the end of the run, or of an attempt of it

	senseless bool // what came is no stream of events of ours; it would be the same again
}

// read yields events until the connection ends; nil: the server has ended it, or the reader wants no more.
func (s *stream) read(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	header := http.Header{"Accept": {"text/event-stream"}}
	if s.after > 0 {
		header.Set("Last-Event-ID", strconv.FormatUint(s.after, 10))
	}
	resp, err := s.client.do(ctx, http.MethodGet, path(s.id)+"/events", header, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if mediaType(resp) != "text/event-stream" {
		s.senseless = true
		return s.client.stranger("events as " + strconv.Quote(resp.Header.Get("Content-Type")))
	}
	dead := time.AfterFunc(silence, func() { cancel(fmt.Errorf("nothing came for %s", silence)) })
	defer dead.Stop()
	messages := newReader(alive{resp.Body, dead})
	for !s.left {
		m, err := messages.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && ctx.Err() != nil:
			return s.broken(context.Cause(ctx))
		case err != nil:
			s.senseless = errors.Is(err, errMessageTooLong)
			return s.broken(err)
		}
		if err := s.take(m); err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) broken(err error) error {
	return fault.New(fault.Unavailable, "%s broke off its events: %w", s.client.base, err)
}

func (s *stream) take(m message) error {
	var e workflow.Event
	if err := json.Unmarshal([]byte(m.data), &e); err != nil {
		s.senseless = true
		return s.client.stranger("an event that is not the JSON expected (" + err.Error() + ")")
	}
	if seq, err := strconv.ParseUint(m.id, 10, 64); err == nil {
		e.Sequence = seq
	}
	s.after, s.ended = max(s.after, e.Sequence), e.EndsRun()
	s.left = !s.yield(e, nil)
	return nil
}

// alive puts the end of a connection off with every read that brings something.
type alive struct {
	io.Reader
	dead *time.Timer
}

func (a alive) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if n > 0 {
		a.dead.Reset(silence)
	}
	return n, err
}
