package lint

import (
	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

// The measures above which a function is reported.
const (
	maxCyclomatic  = 15
	maxNesting     = 4
	maxNestedLoops = 2
	maxLines       = 100
	maxParameters  = 7
)

// performanceRules find code that costs more than it has to, to run or to read.
var performanceRules = []Rule{
	{
		ID: "complex-function", Check: analysis.Performance, Severity: analysis.SeverityWarning,
		Advice: "Split it where its branches do different things.",
		find: measured(func(m pipeline.FunctionMetrics) (int, int, string) {
			return m.Cyclomatic, maxCyclomatic, "ways through the code"
		}),
	},
	{
		ID: "deep-nesting", Check: analysis.Performance, Severity: analysis.SeverityWarning,
		Advice: "Return early, or move the inner part into a function.",
		find: measured(func(m pipeline.FunctionMetrics) (int, int, string) {
			return m.MaxNesting, maxNesting, "levels of nesting"
		}),
	},
	{
		ID: "nested-loops", Check: analysis.Performance, Severity: analysis.SeverityInfo,
		Advice: "Look the inner items up in a map, or sort them first.",
		find: measured(func(m pipeline.FunctionMetrics) (int, int, string) {
			return m.NestedLoops, maxNestedLoops, "loops inside each other"
		}),
	},
	{
		ID: "long-function", Check: analysis.Performance, Severity: analysis.SeverityInfo,
		Advice: "Split it into steps with names.",
		find: measured(func(m pipeline.FunctionMetrics) (int, int, string) {
			return m.Lines, maxLines, "lines"
		}),
	},
	{
		ID: "many-parameters", Check: analysis.Performance, Severity: analysis.SeverityInfo,
		Advice: "Put those that belong together into a struct or object.",
		find: measured(func(m pipeline.FunctionMetrics) (int, int, string) {
			return m.Parameters, maxParameters, "parameters"
		}),
	},
	{
		ID: "query-in-loop", Check: analysis.Performance, Severity: analysis.SeverityWarning,
		Advice: "Ask once for all of them, with a join or a list of keys.",
		find:   everywhere(queryInLoop),
	},
	{
		ID: "string-concat-in-loop", Check: analysis.Performance, Severity: analysis.SeverityWarning,
		Advice: "Collect the parts and join them once: strings.Builder, str.join, StringBuilder.",
		find:   map[syntax.Language]finder{syntax.Go: concatInLoop, syntax.Python: concatInLoop, syntax.Java: concatInLoop},
	},
	{
		ID: "regexp-in-loop", Check: analysis.Performance, Severity: analysis.SeverityWarning,
		Advice: "Compile the pattern once, outside the loop.",
		find:   everywhere(regexpInLoop),
	},
	{
		ID: "regexp-in-function", Check: analysis.Performance, Severity: analysis.SeverityInfo,
		Advice: "Compile a constant pattern once, in a package variable.",
		find:   map[syntax.Language]finder{syntax.Go: regexpInFunction},
	},
	{
		ID: "defer-in-loop", Check: analysis.Performance, Severity: analysis.SeverityWarning,
		Advice: "Move the loop's body into a function: deferred calls run when the function ends, not the round.",
		find:   map[syntax.Language]finder{syntax.Go: deferInLoop},
	},
	{
		ID: "timer-in-loop", Check: analysis.Performance, Severity: analysis.SeverityInfo,
		Advice: "Make one time.Timer or time.Ticker before the loop and reset it.",
		find:   map[syntax.Language]finder{syntax.Go: timerInLoop},
	},
	{
		ID: "blocking-call", Check: analysis.Performance, Severity: analysis.SeverityWarning,
		Advice: "Take the version that does not block: the promise in JavaScript, asyncio in Python.",
		find: map[syntax.Language]finder{
			syntax.JavaScript: blockingScript, syntax.TypeScript: blockingScript, syntax.Python: blockingPython,
		},
	},
}

// measured makes finders that report functions whose measure is over a limit.
func measured(measure func(pipeline.FunctionMetrics) (value, limit int, what string)) map[syntax.Language]finder {
	return everywhere(func(s *source, report reporter) {
		if s.test { // tables of cases are long, and nobody waits for them
			return
		}
		for i, fn := range s.functionNodes() {
			m := s.Functions[i]
			if value, limit, what := measure(m); value > limit {
				report(fn, "%s has %d %s; the limit is %d", m.Name, value, what, limit)
			}
		}
	})
}

// functionNodes gives the nodes that File.Functions measures, in the same order.
func (s *source) functionNodes() []*syntax.Node {
	var all []*syntax.Node
	for n := range s.Tree.All() {
		if n.IsFunction() {
			all = append(all, n)
		}
	}
	return all
}
