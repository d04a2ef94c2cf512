package cache_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/cache"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a cache that is closed with the test, which shows whether a call goes on.
func open(t *testing.T, limit int64, ttl time.Duration) *cache.Memory {
	m, err := cache.Open("memory:", limit, ttl)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := m.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return m
}

func says(text string, reason llm.FinishReason, calls *atomic.Int32) cache.Ask {
	return func(_ context.Context, each func(string) error) (llm.Response, error) {
		calls.Add(1)
		return llm.Response{Text: text, FinishReason: reason}, each(text)
	}
}

func TestOnlyWholeAnswersAreKept(t *testing.T) {
	t.Parallel()
	m := open(t, 1<<20, time.Hour)
	for reason, want := range map[llm.FinishReason]int32{llm.Stop: 1, llm.Length: 2, llm.ContentFilter: 2} {
		var calls atomic.Int32
		for i := range 2 {
			var heard strings.Builder
			resp, err := m.Do(t.Context(), string(reason), false, func(s string) error { heard.WriteString(s); return nil }, says("x", reason, &calls))
			if err != nil || resp.Text != "x" || heard.String() != "x" || resp.Cached != (i == 1 && reason == llm.Stop) {
				t.Errorf("%s, time %d: %+v, heard %q, %v", reason, i+1, resp, heard.String(), err)
			}
		}
		if calls.Load() != want {
			t.Errorf("%s: %d calls, want %d", reason, calls.Load(), want)
		}
	}
}

