package openai

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/openai/openai-go/v3/packages/ssestream"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// completion is a chat completion or a chunk of one, as far as it is read. The SDK's types would drop without a word what has
// another type than OpenAI's, and text with it; and its reader fails on "error": null and waits for the end of the connection
// after [DONE].
type completion struct {
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
	Usage   *usage   `json:"usage"`
	Groq    struct {
		Usage *usage `json:"usage"`
	} `json:"x_groq"` // where Groq says it if stream_options are not given
	Error json.RawMessage `json:"error"`
}

type choice struct {
	Index        int     `json:"index"`
	Message      message `json:"message"`
	Delta        message `json:"delta"`
	FinishReason string  `json:"finish_reason"`
}

// message leaves out what models think aloud: reasoning_content, reasoning and the like are not the answer.
type message struct {
	Content content `json:"content"`
	Refusal string  `json:"refusal"`
}

type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
}

// content is a text, null, or a list of parts of which the texts count.
type content string

func (c *content) UnmarshalJSON(raw []byte) error {
	if bytes.HasPrefix(raw, []byte("[")) {
		var parts []struct {
			Type string `json:"type"`
			Text string `json:"text"`
		}
		if err := json.Unmarshal(raw, &parts); err != nil {
			return err
		}
		for _, p := range parts {
			if p.Type == "text" {
				*c += content(p.Text)
			}
		}
		return nil
	}
	return json.Unmarshal(raw, (*string)(c))
}

// answer collects what a server says.
type answer struct {
	llm.Response
	text    strings.Builder
	refused bool // the text is the model's reason to refuse
	each    func(string) error
}

func (a *answer) add(c *completion) error {
	if c.Model != "" {
		a.Model = c.Model
	}
	for _, u := range []*usage{c.Groq.Usage, c.Usage} {
		if u != nil {
			a.Usage = llm.Usage{InputTokens: u.PromptTokens, OutputTokens: u.CompletionTokens}
		}
	}
	for _, ch := range c.Choices {
		if ch.Index != 0 {
			continue // one answer was asked for
		}
		if ch.FinishReason != "" {
			a.FinishReason = finish(ch.FinishReason)
		}
		for _, m := range []message{ch.Message, ch.Delta} {
			a.refused = a.refused || m.Refusal != ""
			if err := a.say(string(m.Content) + m.Refusal); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *answer) say(text string) error {
	if text == "" {
		return nil
	}
	if a.text.Len()+len(text) > answerLimit {
		return fault.New(fault.BadAnswer, "the model's answer is over %d MiB", answerLimit>>20).WithHint("it probably repeats itself; use another model")
	}
	a.text.WriteString(text)
	return a.each(text)
}

// end gives the whole answer, or what is wrong with it.
func (a *answer) end() (llm.Response, error) {
	a.Text = a.text.String()
	if a.refused && a.FinishReason == llm.Stop {
		a.FinishReason = llm.ContentFilter
	}
	if a.FinishReason == llm.Stop && strings.TrimSpace(a.Text) == "" {
		return a.Response, fault.New(fault.ModelDown, "the model answered nothing").WithHint("try another model: some put all they say into their reasoning")
	}
	return a.Response, nil
}

// finish maps the protocol's finish reasons, and what some servers say in their place. What nobody knows is no normal stop, so
// it counts as cut.
func finish(reason string) llm.FinishReason {
	switch reason {
	case "stop", "eos", "eos_token", "end_turn", "stop_sequence":
		return llm.Stop
	case "content_filter", "safety":
		return llm.ContentFilter
	}
	return llm.Length
}

// read reads an answer: a stream, or a whole completion, which some servers send where a stream was asked for.
func (p *Provider) read(raw *http.Response, model string, each func(string) error) (llm.Response, error) {
	a := &answer{Response: llm.Response{Model: model}, each: each}
	switch media, _, _ := mime.ParseMediaType(raw.Header.Get("Content-Type")); media { // a wrong header is taken for none
	case "text/event-stream", "", "text/plain", "application/octet-stream":
		return p.readStream(raw, a)
	}
	if err := p.isJSON(raw); err != nil {
		return llm.Response{}, err
	}
	body, err := readAll(raw.Body)
	if err != nil {
		return llm.Response{}, err
	}
	var c completion
	if err := json.Unmarshal(body, &c); err != nil {
		return llm.Response{}, fault.New(fault.ModelDown, "the model server answered JSON that is no chat completion: %w", err)
	}
	if err := p.said(model, c.Error); err != nil {
		return llm.Response{}, err
	}
	if len(c.Choices) == 0 {
		return llm.Response{}, fault.New(fault.ModelDown, "the model server answered without a choice")
	}
	if err := a.add(&c); err != nil {
		return llm.Response{}, err
	}
	if a.FinishReason == "" {
		return llm.Response{}, fault.New(fault.ModelDown, "the model server answered without a finish reason")
	}
	return a.end()
}

func (p *Provider) readStream(raw *http.Response, a *answer) (llm.Response, error) {
	events := ssestream.NewDecoder(raw)
	chunks := 0
	for events.Next() {
		data := bytes.TrimSpace(events.Event().Data)
		if bytes.Equal(data, []byte("[DONE]")) {
			break // some servers keep the connection open
		}
		var c completion
		if err := json.Unmarshal(data, &c); err != nil {
			return llm.Response{}, fault.New(fault.ModelDown, "the model server streamed something that is no part of an answer: %w", err)
		}
		if err := p.said(a.Model, c.Error); err != nil {
			return llm.Response{}, err
		}
		chunks++
		if err := a.add(&c); err != nil {
			return llm.Response{}, err
		}
	}
	switch err := events.Err(); {
	case a.FinishReason != "": // whole, whatever became of the connection
		return a.end()
	case err != nil:
		return llm.Response{}, err
	case chunks == 0:
		return llm.Response{}, transientFault(0, fault.New(fault.ModelDown, "the model server ended its stream without an answer"))
	}
	return llm.Response{}, transientFault(0, fault.New(fault.ModelDown, "the model server broke off in the middle of its answer, after %d bytes", a.text.Len()))
}

// isJSON refuses an answer of another type: a web page is no model.
func (p *Provider) isJSON(raw *http.Response) error {
	media, _, _ := mime.ParseMediaType(raw.Header.Get("Content-Type")) // a wrong header is shown by what it is not
	if media == "application/json" || strings.HasSuffix(media, "+json") {
		return nil
	}
	start, _ := io.ReadAll(io.LimitReader(raw.Body, 200)) // only for the message
	code := fault.ModelDown
	if media == "text/html" {
		code = fault.BadModel // a page where a model's answer should be is the wrong URL, and stays so
	}
	return fault.New(code, "%s answers with type %q, which is not a model's answer: %s", raw.Request.URL.Redacted(), media, p.clean(string(start))).
		WithHint("check --llm-url or QL_LLM_URL: the URL of an OpenAI-compatible server usually ends in /v1")
}
