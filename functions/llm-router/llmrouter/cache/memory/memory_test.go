package memory_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/cache"
	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/cache/cachetest"
	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/cache/memory"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, limit int64, ttl time.Duration) *memory.Store {
	s, err := memory.Open(limit, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	cachetest.Run(t, func(t *testing.T, ttl time.Duration) cache.Store { return open(t, 4<<20, ttl) })
}

func TestAnswersLeaveWhenThereIsNoRoom(t *testing.T) {
	t.Parallel()
	s := open(t, 5000, time.Hour)
	defer s.Close()
	for i := range 100 {
		s.Put(t.Context(), string(rune('0'+i)), llm.Response{Text: "x"})
	}
	kept := func() (n int) {
		for i := range 100 {
			if answer, _ := s.Take(t.Context(), string(rune('0'+i))); answer != nil {
				n++
			}
		}
		return n
	}
	for deadline := time.Now().Add(10 * time.Second); kept() > 10; time.Sleep(time.Millisecond) { // they leave a moment later
		if time.Now().After(deadline) {
			t.Fatalf("%d answers of 513 bytes and more in 5000", kept())
		}
	}
	if kept() == 0 {
		t.Error("none is kept")
	}
}
