package blueprint_test

import (
	"context"
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/analysis"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/syntax"
	"github.com/quantumlayer-dev/quantumlayer/shared/syntax/lint"
)

// lending is the prompt of the README: what comes of it has to be excellent.
const lending = "A REST API for a lending library: members, books, loans. A member borrows at most five books; a loan is due after 21 days."

// projects are prompts with what must come of them: sentences of the FRD, and what of the prompt nothing came of.
var projects = []struct {
	name, prompt string
	says         []string
	unused       []string
	mutateAll    bool
}{
	{"lending", lending, []string{"A member has at most 5 open loans.", "The due_at of a loan is 21 days after its borrowed_at.", "A book has at most 1 open loan.",
		"A loan names a member that exists.", "No two members have the same email."}, nil, true},
	{"clinic", "An API for a clinic: doctors, patients, appointments. A patient has a name (required) and a unique email. An appointment lasts 30 minutes; a doctor has at most 8 appointments a day.",
		[]string{"A patient must have: name.", "No two patients have the same email.", "The ends_at of an appointment is 30 minutes after its starts_at.", "A doctor has at most 8 appointments a day, counted by starts_at in UTC."}, nil, false},
	{"inventory", "A REST service for an inventory: products with sku (unique), name, price, quantity; warehouses. Quantity must not be negative.",
		[]string{"No two products have the same sku.", "The quantity of a product is at least 0."}, nil, false},
	{"todo", "A command line todo manager: tasks with title, due date and priority (low, medium, high); add, list, complete, delete.",
		[]string{"Tasks can be created, listed and deleted.", "The priority of a task is one of: low, medium, high.", "A task is open until the operation complete, which sets completed_at and works once."}, nil, false},
	{"playlist", "A Go library that keeps a playlist: tracks with title, artist, duration; at most 100 tracks; no duplicate titles.",
		[]string{"There are at most 100 tracks.", "No two tracks have the same title."}, nil, false},
	{"hotel", "A REST API for hotel bookings: guests, rooms, bookings. A room has a number (unique) and a capacity between 1 and 6. Bookings of the same room must not overlap. A booking must not start in the past.",
		[]string{"Two bookings of one room do not overlap in time.", "The starts_at of a booking is not in the past when it is set.", "The capacity of a room is at most 6."}, nil, false},
	{"rental", "An API for a car rental: customers, cars, rentals. A customer may rent at most 2 cars at the same time. A rental is due after 7 days. List overdue rentals. Users log in with OAuth.",
		[]string{"A customer has at most 2 open rentals.", "Open rentals past their due_at can be listed."}, []string{"Users log in with OAuth"}, false},
	{"tickets", "A REST API for support: projects, tickets, purchase orders. A ticket belongs to a project. The severity of a ticket is low, medium, high or critical. Tickets can be closed. A project has at most 5 open tickets. There are at most 200 tickets. Tickets are sorted by severity.",
		[]string{"A project has at most 5 open tickets.", "There are at most 200 tickets.", "Tickets are listed in the order of severity.", "Purchase orders can be created, read, listed, changed and deleted."}, nil, false},
	{"shop", "A REST API for a shop: customers, products, orders. Prices must be positive. A customer places at most 3 orders a month. A product name has at most 80 characters. Search products by name.",
		[]string{"The price_cents of a product is at least 1.", "A customer has at most 3 orders a month, counted by ordered_at in UTC.", "The name of a product has at most 80 characters.", "Products can be searched by a text in name."}, nil, false},
	{"expenses", "An expense tracker on the command line: expenses with description, amount (required), date and category (food, travel, other); add, list, edit, delete, search. Expenses are sorted by date.",
		[]string{"An expense must have: amount_cents.", "Expenses are listed in the order of date.", "Expenses can be searched by a text in description."}, nil, false},
	{"crm", "Write a CLI for managing contacts: companies with name; contacts with name, email (unique), phone and a starting date. A contact belongs to a company. A company has at most 10 contacts. There are at most 30 companies.",
		[]string{"A company has at most 10 contacts.", "There are at most 30 companies.", "The starting_date of a contact is a date, written YYYY-MM-DD."}, nil, false},
	{"shipments", "An HTTP API to track shipments. A shipment has a code (unique, at most 12 characters), a status (pending, sent, delivered), a weight and an active flag. The status defaults to pending. The weight must be at least 0.",
		[]string{"The status of a shipment is pending when not given.", "The code of a shipment has at most 12 characters."}, nil, false},
	{"school", "A Go package for a school: students, courses, enrolments, lessons. A lesson belongs to a course. A lesson lasts 1 hour. A course has at most 4 lessons a week. A course has at most 30 enrolments. Lessons of the same course must not overlap.",
		[]string{"The ends_at of a lesson is 1 hour after its starts_at.", "A course has at most 4 lessons a week, counted by starts_at in UTC.", "A course has at most 30 enrolments."}, nil, false},
	{"list", "A REST API in Go for a company.\n\nEntities:\n- Employee: name (required), email (unique), salary\n- Desk: number (unique)\n- Reservation\n\nRules:\n1. A desk cannot be double-booked.\n2. Loading data from SAP is supported.\n3. Salaries are at most 1000000.",
		[]string{"Two reservations of one desk do not overlap in time.", "The salary_cents of an employee is at most 1000000."}, []string{"Loading data from SAP is supported"}, false},
}

