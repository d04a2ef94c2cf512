package gotest

import (
	"regexp"
	"strings"
)

var (
	location  = regexp.MustCompile(`^\t(\S+\.go:\d+)(?: \+0x[0-9a-f]+)?$`)
	goroutine = regexp.MustCompile(`^goroutine \d+ .*:$`)
	arguments = regexp.MustCompile(`\([^()]*\)$`)
	verdict   = regexp.MustCompile(`^(?:ok  |FAIL)(?:\t|$)`) // the package's, with its time
)

// message is what a test's output says, for someone who mends the project: without the lines that every test prints, and of a
// stack only the project's own frames. What differs from run to run, as addresses do, is left out, so that the same fault says
// the same.
func message(output string) string {
	var kept []string
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || strings.HasPrefix(trimmed, "=== ") || strings.HasPrefix(trimmed, "--- ") ||
			goroutine.MatchString(line) || verdict.MatchString(line) {
			continue
		}
		if m := location.FindStringSubmatch(line); m != nil && len(kept) > 0 {
			last := len(kept) - 1
			file, ours := strings.CutPrefix(m[1], projectDir+"/")
			if ours && !strings.HasPrefix(kept[last], "created by ") {
				kept[last] = arguments.ReplaceAllString(kept[last], "") + " at " + file
			} else {
				kept = kept[:last]
			}
			continue
		}
		kept = append(kept, strings.TrimPrefix(line, "    "))
	}
	return clip(strings.Join(kept, "\n"))
}

// clip keeps the beginning and, of what is too long, a part of the end: the cause may stand in either.
func clip(s string) string {
	if len(s) > messageLimit {
		s = strings.ToValidUTF8(s[:messageLimit*3/4], "") + "\n…\n" + strings.ToValidUTF8(s[len(s)-messageLimit/4:], "")
	}
	return s
}

func tail(s string, limit int) string {
	if len(s) > limit {
		s = "…" + strings.ToValidUTF8(s[len(s)-limit:], "")
	}
	return s
}
