package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

// MaxHotspots is how many functions are told.
const MaxHotspots = 20

// Hotspots ranks the functions that are worth a look first, worst first, by what weighs on them: each way through the code
// beyond ten 1, each level of nesting beyond three 3, each loop inside another 10, each performance issue that is more
// than its measures 8. Functions of tests and those with nothing to say are left out.
func Hotspots(files []*syntax.File, issues []pipeline.Issue) []pipeline.Hotspot {
	measures := map[string]bool{"complex-function": true, "deep-nesting": true, "nested-loops": true, "long-function": true, "many-parameters": true}
	costs := map[string]bool{}
	for _, r := range performanceRules {
		costs[r.ID] = !measures[r.ID]
	}
	byFile := map[string][]pipeline.Issue{}
	for _, i := range issues {
		if costs[i.Rule] {
			byFile[i.File] = append(byFile[i.File], i)
		}
	}
	var spots []pipeline.Hotspot
	for _, f := range files {
		if syntax.IsTest(f.Tree.Language, f.Path) {
			continue
		}
		for _, m := range f.Functions {
			spot := pipeline.Hotspot{File: f.Path, Function: m.Name, Line: m.Line}
			weigh := func(weight int, format string, args ...any) {
				if weight > 0 {
					spot.Score += weight
					spot.Reasons = append(spot.Reasons, fmt.Sprintf(format, args...))
				}
			}
			weigh(m.Cyclomatic-10, "%d ways through the code", m.Cyclomatic)
			weigh(3*(m.MaxNesting-3), "%d levels of nesting", m.MaxNesting)
			weigh(10*(m.NestedLoops-1), "%d loops inside each other", m.NestedLoops)
			for _, i := range byFile[f.Path] {
				if i.Line >= m.Line && i.Line < m.Line+m.Lines {
					weigh(8, "line %d: %s", i.Line, i.Message)
				}
			}
			if spot.Score > 0 {
				spots = append(spots, spot)
			}
		}
	}
	slices.SortStableFunc(spots, func(a, b pipeline.Hotspot) int {
		if a.Score != b.Score {
			return b.Score - a.Score
		}
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		return a.Line - b.Line
	})
	return spots[:min(len(spots), MaxHotspots)]
}