var mutated = struct {
	sync.Mutex
	kinds map[string]bool
}{kinds: map[string]bool{}}

// TestProjects runs all stages on each prompt and holds what comes out against what the platform demands of any provider: the FRD
// parses, the contract holds together, the code keeps it, everything builds, every requirement has a test, and the tests pass
// with the code and fail without each rule in it.
func TestProjects(t *testing.T) {
	for _, tc := range projects {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := build(t, tc.prompt, "auto")
			for _, want := range tc.says {
				if !slices.ContainsFunc(p.requirements.Requirements, func(r pipeline.Requirement) bool { return r.Text == want }) {
					t.Errorf("no requirement says %q:\n%s", want, p.markdown)
				}
			}
			if diff := cmp.Diff(tc.unused, notCovered(p.markdown)); diff != "" {
				t.Errorf("not covered (-want +got):\n%s", diff)
			}
			checkFiles(t, p)
			if testing.Short() {
				return
			}
			dir := t.TempDir()
			p.write(t, dir)
			if out, err := goTool(t, dir, "vet", "./..."); err != nil {
				t.Fatalf("go vet: %v\n%s", err, out)
			}
			if out, err := goTool(t, dir, "test", "-vet=off", "./..."); err != nil {
				t.Fatalf("go test: %v\n%s", err, out)
			}
			p.mutate(t, dir, tc.mutateAll)
		})
	}
}

func notCovered(markdown string) []string {
	_, list, _ := strings.Cut(markdown, "## Not covered\n\n")
	var found []string
	for line := range strings.Lines(list) {
		if line = strings.TrimPrefix(strings.TrimSpace(line), "- "); line != "none" {
			found = append(found, line)
		}
	}
	return found
}

// checkFiles holds the files against format, contract and lint, and the plan against the requirements.
func checkFiles(t *testing.T, p project) {
	t.Helper()
	var analysed []*syntax.File
	for name, content := range p.files {
		if path.Ext(name) != ".go" {
			continue
		}
		if formatted, err := format.Source([]byte(content)); err != nil || string(formatted) != content {
			t.Errorf("%s is not in gofmt's format (%v)", name, err)
		}
		f, err := syntax.Analyse(context.Background(), syntax.Go, name, []byte(content))
		if err != nil {
			t.Fatal(err)
		}
		analysed = append(analysed, f)
		issues, err := lint.File(context.Background(), f, analysis.Semantic, analysis.Security)
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := p.contract.File(name); ok {
			issues = append(issues, syntax.CompareContract(c, f)...)
		}
		for _, issue := range append(issues, f.Errors...) {
			t.Errorf("%s:%d: %s (%s)", name, issue.Line, issue.Message, issue.Rule)
		}
	}
	issues, err := lint.Project(context.Background(), analysed, p.files["go.mod"])
	if err != nil {
		t.Fatal(err)
	}
	for _, issue := range issues {
		t.Errorf("%s:%d: %s (%s)", issue.File, issue.Line, issue.Message, issue.Rule)
	}
	tested := p.tested()
	for _, r := range p.requirements.Requirements {
		if !slices.Contains(tested, r.ID) {
			t.Errorf("%s has no test: %s", r.ID, r.Text)
		}
		if !slices.ContainsFunc(p.contract.Files, func(f pipeline.ContractFile) bool { return slices.Contains(f.Requirements, r.ID) }) {
			t.Errorf("%s has no file: %s", r.ID, r.Text)
		}
		if !strings.Contains(p.files["README.md"], r.ID) {
			t.Errorf("README.md does not name %s", r.ID)
		}
	}
	for _, f := range p.plan.Files {
		for _, c := range f.Cases {
			if !strings.Contains(p.files[f.Path], "func "+c.Name+"(") {
				t.Errorf("%s does not hold the planned test %s", f.Path, c.Name)
			}
		}
	}
}

