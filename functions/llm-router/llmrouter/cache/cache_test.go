package cache_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/cache"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

func open(t *testing.T) *cache.Memory {
	m, err := cache.Open("memory:", 1<<20, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func answer(text string, reason llm.FinishReason, calls *atomic.Int32) func(context.Context) (llm.Response, error) {
	return func(context.Context) (llm.Response, error) {
		calls.Add(1)
		return llm.Response{Text: text, FinishReason: reason}, nil
	}
}

func TestOnlyWholeAnswersAreKept(t *testing.T) {
	m := open(t)
	for reason, want := range map[llm.FinishReason]int32{llm.Stop: 1, llm.Length: 2, llm.ContentFilter: 2} {
		var calls atomic.Int32
		for i := range 2 {
			resp, err := m.Do(t.Context(), string(reason), answer("x", reason, &calls))
			if err != nil || resp.Text != "x" || resp.Cached != (i == 1 && reason == llm.Stop) {
				t.Errorf("%s, time %d: %+v, %v", reason, i+1, resp, err)
			}
		}
		if calls.Load() != want {
			t.Errorf("%s: %d calls, want %d", reason, calls.Load(), want)
		}
	}
}

func TestErrorsAreNotKept(t *testing.T) {
	m, n := open(t), 0
	for range 2 {
		_, err := m.Do(t.Context(), "k", func(context.Context) (llm.Response, error) { n++; return llm.Response{}, errors.New("down") })
		if err == nil {
			t.Error("no error")
		}
	}
	if n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
}

func TestEqualQuestionsShareOneCall(t *testing.T) {
	m := open(t)
	var calls atomic.Int32
	release := make(chan struct{})
	var group sync.WaitGroup
	var started sync.WaitGroup
	started.Add(5)
	for range 5 {
		group.Go(func() {
			started.Done()
			if _, err := m.Do(t.Context(), "k", func(context.Context) (llm.Response, error) {
				calls.Add(1)
				<-release
				return llm.Response{Text: "x", FinishReason: llm.Stop}, nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	started.Wait()
	close(release)
	group.Wait()
	if calls.Load() != 1 {
		t.Errorf("%d calls, want 1", calls.Load())
	}
}

// One who leaves does not take the call from the other; the last one does.
func TestTheCallEndsWithTheLastWhoWaits(t *testing.T) {
	m := open(t)
	entered, ended := make(chan struct{}), make(chan struct{})
	fetch := func(ctx context.Context) (llm.Response, error) {
		close(entered)
		<-ctx.Done()
		close(ended)
		return llm.Response{}, ctx.Err()
	}
	wait := func() (context.CancelFunc, chan error) {
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { _, err := m.Do(ctx, "k", fetch); left <- err }()
		return cancel, left
	}
	cancelFirst, firstLeft := wait()
	<-entered
	cancelSecond, secondLeft := wait()
	time.Sleep(20 * time.Millisecond) // the second has to be waiting, and nothing tells when it is
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
}

func TestKeyIsOfWhatShapesTheAnswer(t *testing.T) {
	key := func(change func(*llm.Request)) string {
		req := llm.Request{Model: "m", Messages: []llm.Message{{Role: llm.User, Content: "x"}}, Labels: map[string]string{"workflow": "1"}}
		change(&req)
		k, err := cache.Key("p", req)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	same := key(func(*llm.Request) {})
	if key(func(r *llm.Request) { r.Labels = nil; r.NoCache = true }) != same {
		t.Error("labels change the key")
	}
	for name, change := range map[string]func(*llm.Request){
		"model":   func(r *llm.Request) { r.Model = "n" },
		"message": func(r *llm.Request) { r.Messages[0].Content = "y" },
		"schema":  func(r *llm.Request) { r.Schema = &llm.Schema{Name: "s"} },
		"tokens":  func(r *llm.Request) { r.MaxTokens = 1 },
	} {
		if key(change) == same {
			t.Errorf("%s does not change the key", name)
		}
	}
}