func TestErrorsAreNotKept(t *testing.T) {
	t.Parallel()
	m, n := open(t, 1<<20, time.Hour), 0
	for range 2 {
		_, err := m.Do(t.Context(), "k", false, nil, func(context.Context, func(string) error) (llm.Response, error) {
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

func TestAFreshAnswerReplacesTheOld(t *testing.T) {
	t.Parallel()
	m := open(t, 1<<20, time.Hour)
	var calls atomic.Int32
	for _, step := range []struct {
		fresh        bool
		says, expect string
	}{{false, "old", "old"}, {true, "new", "new"}, {false, "newest", "new"}} {
		got, err := m.Do(t.Context(), "k", step.fresh, nil, says(step.says, llm.Stop, &calls))
		if err != nil || got.Text != step.expect {
			t.Errorf("%+v: %+v, %v", step, got, err)
		}
	}
}

func TestAnswersLeaveTheCache(t *testing.T) {
	t.Parallel()
	kept := func(m *cache.Memory, key string) bool {
		resp, err := m.Do(t.Context(), key, false, nil, says(strings.Repeat("x", 1000), llm.Stop, new(atomic.Int32)))
		if err != nil {
			t.Fatal(err)
		}
		return resp.Cached
	}
	for name, m := range map[string]*cache.Memory{"by time": open(t, 1<<20, time.Millisecond), "by size": open(t, 100, time.Hour), "at once": open(t, 0, time.Hour)} {
		kept(m, "k")
		for deadline := time.Now().Add(10 * time.Second); kept(m, "k"); time.Sleep(time.Millisecond) { // it leaves a moment later
			if time.Now().After(deadline) {
				t.Fatalf("%s: still there", name)
			}
		}
	}
}

// All ask while the call is running; those who come later hear the text from its beginning.
func TestEqualQuestionsShareOneCall(t *testing.T) {
	t.Parallel()
	m := open(t, 1<<20, time.Hour)
	var calls, cached atomic.Int32
	begun, release := make(chan struct{}), make(chan struct{})
	ask := func(_ context.Context, each func(string) error) (llm.Response, error) {
		calls.Add(1)
		each("be")
		close(begun)
		<-release
		return llm.Response{Text: "begun", FinishReason: llm.Stop}, each("gun")
	}
	var group, listening sync.WaitGroup
	wait := func() {
		var heard strings.Builder
		first := sync.OnceFunc(listening.Done)
		resp, err := m.Do(t.Context(), "k", false, func(s string) error { heard.WriteString(s); first(); return nil }, ask)
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
func TestTheLastTextIsTold(t *testing.T) {
	t.Parallel()
	m := open(t, 0, time.Hour)
	for i := range 100 {
		var heard strings.Builder
		first, last := make(chan struct{}), make(chan struct{})
		_, err := m.Do(t.Context(), "k", false, func(s string) error {
			if heard.WriteString(s); s == "x" {
				close(first)
				<-last
				time.Sleep(100 * time.Microsecond) // for the call to end
			}
			return nil
		}, func(_ context.Context, each func(string) error) (llm.Response, error) {
			each("x")
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
func TestFreshCallsAreAlone(t *testing.T) {
	t.Parallel()
	m := open(t, 1<<20, time.Hour)
	var calls atomic.Int32
	both := make(chan struct{})
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			if _, err := m.Do(t.Context(), "k", true, nil, func(context.Context, func(string) error) (llm.Response, error) {
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
func TestTheCallEndsWithTheLastWhoWaits(t *testing.T) {
	t.Parallel()
	m := open(t, 1<<20, time.Hour)
	ended := make(chan struct{})
	ask := func(ctx context.Context, each func(string) error) (llm.Response, error) {
		each("x")
		<-ctx.Done()
		close(ended)
		return llm.Response{}, ctx.Err()
	}
	wait := func() (context.CancelFunc, chan error) {
		ctx, cancel := context.WithCancel(t.Context())
		left, listening := make(chan error, 1), make(chan struct{})
		go func() {
			_, err := m.Do(ctx, "k", false, func(string) error { close(listening); return nil }, ask)
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
	<-secondLeft
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the call goes on with nobody waiting")
	}
	var calls atomic.Int32
	if _, err := m.Do(t.Context(), "k", false, nil, says("y", llm.Stop, &calls)); err != nil || calls.Load() != 1 {
		t.Errorf("the next one joined the ended call: %v", err)
	}
}

func TestAListenerThatFailsLeaves(t *testing.T) {
	t.Parallel()
	m, gone := open(t, 1<<20, time.Hour), errors.New("gone")
	_, err := m.Do(t.Context(), "k", false, func(string) error { return gone }, func(ctx context.Context, each func(string) error) (llm.Response, error) {
		each("x")
		<-ctx.Done()
		return llm.Response{}, ctx.Err()
	})
	if !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

// The call has a goroutine of its own, where a panic would end the process.
func TestAPanicIsAnError(t *testing.T) {
	t.Parallel()
	_, err := open(t, 1<<20, time.Hour).Do(t.Context(), "k", false, nil, func(context.Context, func(string) error) (llm.Response, error) { panic("secret") })
	if !fault.Is(err, fault.Internal) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestPiecesEndBetweenCharacters(t *testing.T) {
	t.Parallel()
	m, text, pieces := open(t, 1<<20, time.Hour), strings.Repeat("aé語🙂", 5000), 0
	var heard strings.Builder
	_, err := m.Do(t.Context(), "k", false, func(s string) error {
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

func TestWrongSettings(t *testing.T) {
	t.Parallel()
	for says, open := range map[string]func() (*cache.Memory, error){
		"QL_CACHE_URL":   func() (*cache.Memory, error) { return cache.Open("redis://user:secret@host", 1, time.Hour) },
		"QL_CACHE_BYTES": func() (*cache.Memory, error) { return cache.Open("memory:", -1, time.Hour) },
		"QL_CACHE_TTL":   func() (*cache.Memory, error) { return cache.Open("memory:", 1, 0) },
	} {
		if _, err := open(); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", says, err)
		}
	}
}

func TestKeyIsOfWhatShapesTheAnswer(t *testing.T) {
	t.Parallel()
	key := func(provider string, change func(*llm.Request)) string {
		req := llm.Request{Model: "m", Messages: []llm.Message{{Role: llm.User, Content: "x"}}, Labels: map[string]string{"workflow": "1"}}
		change(&req)
		k, err := cache.Key(provider, req)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	same := key("p", func(*llm.Request) {})
	if key("p", func(r *llm.Request) { r.Labels = nil; r.NoCache = true }) != same {
		t.Error("labels change the key")
	}
	if key("q", func(*llm.Request) {}) == same {
		t.Error("the provider does not change the key")
	}
	cold := 0.0
	for name, change := range map[string]func(*llm.Request){
		"model":       func(r *llm.Request) { r.Model = "n" },
		"message":     func(r *llm.Request) { r.Messages[0].Content = "y" },
		"role":        func(r *llm.Request) { r.Messages[0].Role = llm.System },
		"schema":      func(r *llm.Request) { r.Schema = &llm.Schema{Name: "s"} },
		"tokens":      func(r *llm.Request) { r.MaxTokens = 1 },
		"temperature": func(r *llm.Request) { r.Temperature = &cold },
	} {
		if key("p", change) == same {
			t.Errorf("%s does not change the key", name)
		}
	}
}
