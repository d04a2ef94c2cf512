package workflow_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

func TestInputNormalise(t *testing.T) {
	t.Parallel()
	in := workflow.Input{Tenant: "default", Request: pipeline.Request{Prompt: "x"}}
	if err := in.Normalise(); err != nil {
		t.Fatal(err)
	}
	if in.Attempt != 1 || in.HeartbeatTimeout != workflow.DefaultHeartbeatTimeout || in.MaximumAttempts != workflow.DefaultMaximumAttempts ||
		in.RepairRounds != 0 || in.Request.Language != "go" {
		t.Errorf("normalised to %+v", in)
	}
	for name, spoil := range map[string]func(*workflow.Input){
		"no tenant":        func(in *workflow.Input) { in.Tenant = "" },
		"negative rounds":  func(in *workflow.Input) { in.RepairRounds = -1 },
		"many rounds":      func(in *workflow.Input) { in.RepairRounds = workflow.MaxRepairRounds + 1 },
		"short heartbeat":  func(in *workflow.Input) { in.HeartbeatTimeout = time.Millisecond },
		"negative tries":   func(in *workflow.Input) { in.MaximumAttempts = -1 },
		"negative attempt": func(in *workflow.Input) { in.Attempt = -1 },
		"bad request":      func(in *workflow.Input) { in.Request.Prompt = "" },
	} {
		in := workflow.Input{Tenant: "default", Request: pipeline.Request{Prompt: "x"}}
		spoil(&in)
		if err := in.Normalise(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestExcerpt(t *testing.T) {
	t.Parallel()
	for prompt, want := range map[string]string{
		"":                             "",
		"  A\n\ttool.\r\n":             "A tool.",
		strings.Repeat("ü", 120):       strings.Repeat("ü", 120),
		strings.Repeat("ü", 121):       strings.Repeat("ü", 119) + "…",
		strings.Repeat("word ", 10000): strings.Repeat("word ", 23) + "word…",
	} {
		if got := workflow.Excerpt(prompt); got != want || utf8.RuneCountInString(got) > 120 {
			t.Errorf("Excerpt(%.40q…) = %q, want %q", prompt, got, want)
		}
	}
}

func TestStatusEnded(t *testing.T) {
	t.Parallel()
	for status, want := range map[workflow.Status]bool{
		workflow.Pending: false, workflow.Running: false, workflow.Completed: true, workflow.CompletedWithFindings: true,
		workflow.Failed: true, workflow.Cancelled: true, workflow.Skipped: true,
	} {
		if status.Ended() != want {
			t.Errorf("%s.Ended() = %t", status, !want)
		}
	}
}

// An event has a run without request and stages: what is left out is not there, rather than empty.
func TestRunOfAnEvent(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(workflow.Run{ID: "run-1", Attempt: 1, Status: workflow.Failed})
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{`"request"`, `"stages"`} {
		if bytes.Contains(raw, []byte(field)) {
			t.Errorf("%s is in %s", field, raw)
		}
	}
}
