package lint

import (
	"regexp"

	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

func stubRust(s *source, report reporter) {
	for c := range s.calling() {
		stub := c.full == "todo!" || c.full == "unimplemented!" || c.full == "panic!" && len(c.args) > 0 && notWritten.MatchString(c.args[0].Text())
		if stub && !s.inTest(c.node) {
			report(c.node, "%s is a stub: it runs into %s", syntax.FunctionName(c.node.Function()), c.full)
		}
	}
}

// cannotFail are the calls after which unwrap is the idiom: a lock that another thread's panic has poisoned, and a pattern
// that is constant.
var cannotFail = regexp.MustCompile(`\.(lock|read|write)\(\)$|Regex::new\(r?#*"`)

func unwrapRust(s *source, report reporter) {
	for c := range s.calling() {
		if c.name == "unwrap" && c.receiver != nil && !cannotFail.MatchString(compact(c.receiver.Text())) && !s.inTest(c.node) {
			report(c.node, "unwrap panics when there is no value")
		}
	}
}
