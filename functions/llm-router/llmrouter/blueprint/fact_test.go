package blueprint

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSentencesReadBack: what the FRD says must be exactly what the stages after it understand.
func TestSentencesReadBack(t *testing.T) {
	sample := fact{e: "purchase order", to: "key account", f: "due_at", from: "ordered_at", list: []string{"one", "in_progress"}, n: 2, unit: "day"}
	for _, form := range forms {
		for _, n := range []float64{1, 2} {
			f := sample
			f.kind, f.n = form.kind, n
			switch form.kind {
			case "crud":
				f.list = operations
			case "default", "act":
				f.list = []string{"close"}
			}
			text := f.sentence()
			got, ok := readFact(text, []string{"order", "purchase order", "account", "key account"})
			if !ok {
				t.Errorf("%s: %q is not read back", form.kind, text)
				continue
			}
			if got.sentence() != text || got.kind != f.kind {
				t.Errorf("%s: %q is read back as %s: %q", form.kind, text, got.kind, got.sentence())
			}
		}
	}
	if f, ok := readFact("A member has at most 5 open loans.", []string{"book"}); ok {
		t.Errorf("a sentence about unknown things was read as %v", f)
	}
	if f, ok := readFact("A member has at most 5 open loans, or so.", []string{"member", "loan"}); ok {
		t.Errorf("a sentence that says more was read as %v", f)
	}
}

func TestWords(t *testing.T) {
	for one, many := range map[string]string{"member": "members", "category": "categories", "box": "boxes", "class": "classes", "course": "courses", "house": "houses",
		"person": "people", "movie": "movies", "address": "addresses", "day": "days", "purchase order": "purchase orders", "wish": "wishes", "expense": "expenses", "key": "keys"} {
		if got := plural(one); got != many {
			t.Errorf("plural(%q) = %q, want %q", one, got, many)
		}
		if got, ok := singular(many); !ok || got != one {
			t.Errorf("singular(%q) = %q, %v; want %q", many, got, ok, one)
		}
	}
	for _, word := range []string{"class", "status", "analysis", "bus", "member", "as"} {
		if got, ok := singular(word); ok {
			t.Errorf("singular(%q) = %q: it is no plural", word, got)
		}
	}
	for phrase, want := range map[string]string{"isbn": "isbn", "purchase order": "purchaseOrder", "type": "typeRecord", "string": "stringRecord", "url entry": "urlEntry", "x": "xRecord"} {
		if got := varName(phrase); got != want {
			t.Errorf("varName(%q) = %q, want %q", phrase, got, want)
		}
	}
	numbers := map[string]float64{}
	for _, s := range []string{"five", "twenty", "1,000", "12", "0.5", "-3", "1e9", "NaN", "many", "1.2.3"} {
		if n, ok := number(s); ok {
			numbers[s] = n
		}
	}
	if diff := cmp.Diff(map[string]float64{"five": 5, "twenty": 20, "1,000": 1000, "12": 12, "0.5": 0.5, "-3": -3}, numbers); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
}