func (p project) write(t *testing.T, dir string) {
	t.Helper()
	for name, content := range p.files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// goTool runs the go command on code that our own templates wrote, which is why it needs no sandbox.
func goTool(t *testing.T, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var (
	ruleLine  = regexp.MustCompile(`^(\s*)(.*) // (N?FR-\d+)(?:, N?FR-\d+)*$`)
	constLine = regexp.MustCompile(`^const (\w+) = (\d+)(.*)$`)
	docID     = regexp.MustCompile(`\((N?FR-\d+)\)\.$`)
)

// mutate takes one rule after the other out of the code; each time a test has to fail. Over all projects every kind of rule is
// taken out once, in a project with all every single one.
func (p project) mutate(t *testing.T, dir string, all bool) {
	text := map[string]string{}
	for _, r := range p.requirements.Requirements {
		text[r.ID] = r.Text
	}
	for _, f := range p.contract.Files {
		lines := strings.Split(p.files[f.Path], "\n")
		for i, line := range lines {
			var broken, id string
			if m := ruleLine.FindStringSubmatch(line); m != nil {
				broken, id = breakRule(m[2]), m[3]
			} else if m := constLine.FindStringSubmatch(line); m != nil {
				broken = fmt.Sprintf("const %s = 1 + %s%s", m[1], m[2], m[3])
				if doc := docID.FindStringSubmatch(lines[i-1]); doc != nil {
					id = doc[1]
				}
			}
			if id == "" {
				continue
			}
			kind := fmt.Sprint(strings.HasPrefix(line, "const"), kindWords.FindAllString(text[id], -1)) // the sentence without its nouns
			mutated.Lock()
			seen := mutated.kinds[kind]
			mutated.kinds[kind] = true
			mutated.Unlock()
			if seen && !all {
				continue
			}
			changed := slices.Clone(lines)
			changed[i] = broken
			p.mustFail(t, dir, f.Path, strings.Join(changed, "\n"), fmt.Sprintf("%s:%d %s: %s", f.Path, i+1, id, strings.TrimSpace(line)))
		}
	}
}

var kindWords = regexp.MustCompile(`\b(?:can|names|exists|deleted|must|have|same|address|date|least|most|open|day|week|month|characters|one of|given|created|after|later|past|overlap|operation|listed|searched|narrowed|limit|body|There)\b`)

// breakRule makes a statement without effect that still compiles.
func breakRule(statement string) string {
	if rest, ok := strings.CutPrefix(statement, "return "); ok {
		return "_ = " + rest
	}
	if strings.Contains(statement, ": now") {
		return strings.Replace(statement, ": now", ": now.Add(time.Hour)", 1)
	}
	return ""
}

func (p project) mustFail(t *testing.T, dir, name, content, what string) {
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	packages := []string{"./" + path.Dir(name)}
	if strings.HasSuffix(packages[0], "internal/domain") {
		packages = append(packages, "./internal/service") // some rules of a record show in its operations
	}
	out, err := goTool(t, dir, append([]string{"test", "-vet=off"}, packages...)...)
	if err == nil || !strings.Contains(out, "--- FAIL") {
		t.Errorf("without this rule the tests pass, or nothing builds:\n%s\n%s", what, out)
	}
	if err := os.WriteFile(file, []byte(p.files[name]), 0o644); err != nil {
		t.Fatal(err)
	}
}
