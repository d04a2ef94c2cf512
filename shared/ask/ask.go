// Package ask puts one question to a model until the answer holds: it renders the prompt, checks the answer, and asks again
// with what was wrong, a bounded number of times. A cut answer is an error with a type of its own (fault.Truncated), never
// half a file.
package ask

import (
	"context"
	"fmt"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
)

// ReAsks is how often a question is put again after an answer that was not accepted.
const ReAsks = 3

// Model answers a request; llmclient.Client is one.
type Model interface {
	Generate(ctx context.Context, req llm.Request) (llm.Response, error)
}

// Question is what is asked. Labels go to the router's logs and accounts.
type Question struct {
	Template prompt.Template
	Sections []prompt.Section // the first is the task section, see Task
	Model    string           // empty: the router's default
	Labels   map[string]string
}

// Task makes the section that every question begins with: which task this is, for which language and type; path is the file
// to write, or empty.
func Task(name string, r pipeline.Request, path string) prompt.Section {
	s, err := prompt.JSON("task", struct {
		Task      string `json:"task"`
		Language  string `json:"language"`
		Type      string `json:"type"`
		Framework string `json:"framework"`
		Path      string `json:"path,omitempty"`
	}{name, r.Language, r.Type, r.Framework, path})
	if err != nil {
		panic(err) // strings always encode
	}
	return s
}

// Answer is what came of a question, whether it was accepted or not.
type Answer struct {
	Usage      pipeline.Usage
	Asks       int        // calls that were answered, continuations included
	Rejections [][]string // why each answer but the accepted one was not accepted
}

// conversation is one question with its re-asks.
type conversation struct {
	model    Model
	request  llm.Request
	answer   Answer
	template prompt.Template
}

func open(m Model, q Question, schema *llm.Schema) (*conversation, string) {
	system, user, nonce := prompt.Render(q.Template, q.Sections)
	labels := map[string]string{"prompt": fmt.Sprintf("%s@%d", q.Template.Name, q.Template.Version)}
	for k, v := range q.Labels {
		labels[k] = v
	}
	return &conversation{model: m, template: q.Template, request: llm.Request{
		Model: q.Model, Schema: schema, Labels: labels,
		Messages: []llm.Message{{Role: llm.System, Content: system}, {Role: llm.User, Content: user}},
	}}, nonce
}

// ask sends the conversation as it stands and adds the answer to it.
func (c *conversation) ask(ctx context.Context) (llm.Response, error) {
	resp, err := c.model.Generate(ctx, c.request)
	if err != nil {
		return resp, fmt.Errorf("asking the model with prompt %s: %w", c.template.Name, err)
	}
	c.answer.Asks++
	u := pipeline.Usage{Provider: resp.Provider, Model: resp.Model, Calls: 1, InputTokens: resp.Usage.InputTokens, OutputTokens: resp.Usage.OutputTokens}
	if resp.Cached {
		u.Cached = 1
	}
	c.answer.Usage.Add(u)
	if resp.FinishReason == llm.ContentFilter {
		return resp, fault.New(fault.BadAnswer, "the model's provider withheld the answer to prompt %s (content filter)", c.template.Name).
			WithHint("rephrase the prompt, or use another model")
	}
	c.request.Messages = append(c.request.Messages, llm.Message{Role: llm.Assistant, Content: resp.Text})
	return resp, nil
}

// reject adds what was wrong to the conversation. It fails when there were enough re-asks.
func (c *conversation) reject(wrong []string, again string) error {
	c.answer.Rejections = append(c.answer.Rejections, wrong)
	if len(c.answer.Rejections) > ReAsks {
		return fault.New(fault.BadAnswer, "the model's answers to prompt %s were not accepted %d times, the last because: %s",
			c.template.Name, len(c.answer.Rejections), strings.Join(wrong, "; ")).WithHint("use a more capable model, or a simpler prompt")
	}
	c.say(fmt.Sprintf("The answer was not accepted:\n\n- %s\n\n%s", strings.Join(wrong, "\n- "), again))
	return nil
}

func (c *conversation) say(text string) {
	// Only the last answer stays in the conversation: earlier ones cost tokens and invite the same mistake.
	m := c.request.Messages
	last := m[len(m)-1]
	c.request.Messages = append(m[:2:2], last, llm.Message{Role: llm.User, Content: text})
}

// NotAccepted is the error for a text whose findings are still open after every re-ask and that is of no use as it stands.
func NotAccepted(t prompt.Template, open []string) error {
	return fault.New(fault.BadAnswer, "the model's answers to prompt %s were not accepted: %s", t.Name, strings.Join(open, "; ")).
		WithHint("use a more capable model, or a simpler prompt")
}
