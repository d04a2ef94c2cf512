package blueprint_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/shared/prompt"
)

// Words that a template could trip over: keywords, names of packages and of what the templates declare, odd plurals.
var (
	oddThings = strings.Split("types strings errors services maps contexts pages filters stores domains members purchase_orders people children categories classes statuses boxes urls inputs data_sets "+
		"times tests functions lists records counts clients fixtures objects tools apps commands bookings appointments doctors orders rentals tasks reviews news_items keys values queries routes "+
		"packages imports chans funcs runs slots collections equipment interfaces problems handlers files mains", " ")
	oddFields = []string{"name", "title", "email", "a unique code", "type", "price", "quantity (required)", "status (open, closed)", "due date", "start time", "rating (1-5)", "weight",
		"is active", "description (at most 50 characters)", "note of at most 3 characters", "date of birth", "number (unique)", "duration", "range", "func", "string", "unique due date",
		"code (unique, at most 4 characters)", "error", "len", "salary (required)", "time (unique)", "score between 2 and 9", "r", "t"}
	oddRules = []string{"E belong to E", "E have at most N E", "E have at most N E a day", "E have at most N open E", "There are at most N E", "E are due after N days", "E last N minutes", "E can be closed",
		"E can be added, listed and removed", "overdue E can be listed", "E can be searched by name", "E are sorted by due date", "E of E must not overlap", "E must not be in the past",
		"The name of E must be unique", "The price of E is required", "The status of E is required", "The weight of E is at least N", "The name of E has at most N characters"}
	oddKinds = []string{"A REST API for a thing: ", "A command-line tool for a thing: ", "A Go library for a thing: "}
)

func oddPrompt(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString(oddKinds[r.IntN(len(oddKinds))])
	var things []string
	for _, at := range r.Perm(len(oddThings))[:1+r.IntN(4)] {
		thing := strings.ReplaceAll(oddThings[at], "_", " ")
		things = append(things, thing)
		b.WriteString(thing)
		for i, f := range r.Perm(len(oddFields))[:r.IntN(5)] {
			b.WriteString([]string{" with ", ", "}[min(i, 1)] + oddFields[f])
		}
		b.WriteString("; ")
	}
	for range r.IntN(8) {
		rule := oddRules[r.IntN(len(oddRules))]
		for strings.Contains(rule, "E") {
			rule = strings.Replace(rule, "E", things[r.IntN(len(things))], 1)
		}
		b.WriteString(strings.Replace(rule, "N", strconv.Itoa(1+r.IntN(40)), 1) + ". ")
	}
	return b.String()
}

// TestOddProjects makes projects of words and rules thrown together. BLUEPRINT_ODD=N tries N of them, and builds and tests each.
func TestOddProjects(t *testing.T) {
	n, buildThem := 25, false
	if s := os.Getenv("BLUEPRINT_ODD"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
		buildThem = true
	}
	for seed := range n {
		text := oddPrompt(rand.New(rand.NewPCG(uint64(seed), 1)))
		answer, _, err := ask(t, "frd-generation", "auto", "", prompt.Section{Name: "prompt", Format: "text", Body: text})
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if strings.HasPrefix(answer, "REFUSED") {
			continue
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			p := build(t, text, "auto")
			checkFiles(t, p)
			if buildThem {
				dir := t.TempDir()
				p.write(t, dir)
				if out, err := goTool(t, dir, "test", "./..."); err != nil {
					t.Errorf("go test: %v\n%s", err, out)
				}
			}
			if t.Failed() {
				t.Logf("the prompt: %s", text)
			}
		})
	}
}
