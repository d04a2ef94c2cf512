package gotest

import (
	"bufio"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// diagnostic is a line of the compiler, of vet or of the go command that names a place.
var diagnostic = regexp.MustCompile(`^(?:vet: )?([^\s:][^:]*\.(?:go|s|mod|sum)):(\d+)(?::(\d+))?: (.+)$`)

// Diagnostics gives what the go command printed about a build or vet as findings of that step, each once. Files are named as
// in the project; those outside it, as in the standard library, stand in the message.
func Diagnostics(step, output string) []pipeline.Finding {
	var found []pipeline.Finding
	seen := map[pipeline.Finding]bool{}
	open := false // the line before was a finding, which an indented one goes on
	lines := bufio.NewScanner(strings.NewReader(output))
	lines.Buffer(nil, len(output)+1)
	for lines.Scan() {
		line := lines.Text()
		if open && strings.HasPrefix(line, "\t") {
			found[len(found)-1].Message += "\n" + strings.TrimSpace(line)
			continue
		}
		open = false
		m := diagnostic.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		f := pipeline.Finding{Step: step, File: path.Clean(strings.TrimPrefix(m[1], projectDir+"/")), Line: number(m[2]), Column: number(m[3]), Message: m[4]}
		if path.IsAbs(f.File) || strings.HasPrefix(f.File, "../") {
			f = pipeline.Finding{Step: step, Message: line}
		}
		if !seen[f] {
			seen[f], open = true, true
			found = append(found, f)
		}
	}
	return found
}

// number reads what a pattern found to be digits; 0 for none and for more than fit.
func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}
