package workflow

import (
	"errors"
	"fmt"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// What workflow-api and the worker agree on about a run's Temporal workflow. A run's ID is its Temporal workflow ID; each
// retry is a further Temporal run of it.
const (
	TypeName = "Generate" // workflow type
	RunQuery = "run"      // query without arguments that answers the Run as it stands
)

// Search attributes of a run; all are keywords.
const (
	AttributeStatus      = "QLStatus"      // a Status
	AttributeStage       = "QLStage"       // the stage that started last
	AttributeLanguage    = "QLLanguage"    // as requested
	AttributeProjectType = "QLProjectType" // as requested: "auto" stays so
	AttributePrompt      = "QLPrompt"      // Excerpt of the prompt
)

// MemoAttempt is the field of the memo of a run's Temporal workflow that has Input.Attempt, for lists.
const MemoAttempt = "attempt"

// Bounds and defaults of Input.
const (
	DefaultRepairRounds     = 3
	MaxRepairRounds         = 10
	DefaultHeartbeatTimeout = 20 * time.Second
	DefaultMaximumAttempts  = 8
	excerptLimit            = 120 // runes
)

// Input starts a run's Temporal workflow. It is the one place in the history that holds the prompt.
type Input struct {
	Tenant  string           `json:"tenant"`
	Request pipeline.Request `json:"request"` // normalised
	// RequestSHA256 is of the body that came with the idempotency key; a retry keeps it. Empty: there was no key.
	RequestSHA256 string `json:"request_sha256,omitempty"`
	// Attempt counts the Temporal runs of this run, from 1.
	Attempt int `json:"attempt"`
	// RepairRounds is the most repair rounds; 0: none.
	RepairRounds int `json:"repair_rounds"`
	// HeartbeatTimeout is how soon a dead worker is noticed; 0: DefaultHeartbeatTimeout.
	HeartbeatTimeout time.Duration `json:"heartbeat_timeout,omitempty"`
	// MaximumAttempts is how often a step is tried when its faults may pass; 0: DefaultMaximumAttempts. Killed workers count.
	MaximumAttempts int `json:"maximum_attempts,omitempty"`
}

// Normalise fills the defaults in and checks the rest.
func (in *Input) Normalise() error {
	if in.Attempt == 0 {
		in.Attempt = 1
	}
	if in.HeartbeatTimeout == 0 {
		in.HeartbeatTimeout = DefaultHeartbeatTimeout
	}
	if in.MaximumAttempts == 0 {
		in.MaximumAttempts = DefaultMaximumAttempts
	}
	var errs []error
	if in.Tenant == "" {
		errs = append(errs, errors.New("the tenant is missing"))
	}
	if in.RepairRounds < 0 || in.RepairRounds > MaxRepairRounds {
		errs = append(errs, fmt.Errorf("repair rounds must be 0 to %d, are %d", MaxRepairRounds, in.RepairRounds))
	}
	if in.HeartbeatTimeout < time.Second || in.MaximumAttempts < 0 || in.Attempt < 1 {
		errs = append(errs, errors.New("heartbeat timeout, attempts and attempt must be positive"))
	}
	return errors.Join(append(errs, in.Request.Normalise())...)
}

// Excerpt shortens a prompt to one line for lists and for the search attribute, at most 120 characters.
func Excerpt(prompt string) string {
	var line []rune
	space := false
	for _, r := range prompt {
		switch r {
		case ' ', '\t', '\r', '\n':
			space = len(line) > 0
			continue
		}
		if space {
			line, space = append(line, ' '), false
		}
		if line = append(line, r); len(line) > excerptLimit {
			return string(line[:excerptLimit-1]) + "…"
		}
	}
	return string(line)
}

// FileRef names a file of the project by the drop that holds it.
type FileRef struct {
	Path   string         `json:"path"`
	DropID string         `json:"drop_id"`
	SHA256 string         `json:"sha256"`
	Size   int64          `json:"size" doc:"Bytes"`
	Stage  pipeline.Stage `json:"stage" doc:"Stage that wrote it"`
	Round  int            `json:"round" doc:"Repair round in which it was written; 0: the first"`
}

// FileIndex is the part of a result drop's artifact that every stage which writes files has: its files by reference.
type FileIndex struct {
	Files []FileRef `json:"files"`
}

// WritingStages gives the stages whose files make up the project, in reading order.
func WritingStages() []pipeline.Stage {
	return []pipeline.Stage{pipeline.CodeGeneration, pipeline.DependencyResolution, pipeline.TestGeneration, pipeline.Documentation}
}
