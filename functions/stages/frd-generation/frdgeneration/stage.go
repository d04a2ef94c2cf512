// Package frdgeneration is stage 2: the functional requirements document, or the reason why there can be none.
package frdgeneration

import (
	"context"
	"embed"
	"fmt"
	"regexp"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/ask"
	"github.com/quantumlayer-dev/quantumlayer/shared/llmclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
	"github.com/quantumlayer-dev/quantumlayer/shared/services"
)

//go:embed prompts
var files embed.FS

var template = prompt.MustLoad(files, "prompts/frd.md")

// New builds the function.
func New(_ context.Context, environ runner.Environ) (*runner.Service, error) {
	urls, err := runner.Config[services.URLs](environ)
	if err != nil {
		return nil, err
	}
	return runner.Stage(environ, pipeline.FRDGeneration, Stage{Model: llmclient.New(urls.Router), Parser: analysis.NewClient(urls.Parser)}.Handle)
}

// Parser reads an FRD; analysis.Client is one.
type Parser interface {
	Requirements(ctx context.Context, markdown string) (pipeline.Requirements, error)
}

// Stage is the stage with what it calls.
type Stage struct {
	Model  ask.Model
	Parser Parser
}

// Handle asks for the document until the parser can read it. A prompt that is no software, or has no meaning, is refused with the
// model's reason: that is a result, not an error.
func (s Stage) Handle(ctx context.Context, in pipeline.FRDGenerationIn) (pipeline.FRDGenerationOut, error) {
	q := ask.Question{Template: template, Model: in.Request.Model, Labels: map[string]string{"stage": string(pipeline.FRDGeneration)}, Sections: []prompt.Section{
		ask.Task(string(pipeline.FRDGeneration), in.Request, ""),
		{Name: "prompt", Format: "text", Body: in.Request.Prompt},
		{Name: "enhanced", Format: "markdown", Body: in.Enhanced.Prompt},
	}}
	var read pipeline.Requirements
	markdown, refusal, open, answer, err := ask.File(ctx, s.Model, q, func(ctx context.Context, text string) (wrong []string, err error) {
		if read, err = s.Parser.Requirements(ctx, text); err != nil {
			return nil, fmt.Errorf("reading the FRD: %w", err)
		}
		return findings(read), nil
	})
	out := pipeline.FRDGenerationOut{Trace: pipeline.Trace{Prompts: []pipeline.Prompt{template.Prompt()}, Usage: answer.Usage}}
	switch {
	case err != nil:
		return out, err
	case refusal != "":
		reason, hint, _ := strings.Cut(refusal, "\n") // a provider that knows what would help says it in a second line
		if hint = strings.Join(strings.Fields(hint), " "); hint == "" {
			hint = "Describe a program: what it does, for whom, and by which rules."
		}
		out.Refusal = &pipeline.Refusal{Reason: strings.TrimSpace(reason), Hint: hint}
		return out, nil
	case open != nil && len(read.Requirements) == 0:
		return out, ask.NotAccepted(template, open)
	}
	out.Markdown, out.Unused = markdown, notCovered(markdown)
	return out, nil
}

func findings(r pipeline.Requirements) []string {
	var wrong []string
	if len(r.Requirements) == 0 {
		wrong = append(wrong, "it has no numbered requirement (- **FR-1** (must): …)")
	}
	for _, issue := range r.Issues {
		if issue.Severity == analysis.SeverityError {
			wrong = append(wrong, fmt.Sprintf("line %d: %s", issue.Line, issue.Message))
		}
	}
	return wrong
}

// partsLimit is how many parts of a prompt are named by themselves; a history holds them.
const partsLimit = 200

var (
	notCoveredHeading = regexp.MustCompile(`(?i)^#{1,6}\s+not covered:?$`)
	bulletPoint       = regexp.MustCompile(`^(?:[-*+]|\d+[.)])\s+(.*)$`)
	noPart            = regexp.MustCompile(`(?i)^(?:none|nothing|n/a)\s*(?:[.,:;–—-].*)?$`)
)

// notCovered reads the points under the heading "Not covered". More than partsLimit are one at the end.
func notCovered(markdown string) []string {
	var parts []string
	inside := false
	for line := range strings.Lines(markdown) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			inside = notCoveredHeading.MatchString(line)
			continue
		}
		point := bulletPoint.FindStringSubmatch(line)
		if inside && point != nil && !noPart.MatchString(strings.Trim(point[1], "`*_()")) {
			parts = append(parts, point[1])
		}
	}
	if len(parts) > partsLimit {
		last := strings.Join(parts[partsLimit-1:], "; ")
		parts = append(parts[:partsLimit-1], last)
	}
	return parts
}
