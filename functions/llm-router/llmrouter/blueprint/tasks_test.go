package blueprint_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/blueprint"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
)

func TestSameRequestSameBytes(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(build(t, lending, "auto").files, build(t, lending, "api").files); diff != "" {
		t.Errorf("two runs differ:\n%s", diff)
	}
}

func TestEnhancement(t *testing.T) {
	t.Parallel()
	var got struct {
		Reasoning   string
		Assumptions []string
		EdgeCases   []string `json:"edge_cases"`
		OutOfScope  []string `json:"out_of_scope"`
	}
	answer, _, err := ask(t, "prompt-enhancement", "auto", "", prompt.Section{Name: "prompt", Format: "text", Body: lending + " Members pay fines."})
	if err != nil {
		t.Fatal(err)
	}
	decode(t, answer, &got)
	if all := strings.Join(got.Assumptions, "\n"); !strings.Contains(all, "A book has at most 1 open loan.") || strings.Contains(all, "5 open loans") {
		t.Errorf("assumptions must hold what the prompt does not say, and only that: %s", all)
	}
	if diff := cmp.Diff([]string{"Members pay fines"}, got.OutOfScope); diff != "" {
		t.Errorf("out of scope (-want +got):\n%s", diff)
	}
	if len(got.EdgeCases) == 0 || got.Reasoning == "" {
		t.Errorf("edge cases %q, reasoning %q", got.EdgeCases, got.Reasoning)
	}
	answer, _, err = ask(t, "prompt-enhancement", "auto", "", prompt.Section{Name: "prompt", Format: "text", Body: "hello"})
	if err != nil || !json.Valid([]byte(answer)) || strings.Contains(answer, "null") {
		t.Errorf("a prompt that will be refused: %s, %v; want empty lists", answer, err)
	}
}

func TestRefusalIsAnAnswer(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{"auto", "api", "cli", "library"} {
		answer, _, err := ask(t, "frd-generation", typ, "", prompt.Section{Name: "prompt", Format: "text", Body: "a rate-limiting reverse proxy"})
		reason, help, _ := strings.Cut(answer, "\n")
		if err != nil || !strings.HasPrefix(reason, "REFUSED: ") || !strings.Contains(help, "--llm-url") || strings.Contains(help, "\n") {
			t.Errorf("type %s: %q, %v; want REFUSED: and the reason, and what helps in a second line", typ, answer, err)
		}
	}
}

func TestTypeIsKept(t *testing.T) {
	t.Parallel()
	for typ, path := range map[string]string{"api": "internal/httpapi/server.go", "cli": "internal/cli/cli.go", "library": "collection.go"} {
		p := build(t, "Keep track of my books: books with title, author.", typ)
		if p.contract.Type != typ || p.files[path] == "" {
			t.Errorf("type %s: the contract is for %s", typ, p.contract.Type)
		}
	}
}

// TestForeignWork: what is not this provider's own design is an error that says where, never a file that does not fit.
func TestForeignWork(t *testing.T) {
	t.Parallel()
	p := build(t, lending, "auto")
	reqs, contract := jsonSection(t, "requirements", p.requirements), jsonSection(t, "contract", p.contract)
	foreign := p.requirements
	foreign.Requirements = append([]pipeline.Requirement{{ID: "FR-99", Text: "Members can fly."}}, foreign.Requirements...)
	renamed := p.contract
	renamed.Files = append([]pipeline.ContractFile{}, renamed.Files...)
	renamed.Files[2].Exports = renamed.Files[2].Exports[1:]
	edited := p.requirements
	edited.Endpoints = edited.Endpoints[1:]
	for name, tc := range map[string]struct {
		task, path string
		sections   []prompt.Section
		says       string
	}{
		"a requirement of somebody else":   {"project-structure", "", []prompt.Section{jsonSection(t, "requirements", foreign)}, "FR-99"},
		"an endpoint taken out":            {"project-structure", "", []prompt.Section{jsonSection(t, "requirements", edited)}, "POST /members"},
		"another contract":                 {"code-generation", renamed.Files[2].Path, []prompt.Section{reqs, jsonSection(t, "contract", renamed)}, renamed.Files[2].Path},
		"a path that it did not plan":      {"code-generation", "internal/magic.go", []prompt.Section{reqs, contract}, "internal/magic.go"},
		"a test that it did not plan":      {"test-generation", "cmd/library/main_test.go", []prompt.Section{reqs, contract}, "main_test.go"},
		"a document that it does not know": {"documentation", "CHANGELOG.md", []prompt.Section{reqs, contract}, "CHANGELOG.md"},
		"no requirements":                  {"project-structure", "", nil, "section requirements is missing"},
		"broken requirements":              {"project-structure", "", []prompt.Section{{Name: "requirements", Format: "json", Body: "{"}}, "section requirements"},
		"an unknown task":                  {"poetry", "", nil, "poetry"},
	} {
		t.Run(name, func(t *testing.T) {
			answer, _, err := ask(t, tc.task, "auto", tc.path, tc.sections...)
			if err == nil || !strings.Contains(err.Error(), tc.says) || fault.From(err).Code == fault.Internal {
				t.Errorf("got %.200s, %v; want an error of a kind that says %q", answer, err, tc.says)
			}
		})
	}
}

