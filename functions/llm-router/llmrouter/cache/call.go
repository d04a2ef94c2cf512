package cache

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// pieceLimit is the longest text that each is given at once, in bytes, whatever the provider's pieces were.
const pieceLimit = 8 << 10

// call is one question on its way to a provider. It holds the text so far, so that who joins late hears it from the beginning.
type call struct {
	cancel  context.CancelFunc
	waiting int           // guarded by Cache.mu
	ended   chan struct{} // closed once resp and err are set
	resp    llm.Response
	err     error

	mu   sync.Mutex
	text strings.Builder
	more chan struct{} // closed and replaced when there is more text
}

func newCall(cancel context.CancelFunc) *call {
	return &call{cancel: cancel, ended: make(chan struct{}), more: make(chan struct{})}
}

// say is what the provider calls with each piece of text.
func (c *call) say(text string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text.WriteString(text)
	close(c.more)
	c.more = make(chan struct{})
	return nil
}

func (c *call) end(resp llm.Response, err error) {
	c.resp, c.err = resp, err
	close(c.ended)
}

// follow gives the text to each as it grows, and returns when the call, ctx or each ends.
func (c *call) follow(ctx context.Context, each func(string) error) (llm.Response, error) {
	for told, over := 0, false; ; {
		var more chan struct{} // nil blocks: who does not listen waits for the end alone
		if each != nil {
			c.mu.Lock()
			text := c.text.String()[told:]
			more = c.more
			c.mu.Unlock()
			told += len(text)
			if err := tell(text, each); err != nil {
				return llm.Response{}, err
			}
		}
		if over {
			return c.resp, c.err
		}
		select {
		case <-ctx.Done():
			return llm.Response{}, ctx.Err()
		case <-c.ended:
			over = true // text may have come since we looked
		case <-more:
		}
	}
}

// tell gives text to each in pieces that end between characters.
func tell(text string, each func(string) error) error {
	for each != nil && text != "" {
		n := min(len(text), pieceLimit)
		for n < len(text) && n > pieceLimit-utf8.UTFMax && !utf8.RuneStart(text[n]) {
			n--
		}
		if err := each(text[:n]); err != nil {
			return err
		}
		text = text[n:]
	}
	return nil
}

// guarded turns a panic into an error: a call has a goroutine of its own, where a panic would end the process.
func guarded(ask Ask) Ask {
	return func(ctx context.Context, each func(string) error) (resp llm.Response, err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fault.Wrap(fault.Internal, fmt.Errorf("panic: %v\n%s", p, debug.Stack()), "internal error; the log has the details")
			}
		}()
		return ask(ctx, each)
	}
}
