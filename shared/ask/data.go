package ask

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
)

// Schema is a compiled JSON Schema with the text that goes to the provider.
type Schema struct {
	llm.Schema
	compiled *jsonschema.Schema
}

// MustSchema loads a schema that is compiled in; it panics on a wrong one, which the first test shows.
func MustSchema(fsys fs.FS, file, name string) *Schema {
	raw, err := fs.ReadFile(fsys, file)
	if err != nil {
		panic(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		panic(fmt.Errorf("schema %s: %w", file, err))
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("urn:"+name, doc); err != nil {
		panic(fmt.Errorf("schema %s: %w", file, err))
	}
	compiled, err := c.Compile("urn:" + name)
	if err != nil {
		panic(fmt.Errorf("schema %s: %w", file, err))
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		panic(fmt.Errorf("schema %s: %w", file, err))
	}
	return &Schema{Schema: llm.Schema{Name: name, Schema: compact.Bytes()}, compiled: compiled}
}

// Data asks for one JSON value under the schema, decodes it into a T and lets check find what a schema cannot say (nil: no check).
// The error after the last re-ask is a fault.BadAnswer with the findings.
func Data[T any](ctx context.Context, m Model, q Question, schema *Schema, check func(*T) []string) (T, Answer, error) {
	c, _ := open(m, q, &schema.Schema)
	const again = "Answer again with the whole JSON value, corrected, and nothing else."
	for {
		var value T
		resp, err := c.ask(ctx)
		if err != nil {
			return value, c.answer, err
		}
		var wrong []string
		if resp.FinishReason == llm.Length {
			wrong = []string{"the answer was cut by the output limit; answer more concisely"}
		} else if wrong = schema.decode(resp.Text, &value); wrong == nil && check != nil {
			wrong = check(&value)
		}
		if len(wrong) == 0 {
			return value, c.answer, nil
		}
		if err := c.reject(wrong, again); err != nil {
			return value, c.answer, err
		}
	}
}

// decode reads the answer: the JSON value alone, or in one Markdown fence.
func (s *Schema) decode(text string, value any) []string {
	text = strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(text, "```"); ok {
		_, inner, _ = strings.Cut(inner, "\n")
		text = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(inner), "```"))
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return []string{fmt.Sprintf("it is not one JSON value: %v", err)}
	}
	if err := s.compiled.Validate(doc); err != nil {
		var invalid *jsonschema.ValidationError
		if !errors.As(err, &invalid) {
			return []string{err.Error()}
		}
		return leaves(invalid, nil)
	}
	if err := json.Unmarshal([]byte(text), value); err != nil {
		return []string{err.Error()}
	}
	return nil
}

var english = message.NewPrinter(language.English)

// leaves gives the innermost findings, which say what is wrong and where, at most twenty.
func leaves(e *jsonschema.ValidationError, found []string) []string {
	if len(e.Causes) == 0 && len(found) < 20 {
		return append(found, fmt.Sprintf("at /%s: %s", strings.Join(e.InstanceLocation, "/"), e.ErrorKind.LocalizedString(english)))
	}
	for _, cause := range e.Causes {
		found = leaves(cause, found)
	}
	return found
}
