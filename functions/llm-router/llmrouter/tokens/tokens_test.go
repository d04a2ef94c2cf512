package tokens_test

import (
	"strings"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/tokens"
)

func TestCount(t *testing.T) {
	for text, want := range map[string]int{"": 0, "hello world": 2, "func main() {}": 4} {
		if got, err := tokens.Count(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
}

// A megabyte without a space would take the encoder hours in one piece.
func TestLongTextsEnd(t *testing.T) {
	for _, piece := range []string{"a", "ä", "=-", "\n\t "} {
		text := strings.Repeat(piece, (1<<20)/len(piece))
		if got, err := tokens.Count(text); err != nil || got < 1<<10 || got > len(text) {
			t.Errorf("a megabyte of %q: %d, %v", piece, got, err)
		}
	}
}
