package vectors_test

import (
	"math"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/functions/meta-prompt-engine/vectors"
)

func TestLexicalVectors(t *testing.T) {
	cosine := func(a, b string) (sum float64) {
		x, y := vectors.EmbedLexical(a), vectors.EmbedLexical(b)
		for i := range x {
			sum += float64(x[i]) * float64(y[i])
		}
		return sum
	}
	if same := cosine("Books and loans", "books and loans!"); math.Abs(same-1) > 1e-6 {
		t.Errorf("the same words have cosine %f", same)
	}
	if near, far := cosine("a lending library with books", "a library with books and loans"), cosine("a lending library with books", "evaluate spreadsheet formulas"); near < far+0.2 {
		t.Errorf("near %f, far %f", near, far)
	}
	if got := cosine("", "?"); got != 1 {
		t.Errorf("two texts without words have cosine %f, want vectors of length 1", got)
	}
}
