package syntax

import (
	"fmt"
	"path"
	"strings"

	sitter "github.com/smacker/go-tree-sitter"
	"github.com/smacker/go-tree-sitter/golang"
	"github.com/smacker/go-tree-sitter/java"
	"github.com/smacker/go-tree-sitter/javascript"
	"github.com/smacker/go-tree-sitter/python"
	"github.com/smacker/go-tree-sitter/rust"
	"github.com/smacker/go-tree-sitter/typescript/tsx"
	"github.com/smacker/go-tree-sitter/typescript/typescript"
)

// Language is a programming language this package can read.
type Language string

// The languages.
const (
	Go         Language = "go"
	Python     Language = "python"
	JavaScript Language = "javascript"
	TypeScript Language = "typescript"
	Java       Language = "java"
	Rust       Language = "rust"
)

// Languages lists every language, in the order in which people read them.
func Languages() []Language {
	return []Language{Go, Python, JavaScript, TypeScript, Java, Rust}
}

// ParseLanguage reads a language's name, in any case. The error names the languages there are.
func ParseLanguage(name string) (Language, error) {
	known := Languages()
	for _, l := range known {
		if strings.EqualFold(name, string(l)) {
			return l, nil
		}
	}
	names := make([]string, len(known))
	for i, l := range known {
		names[i] = string(l)
	}
	return "", fmt.Errorf("unknown language %q, known are %s", name, strings.Join(names, ", "))
}

var extensions = map[string]Language{
	".go": Go,
	".py": Python, ".pyi": Python,
	".js": JavaScript, ".mjs": JavaScript, ".cjs": JavaScript, ".jsx": JavaScript,
	".ts": TypeScript, ".mts": TypeScript, ".cts": TypeScript, ".tsx": TypeScript,
	".java": Java,
	".rs":   Rust,
}

// LanguageOf tells a file's language by its extension; false for a file that is source code of none of them.
func LanguageOf(file string) (Language, bool) {
	l, ok := extensions[strings.ToLower(path.Ext(file))]
	return l, ok
}

// grammar gives the tree-sitter grammar for a file. JSX inside TypeScript needs a grammar of its own, because
// `<T>x` is a type assertion in .ts and an element in .tsx.
func grammar(lang Language, file string) (*sitter.Language, error) {
	switch lang {
	case Go:
		return golang.GetLanguage(), nil
	case Python:
		return python.GetLanguage(), nil
	case JavaScript:
		return javascript.GetLanguage(), nil
	case TypeScript:
		if strings.EqualFold(path.Ext(file), ".tsx") {
			return tsx.GetLanguage(), nil
		}
		return typescript.GetLanguage(), nil
	case Java:
		return java.GetLanguage(), nil
	case Rust:
		return rust.GetLanguage(), nil
	}
	return nil, fmt.Errorf("no grammar for language %q", lang)
}

// IsTest says whether a file holds tests, by the convention of its language.
func IsTest(lang Language, file string) bool {
	base := path.Base(file)
	stem := strings.TrimSuffix(base, path.Ext(base))
	inTestFolder := false
	for _, dir := range strings.Split(path.Dir(file), "/") {
		switch dir {
		case "test", "tests", "__tests__":
			inTestFolder = true
		}
	}
	switch lang {
	case Go:
		return strings.HasSuffix(stem, "_test")
	case Python:
		return strings.HasPrefix(stem, "test_") || strings.HasSuffix(stem, "_test") || stem == "conftest" || inTestFolder
	case JavaScript, TypeScript:
		return strings.HasSuffix(stem, ".test") || strings.HasSuffix(stem, ".spec") || inTestFolder
	case Java:
		return strings.HasSuffix(stem, "Test") || strings.HasSuffix(stem, "Tests") || strings.HasSuffix(stem, "IT") || inTestFolder
	case Rust:
		return inTestFolder
	}
	return false
}
