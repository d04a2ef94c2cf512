package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// PromptLimit is the longest prompt in bytes.
const PromptLimit = 64 << 10

// Request is what starts a run. Language defaults to go, Type to auto (the FRD stage decides), Framework to the language's default.
type Request struct {
	Prompt    string `json:"prompt" doc:"What to build, in plain words; at most 64 KiB of UTF-8"`
	Language  string `json:"language,omitempty" doc:"Programming language of the project" example:"go"`
	Type      string `json:"type,omitempty" doc:"auto, api, cli or library"`
	Framework string `json:"framework,omitempty" doc:"Framework of the language; empty takes its default"`
	Model     string `json:"model,omitempty" doc:"Model to ask; empty takes the router's default"`
}

// language is what the platform can build and verify.
type language struct {
	name       string
	frameworks []string // the first is the default
}

var languages = []language{{"go", []string{"stdlib"}}}

var projectTypes = []string{"auto", "api", "cli", "library"}

// Languages gives the languages that a run may ask for.
func Languages() []string {
	names := make([]string, len(languages))
	for i, l := range languages {
		names[i] = l.name
	}
	return names
}

// ProjectTypes gives the types that a run may ask for.
func ProjectTypes() []string { return slices.Clone(projectTypes) }

// Frameworks gives the frameworks of a language, the default first; nil for an unknown language.
func Frameworks(lang string) []string {
	for _, l := range languages {
		if l.name == lang {
			return slices.Clone(l.frameworks)
		}
	}
	return nil
}

// Normalise fills the defaults in and checks the request. The error is a *fault.Error that names every wrong field and the known values.
func (r *Request) Normalise() error {
	if r.Language == "" {
		r.Language = languages[0].name
	}
	if r.Type == "" {
		r.Type = projectTypes[0]
	}
	var wrong []fault.Field
	add := func(field, format string, args ...any) {
		wrong = append(wrong, fault.Field{Location: field, Message: fmt.Sprintf(format, args...)})
	}
	switch {
	case !utf8.ValidString(r.Prompt):
		add("prompt", "is not UTF-8 text; convert it, e.g. with iconv -t UTF-8")
	case strings.TrimSpace(r.Prompt) == "":
		add("prompt", "is empty; say what to build")
	case len(r.Prompt) > PromptLimit:
		add("prompt", "has %d bytes, the limit is %d; shorten it", len(r.Prompt), PromptLimit)
	case strings.ContainsRune(r.Prompt, 0):
		add("prompt", "contains a NUL byte; is it a binary file?")
	}
	frameworks := Frameworks(r.Language)
	if frameworks == nil {
		add("language", "%q is unknown; known: %s", r.Language, strings.Join(Languages(), ", "))
	} else {
		if r.Framework == "" {
			r.Framework = frameworks[0]
		}
		if !slices.Contains(frameworks, r.Framework) {
			add("framework", "%q is unknown for %s; known: %s", r.Framework, r.Language, strings.Join(frameworks, ", "))
		}
	}
	if !slices.Contains(projectTypes, r.Type) {
		add("type", "%q is unknown; known: %s", r.Type, strings.Join(projectTypes, ", "))
	}
	if len(r.Model) > 200 || strings.ContainsAny(r.Model, "\r\n\x00") {
		add("model", "is no model name")
	}
	if wrong != nil {
		return fault.New(fault.Unprocessable, "the request is wrong").WithFields(wrong...)
	}
	return nil
}
