package command

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/live"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// scriptedAPI is no workflow-api: it speaks its routes on loopback and plays a scenario that is written down here, so that
// the command line can be tested without a platform.
type scriptedAPI struct {
	scenario scenario
	capsule  []byte
	server   *httptest.Server

	mu      sync.Mutex
	keys    map[string]string // Idempotency-Key → ID
	runs    map[string]*scriptedRun
	order   []string
	watched chan struct{} // closed when somebody has read the events to where they stall
}

// scriptedRun is one run: its events are the script's from the first to sent.
type scriptedRun struct {
	request   pipeline.Request
	sent      int
	cancelled bool
	retried   int
}

// scenario says how every run of a scriptedAPI goes.
type scenario struct {
	end         workflow.Status // of the first attempt
	unused      []string        // parts of the prompt that a verified run did not use
	refused     bool            // it failed because nothing can be made of the prompt
	stall       bool            // the events stop in the middle, and the run goes on for ever
	breakAfter  int             // the connection for events breaks after so many; 0: never
	token       string          // a login stands in front, which takes this one alone
	wrongDigest bool            // the run says another SHA-256 than the capsule has
}

var scenarios = map[string]scenario{
	"verified": {end: workflow.Completed},
	"findings": {end: workflow.CompletedWithFindings},
	"failed":   {end: workflow.Failed},
	"unused":   {end: workflow.CompletedWithFindings, unused: []string{"Users log in with OAuth", "fines"}},
	"refused":  {end: workflow.Failed, refused: true},
	"stalled":  {end: workflow.Completed, stall: true},
	"broken":   {end: workflow.Completed, breakAfter: 3},
	"login":    {end: workflow.Completed, token: "open-sesame"},
	"damaged":  {end: workflow.Completed, wrongDigest: true},
}

var scriptBegan = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// deadLetters answers with two events: of the first a function said what is wrong, of the second nothing can be read.
func deadLetters(w http.ResponseWriter, _ *http.Request) {
	problem := fault.New(fault.Unprocessable, "the data does not fit its schema").WithFields(fault.Field{Location: "data", Message: "expected required property prompt to be present"}).Problem()
	answered, err := json.Marshal(problem)
	if err != nil {
		panic(err)
	}
	reply(w, 200, workflow.DeadLetters{Events: []workflow.DeadLetter{
		{DropID: "drop_1", KeptAt: scriptBegan, ID: "e-1", Type: "dev.quantumlayer.workflow.requested", Source: "/crm", Code: "422", Reason: string(answered), Event: json.RawMessage(`{"id":"e-1"}`)},
		{DropID: "drop_2", KeptAt: scriptBegan, Reason: "what is kept of it cannot be read: the stored drop is damaged"},
	}})
}

