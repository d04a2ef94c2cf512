package ask

import (
	"context"
	"fmt"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
)

// Check says what is wrong with an answer, in words that a model can act on; none: it is accepted. An error ends the question.
type Check func(ctx context.Context, content string) (wrong []string, err error)

// refusalMark begins an answer that says no. Templates that allow it say so.
const refusalMark = "REFUSED:"

// File asks for a text between the file markers. refusal is what the model said behind REFUSED:, with an empty content; only
// templates that offer it get one. After the last re-ask a text that was cut or has no markers is an error; one that only check
// found wrong is returned with rejected set, since a build may still tell more about it than we do.
func File(ctx context.Context, m Model, q Question, check Check) (content, refusal string, rejected []string, a Answer, err error) {
	c, nonce := open(m, q, nil)
	again := fmt.Sprintf("Answer again with the whole text, corrected, between the lines <<<BEGIN FILE %s>>> and <<<END FILE %s>>>.", nonce, nonce)
	for {
		resp, err := c.ask(ctx)
		if err != nil {
			return "", "", nil, c.answer, err
		}
		if rest, refused := strings.CutPrefix(strings.TrimSpace(resp.Text), refusalMark); refused {
			return "", strings.TrimSpace(rest), nil, c.answer, nil
		}
		text, _, wrongForm := prompt.UnwrapFile(nonce, resp.Text)
		if resp.FinishReason == llm.Length && wrongForm != nil {
			text, err = c.resume(ctx, nonce, resp.Text)
			if err != nil {
				return "", "", nil, c.answer, err
			}
			wrongForm = nil
		}
		var wrong []string
		if wrongForm != nil {
			wrong = []string{wrongForm.Error()}
		} else if wrong, err = check(ctx, text); err != nil {
			return "", "", nil, c.answer, err
		}
		if len(wrong) == 0 {
			return text, "", nil, c.answer, nil
		}
		if err := c.reject(wrong, again); err != nil {
			if wrongForm == nil {
				return text, "", wrong, c.answer, nil
			}
			return "", "", nil, c.answer, err
		}
	}
}

// anchorLines is how many whole lines before the cut the model is shown again.
const anchorLines = 12

// resume asks once for the rest of a cut file and joins both. The line that the cut went through is dropped and asked for again.
func (c *conversation) resume(ctx context.Context, nonce, cut string) (string, error) {
	head, _, _ := prompt.UnwrapFile(nonce, cut) // the error says that the end is missing, which is why we are here
	lines := strings.Split(head, "\n")
	lines = lines[:len(lines)-1]
	if len(lines) == 0 {
		return "", fault.New(fault.Truncated, "the model's answer to prompt %s was cut before its first line", c.template.Name).WithHint("raise the model's output limit")
	}
	anchor := lines[max(0, len(lines)-anchorLines):]
	c.say(fmt.Sprintf("The answer was cut by the output limit. Its last whole lines are:\n\n%s\n\nAnswer with the rest only: begin with the line that comes next, "+
		"between the lines <<<BEGIN FILE %s>>> and <<<END FILE %s>>>.", strings.Join(anchor, "\n"), nonce, nonce))
	resp, err := c.ask(ctx)
	if err != nil {
		return "", err
	}
	tail, _, err := prompt.UnwrapFile(nonce, resp.Text)
	if err != nil || resp.FinishReason == llm.Length {
		return "", fault.New(fault.Truncated, "the model's answer to prompt %s was cut by its output limit, and its continuation too", c.template.Name).
			WithHint("use a model with a larger output limit")
	}
	rest := strings.Split(tail, "\n")
	return strings.Join(append(lines, rest[overlap(lines, rest):]...), "\n"), nil
}

// overlap is how many of tail's first lines repeat head's last ones: models like to begin with the anchor.
func overlap(head, tail []string) int {
	for n := min(anchorLines, len(head), len(tail)); n > 0; n-- {
		same := true
		for i := range n {
			same = same && head[len(head)-n+i] == tail[i]
		}
		if same && strings.TrimSpace(strings.Join(tail[:n], "")) != "" {
			return n
		}
	}
	return 0
}
