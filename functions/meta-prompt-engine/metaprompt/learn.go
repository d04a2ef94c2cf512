package metaprompt

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	ce "github.com/cloudevents/sdk-go/v2/event"

	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// eventsPath is where Triggers deliver events.
const eventsPath = "/events"

// Drops is where runs keep what they made; *dropclient.Client asks it. A drop that is not there is drop.ErrNotFound.
type Drops interface {
	// Get gives a drop with its artifact; an empty tenant stands for any.
	Get(ctx context.Context, tenant, id string) (drop.Drop, error)
	// Latest gives, with its artifact, the drop of the last round of a workflow's stage.
	Latest(ctx context.Context, tenant, workflowID, stage string, kind drop.Type) (drop.Drop, error)
}

// Only short files are kept, and few of a run: they go into prompts.
const (
	sampleFiles = 5
	sampleBytes = 4 << 10
)

// learn takes the events that earlier runs are learned from: their prompts when the drop of the request is stored, their code when
// they have ended verified. The same event again changes nothing, since texts have IDs that follow from what they hold. Other
// events of the platform are none of its business.
func (e *Engine) learn(ctx context.Context, in ce.Event) error {
	switch {
	case in.Type() == event.DropStored:
		return e.learnPrompt(ctx, in)
	case in.Type() == event.WorkflowCompleted:
		return e.learnCode(ctx, in)
	case strings.HasPrefix(in.Type(), event.Prefix):
		return nil
	}
	return fault.New(fault.UnknownEvent, "meta-prompt-engine does not take events of type %q", in.Type()).
		WithHint("send %s or %s", event.DropStored, event.WorkflowCompleted)
}

// learnPrompt keeps the prompt of a request.
func (e *Engine) learnPrompt(ctx context.Context, in ce.Event) error {
	var stored drop.Announcement
	if err := decode(in.Data(), &stored, "the data of the event"); err != nil {
		return err
	}
	if !drop.ValidID(stored.ID) {
		return fault.New(fault.Unprocessable, "the data of the event names no drop: id is %q", stored.ID)
	}
	if stored.Stage != drop.RequestStage || stored.Type != drop.TypeResult {
		return nil
	}
	d, err := e.Drops.Get(ctx, "", stored.ID)
	if err != nil {
		return missing(err)
	}
	var request pipeline.Request
	if err := decode(d.Artifact, &request, "drop "+d.ID); err != nil {
		return err
	}
	if request.Prompt == "" {
		return fault.New(fault.Unprocessable, "drop %s holds no prompt", d.ID)
	}
	return asFault(e.Index.Add(ctx, Prompts, vectors.Document{ID: textID(request.Prompt), Text: request.Prompt}))
}

// learnCode keeps some files of a run that was verified: of those that were verified, which are not the last ones made when a
// repair was taken back.
func (e *Engine) learnCode(ctx context.Context, in ce.Event) error {
	var run workflow.Run
	if err := decode(in.Data(), &run, "the data of the event"); err != nil {
		return err
	}
	if run.Verification == nil || !run.Verification.Verified {
		return nil
	}
	if !drop.ValidID(run.Verification.DropID) {
		return fault.New(fault.Unprocessable, "the data of the event names no drop: verification.drop_id is %q", run.Verification.DropID)
	}
	verified, err := e.Drops.Get(ctx, "", run.Verification.DropID)
	if err != nil {
		return missing(err)
	}
	files, err := e.filesOf(ctx, verified)
	if err != nil {
		return err
	}
	var request pipeline.Request
	if err := e.latest(ctx, verified, drop.RequestStage, &request); err != nil {
		return err
	}
	var structure pipeline.ProjectStructureOut
	if err := e.latest(ctx, verified, string(pipeline.ProjectStructure), &structure); err != nil {
		return err
	}
	kept := 0
	for _, f := range files {
		if f.Size == 0 || f.Size > sampleBytes || kept == sampleFiles {
			continue
		}
		d, err := e.Drops.Get(ctx, verified.Tenant, f.DropID)
		if err != nil {
			return missing(err)
		}
		planned, _ := structure.Contract.File(f.Path) // a file that the contract has not has no purpose to be found by
		if err := e.Index.Add(ctx, CodeSamples, vectors.Document{
			ID: textID(string(d.Artifact)), About: request.Prompt + "\n" + planned.Purpose, Text: string(d.Artifact),
		}); err != nil {
			return asFault(err)
		}
		kept++
	}
	return nil
}

// filesOf gives the source files that a verification was made of: it names the answers of the stages that wrote them.
func (e *Engine) filesOf(ctx context.Context, verification drop.Drop) ([]workflow.FileRef, error) {
	for _, id := range verification.Parents {
		d, err := e.Drops.Get(ctx, verification.Tenant, id)
		if err != nil {
			return nil, missing(err)
		}
		if d.Stage != string(pipeline.CodeGeneration) {
			continue
		}
		var index workflow.FileIndex
		err = decode(d.Artifact, &index, "drop "+d.ID)
		return index.Files, err
	}
	return nil, fault.New(fault.Unprocessable, "drop %s names no source files", verification.ID)
}

// latest decodes the last answer of a stage in the run that a drop belongs to.
func (e *Engine) latest(ctx context.Context, of drop.Drop, stage string, out any) error {
	d, err := e.Drops.Latest(ctx, of.Tenant, of.WorkflowID, stage, drop.TypeResult)
	if err != nil {
		return missing(err)
	}
	return decode(d.Artifact, out, "drop "+d.ID)
}

func decode(raw []byte, out any, what string) error {
	if err := json.Unmarshal(raw, out); err != nil {
		return fault.New(fault.Unprocessable, "%s is not the JSON that is expected: %w", what, err)
	}
	return nil
}

// missing says that another try of the event does not bring a drop that is not there; other errors of quantum-drops are faults that
// say it themselves.
func missing(err error) error {
	if errors.Is(err, drop.ErrNotFound) {
		return fault.New(fault.Unprocessable, "%w", err)
	}
	return err
}

// textID names a text by what it holds.
func textID(text string) string { return drop.Digest([]byte(text))[:16] }