func newScriptedAPI(s scenario, capsule []byte) *scriptedAPI {
	api := &scriptedAPI{scenario: s, capsule: capsule, keys: map[string]string{}, runs: map[string]*scriptedRun{}, watched: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ready") })
	mux.HandleFunc("POST /v1/workflows", api.start)
	mux.HandleFunc("GET /v1/workflows", api.list)
	mux.HandleFunc("GET /v1/workflows/{id}", api.known(func(w http.ResponseWriter, _ *http.Request, id string) { reply(w, 200, api.run(id)) }))
	mux.HandleFunc("GET /v1/workflows/{id}/events", api.known(api.events))
	mux.HandleFunc("GET /v1/workflows/{id}/drops", api.known(api.drops))
	mux.HandleFunc("GET /v1/workflows/{id}/drops/{drop}", api.known(api.drop))
	mux.HandleFunc("GET /v1/workflows/{id}/files", api.known(api.files))
	mux.HandleFunc("GET /v1/workflows/{id}/capsule", api.known(func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("Content-Type", "application/gzip")
		_, _ = w.Write(api.capsule)
	}))
	mux.HandleFunc("GET /v1/dead-letters", deadLetters)
	mux.HandleFunc("POST /v1/workflows/{id}/retry", api.known(api.retry))
	mux.HandleFunc("DELETE /v1/workflows/{id}", api.known(api.cancel))
	api.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.token != "" && r.Header.Get("Authorization") != "Bearer "+s.token {
			http.Error(w, "log in first", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	return api
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (api *scriptedAPI) known(next func(http.ResponseWriter, *http.Request, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		api.mu.Lock()
		_, ok := api.runs[r.PathValue("id")]
		api.mu.Unlock()
		if !ok {
			fault.Write(w, r, fault.New(fault.NotFound, "no workflow %s", r.PathValue("id")))
			return
		}
		next(w, r, r.PathValue("id"))
	}
}

func (api *scriptedAPI) start(w http.ResponseWriter, r *http.Request) {
	var request pipeline.Request
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		fault.Write(w, r, fault.New(fault.Invalid, "%w", err))
		return
	}
	if err := request.Normalise(); err != nil {
		fault.Write(w, r, err)
		return
	}
	api.mu.Lock()
	key := r.Header.Get("Idempotency-Key")
	id, ok := api.keys[key]
	if !ok {
		id = fmt.Sprintf("run-%d", len(api.order)+1)
		api.keys[key], api.runs[id] = id, &scriptedRun{request: request}
		api.order = append(api.order, id)
	}
	api.mu.Unlock()
	reply(w, http.StatusAccepted, api.run(id))
}

func (api *scriptedAPI) list(w http.ResponseWriter, _ *http.Request) {
	page := workflow.Page{Runs: []workflow.Summary{}}
	api.mu.Lock()
	ids := slices.Clone(api.order)
	api.mu.Unlock()
	for _, id := range slices.Backward(ids) {
		run := api.run(id)
		page.Runs = append(page.Runs, workflow.Summary{ID: id, Attempt: run.Attempt, Status: run.Status, StartedAt: run.StartedAt, EndedAt: run.EndedAt,
			Request: workflow.SummaryRequest{Prompt: run.Request.Prompt, Language: run.Request.Language, Type: run.Request.Type}})
	}
	reply(w, 200, page)
}

func (api *scriptedAPI) retry(w http.ResponseWriter, r *http.Request, id string) {
	api.mu.Lock()
	run := api.runs[id]
	run.retried, run.cancelled = run.retried+1, false
	run.sent = run.retried * len(api.attempt(id, 1, 0))
	api.mu.Unlock()
	reply(w, http.StatusAccepted, api.run(id))
}

func (api *scriptedAPI) cancel(w http.ResponseWriter, r *http.Request, id string) {
	if api.run(id).Status.Ended() {
		fault.Write(w, r, fault.New(fault.Conflict, "workflow %s has ended", id))
		return
	}
	api.mu.Lock()
	api.runs[id].cancelled = true
	api.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
}

// made gives the drops of a run: a stage's result, a file with what a terminal must not get, and an archive.
func (api *scriptedAPI) made(id string) []drop.Drop {
	var drops []drop.Drop
	for _, d := range []drop.Drop{
		{Stage: string(pipeline.CodeGeneration), Type: drop.TypeResult, Artifact: []byte(`{"files":[]}`)},
		{Stage: string(pipeline.CodeGeneration), Type: drop.TypeFile, Metadata: map[string]string{drop.MetadataPath: "main.go"}, Artifact: []byte("package main\n\n\tvar title = \"\x1b]0;owned\a\"\n")},
		{Stage: string(pipeline.PackagingStep), Type: drop.TypeCapsule, Artifact: api.capsule},
	} {
		d.WorkflowID, d.Timestamp = id, scriptBegan
		sealed, err := drop.Seal(d)
		if err != nil {
			panic(err)
		}
		drops = append(drops, sealed)
	}
	return drops
}

func (api *scriptedAPI) drops(w http.ResponseWriter, r *http.Request, id string) {
	drops := []drop.Drop{}
	for _, d := range api.made(id) {
		q := r.URL.Query()
		if (q.Get("stage") == "" || q.Get("stage") == d.Stage) && (q.Get("type") == "" || q.Get("type") == string(d.Type)) {
			d.Artifact = nil
			drops = append(drops, d)
		}
	}
	reply(w, 200, map[string]any{"drops": drops})
}

func (api *scriptedAPI) drop(w http.ResponseWriter, r *http.Request, id string) {
	for _, d := range api.made(id) {
		if d.ID == r.PathValue("drop") {
			if api.scenario.wrongDigest {
				d.Artifact = []byte("changed")
			}
			reply(w, 200, d)
			return
		}
	}
	fault.Write(w, r, fault.New(fault.NotFound, "run %s has no drop %s", id, r.PathValue("drop")))
}

func (api *scriptedAPI) files(w http.ResponseWriter, _ *http.Request, id string) {
	d := api.made(id)[1]
	reply(w, 200, workflow.FileIndex{Files: []workflow.FileRef{{Path: d.Name(), DropID: d.ID, SHA256: d.SHA256, Size: d.Size, Stage: pipeline.CodeGeneration}}})
}

// script is the run's events, those of its earlier attempts first.
func (api *scriptedAPI) script(id string, attempts int) []workflow.Event {
	var events []workflow.Event
	for n := range attempts {
		events = append(events, api.attempt(id, n+1, len(events))...)
	}
	return events
}

// attempt is the events of one attempt: it starts, each stage starts and completes, a second after the other, and then the end.
// They come behind so many others.
func (api *scriptedAPI) attempt(id string, number, behind int) []workflow.Event {
	var events []workflow.Event
	add := func(kind string, data any) {
		raw, err := json.Marshal(data)
		if err != nil {
			panic(err)
		}
		events = append(events, workflow.Event{Sequence: uint64(behind + len(events) + 1), Type: kind, WorkflowID: id, Time: scriptBegan, Data: raw})
	}
	add(event.WorkflowStarted, workflow.Run{ID: id, Attempt: number})
	for i, stage := range append(pipeline.Stages(), pipeline.VerificationStep, pipeline.PackagingStep) {
		start, end := scriptBegan.Add(time.Duration(i)*time.Second), scriptBegan.Add(time.Duration(i+1)*time.Second)
		state := workflow.StageState{Stage: stage, Number: stage.Number(), Status: workflow.Running, StartedAt: &start}
		add(event.StageType(stage, event.Started), state)
		if stage == pipeline.CodeGeneration {
			add(event.StageType(stage, event.Progress), workflow.Progress{Stage: stage, Done: 1, Total: 1, Message: "wrote main.go"})
		}
		state.Status, state.EndedAt = workflow.Completed, &end
		state.Usage = pipeline.Usage{Calls: 1, InputTokens: 1000, OutputTokens: 234}
		add(event.StageType(stage, event.Completed), state)
	}
	kind := event.WorkflowCompleted
	if api.scenario.end == workflow.Failed && number == 1 {
		kind = event.WorkflowFailed
	}
	add(kind, workflow.Run{ID: id, Attempt: number})
	return events
}

// events sends the script, or what of it comes after Last-Event-ID.
func (api *scriptedAPI) events(w http.ResponseWriter, r *http.Request, id string) {
	w.Header().Set("Content-Type", "text/event-stream")
	after, _ := strconv.Atoi(r.Header.Get("Last-Event-ID")) // none: from the first
	api.mu.Lock()
	script := api.script(id, api.runs[id].retried+1)
	api.mu.Unlock()
	for i, e := range script[min(after, len(script)):] {
		if api.scenario.breakAfter > 0 && i == api.scenario.breakAfter {
			panic(http.ErrAbortHandler)
		}
		if api.scenario.stall && e.Sequence > 11 {
			api.mu.Lock()
			select {
			case <-api.watched:
			default:
				close(api.watched)
			}
			api.mu.Unlock()
			<-r.Context().Done()
			return
		}
		api.mu.Lock()
		api.runs[id].sent = max(api.runs[id].sent, int(e.Sequence))
		api.mu.Unlock()
		raw, err := json.Marshal(e)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", e.Sequence, e.Type, raw)
		w.(http.Flusher).Flush()
	}
}

// run puts together how the run stands after the events that were sent.
func (api *scriptedAPI) run(id string) workflow.Run {
	api.mu.Lock()
	state := *api.runs[id]
	api.mu.Unlock()
	script := api.script(id, state.retried+1)
	run := workflow.Run{ID: id, Attempt: state.retried + 1, Status: workflow.Running, Request: state.request, StartedAt: scriptBegan}
	for _, stage := range append(pipeline.Stages(), pipeline.VerificationStep, pipeline.PackagingStep) {
		run.Stages = append(run.Stages, workflow.StageState{Stage: stage, Number: stage.Number(), Status: workflow.Pending})
	}
	board := live.Board{Run: run}
	for _, e := range script[len(script)-len(api.attempt(id, 1, 0)) : state.sent] {
		board.Apply(e)
	}
	run = board.Run
	end := scriptBegan.Add(14 * time.Second)
	switch {
	case state.cancelled:
		run.Status, run.EndedAt = workflow.Cancelled, &end
	case state.sent == len(script):
		run.Status, run.EndedAt = api.scenario.end, &end
		if state.retried > 0 {
			run.Status = workflow.Completed
		}
		api.ended(&run)
	}
	return run
}

// ended fills in what a run has at its end.
func (api *scriptedAPI) ended(run *workflow.Run) {
	run.Usage = pipeline.Usage{Provider: "scripted", Model: "scripted-1", Calls: 14, InputTokens: 14000, OutputTokens: 3276}
	run.NotChecked = []string{"what no test covers"}
	if run.Status == workflow.Failed {
		run.Problem = fault.New(fault.ModelDown, "the model server at 127.0.0.1:1 cannot be reached").WithHint("start it").Problem()
		if api.scenario.refused {
			run.Problem = fault.New(fault.Refused, "the prompt describes no software").WithHint("say what the program should do").Problem()
		}
		return
	}
	run.Capsule = &workflow.Capsule{DropID: "drop_c", SHA256: drop.Digest(api.capsule), Size: int64(len(api.capsule)), Files: 2}
	if api.scenario.wrongDigest {
		run.Capsule.SHA256 = drop.Digest(nil)
	}
	run.Verification = &workflow.Verification{Verified: true, Mode: "namespaces", Build: "passed", Vet: "passed", Tests: "passed", Passed: 2}
	run.Unused = api.scenario.unused
	if run.Status == workflow.CompletedWithFindings && run.Unused == nil {
		run.Verification = &workflow.Verification{Mode: "namespaces", Build: "passed", Vet: "passed", Tests: "failed", Passed: 1, Failed: 1, Rounds: 2, Reason: "1 of 2 tests fails"}
		run.Findings = []string{"TestTwo: got 1, want 2"}
	}
}

func scenarioNames() []string { return slices.Sorted(maps.Keys(scenarios)) }
