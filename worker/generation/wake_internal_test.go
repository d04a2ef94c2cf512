package generation

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/services"
)

// waking is a server that stands for every function and tells which was woken.
func waking(t *testing.T) (*Waker, <-chan string) {
	t.Helper()
	woken := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		woken <- strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/"), "/healthz")
	}))
	t.Cleanup(server.Close)
	at := func(name string) string { return server.URL + "/" + name }
	return NewWaker(&Config{Stages: server.URL + "/{stage}", URLs: services.URLs{
		Router: at("llm-router"), MetaPrompt: at("meta-prompt-engine"), Parser: at("parser"), Orchestrator: at("agent-orchestrator"),
		Drops: at("quantum-drops"), Capsule: at("quantum-capsule"), Sandbox: at("sandbox-runner"),
	}}), woken
}

func TestWhatComesNextIsWokenWhileAStepRuns(t *testing.T) {
	t.Parallel()
	w, woken := waking(t)
	w.every = 20 * time.Millisecond
	end := w.while(t.Context(), pipeline.PromptEnhancement)
	counts := map[string]int{}
	for counts["frd-generation"] < 2 || counts["parser"] < 2 || counts["requirements-parsing"] < 2 { // again while it runs
		counts[<-woken]++
	}
	end()
	if counts["quantum-capsule"] != 0 || counts["code-generation"] != 0 {
		t.Errorf("woken %v: more than the next two steps", counts)
	}
	if other, _ := waking(t); !other.due("parser") || other.due("parser") {
		t.Error("a function is woken by each of several runs")
	}
	var none *Waker
	none.while(t.Context(), pipeline.PromptEnhancement)()
}

func TestTheBeginningWakesEveryFunction(t *testing.T) {
	t.Parallel()
	w, woken := waking(t)
	end := w.while(t.Context(), beginning)
	defer end()
	all := map[string]bool{}
	for len(all) < len(w.functions) {
		all[<-woken] = true
	}
}

// What is not needed at once is woken again by a step before it, and every name is one that the waker knows.
func TestEveryFunctionIsWoken(t *testing.T) {
	t.Parallel()
	w, _ := waking(t)
	woken := map[string]bool{}
	for step, names := range next {
		if !slices.Contains(append(pipeline.Stages(), pipeline.VerificationStep), step) {
			t.Errorf("there is no step %q", step)
		}
		for _, name := range names {
			if w.functions[name] == nil {
				t.Errorf("%s wakes %s, which is no function", step, name)
			}
			woken[name] = true
		}
	}
	for name := range w.functions {
		if !woken[name] && !slices.Contains([]string{"quantum-drops", "llm-router", string(pipeline.PromptEnhancement)}, name) {
			t.Errorf("nothing wakes %s", name)
		}
	}
}
