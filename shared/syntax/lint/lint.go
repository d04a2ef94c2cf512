// Package lint holds the rules that judge code: one table a check, a finder for each language that a rule is for.
// A rule matches nodes of the syntax tree and knows no types, so each says only what a tree can show.
package lint

import (
	"context"
	"fmt"
	"slices"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

// Rule is one thing that is looked for.
type Rule struct {
	ID       string
	Check    analysis.Check
	Severity string // error, warning or info; in some languages another, see SeverityIn
	CWE      string // for security rules, e.g. CWE-89
	Advice   string // what to do about it

	find   map[syntax.Language]finder
	softer map[syntax.Language]string // the severities of the languages that differ
}

// SeverityIn is the rule's severity in a language: what keeps Go from compiling may be mere untidiness elsewhere.
func (r Rule) SeverityIn(lang syntax.Language) string {
	if s := r.softer[lang]; s != "" {
		return s
	}
	return r.Severity
}

// finder looks for a rule's violations in one file.
type finder func(s *source, report reporter)

// reporter takes a violation at a node.
type reporter func(n *syntax.Node, format string, args ...any)

// Languages lists the languages the rule is for.
func (r Rule) Languages() []syntax.Language {
	var langs []syntax.Language
	for _, l := range syntax.Languages() {
		if r.find[l] != nil {
			langs = append(langs, l)
		}
	}
	return langs
}

// Rules lists every rule that looks at one file. The rules of a whole project are those of Project.
func Rules() []Rule { return slices.Concat(semanticRules, securityRules, performanceRules) }

// File applies the rules of the given checks to one file. The only error is the context's.
func File(ctx context.Context, f *syntax.File, checks ...analysis.Check) ([]pipeline.Issue, error) {
	s := newSource(ctx, f)
	var issues []pipeline.Issue
	for _, rule := range Rules() {
		find := rule.find[s.lang]
		if find == nil || !slices.Contains(checks, rule.Check) {
			continue
		}
		rule.Severity = rule.SeverityIn(s.lang)
		find(s, func(n *syntax.Node, format string, args ...any) {
			issues = append(issues, rule.issue(f.Path, n.Line, n.Column, fmt.Sprintf(format, args...)))
		})
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("check %s: %w", f.Path, err)
		}
	}
	return syntax.SortIssues(issues), nil
}

func (r Rule) issue(file string, line, column int, message string) pipeline.Issue {
	return pipeline.Issue{
		File: file, Line: line, Column: column, Rule: r.ID, Severity: r.Severity,
		Message: message, Advice: r.Advice, CWE: r.CWE,
	}
}

// everywhere gives a finder to every language.
func everywhere(find finder) map[syntax.Language]finder {
	all := map[syntax.Language]finder{}
	for _, l := range syntax.Languages() {
		all[l] = find
	}
	return all
}
