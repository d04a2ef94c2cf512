package generation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// Drops is the store of the artefacts.
type Drops interface {
	// Store keeps all drops or none. Those that are there already are no error.
	Store(ctx context.Context, drops []drop.Drop) error
	// Get gives a drop with its artefact.
	Get(ctx context.Context, tenant, id string) (drop.Drop, error)
	// Find gives one page of the drops that match.
	Find(ctx context.Context, query drop.Query) (drop.Page, error)
}

// inputs reads what a step needs out of its drops, each once. The first error sticks: the methods then give zero values, and
// whoever uses them looks at err in the end.
type inputs struct {
	ctx     context.Context
	drops   Drops
	step    Step
	results map[string]drop.Drop // by ID
	err     error
}

func (a *Activities) inputs(ctx context.Context, step Step) *inputs {
	return &inputs{ctx: ctx, drops: a.Drops, step: step, results: map[string]drop.Drop{}}
}

func (in *inputs) fail(err error) {
	if in.err == nil {
		in.err = err
	}
}

// artifact decodes the artefact of a drop.
func (in *inputs) artifact(id string, out any) {
	if in.err != nil {
		return
	}
	d, ok := in.results[id]
	if !ok {
		var err error
		if d, err = in.drops.Get(in.ctx, in.step.Tenant, id); err != nil {
			in.fail(fmt.Errorf("reading what %s needs: %w", in.step.Stage, err))
			return
		}
		in.results[id] = d
	}
	if err := json.Unmarshal(d.Artifact, out); err != nil {
		in.fail(fmt.Errorf("reading what %s needs out of drop %s (%s): %w", in.step.Stage, id, d.Address(), err))
	}
}

// result decodes the answer of a stage that the step needs.
func result[T any](in *inputs, stage pipeline.Stage) T {
	var out T
	if id, ok := in.step.Results[stage]; ok {
		in.artifact(id, &out)
	} else {
		in.fail(fmt.Errorf("the step %s does not name the result of %s", in.step.Stage, stage))
	}
	return out
}

func (in *inputs) request() pipeline.Request {
	var r pipeline.Request
	in.artifact(in.step.Request, &r)
	return r
}

func (in *inputs) requirements() pipeline.Requirements {
	return result[pipeline.RequirementsParsingOut](in, pipeline.RequirementsParsing).Requirements
}

func (in *inputs) contract() pipeline.Contract {
	return result[pipeline.ProjectStructureOut](in, pipeline.ProjectStructure).Contract
}

func (in *inputs) packages() []pipeline.Package {
	return result[resolved](in, pipeline.DependencyResolution).Packages
}

// resolved is the answer of dependency-resolution without its files.
type resolved struct {
	Packages []pipeline.Package `json:"packages"`
	Issues   []pipeline.Issue   `json:"issues"`
}

// index gives the files of a stage's answer by reference.
func (in *inputs) index(stage pipeline.Stage) []workflow.FileRef {
	return result[workflow.FileIndex](in, stage).Files
}

// files reads the files of stages' answers.
func (in *inputs) files(stages ...pipeline.Stage) []pipeline.File {
	var files []pipeline.File
	for _, stage := range stages {
		files = append(files, in.contents(in.index(stage))...)
	}
	return files
}

// contents reads files: a query for each round in which some were written, since a repair leaves the others where they were.
func (in *inputs) contents(refs []workflow.FileRef) []pipeline.File {
	type batch struct {
		stage pipeline.Stage
		round int
	}
	place := map[string]int{}
	var batches []batch
	files := make([]pipeline.File, len(refs))
	for i, ref := range refs {
		place[ref.DropID] = i
		files[i].Path = ref.Path
		if b := (batch{ref.Stage, ref.Round}); !slices.Contains(batches, b) {
			batches = append(batches, b)
		}
	}
	for _, b := range batches {
		in.eachFile(b.stage, b.round, func(d drop.Drop) {
			if i, wanted := place[d.ID]; wanted {
				files[i].Content = string(d.Artifact)
				delete(place, d.ID)
			}
		})
	}
	for id, i := range place {
		in.fail(fmt.Errorf("reading what %s needs: file %s is missing, drop %s", in.step.Stage, refs[i].Path, id))
	}
	if in.err != nil {
		return nil
	}
	return files
}

// eachFile goes through the files that a stage stored in a round.
func (in *inputs) eachFile(stage pipeline.Stage, round int, each func(drop.Drop)) {
	query := drop.Query{Tenant: in.step.Tenant, WorkflowID: workflowID(in.ctx), Stage: string(stage), Type: drop.TypeFile,
		Version: &round, WithArtifacts: true, Limit: drop.MaxLimit}
	for in.err == nil {
		page, err := in.drops.Find(in.ctx, query)
		if err != nil {
			in.fail(fmt.Errorf("reading the files of %s: %w", stage, err))
			return
		}
		for _, d := range page.Drops {
			each(d)
		}
		if page.Next == "" {
			return
		}
		query.Cursor = page.Next
	}
}

func equalSets(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
