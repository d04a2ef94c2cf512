package frd_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/quantumlayer-dev/quantumlayer/shared/frd"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

var update = flag.Bool("update", false, "write what the code answers into the golden files")

// TestParse reads frd.md of each testdata/*.txtar; the data stands in want.json.
func TestParse(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		read, err := frd.Parse(string(archive.Files[0].Data))
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(read); err != nil {
			t.Fatal(err)
		}
		if *update {
			archive.Files = append(archive.Files[:1], txtar.File{Name: "want.json", Data: []byte(b.String())})
			if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if len(archive.Files) != 2 {
			t.Fatalf("%s: has no file want.json; run the test with -update and read what it writes", name)
		}
		if diff := cmp.Diff(string(archive.Files[1].Data), b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestNumbers sees that each way of writing a requirement gives its number as written, and its text.
func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		source                     string
		id, title, text, prio, kin string
	}{
		{"- **FR-1** (must): A member borrows.", "FR-1", "", "A member borrows.", "must", "functional"},
		{"- **FR-1 (should):** A member borrows.", "FR-1", "", "A member borrows.", "should", "functional"},
		{"- **FR-1:** A member may borrow.", "FR-1", "", "A member may borrow.", "could", "functional"},
		{"- FR1: A member borrows.", "FR1", "", "A member borrows.", "must", "functional"},
		{"* FR 1 - A member should borrow.", "FR 1", "", "A member should borrow.", "should", "functional"},
		{"- [FR-01] [could] A member borrows.", "FR-01", "", "A member borrows.", "could", "functional"},
		{"- **REQ-001: Borrow** A member borrows.", "REQ-001", "Borrow", "A member borrows.", "must", "functional"},
		{"- **REQ-001: Borrow.** (low) A member borrows.", "REQ-001", "Borrow", "A member borrows.", "could", "functional"},
		{"- **FR-1.2** **Borrow**: A member borrows.", "FR-1.2", "Borrow", "A member borrows.", "must", "functional"},
		{"- **NFR-1**: It answers in 1 s.", "NFR-1", "", "It answers in 1 s.", "must", "non-functional"},
		{"**FR-1** (must): A member borrows.", "FR-1", "", "A member borrows.", "must", "functional"},
		{"### FR-1: Borrow (should)\n\nA member borrows.", "FR-1", "Borrow", "A member borrows.", "should", "functional"},
		{"### **FR-1** – Borrow\n\nPriority: could\n\nA member borrows.", "FR-1", "Borrow", "A member borrows.", "could", "functional"},
		{"### FR-1: A member borrows.", "FR-1", "A member borrows.", "A member borrows.", "must", "functional"},
		{"3. A member borrows.", "FR-3", "", "A member borrows.", "must", "functional"},
		{"1. FR-7: A member borrows.", "FR-7", "", "A member borrows.", "must", "functional"},
		{"| ID | Requirement | Priority |\n|---|---|---|\n| FR-1 | A member borrows. | Should |", "FR-1", "", "A member borrows.", "should", "functional"},
		{"| Requirement | MoSCoW |\n|---|---|\n| FR-1: A member borrows. | must |", "FR-1", "", "A member borrows.", "must", "functional"},
		{"- US-4: As a member I want `a \\| b`.", "US-4", "", "As a member I want `a \\| b`.", "must", "functional"},
	} {
		read, err := frd.Parse("# Title\n\n## Functional requirements\n\n" + c.source + "\n")
		if err != nil {
			t.Fatal(err)
		}
		if len(read.Requirements) != 1 || len(read.Issues) != 0 {
			t.Errorf("%s\ngot %+v, issues %+v", c.source, read.Requirements, read.Issues)
			continue
		}
		q := read.Requirements[0]
		want := pipeline.Requirement{ID: c.id, Title: c.title, Text: c.text, Priority: c.prio, Kind: c.kin, Section: "Functional requirements", Line: q.Line}
		if diff := cmp.Diff(want, q); diff != "" {
			t.Errorf("%s\n%s", c.source, diff)
		}
	}
}

// TestNested sees that a requirement under another is one of its own, and that a mention is none.
func TestNested(t *testing.T) {
	t.Parallel()
	read, err := frd.Parse("## Requirements\n\n- FR-1: A.\n  - FR-1.1: B.\n  - **FR-2**: C.\n  - FR-3 comes first.\n- FR-3: D.\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, q := range read.Requirements {
		got = append(got, q.ID+" "+q.Text)
	}
	if diff := cmp.Diff([]string{"FR-1 A.\n- FR-3 comes first.", "FR-1.1 B.", "FR-2 C.", "FR-3 D."}, got); diff != "" {
		t.Error(diff)
	}
}

func TestIssues(t *testing.T) {
	t.Parallel()
	const head = "# Title\n\n## Functional requirements\n\n- **FR-1**: A member borrows.\n"
	for _, c := range []struct {
		source string
		rule   string
		line   int
	}{
		{"# Title\n\nNothing.\n", frd.NoRequirements, 0},
		{"", frd.NoRequirements, 0},
		{head + "- FR1: Again.\n", frd.DuplicateID, 6},
		{head + "- A member returns.\n", frd.Unnumbered, 6},
		{head + "- **FR-2**\n", frd.EmptyRequirement, 6},
		{head + "\n## Endpoints\n\n| Method | Path | Requirements |\n|---|---|---|\n| GET | /a | FR-1, FR-9 |\n", frd.UnknownRequirement, 11},
		{head + "\n## Endpoints\n\n| Method | Path |\n|---|---|\n| FETCH | /a |\n", frd.BadEndpoint, 11},
		{head + "\n## Endpoints\n\n| Method | Path |\n|---|---|\n| GET | a |\n", frd.BadEndpoint, 11},
		{head + "\n## Endpoints\n\n- FETCH /a: no\n", frd.BadEndpoint, 9},
		{head + "\n## Commands\n\n- `add`: adds (FR-2)\n", frd.UnknownRequirement, 9},
		{head + "\n## Entities\n\n### Loan\n\nBelongs to Member.\n", frd.UnknownEntity, 9},
	} {
		read, err := frd.Parse(c.source)
		if err != nil {
			t.Fatal(err)
		}
		if len(read.Issues) != 1 || read.Issues[0].Rule != c.rule || read.Issues[0].Line != c.line {
			t.Errorf("%q\ngot %+v, want %s on line %d", c.source, read.Issues, c.rule, c.line)
		}
	}
	if _, err := frd.Parse(strings.Repeat("a", frd.MaxBytes+1)); !errors.Is(err, frd.ErrTooLarge) {
		t.Errorf("a document over the limit: %v", err)
	}
}

// FuzzParse reads anything: it must not panic, must end, and numbers must be unique and known where they are named.
func FuzzParse(f *testing.F) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(archive.Files[0].Data))
	}
	f.Add("## Features\n- - - **F-1**\n  - Acceptance:\n    - a\n## API\n- `get` `/x`\n## Data\n- **A**: b (c), [d\n|a|\n|-|\n|b|")
	f.Add("# Requirements\n1) x\n   > Priority: low\n\n   ```\n   y\n   ```\nFR-1 to FR-99999999999999999999")
	f.Fuzz(func(t *testing.T, document string) {
		read, err := frd.Parse(document)
		if err != nil {
			return
		}
		ids := map[string]bool{}
		for _, q := range read.Requirements {
			if ids[q.ID] || q.ID == "" || q.Text == "" || q.Priority == "" || q.Kind == "" {
				t.Errorf("requirement %+v is not whole, or there twice", q)
			}
			ids[q.ID] = true
		}
		for _, e := range read.Entities {
			for _, id := range e.Requirements {
				if !ids[id] {
					t.Errorf("entity %s names %s", e.Name, id)
				}
			}
		}
		for _, e := range read.Endpoints {
			for _, id := range e.Requirements {
				if !ids[id] {
					t.Errorf("endpoint %s names %s", e.Path, id)
				}
			}
		}
		if len(read.Requirements) == 0 && len(read.Issues) == 0 {
			t.Error("a document without requirements is fine")
		}
	})
}
