package parser

import (
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
)

func TestFilesAreReadOnce(t *testing.T) {
	t.Parallel()
	r, err := newReadings()
	if err != nil {
		t.Fatal(err)
	}
	read := func(lang syntax.Language, path, content string) *syntax.File {
		file, err := r.read(t.Context(), lang, pipeline.File{Path: path, Content: content})
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	first := read(syntax.Go, "a.go", "package a\n")
	if read(syntax.Go, "a.go", "package a\n") != first {
		t.Error("the same file was read twice")
	}
	for _, other := range []*syntax.File{read(syntax.Go, "a.go", "package b\n"), read(syntax.Go, "b.go", "package a\n"), read(syntax.Python, "a.go", "package a\n")} {
		if other == first {
			t.Errorf("%s in %s, package %q, was taken for another file", other.Path, other.Language, other.Package)
		}
	}
}
