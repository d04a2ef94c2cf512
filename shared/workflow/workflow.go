// Package workflow is the contract of workflow-api: what a run looks like from outside, its events, and how it is started.
package workflow

import (
	"encoding/json"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// Status is the state of a run or of one of its stages.
type Status string

// The states. A run ends in one of the last four; a stage in completed, failed, cancelled or skipped.
const (
	Pending               Status = "pending"
	Running               Status = "running"
	Completed             Status = "completed"               // build and every test passed in a sandbox, and the whole prompt was used
	CompletedWithFindings Status = "completed_with_findings" // packaged, but not verified (see Verification and Findings), or parts of the prompt were not used (see Unused)
	Failed                Status = "failed"
	Cancelled             Status = "cancelled"
	Skipped               Status = "skipped"
)

// Ended says whether nothing more happens.
func (s Status) Ended() bool { return s != Pending && s != Running }

// Run is one run of the pipeline.
type Run struct {
	ID           string           `json:"id"`
	Attempt      int              `json:"attempt" doc:"1; each retry adds one"`
	Status       Status           `json:"status"`
	Request      pipeline.Request `json:"request,omitzero" doc:"Left out in events"`
	StartedAt    time.Time        `json:"started_at"`
	EndedAt      *time.Time       `json:"ended_at,omitempty"`
	Stages       []StageState     `json:"stages,omitempty" doc:"The twelve stages in reading order, then verification and packaging. Left out in events"`
	Usage        pipeline.Usage   `json:"usage"`
	Verification *Verification    `json:"verification,omitempty"`
	Capsule      *Capsule         `json:"capsule,omitempty"`
	Findings     []string         `json:"findings,omitempty" doc:"Why the run is not completed, or what a person should look at"`
	Unused       []string         `json:"unused,omitempty" doc:"Parts of the prompt that nothing came of, in its own words where the model keeps them"`
	NotChecked   []string         `json:"not_checked,omitempty" doc:"What nobody verified"`
	Problem      *fault.Problem   `json:"problem,omitempty" doc:"Why the run failed"`
}

// Verified says whether the platform itself saw the build and every test pass. Parts of the prompt may not have been used all the
// same: see Unused.
func (r Run) Verified() bool {
	packaged := r.Status == Completed || r.Status == CompletedWithFindings
	return packaged && r.Verification != nil && r.Verification.Verified
}

// StageState is one stage as it stands.
type StageState struct {
	Stage     pipeline.Stage `json:"stage"`
	Number    int            `json:"number" doc:"1 to 12; 0 for verification and packaging"`
	Status    Status         `json:"status"`
	Round     int            `json:"round,omitempty" doc:"Repair round, from 1; 0: the first"`
	Attempt   int            `json:"attempt,omitempty" doc:"In events: how often it was tried in this round, from 1"`
	StartedAt *time.Time     `json:"started_at,omitempty"`
	EndedAt   *time.Time     `json:"ended_at,omitempty"`
	DropID    string         `json:"drop_id,omitempty" doc:"Drop of the stage's answer"`
	Reused    bool           `json:"reused,omitempty" doc:"The drop was there already: nothing was done twice"`
	Usage     pipeline.Usage `json:"usage"`
	Detail    string         `json:"detail,omitempty" doc:"One line for a person"`
	Problem   *fault.Problem `json:"problem,omitempty" doc:"Why it failed"`
}

// Verification is what the sandbox found, in numbers; the verification drop has the rest.
type Verification struct {
	Verified bool   `json:"verified" doc:"Build, vet and every test passed"`
	Mode     string `json:"mode" doc:"Sandbox mode; none: nothing was run"`
	Weaker   string `json:"weaker,omitempty" doc:"Why a stronger mode, which the machine seems to have, was not taken"`
	Build    string `json:"build" doc:"passed, failed or not_run"`
	Vet      string `json:"vet"`
	Tests    string `json:"tests"`
	Passed   int    `json:"passed"`
	Failed   int    `json:"failed"`
	Skipped  int    `json:"skipped"`
	Rounds   int    `json:"rounds" doc:"Repair rounds that it took"`
	Reason   string `json:"reason,omitempty" doc:"Why it is not verified"`
	DropID   string `json:"drop_id,omitempty"`
}

// Capsule is the packaged result.
type Capsule struct {
	DropID string `json:"drop_id"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size" doc:"Bytes"`
	Files  int    `json:"files"`
}

// Event is one event of a run, as …/events sends it. Sequence is the SSE id: Last-Event-ID resumes behind it.
// Data is a StageState for a stage's started, completed and failed, a Progress for its progress, a Run without request and stages for
// workflow.started, completed, failed and cancelled, a Capsule for capsule.created.
type Event struct {
	Sequence   uint64          `json:"sequence"`
	Type       string          `json:"type" doc:"e.g. dev.quantumlayer.stage.frd-generation.completed"`
	WorkflowID string          `json:"workflow_id"`
	Time       time.Time       `json:"time"`
	Data       json.RawMessage `json:"data,omitempty"`
}

// EndsRun says whether the event tells the end of a run, or of one attempt of it.
func (e Event) EndsRun() bool {
	return e.Type == event.WorkflowCompleted || e.Type == event.WorkflowFailed || e.Type == event.WorkflowCancelled
}

// Progress is the data of a stage's progress event.
type Progress struct {
	Stage   pipeline.Stage `json:"stage"`
	Round   int            `json:"round,omitempty"`
	Done    int            `json:"done"`
	Total   int            `json:"total" doc:"0: not known"`
	Message string         `json:"message" doc:"e.g. wrote internal/store/store.go"`
	Usage   pipeline.Usage `json:"usage" doc:"Of the stage so far"`
}

// Start is the body that starts a run.
type Start struct {
	pipeline.Request
	RepairRounds *int `json:"repair_rounds,omitempty" minimum:"0" maximum:"10" doc:"Repair rounds at most; 3 when left out"`
}

// Retry is the body that lets an ended run go on. The zero value changes nothing.
type Retry struct {
	Model        *string `json:"model,omitempty" maxLength:"200" doc:"Another model for what is not done yet; empty takes the router's default"`
	RepairRounds *int    `json:"repair_rounds,omitempty" minimum:"0" maximum:"10" doc:"Another number of repair rounds"`
}

// Summary is a run as a list shows it: what can be known of many runs without asking each.
type Summary struct {
	ID        string         `json:"id"`
	Attempt   int            `json:"attempt,omitempty" doc:"1; each retry adds one"`
	Status    Status         `json:"status"`
	Stage     pipeline.Stage `json:"stage,omitempty" doc:"The stage that started last"`
	Request   SummaryRequest `json:"request"`
	StartedAt time.Time      `json:"started_at"`
	EndedAt   *time.Time     `json:"ended_at,omitempty"`
}

// SummaryRequest is the part of a request that a list shows.
type SummaryRequest struct {
	Prompt   string `json:"prompt" doc:"The beginning of the prompt in one line, at most 120 characters"`
	Language string `json:"language"`
	Type     string `json:"type" doc:"As requested: auto stays so"`
}

// Page is one page of runs: those that go on, then those that ended, the latest first.
type Page struct {
	Runs   []Summary `json:"runs"`
	Cursor string    `json:"cursor,omitempty" doc:"For the next page; empty: this is the last"`
}
