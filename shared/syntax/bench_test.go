package syntax_test

import (
	"strings"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

// BenchmarkAnalyse reads a Go file of some 300 lines.
func BenchmarkAnalyse(b *testing.B) {
	source := []byte("package p\n\n" + strings.Repeat("// F runs.\nfunc F(a, b int) error {\n\tif a > b && run(a, \"x\") {\n\t\treturn fmt.Errorf(\"f: %w\", err)\n\t}\n\treturn nil\n}\n\n", 37))
	b.SetBytes(int64(len(source)))
	for b.Loop() {
		if _, err := syntax.Analyse(b.Context(), syntax.Go, "p.go", source); err != nil {
			b.Fatal(err)
		}
	}
}
