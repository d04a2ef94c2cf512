package command

import (
	"strings"
	"testing"
)

// TestGoOn: who starts the platform again after a crash is told which runs go on, and how long nothing may be seen of that.
func TestGoOn(t *testing.T) {
	t.Parallel()
	if text := goOn(nil); text != "" {
		t.Errorf("without runs: %q", text)
	}
	for _, want := range []string{"Going on: run-1, run-2\n", "after about 20s, when its heartbeat is missed"} {
		if text := goOn([]string{"run-1", "run-2"}); !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
}
