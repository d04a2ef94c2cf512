package words

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"--- !?", nil},
		{"Hello, hello world", []string{"hello", "world"}},
		{"func BorrowBook(id int)", []string{"book", "borrow", "borrowbook", "func", "id", "int"}},
		{"HTTPServer", []string{"http", "httpserver", "server"}},
		{"snake_case internal/loan/loan.go", []string{"case", "go", "internal", "loan", "snake"}},
		{"due 21 days, v2", []string{"21", "days", "due", "v2"}},
		{"Größe naïve 図書館", []string{"größe", "naïve", "図書館"}},
		{"it's 'quoted' \\ \"x\"", []string{"it", "quoted", "s", "x"}},
	} {
		if diff := cmp.Diff(tt.want, Of(tt.text)); diff != "" {
			t.Errorf("Of(%q) (-want +got):\n%s", tt.text, diff)
		}
	}
}

func TestInQueryKeepsNamesWhole(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string{"borrowbook", "loan"}, InQuery("loan BorrowBook loan")); diff != "" {
		t.Errorf("InQuery (-want +got):\n%s", diff)
	}
}

func TestLongWordsAreCutAlike(t *testing.T) {
	t.Parallel()
	long := "é" + strings.Repeat("ü", 100)
	indexed, asked := Of(long), InQuery(long)
	if diff := cmp.Diff(indexed, asked); diff != "" || len(indexed[0]) > maxWord {
		t.Errorf("indexed %q, asked for %q", indexed, asked)
	}
}

// What is asked for in a text's own spelling is found in it, and no word holds
// what would need quoting in a store's query.
func FuzzWords(f *testing.F) {
	f.Add("func (s *Store) BorrowBook(ctx context.Context) error { return nil } // ünïcode '\"\\&|!")
	f.Fuzz(func(t *testing.T, text string) {
		indexed := Of(text)
		for _, word := range InQuery(text) {
			if !slices.Contains(indexed, word) {
				t.Errorf("%q is asked for but not indexed", word)
			}
		}
		for _, word := range indexed {
			if word == "" || len(word) > maxWord || !utf8.ValidString(word) || strings.ContainsAny(word, " '\"\\&|!:*()\x00") {
				t.Errorf("%q is no word", word)
			}
		}
	})
}
