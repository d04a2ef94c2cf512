package generation

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/stageclient"
)

const (
	// wakeEvery is less than the shortest time for which Knative keeps an idle function: the next one is still awake however
	// long the stage before it takes.
	wakeEvery = 20 * time.Second
	// wakeTimeout bounds one call, so that it is over before the next; a function that needs longer to start is started nevertheless.
	wakeTimeout = 15 * time.Second
)

// beginning is the step before any stage runs. It wakes every function: where models answer fast, stages end sooner than the functions
// of those that follow can start. Those that are not needed while Knative keeps them are woken again in their time.
const beginning pipeline.Stage = ""

// next are the functions that are needed when a stage has ended, those that it needs itself apart.
var next = map[pipeline.Stage][]string{
	pipeline.PromptEnhancement:    {string(pipeline.FRDGeneration), "parser"},
	pipeline.FRDGeneration:        {string(pipeline.RequirementsParsing), string(pipeline.ProjectStructure)},
	pipeline.RequirementsParsing:  {string(pipeline.ProjectStructure), string(pipeline.CodeGeneration), "agent-orchestrator"},
	pipeline.ProjectStructure:     {string(pipeline.CodeGeneration), "agent-orchestrator", string(pipeline.TestPlanGeneration), "sandbox-runner"},
	pipeline.CodeGeneration:       {string(pipeline.SemanticValidation), string(pipeline.DependencyResolution), "parser", "sandbox-runner"},
	pipeline.TestPlanGeneration:   {string(pipeline.TestGeneration)},
	pipeline.TestGeneration:       {string(pipeline.DependencyResolution), "sandbox-runner"},
	pipeline.DependencyResolution: {"sandbox-runner"},
	pipeline.VerificationStep:     {string(pipeline.SecurityScanning), string(pipeline.PerformanceAnalysis), string(pipeline.Documentation), "agent-orchestrator", "quantum-capsule"},
	pipeline.Documentation:        {"quantum-capsule", "meta-prompt-engine"}, // which learns from the end of the run
}

// Waker wakes the functions that come next while a step runs, so that a run does not wait for twelve cold starts one after the
// other. It only speeds up: what cannot be woken is called in its turn all the same. The nil Waker wakes nothing.
type Waker struct {
	functions map[string]*httpclient.Client
	every     time.Duration

	mu    sync.Mutex
	woken map[string]time.Time // when each function was last woken
}

// NewWaker makes a waker of the functions of a configuration.
func NewWaker(cfg *Config) *Waker {
	w := &Waker{functions: map[string]*httpclient.Client{}, every: wakeEvery, woken: map[string]time.Time{}}
	for name, url := range map[string]string{
		"llm-router": cfg.Router, "meta-prompt-engine": cfg.MetaPrompt, "parser": cfg.Parser, "agent-orchestrator": cfg.Orchestrator,
		"quantum-drops": cfg.Drops, "quantum-capsule": cfg.Capsule, "sandbox-runner": cfg.Sandbox,
	} {
		w.functions[name] = httpclient.New(name, url)
	}
	for _, stage := range pipeline.Stages() {
		w.functions[string(stage)] = httpclient.New(string(stage), stageclient.URL(cfg.Stages, stage))
	}
	return w
}

// while wakes what comes after the step, and what comes after that, at once and again until end is called. It does not wait for
// a call, nor does it cut one: a start that was asked for goes on.
func (w *Waker) while(ctx context.Context, step pipeline.Stage) (end func()) {
	if w == nil {
		return func() {}
	}
	names := ahead(step)
	if step == beginning {
		names = slices.Collect(maps.Keys(w.functions))
	}
	if len(names) == 0 {
		return func() {}
	}
	ended := make(chan struct{})
	go func() {
		tick := time.NewTicker(w.every)
		defer tick.Stop()
		for {
			for _, name := range names {
				if w.due(name) {
					go w.wake(context.WithoutCancel(ctx), name)
				}
			}
			select {
			case <-ended:
				return
			case <-tick.C:
			}
		}
	}()
	return func() { close(ended) }
}

// ahead are the functions of the next two steps: a step that is done in less time than a function takes to start would not
// have woken its followers soon enough.
func ahead(step pipeline.Stage) []string {
	names := slices.Clone(next[step])
	for _, name := range next[step] {
		names = append(names, next[pipeline.Stage(name)]...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// due says that a function has not been woken for a while, and notes that it is now. Calls that wait for a function to start
// count as load: several of them would start as many pods.
func (w *Waker) due(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if now.Sub(w.woken[name]) < w.every*9/10 {
		return false
	}
	w.woken[name] = now
	return true
}

func (w *Waker) wake(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(ctx, wakeTimeout)
	defer cancel()
	if err := w.functions[name].JSON(ctx, http.MethodGet, "/healthz", nil, nil); err != nil && ctx.Err() == nil {
		slog.InfoContext(ctx, "function not woken", "function_to_wake", name, "cause", err.Error())
	}
}
