// Package event holds the names of the platform's events, and how one travels: CloudEvents 1.0 over HTTP.
package event

import (
	"fmt"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// Prefix starts every event type of the platform.
const Prefix = "dev.quantumlayer."

// Types of events that belong to no stage.
const (
	WorkflowRequested = Prefix + "workflow.requested"
	WorkflowStarted   = Prefix + "workflow.started"
	WorkflowCompleted = Prefix + "workflow.completed"
	WorkflowFailed    = Prefix + "workflow.failed"
	WorkflowCancelled = Prefix + "workflow.cancelled"
	DropStored        = Prefix + "drop.stored"
	CapsuleCreated    = Prefix + "capsule.created"
)

// What a stage's event says.
const (
	Requested = "requested"
	Started   = "started"
	Progress  = "progress"
	Completed = "completed"
	Failed    = "failed"
)

// Extensions of drop.stored, for Triggers to select by. CloudEvents take letters and digits only into their names.
const (
	DropStage = "stage"
	DropType  = "droptype"
)

// DataRef is the CloudEvents extension that holds the URL of the data when it is too large for the event.
const DataRef = "dataref"

// InlineLimit is the largest data that travels inside an event, in bytes.
const InlineLimit = 512 << 10

// StageType is the type of a stage's event, e.g. dev.quantumlayer.stage.frd-generation.requested.
func StageType(s pipeline.Stage, what string) string {
	return Prefix + "stage." + string(s) + "." + what
}

// ParseStageType is StageType's inverse; verification and packaging count as stages here.
func ParseStageType(eventType string) (pipeline.Stage, string, error) {
	rest, ok := strings.CutPrefix(eventType, Prefix+"stage.")
	name, what, found := strings.Cut(rest, ".")
	if !ok || !found || name == "" || what == "" {
		return "", "", fmt.Errorf("%q is no event type of a stage", eventType)
	}
	return pipeline.Stage(name), what, nil
}
