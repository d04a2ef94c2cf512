package testgeneration

import (
	"context"
	"fmt"
	"slices"

	"github.com/quantumlayer-dev/quantumlayer/shared/agent"
	"github.com/quantumlayer-dev/quantumlayer/shared/ask"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
)

type verdicts struct {
	Reasoning string `json:"reasoning"`
	Verdicts  []struct {
		Test   string `json:"test"`
		Upheld bool   `json:"upheld"`
		Change string `json:"change"`
	} `json:"verdicts"`
}

// repair decides the disputes, then asks again for the files that have a finding or an upheld dispute.
func (s Stage) repair(ctx context.Context, in pipeline.TestGenerationIn) (pipeline.TestGenerationOut, error) {
	var out pipeline.TestGenerationOut
	requirements, contract, err := prompt.Project(in.Requirements, in.Contract)
	if err != nil {
		return out, err
	}
	wrong := map[string][]pipeline.Finding{} // by file
	for _, f := range in.Repair.Findings {
		wrong[f.File] = append(wrong[f.File], f)
	}
	if len(in.Repair.Disputes) > 0 {
		out.Prompts = append(out.Prompts, disputeTemplate.Prompt())
		decided, asked, err := s.decide(ctx, in, requirements, contract)
		out.Usage, out.Attempts = asked.Usage, asked.Asks
		if err != nil {
			return out, err
		}
		for i, d := range in.Repair.Disputes {
			if v := decided.Verdicts[i]; v.Upheld {
				out.Upheld = append(out.Upheld, d)
				wrong[d.File] = append(wrong[d.File], pipeline.Finding{Step: "dispute", File: d.File, Test: d.Test,
					Message: fmt.Sprintf("contradicts %s: %s Decided: %s", d.Requirement, d.Reason, v.Change)})
			} else {
				out.Rejected = append(out.Rejected, d)
			}
		}
	}
	mended, err := s.mend(ctx, in, wrong, &out, requirements, contract)
	if err != nil {
		return out, err
	}
	for _, f := range in.Repair.Files {
		if content, ok := mended[f.Path]; ok {
			f.Content = content
		}
		out.Files = append(out.Files, f)
	}
	return out, nil
}

func (s Stage) decide(ctx context.Context, in pipeline.TestGenerationIn, requirements, contract prompt.Section) (verdicts, ask.Answer, error) {
	disputes, err := prompt.JSON("disputes", in.Repair.Disputes)
	if err != nil {
		return verdicts{}, ask.Answer{}, err
	}
	sections := []prompt.Section{ask.Task("test-dispute", in.Request, ""), requirements, contract, disputes}
	for _, f := range in.Repair.Files {
		if slices.ContainsFunc(in.Repair.Disputes, func(d pipeline.Dispute) bool { return d.File == f.Path }) {
			sections = append(sections, prompt.File("tests", in.Request.Language, f))
		}
	}
	q := ask.Question{Template: disputeTemplate, Model: in.Request.Model, Sections: sections,
		Labels: map[string]string{"workflow": in.WorkflowID, "stage": string(pipeline.TestGeneration)}}
	return ask.Data(ctx, s.Model, q, disputeSchema, func(v *verdicts) []string {
		if len(v.Verdicts) != len(in.Repair.Disputes) {
			return []string{fmt.Sprintf("verdicts: there are %d disputes, but %d verdicts", len(in.Repair.Disputes), len(v.Verdicts))}
		}
		var wrong []string
		for i, d := range in.Repair.Disputes {
			if v.Verdicts[i].Test != d.Test {
				wrong = append(wrong, fmt.Sprintf("verdicts: entry %d must be about %s", i+1, d.Test))
			}
		}
		return wrong
	})
}

func (s Stage) mend(ctx context.Context, in pipeline.TestGenerationIn, wrong map[string][]pipeline.Finding, out *pipeline.TestGenerationOut, requirements, contract prompt.Section) (map[string]string, error) {
	job := newJob(in, repairTemplate)
	for _, f := range in.Repair.Files {
		if wrong[f.Path] == nil {
			continue
		}
		findings, err := prompt.JSON("findings", wrong[f.Path])
		if err != nil {
			return nil, err
		}
		sections := []prompt.Section{ask.Task("test-repair", in.Request, f.Path), requirements, contract, prompt.File("current", in.Request.Language, f), findings}
		for _, p := range in.Plan.Files {
			if p.Path == f.Path {
				plan, err := prompt.JSON("plan", p)
				if err != nil {
					return nil, err
				}
				sections = append(sections, plan)
			}
		}
		job.Tasks = append(job.Tasks, agent.Task{Path: f.Path, Sections: agent.Sections(sections...)})
	}
	if len(job.Tasks) == 0 {
		return nil, nil
	}
	out.Prompts = append(out.Prompts, repairTemplate.Prompt())
	result, err := s.Orchestrator.Run(ctx, job)
	if err != nil {
		return nil, err
	}
	out.Usage.Add(result.Usage)
	mended := map[string]string{}
	for _, f := range result.Files {
		mended[f.Path] = f.Content
		out.Attempts += f.Asks
	}
	return mended, nil
}
