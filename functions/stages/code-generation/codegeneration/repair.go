package codegeneration

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/agent"
	"github.com/quantumlayer-dev/quantumlayer/shared/ask"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
)

// outputTail is how much of the failing step's raw output a model sees, in bytes.
const outputTail = 8 << 10

// triage is what the model says about where the causes lie.
type triage struct {
	Reasoning string `json:"reasoning"`
	Files     []struct {
		Path   string `json:"path"`
		Advice string `json:"advice"`
	} `json:"files"`
	Disputes []pipeline.Dispute `json:"disputes"`
}

// repair asks where the causes lie, then for the files at fault, at the same time. Files that are not at fault stay as they are.
func (s Stage) repair(ctx context.Context, in pipeline.CodeGenerationIn) (pipeline.CodeGenerationOut, error) {
	var out pipeline.CodeGenerationOut
	requirements, contract, err := prompt.Project(in.Requirements, in.Contract)
	if err != nil {
		return out, err
	}
	findings, err := prompt.JSON("findings", in.Repair.Findings)
	if err != nil {
		return out, err
	}
	evidence := []prompt.Section{findings, {Name: "output", Format: "text", Body: tail(in.Repair.Output)}}
	for _, f := range in.Repair.Tests {
		evidence = append(evidence, prompt.File("tests", in.Request.Language, f))
	}
	found, asked, err := s.triage(ctx, in, append([]prompt.Section{requirements, contract}, evidence...))
	if err != nil {
		return out, err
	}
	out.Prompts = []pipeline.Prompt{triageTemplate.Prompt(), repairTemplate.Prompt()}
	out.Usage, out.Attempts, out.Disputes = asked.Usage, asked.Asks, found.Disputes

	job := newJob(in, repairTemplate)
	for _, f := range found.Files {
		planned, _ := in.Contract.File(f.Path) // triage accepts paths of the contract only
		sections := []prompt.Section{ask.Task("code-repair", in.Request, f.Path), requirements, contract}
		for _, have := range in.Repair.Files {
			switch {
			case have.Path == f.Path:
				sections = append(sections, prompt.File("current", in.Request.Language, have))
			case slices.Contains(planned.Imports, have.Path):
				sections = append(sections, prompt.File("source", in.Request.Language, have))
			}
		}
		sections = append(sections, evidence...)
		sections = append(sections, prompt.Section{Name: "advice", Format: "text", Body: f.Advice})
		job.Tasks = append(job.Tasks, agent.Task{Path: f.Path, Sections: agent.Sections(sections...), Contract: &planned})
	}
	mended := map[string]string{}
	if len(job.Tasks) > 0 {
		result, err := s.Orchestrator.Run(ctx, job)
		if err != nil {
			return out, err
		}
		for _, f := range result.Files {
			mended[f.Path] = f.Content
			out.Attempts += f.Asks
		}
		out.Usage.Add(result.Usage)
	}
	for _, f := range in.Repair.Files {
		if content, ok := mended[f.Path]; ok {
			f.Content = content
			delete(mended, f.Path)
		}
		out.Files = append(out.Files, f)
	}
	for _, f := range in.Contract.Files { // a file that was never written
		if content, ok := mended[f.Path]; ok {
			out.Files = append(out.Files, pipeline.File{Path: f.Path, Content: content})
		}
	}
	return out, nil
}

func (s Stage) triage(ctx context.Context, in pipeline.CodeGenerationIn, evidence []prompt.Section) (triage, ask.Answer, error) {
	sections := append([]prompt.Section{ask.Task("code-triage", in.Request, "")}, evidence...)
	for _, f := range in.Repair.Files {
		sections = append(sections, prompt.File("source", in.Request.Language, f))
	}
	q := ask.Question{Template: triageTemplate, Model: in.Request.Model, Sections: sections,
		Labels: map[string]string{"workflow": in.WorkflowID, "stage": string(pipeline.CodeGeneration)}}
	return ask.Data(ctx, s.Model, q, triageSchema, func(t *triage) []string {
		var wrong []string
		seen := map[string]bool{}
		for _, f := range t.Files {
			if _, ok := in.Contract.File(f.Path); !ok {
				wrong = append(wrong, fmt.Sprintf("files: %q is no source file of the contract; tests cannot be changed, only disputed", f.Path))
			}
			if seen[f.Path] {
				wrong = append(wrong, fmt.Sprintf("files: %s stands there twice", f.Path))
			}
			seen[f.Path] = true
		}
		for _, d := range t.Disputes {
			if !slices.ContainsFunc(in.Repair.Tests, func(f pipeline.File) bool { return f.Path == d.File && strings.Contains(f.Content, d.Test) }) {
				wrong = append(wrong, fmt.Sprintf("disputes: there is no test %q in %q", d.Test, d.File))
			}
			if !slices.ContainsFunc(in.Requirements.Requirements, func(r pipeline.Requirement) bool { return r.ID == d.Requirement }) {
				wrong = append(wrong, fmt.Sprintf("disputes: requirement %q does not exist", d.Requirement))
			}
		}
		if len(t.Files)+len(t.Disputes) == 0 {
			wrong = append(wrong, "neither a file nor a dispute explains the failures")
		}
		return wrong
	})
}

func tail(output string) string {
	if len(output) > outputTail {
		output = strings.ToValidUTF8(output[len(output)-outputTail:], "")
	}
	return output
}
