package generation

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// metadataAttempt marks a drop that only the attempt of the run which made it may use again: a refusal, or a verification that
// could not run.
const metadataAttempt = "attempt"

// answer is what a step made, before it is stored.
type answer struct {
	value    any             // becomes the artefact; its "files" are put in as references
	files    []pipeline.File // nil: the step writes none
	usage    pipeline.Usage
	volatile bool
	metadata map[string]string
}

// store keeps an answer in one batch: each new or changed file as a drop, and the answer itself with the files by reference.
// Files that are as they were in previous stay the drops that they are.
func (a *Activities) store(ctx context.Context, step Step, kind drop.Type, parents []string, previous []workflow.FileRef, ans answer) (drop.Drop, error) {
	var batch []drop.Drop
	seal := func(d drop.Drop) (drop.Drop, error) {
		d.Tenant, d.WorkflowID, d.Stage, d.Version, d.Parents = step.Tenant, workflowID(ctx), string(step.Stage), step.Round, parents
		d, err := drop.Seal(d)
		if err != nil {
			return d, fmt.Errorf("sealing the answer of %s: %w", step.Stage, err)
		}
		batch = append(batch, d)
		return d, nil
	}
	old := map[string]workflow.FileRef{}
	for _, ref := range previous {
		old[ref.Path] = ref
	}
	if err := checkFiles(step.Stage, ans.files); err != nil {
		return drop.Drop{}, err
	}
	refs := make([]workflow.FileRef, 0, len(ans.files))
	for _, f := range ans.files {
		if ref, ok := old[f.Path]; ok && ref.SHA256 == drop.Digest([]byte(f.Content)) {
			refs = append(refs, ref)
			continue
		}
		d, err := seal(drop.Drop{Type: drop.TypeFile, Artifact: []byte(f.Content), Metadata: map[string]string{drop.MetadataPath: f.Path}})
		if err != nil {
			return drop.Drop{}, err
		}
		refs = append(refs, workflow.FileRef{Path: f.Path, DropID: d.ID, SHA256: d.SHA256, Size: d.Size, Stage: step.Stage, Round: step.Round})
	}
	raw, err := ans.encode(refs)
	if err != nil {
		return drop.Drop{}, fmt.Errorf("encoding the answer of %s: %w", step.Stage, err)
	}
	metadata := map[string]string{}
	maps.Copy(metadata, ans.metadata)
	if ans.volatile {
		metadata[metadataAttempt] = strconv.Itoa(step.Attempt)
	}
	d, err := seal(drop.Drop{Type: kind, Artifact: raw, Metadata: metadata, Usage: dropUsage(ans.usage)})
	if err != nil {
		return drop.Drop{}, err
	}
	if err := a.Drops.Store(ctx, batch); err != nil {
		return drop.Drop{}, fmt.Errorf("keeping the answer of %s: %w", step.Stage, err)
	}
	return d, nil
}

// encode gives the artefact.
func (ans answer) encode(refs []workflow.FileRef) ([]byte, error) {
	raw, err := json.Marshal(ans.value)
	if err != nil || ans.files == nil {
		return raw, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, err
	}
	if fields["files"], err = json.Marshal(refs); err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}

// checkFiles refuses files that would leave the project or stand in each other's way: their paths come from outside.
func checkFiles(writer pipeline.Stage, files []pipeline.File) error {
	seen := map[string]bool{}
	for _, f := range files {
		if err := pipeline.CheckPath(f.Path); err != nil {
			return fault.New(fault.BadAnswer, "%s wrote a file that cannot be kept: %w", writer, err)
		}
		if seen[f.Path] {
			return fault.New(fault.BadAnswer, "%s wrote %s twice", writer, f.Path)
		}
		seen[f.Path] = true
	}
	return nil
}