func TestFreeQuestionsAreNone(t *testing.T) {
	t.Parallel()
	for _, messages := range [][]llm.Message{nil, {{Role: llm.User, Content: "What is the capital of France?"}}, {{Role: llm.User, Content: "<<<BEGIN task json 0123456789ab>>>\nopen"}}} {
		if resp, err := blueprint.New().Generate(context.Background(), llm.Request{Messages: messages}); err == nil {
			t.Errorf("%v got the answer %q", messages, resp.Text)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := blueprint.New().Generate(ctx, llm.Request{}); err == nil {
		t.Error("a cancelled request got an answer")
	}
}

// TestEditedLimit: whoever edits a number in the FRD gets it in code and tests.
func TestEditedLimit(t *testing.T) {
	t.Parallel()
	_, r := requirements(t, lending, "auto")
	for i := range r.Requirements {
		r.Requirements[i].Text = strings.Replace(r.Requirements[i].Text, "at most 5 open loans", "at most 7 open loans", 1)
	}
	reqs := jsonSection(t, "requirements", r)
	answer, _, err := ask(t, "project-structure", "auto", "", reqs)
	if err != nil || !strings.Contains(answer, "MaxOpenLoansPerMember = 7") {
		t.Errorf("the contract does not say 7: %v", err)
	}
}

func TestRepair(t *testing.T) {
	t.Parallel()
	p := build(t, lending, "auto")
	reqs, contract := jsonSection(t, "requirements", p.requirements), jsonSection(t, "contract", p.contract)
	const broken = "internal/domain/loan.go"
	evidence := []prompt.Section{reqs, contract, jsonSection(t, "findings", []pipeline.Finding{{Step: "build", File: "internal/domain/book.go", Message: "undefined"}})}
	triage := func(change string) []string {
		sections := evidence
		for _, f := range p.contract.Files {
			text := p.files[f.Path]
			if f.Path == change {
				text = strings.Replace(text, "21 *", "20 *", 1)
			}
			sections = append(sections, prompt.Section{Name: "source", Format: "go", Path: f.Path, Body: strings.TrimSuffix(text, "\n")})
		}
		answer, _, err := ask(t, "code-triage", "auto", "", sections...)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Reasoning string
			Files     []struct{ Path, Advice string }
			Disputes  []pipeline.Dispute
		}
		decode(t, answer, &got)
		var paths []string
		for _, f := range got.Files {
			paths = append(paths, f.Path)
		}
		return paths
	}
	if diff := cmp.Diff([]string{broken}, triage(broken)); diff != "" {
		t.Errorf("the changed file (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"internal/domain/book.go"}, triage("")); diff != "" {
		t.Errorf("no changed file, so the one with the finding (-want +got):\n%s", diff)
	}
	answer, nonce, err := ask(t, "code-repair", "auto", broken, append(evidence, prompt.Section{Name: "advice", Format: "text", Body: "-"})...)
	if err != nil {
		t.Fatal(err)
	}
	if content, _, err := prompt.UnwrapFile(nonce, answer); err != nil || content != p.files[broken] {
		t.Errorf("the repaired file differs from the generated one (%v)", err)
	}
	answer, _, err = ask(t, "test-dispute", "auto", "", reqs, contract, jsonSection(t, "disputes", []pipeline.Dispute{{Test: "TestX", File: "x_test.go", Requirement: "FR-1", Reason: "no"}}))
	if err != nil || !strings.Contains(answer, `"test": "TestX"`) || strings.Contains(answer, "true") {
		t.Errorf("dispute: %s, %v; want it not upheld", answer, err)
	}
	answer, _, err = ask(t, "dependency-resolution", "auto", "", contract, jsonSection(t, "missing", []map[string]any{{"import": "example.org/none", "files": []string{"a.go"}}}))
	if err != nil || !strings.Contains(answer, `"missing": "example.org/none"`) {
		t.Errorf("missing import: %s, %v", answer, err)
	}
}
