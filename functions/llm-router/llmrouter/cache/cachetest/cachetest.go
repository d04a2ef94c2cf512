// Package cachetest is the conformance suite of cache.Store, and of the cache on top of it.
package cachetest

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/cache"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// Open opens a store that keeps answers for ttl. It may hold what others keep: the suite's keys are its own.
type Open func(t *testing.T, ttl time.Duration) cache.Store

// Run checks that the stores keep the contract. Leaks of goroutines are for the caller to check.
func Run(t *testing.T, open Open) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Open){
		"every field":                everyField,
		"only whole answers":         onlyWholeAnswersAreKept,
		"no errors":                  errorsAreNotKept,
		"no huge answers":            hugeAnswersAreNotKept,
		"fresh replaces":             aFreshAnswerReplacesTheOld,
		"time":                       answersLeaveInTime,
		"equal questions":            equalQuestionsShareOneCall,
		"last text":                  theLastTextIsTold,
		"fresh is alone":             freshCallsAreAlone,
		"the last one ends the call": theCallEndsWithTheLastWhoWaits,
		"a listener that fails":      aListenerThatFailsLeaves,
		"panic":                      aPanicIsAnError,
		"pieces":                     piecesEndBetweenCharacters,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

// New makes a cache that is closed with the test, which shows whether a call goes on.
func New(t *testing.T, store cache.Store) *cache.Cache {
	t.Helper()
	c := cache.New(store)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

func everyField(t *testing.T, open Open) {
	m, key := New(t, open(t, time.Hour)), rand.Text()
	want := llm.Response{Text: "a\x00é\n", FinishReason: llm.Stop, Usage: llm.Usage{InputTokens: 1, OutputTokens: 2, Estimated: true}, Provider: "p", Model: "m"}
	for range 2 {
		got, err := m.Do(t.Context(), key, false, nil, func(context.Context, func(string) error) (llm.Response, error) { return want, nil })
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		want.Cached = true
	}
}

func hugeAnswersAreNotKept(t *testing.T, open Open) {
	m := New(t, open(t, time.Hour))
	for size, want := range map[int]bool{cache.AnswerLimit: true, cache.AnswerLimit + 1: false} {
		key := rand.Text()
		for range 2 {
			resp, err := m.Do(t.Context(), key, false, nil, says(strings.Repeat("x", size), llm.Stop, new(atomic.Int32)))
			if err != nil || len(resp.Text) != size || resp.Cached && !want {
				t.Errorf("%d bytes: %d, cached %t, %v", size, len(resp.Text), resp.Cached, err)
			}
		}
		resp, err := m.Do(t.Context(), key, false, nil, says("x", llm.Stop, new(atomic.Int32)))
		if err != nil || resp.Cached != want {
			t.Errorf("%d bytes: cached %t, %v; want %t", size, resp.Cached, err, want)
		}
	}
}

func says(text string, reason llm.FinishReason, calls *atomic.Int32) cache.Ask {
	return func(_ context.Context, each func(string) error) (llm.Response, error) {
		calls.Add(1)
		return llm.Response{Text: text, FinishReason: reason}, each(text)
	}
}

func onlyWholeAnswersAreKept(t *testing.T, open Open) {
	m := New(t, open(t, time.Hour))
	for reason, want := range map[llm.FinishReason]int32{llm.Stop: 1, llm.Length: 2, llm.ContentFilter: 2} {
		var calls atomic.Int32
		key := rand.Text()
		for i := range 2 {
			var heard strings.Builder
			resp, err := m.Do(t.Context(), key, false, func(s string) error { heard.WriteString(s); return nil }, says("x", reason, &calls))
			if err != nil || resp.Text != "x" || heard.String() != "x" || resp.Cached != (i == 1 && reason == llm.Stop) {
				t.Errorf("%s, time %d: %+v, heard %q, %v", reason, i+1, resp, heard.String(), err)
			}
		}
		if calls.Load() != want {
			t.Errorf("%s: %d calls, want %d", reason, calls.Load(), want)
		}
	}
}

func errorsAreNotKept(t *testing.T, open Open) {
	key := rand.Text()
	m, n := New(t, open(t, time.Hour)), 0
	for range 2 {
		_, err := m.Do(t.Context(), key, false, nil, func(context.Context, func(string) error) (llm.Response, error) {
			n++
			return llm.Response{}, errors.New("down")
		})
		if err == nil {
			t.Error("no error")
		}
	}
	if n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
}

func aFreshAnswerReplacesTheOld(t *testing.T, open Open) {
	key := rand.Text()
	m := New(t, open(t, time.Hour))
	var calls atomic.Int32
	for _, step := range []struct {
		fresh        bool
		says, expect string
	}{{false, "old", "old"}, {true, "new", "new"}, {false, "newest", "new"}} {
		got, err := m.Do(t.Context(), key, step.fresh, nil, says(step.says, llm.Stop, &calls))
		if err != nil || got.Text != step.expect {
			t.Errorf("%+v: %+v, %v", step, got, err)
		}
	}
}

func answersLeaveInTime(t *testing.T, open Open) {
	m, key := New(t, open(t, 50*time.Millisecond)), rand.Text()
	var calls atomic.Int32
	for deadline := time.Now().Add(10 * time.Second); calls.Load() < 2; time.Sleep(5 * time.Millisecond) {
		if _, err := m.Do(t.Context(), key, false, nil, says("x", llm.Stop, &calls)); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatal("still there")
		}
	}
}

// All ask while the call is running; those who come later hear the text from its beginning.
func equalQuestionsShareOneCall(t *testing.T, open Open) {
	key := rand.Text()
	m := New(t, open(t, time.Hour))
	var calls, cached atomic.Int32
	begun, release := make(chan struct{}), make(chan struct{})
	ask := func(_ context.Context, each func(string) error) (llm.Response, error) {
		calls.Add(1)
		_ = each("be")
		close(begun)
		<-release
		return llm.Response{Text: "begun", FinishReason: llm.Stop}, each("gun")
	}
	var group, listening sync.WaitGroup
	wait := func() {
		var heard strings.Builder
		first := sync.OnceFunc(listening.Done)
		resp, err := m.Do(t.Context(), key, false, func(s string) error { heard.WriteString(s); first(); return nil }, ask)
		if err != nil || resp.Text != "begun" || heard.String() != "begun" {
			t.Errorf("%+v, heard %q, %v", resp, heard.String(), err)
		}
		if resp.Cached {
			cached.Add(1)
		}
	}
	listening.Add(5)
	group.Go(wait)
	<-begun
	for range 4 {
		group.Go(wait)
	}
	listening.Wait()
	close(release)
	group.Wait()
	if calls.Load() != 1 || cached.Load() != 4 {
		t.Errorf("%d calls, %d paid nothing; want 1 and 4", calls.Load(), cached.Load())
	}
}

// The last text and the end may both come while a slow listener is at the text before: all of it is told.
func theLastTextIsTold(t *testing.T, open Open) {
	m := New(t, open(t, time.Hour))
	for i := range 100 {
		var heard strings.Builder
		first, last := make(chan struct{}), make(chan struct{})
		_, err := m.Do(t.Context(), rand.Text(), false, func(s string) error {
			if heard.WriteString(s); s == "x" {
				close(first)
				<-last
				time.Sleep(100 * time.Microsecond) // for the call to end
			}
			return nil
		}, func(_ context.Context, each func(string) error) (llm.Response, error) {
			_ = each("x")
			<-first
			defer close(last)
			return llm.Response{Text: "xy", FinishReason: llm.Stop}, each("y")
		})
		if err != nil || heard.String() != "xy" {
			t.Fatalf("time %d: heard %q, %v", i+1, heard.String(), err)
		}
	}
}

// Who wants a fresh answer neither joins a call nor is joined.
func freshCallsAreAlone(t *testing.T, open Open) {
	key := rand.Text()
	m := New(t, open(t, time.Hour))
	var calls atomic.Int32
	both := make(chan struct{})
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			if _, err := m.Do(t.Context(), key, true, nil, func(context.Context, func(string) error) (llm.Response, error) {
				if calls.Add(1) == 2 {
					close(both)
				}
				<-both
				return llm.Response{FinishReason: llm.Stop}, nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// One who leaves does not take the call from the other; the last one does.
func theCallEndsWithTheLastWhoWaits(t *testing.T, open Open) {
	key := rand.Text()
	m := New(t, open(t, time.Hour))
	ended := make(chan struct{})
	ask := func(ctx context.Context, each func(string) error) (llm.Response, error) {
		_ = each("x")
		<-ctx.Done()
		close(ended)
		return llm.Response{}, ctx.Err()
	}
	wait := func() (context.CancelFunc, chan error) {
		ctx, cancel := context.WithCancel(t.Context())
		left, listening := make(chan error, 1), make(chan struct{})
		go func() {
			_, err := m.Do(ctx, key, false, func(string) error { close(listening); return nil }, ask)
			left <- err
		}()
		<-listening
		return cancel, left
	}
	cancelFirst, firstLeft := wait()
	cancelSecond, secondLeft := wait()
	cancelFirst()
	if err := <-firstLeft; !errors.Is(err, context.Canceled) {
		t.Errorf("first: %v", err)
	}
	select {
	case <-ended:
		t.Fatal("the call ended while one was waiting")
	case <-time.After(50 * time.Millisecond):
	}
	cancelSecond()
	if err := <-secondLeft; !errors.Is(err, context.Canceled) {
		t.Errorf("second: %v", err)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the call goes on with nobody waiting")
	}
	var calls atomic.Int32
	if _, err := m.Do(t.Context(), key, false, nil, says("y", llm.Stop, &calls)); err != nil || calls.Load() != 1 {
		t.Errorf("the next one joined the ended call: %v", err)
	}
}

func aListenerThatFailsLeaves(t *testing.T, open Open) {
	key := rand.Text()
	m, gone := New(t, open(t, time.Hour)), errors.New("gone")
	_, err := m.Do(t.Context(), key, false, func(string) error { return gone }, func(ctx context.Context, each func(string) error) (llm.Response, error) {
		_ = each("x")
		<-ctx.Done()
		return llm.Response{}, ctx.Err()
	})
	if !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

// The call has a goroutine of its own, where a panic would end the process.
func aPanicIsAnError(t *testing.T, open Open) {
	_, err := New(t, open(t, time.Hour)).Do(t.Context(), rand.Text(), false, nil, func(context.Context, func(string) error) (llm.Response, error) { panic("secret") })
	if !fault.Is(err, fault.Internal) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func piecesEndBetweenCharacters(t *testing.T, open Open) {
	key := rand.Text()
	m, text, pieces := New(t, open(t, time.Hour)), strings.Repeat("aé語🙂", 5000), 0
	var heard strings.Builder
	_, err := m.Do(t.Context(), key, false, func(s string) error {
		if strings.ToValidUTF8(s, "?") != s || len(s) > 8<<10 {
			t.Errorf("a piece of %d bytes, or cut inside a character", len(s))
		}
		pieces++
		heard.WriteString(s)
		return nil
	}, says(text, llm.Stop, new(atomic.Int32)))
	if err != nil || heard.String() != text || pieces < 6 {
		t.Errorf("%d pieces, %v", pieces, err)
	}
}
