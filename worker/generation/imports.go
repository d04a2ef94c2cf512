package generation

import (
	"crypto/sha256"
	"encoding/hex"
	"go/parser"
	"go/token"
	"slices"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

// metadataImports keeps the digest of what the project imported when its dependencies were resolved.
const metadataImports = "imports"

// importsDigest changes when what the files import does. A file whose imports cannot be told counts with its whole text, so
// the digest may change too often, never too seldom.
func importsDigest(language string, groups ...[]pipeline.File) string {
	var lines []string
	for _, files := range groups {
		for _, f := range files {
			lines = append(lines, importsOf(language, f)...)
		}
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(lines), "\n")))
	return hex.EncodeToString(sum[:])
}

func importsOf(language string, f pipeline.File) []string {
	whole := []string{"file " + f.Path + "\x00" + f.Content}
	if language != "go" || !strings.HasSuffix(f.Path, ".go") {
		return whole
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), f.Path, f.Content, parser.ImportsOnly)
	if err != nil {
		return whole
	}
	lines := make([]string, len(parsed.Imports))
	for i, spec := range parsed.Imports {
		lines[i] = "import " + spec.Path.Value
	}
	return lines
}
