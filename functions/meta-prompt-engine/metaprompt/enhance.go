package metaprompt

import (
	"context"
	"embed"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors"
	"github.com/quantumlayer-dev/quantumlayer/shared/ask"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
)

//go:embed prompts
var files embed.FS

var (
	template = prompt.MustLoad(files, "prompts/enhance.md")
	schema   = ask.MustSchema(files, "prompts/enhance.schema.json", "enhancement")
)

const (
	similarPrompts = 2       // of each collection that go in
	minimumScore   = 0.5     // less similar is noise
	sampleLimit    = 2 << 10 // bytes of a sample that go in
	searchTime     = 15 * time.Second
)

// Engine enhances prompts, and learns from runs what later prompts may resemble.
type Engine struct {
	Model ask.Model
	Index *vectors.Index
	Drops Drops
}

// enhancement is the model's part.
type enhancement struct {
	Reasoning   string   `json:"reasoning"`
	Assumptions []string `json:"assumptions"`
	EdgeCases   []string `json:"edge_cases"`
	OutOfScope  []string `json:"out_of_scope"`
}

// Enhance finds what resembles the prompt, asks the model what the prompt leaves open, and puts both behind the user's words.
// It keeps nothing: see learn. Similar texts only help, so an index that does not answer fails nothing: the answer says so.
func (e *Engine) Enhance(ctx context.Context, in pipeline.PromptEnhancementIn) (pipeline.PromptEnhancementOut, error) {
	out := pipeline.PromptEnhancementOut{Template: template.Prompt(), Trace: pipeline.Trace{Prompts: []pipeline.Prompt{template.Prompt()}}}
	sections := []prompt.Section{ask.Task(string(pipeline.PromptEnhancement), in.Request, ""), {Name: "prompt", Format: "text", Body: in.Request.Prompt}}
	for _, collection := range []string{Prompts, CodeSamples} {
		found, err := e.similar(ctx, collection, in.Request.Prompt)
		if err != nil && ctx.Err() != nil {
			return out, ctx.Err()
		} else if err != nil {
			slog.WarnContext(ctx, "a prompt is enhanced without earlier texts", "collection", collection, "cause", err.Error())
			out.Unsearched = append(out.Unsearched, collection)
		}
		for _, d := range found {
			text := d.Text
			if len(text) > sampleLimit {
				text = strings.ToValidUTF8(text[:sampleLimit], "")
			}
			out.Added = append(out.Added, pipeline.Context{Collection: collection, ID: d.ID, Score: d.Score, Vectors: d.Kind, Text: text})
			sections = append(sections, prompt.Section{Name: "sample", Format: "text", Path: collection + "/" + d.ID, Body: text})
		}
	}
	added, asked, err := ask.Data[enhancement](ctx, e.Model, ask.Question{Template: template, Sections: sections, Model: in.Request.Model,
		Labels: map[string]string{"stage": string(pipeline.PromptEnhancement)}}, schema, nil)
	out.Usage = asked.Usage
	if err != nil {
		return out, err
	}
	out.Prompt = compose(in.Request.Prompt, added)
	return out, nil
}

func (e *Engine) similar(ctx context.Context, collection, text string) ([]vectors.Document, error) {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	return e.Index.Similar(ctx, collection, text, similarPrompts, minimumScore)
}

func compose(prompt string, e enhancement) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", strings.TrimSpace(prompt))
	for _, part := range []struct {
		title string
		lines []string
	}{{"Assumptions", e.Assumptions}, {"Edge cases", e.EdgeCases}, {"Out of scope", e.OutOfScope}} {
		if len(part.lines) > 0 {
			fmt.Fprintf(&b, "\n## %s\n\n- %s\n", part.title, strings.Join(part.lines, "\n- "))
		}
	}
	return b.String()
}
