package generation

import (
	"slices"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// Names of the activities, as they stand in histories.
const (
	beginActivity   = "Begin"
	stageActivity   = "RunStage"
	verifyActivity  = "Verify"
	packageActivity = "Package"
	publishActivity = "PublishEvent"
)

// Everything below crosses into Temporal's history, so it holds references and sentences of bounded number and length, never
// artefacts. Fields are append-only: saved histories hold them.

// BeginTask is the input of Begin.
type BeginTask struct {
	Tenant  string           `json:"tenant"`
	Attempt int              `json:"attempt"`
	Request pipeline.Request `json:"request"`
	Run     workflow.Run     `json:"run"` // data of the started event, without the request
}

// Step is what the inputs of RunStage, Verify and Package have in common.
type Step struct {
	Tenant    string                    `json:"tenant"`
	Attempt   int                       `json:"attempt"` // of the run
	Stage     pipeline.Stage            `json:"stage"`
	Round     int                       `json:"round"`
	StartedAt time.Time                 `json:"started_at"`
	Used      pipeline.Usage            `json:"used"`    // by earlier rounds of this stage
	Request   string                    `json:"request"` // drop
	Results   map[pipeline.Stage]string `json:"results"` // drops of the results that it reads
}

// StageTask is the input of RunStage.
type StageTask struct {
	Step
	Previous string  `json:"previous,omitempty"` // result drop of this stage in an earlier round
	Repair   *Repair `json:"repair,omitempty"`
}

// Repair says by their drops what is wrong with the files of the result Previous.
type Repair struct {
	Verification string `json:"verification,omitempty"`
	Validation   string `json:"validation,omitempty"`   // result of semantic-validation
	Dependencies string `json:"dependencies,omitempty"` // result of dependency-resolution
	Worse        string `json:"worse,omitempty"`        // verification of the last repair of the same findings, which made it worse
}

// parents gives the drops that the step's own are made from, sorted. The request counts only where there is nothing else, so
// that a retry with another model keeps what is finished.
func (s Step) parents(more ...string) []string {
	var ids []string
	for _, id := range s.Results {
		ids = append(ids, id)
	}
	for _, id := range more {
		if id != "" {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		ids = append(ids, s.Request)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (t StageTask) parents() []string {
	more := []string{t.Previous}
	if r := t.Repair; r != nil {
		more = append(more, r.Verification, r.Validation, r.Dependencies, r.Worse)
	}
	return t.Step.parents(more...)
}

// StageResult is the output of RunStage.
type StageResult struct {
	DropID string         `json:"drop_id"`
	Round  int            `json:"round"` // of the drop: lower than asked for when nothing had changed since
	Reused bool           `json:"reused,omitempty"`
	Usage  pipeline.Usage `json:"usage"`
	Summary
	Refusal *pipeline.Refusal `json:"refusal,omitempty"`
}

// Summary is what the workflow and people need to know of an answer.
type Summary struct {
	Detail     string   `json:"detail,omitempty"`      // one line
	Findings   []string `json:"findings,omitempty"`    // what a person should look at, in sentences
	NotChecked []string `json:"not_checked,omitempty"` // what nobody checked
	Unused     []string `json:"unused,omitempty"`      // parts of the prompt that nothing comes of
	// Faults that a repair has to mend, and a digest of them that stays the same as long as they do.
	CodeFaults  int    `json:"code_faults,omitempty"`
	TestFaults  int    `json:"test_faults,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Disputes    int    `json:"disputes,omitempty"` // tests that a repair of the code holds to be wrong
}

// VerifyResult is the output of Verify.
type VerifyResult struct {
	Verification workflow.Verification `json:"verification"`
	Round        int                   `json:"round"`
	Reused       bool                  `json:"reused,omitempty"`
	Summary
}

// PackageResult is the output of Package.
type PackageResult struct {
	Capsule workflow.Capsule `json:"capsule"`
	Reused  bool             `json:"reused,omitempty"`
}

// EventTask is the input of PublishEvent. ID names the event within the run.
type EventTask struct {
	ID    string               `json:"id"`
	Type  string               `json:"type"`
	Run   *workflow.Run        `json:"run,omitempty"`
	Stage *workflow.StageState `json:"stage,omitempty"`
}
