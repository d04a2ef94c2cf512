package blueprint

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
)

type enhancement struct {
	Reasoning   string   `json:"reasoning"`
	Assumptions []string `json:"assumptions"`
	EdgeCases   []string `json:"edge_cases"`
	OutOfScope  []string `json:"out_of_scope"`
}

// enhance says what the prompt leaves open. A prompt that will be refused gets empty lists here.
func enhance(r *request) (string, error) {
	text, _ := r.section("prompt")
	out := enhancement{Assumptions: []string{}, EdgeCases: []string{}, OutOfScope: []string{}}
	x, err := readPrompt(text, r.Type)
	var no *refusal
	switch {
	case errors.As(err, &no):
		out.Reasoning = "Not one of the kinds of projects that rules and templates can write."
		return data(out)
	case err != nil:
		return "", err
	}
	out.Reasoning = x.p.summary()
	out.Assumptions = append(out.Assumptions, x.assumptions...)
	for _, rules := range []bool{true, false} { // the rules first: they matter most, and the list is short
		for _, f := range x.p.facts {
			if f.assumed && !constant(f.kind) && constraint(f.kind) == rules && f.kind != "crud" && f.kind != "belongs" && len(out.Assumptions) < 12 {
				out.Assumptions = append(out.Assumptions, f.sentence())
			}
		}
	}
	for _, f := range x.p.facts {
		if !f.assumed && constraint(f.kind) && len(out.EdgeCases) < 10 {
			out.EdgeCases = append(out.EdgeCases, fmt.Sprintf("What goes against this is refused and changes nothing: %s", f.sentence()))
		}
	}
	out.OutOfScope = append(out.OutOfScope, x.unused[:min(5, len(x.unused))]...)
	return data(out)
}

func constraint(kind string) bool {
	return slices.Contains([]string{"limit", "limit open", "limit period", "total", "total open", "unique", "overlap", "min", "max", "maxlen", "notpast", "order"}, kind)
}

// writeFRD writes the requirements document, or refuses.
func writeFRD(r *request) (string, error) {
	text, ok := r.section("prompt")
	if !ok {
		return "", errors.New("section prompt is missing")
	}
	if r.Language != "go" {
		return refuse(fmt.Sprintf("provider blueprint writes Go only, not %s.", r.Language)), nil
	}
	x, err := readPrompt(text, r.Type)
	var no *refusal
	switch {
	case errors.As(err, &no):
		return refuse(no.reason), nil
	case err != nil:
		return "", err
	}
	return r.file(x.frd())
}

// refuse is the answer that says no: the reason, and what would help in a second line.
func refuse(reason string) string { return "REFUSED: " + reason + "\n" + knows }

func design(r *request) (string, error) {
	p, ids, err := r.project()
	if err != nil {
		return "", err
	}
	c, err := p.contract(ids)
	if err != nil {
		return "", err
	}
	return data(struct {
		Reasoning string `json:"reasoning"`
		pipeline.Contract
	}{fmt.Sprintf("The layers of a %s, one file for each of %s in every layer.", kindNames[p.Kind], p.Keeps()), c})
}

func writeSource(r *request) (string, error) {
	p, _, err := r.planned()
	if err != nil {
		return "", err
	}
	return r.renderOne(p.sources())
}

func (r *request) renderOne(files []source) (string, error) {
	i := slices.IndexFunc(files, func(s source) bool { return s.path == r.Path })
	if i < 0 {
		return "", fmt.Errorf("its design has no file %s", r.Path)
	}
	text, err := files[i].render()
	if err != nil {
		return "", err
	}
	return r.file(string(text))
}

func planTests(r *request) (string, error) {
	p, ids, err := r.planned()
	if err != nil {
		return "", err
	}
	plan, err := p.plan(ids)
	if err != nil {
		return "", err
	}
	return data(struct {
		Reasoning string `json:"reasoning"`
		pipeline.TestPlan
	}{"One file of tests for each package; limits are reached and passed by one.", plan})
}

func writeTests(r *request) (string, error) {
	p, _, err := r.planned()
	if err != nil {
		return "", err
	}
	return r.renderOne(p.tests())
}

type fileAdvice struct {
	Path   string `json:"path"`
	Advice string `json:"advice"`
}

// triage names the files that are not as the templates write them: somebody changed them. Where all are, it names those with
// findings, and says that writing them again changes nothing, so that the run ends with the failure as its result.
func triage(r *request) (string, error) {
	p, _, err := r.planned()
	if err != nil {
		return "", err
	}
	var findings []pipeline.Finding
	if err := r.decode("findings", &findings); err != nil {
		return "", err
	}
	out := struct {
		Reasoning string             `json:"reasoning"`
		Files     []fileAdvice       `json:"files"`
		Disputes  []pipeline.Dispute `json:"disputes"`
	}{Files: []fileAdvice{}, Disputes: []pipeline.Dispute{}}
	var atFault []fileAdvice
	sources := p.sources()
	for _, s := range sources {
		own, err := s.render()
		if err != nil {
			return "", err
		}
		at := slices.IndexFunc(r.sections, func(have prompt.Section) bool { return have.Name == "source" && have.Path == s.path })
		if at < 0 || !bytes.Equal(bytes.TrimSpace([]byte(r.sections[at].Body)), bytes.TrimSpace(own)) {
			out.Files = append(out.Files, fileAdvice{s.path, "It differs from the template's file; write it again."})
		}
		if slices.ContainsFunc(findings, func(f pipeline.Finding) bool { return f.File == s.path }) {
			atFault = append(atFault, fileAdvice{s.path, "It is as the template writes it; writing it again changes nothing."})
		}
	}
	out.Reasoning = "Files that differ from the templates are at fault."
	if len(out.Files) == 0 {
		out.Reasoning = "Every file is as the templates write it. A failure is one that rules and templates cannot mend."
		if out.Files = atFault; len(atFault) == 0 {
			out.Files = []fileAdvice{{sources[len(sources)-1].path, "No finding names a source file; writing this one again changes nothing."}}
		}
	}
	return data(out)
}

// decideDisputes upholds none: the tests were written from the requirements by the same rules.
func decideDisputes(r *request) (string, error) {
	var disputes []pipeline.Dispute
	if err := r.decode("disputes", &disputes); err != nil {
		return "", err
	}
	type verdict struct {
		Test   string `json:"test"`
		Upheld bool   `json:"upheld"`
		Change string `json:"change"`
	}
	out := struct {
		Reasoning string    `json:"reasoning"`
		Verdicts  []verdict `json:"verdicts"`
	}{"The tests follow from the requirements by rules; none is made anew.", []verdict{}}
	for _, d := range disputes {
		out.Verdicts = append(out.Verdicts, verdict{Test: d.Test})
	}
	return data(out)
}

// resolve knows no replacement: what the templates write needs the standard library only.
func resolve(r *request) (string, error) {
	var missing []struct {
		Import string `json:"import"`
	}
	if err := r.decode("missing", &missing); err != nil {
		return "", err
	}
	type replaced struct {
		Missing     string `json:"missing"`
		Replacement string `json:"replacement"`
		Note        string `json:"note"`
	}
	out := struct {
		Reasoning string     `json:"reasoning"`
		Packages  []replaced `json:"packages"`
	}{"The templates use the standard library only.", []replaced{}}
	for _, m := range missing {
		out.Packages = append(out.Packages, replaced{Missing: m.Import, Note: "Not known to rules and templates."})
	}
	return data(out)
}
