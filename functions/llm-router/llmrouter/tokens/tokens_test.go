package tokens_test

import (
	"strings"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/functions/llm-router/llmrouter/tokens"
)

func TestCount(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 0, "hello world": 2, "func main() {}": 4} {
		if got := tokens.Count(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

// A quarter of a megabyte of white space would take the encoder half a minute in one piece.
func TestLongTextsEnd(t *testing.T) {
	t.Parallel()
	for _, piece := range []string{"a", "ä", "=-", "\n\t ", "\xff"} {
		text := strings.Repeat(piece, (1<<18)/len(piece))
		if got := tokens.Count(text); got < 1<<10 || got > len(text) {
			t.Errorf("%q repeated: %d", piece, got)
		}
	}
}

// Pieces must not change the count by more than one token each.
func TestPiecesCountLikeTheWhole(t *testing.T) {
	t.Parallel()
	line := "if err := store.Put(ctx, loan); err != nil { return fmt.Errorf(\"storing: %w\", err) }\n"
	one := tokens.Count(line)
	if got, want := tokens.Count(strings.Repeat(line, 100)), 100*one; got < want-20 || got > want+20 {
		t.Errorf("100 lines: %d, want about %d", got, want)
	}
}
