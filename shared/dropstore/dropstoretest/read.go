package dropstoretest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
)

func notFound(t *testing.T, f fixture) {
	put(t, f.store, sealed(t, 0, nil))
	for _, id := range []string{"", "drop_", "drop_" + strings.Repeat("0", 32), "'; DROP TABLE quantum_drops; --"} {
		if _, err := f.store.Get(t.Context(), id); !errors.Is(err, drop.ErrNotFound) {
			t.Errorf("Get(%q): error %v, want ErrNotFound", id, err)
		}
	}
	if page := list(t, f.store, drop.Query{WorkflowID: "none"}); len(page.Drops) != 0 || page.Next != "" {
		t.Errorf("an unknown workflow has %+v", page)
	}
	if _, err := f.store.Latest(t.Context(), drop.Query{WorkflowID: "none"}); !errors.Is(err, drop.ErrNotFound) {
		t.Errorf("Latest: error %v, want ErrNotFound", err)
	}
	if stages, err := f.store.Stages(t.Context(), "", "none"); err != nil || len(stages) != 0 {
		t.Errorf("Stages of an unknown workflow: %v, %v", stages, err)
	}
}

func invalidQueries(t *testing.T, f fixture) {
	for name, q := range map[string]drop.Query{
		"limit":       {Limit: -1},
		"cursor":      {Cursor: "x"},
		"punctuation": {Text: "?!"},
	} {
		if _, err := f.store.List(t.Context(), q); !errors.Is(err, drop.ErrInvalid) {
			t.Errorf("%s: error %v, want ErrInvalid", name, err)
		}
	}
	if _, err := f.store.Latest(t.Context(), drop.Query{Stage: "?"}); !errors.Is(err, drop.ErrInvalid) {
		t.Errorf("Latest: error %v, want ErrInvalid", err)
	}
	if _, err := f.store.Stages(t.Context(), "a\nb", "wf"); !errors.Is(err, drop.ErrInvalid) {
		t.Errorf("Stages: error %v, want ErrInvalid", err)
	}
}

func listByField(t *testing.T, f fixture) {
	put(t, f.store,
		sealed(t, 3, func(d *drop.Drop) { d.Stage = "documentation" }),
		sealed(t, 1, func(d *drop.Drop) { d.WorkflowID = "other" }),
		sealed(t, 2, func(d *drop.Drop) { d.Tenant = "acme" }),
		sealed(t, 4, func(d *drop.Drop) { d.Type = drop.TypeVerification }),
		sealed(t, 5, func(d *drop.Drop) { d.Version = 1 }),
		sealed(t, 0, nil),
	)
	zero, one := 0, 1
	for _, tt := range []struct {
		query drop.Query
		want  []string
	}{
		{drop.Query{}, []string{"file0.go", "file1.go", "file3.go", "file4.go", "file5.go"}},
		{drop.Query{Tenant: "acme"}, []string{"file2.go"}},
		{drop.Query{WorkflowID: "wf"}, []string{"file0.go", "file3.go", "file4.go", "file5.go"}},
		{drop.Query{Stage: "documentation"}, []string{"file3.go"}},
		{drop.Query{Type: drop.TypeFile}, []string{"file0.go", "file1.go", "file3.go", "file5.go"}},
		{drop.Query{Version: &one}, []string{"file5.go"}},
		{drop.Query{WorkflowID: "wf", Stage: "code-generation", Type: drop.TypeFile, Version: &zero}, []string{"file0.go"}},
		{drop.Query{WorkflowID: "wf", Tenant: "acme", Stage: "documentation"}, nil},
	} {
		page := list(t, f.store, tt.query)
		wantPaths(t, page.Drops, tt.want...)
		for _, d := range page.Drops {
			if d.Artifact != nil || d.Size == 0 {
				t.Errorf("%+v lists an artifact of %d bytes, size %d", tt.query, len(d.Artifact), d.Size)
			}
		}
	}
}

// walk reads a query's pages to the end.
func walk(t *testing.T, f fixture, q drop.Query) (drops []drop.Drop, sizes []int) {
	t.Helper()
	for {
		page := list(t, f.store, q)
		drops = append(drops, page.Drops...)
		sizes = append(sizes, len(page.Drops))
		if page.Next == "" {
			return drops, sizes
		}
		if len(sizes) > 100 {
			t.Fatal("the pages do not end")
		}
		q.Cursor = page.Next
	}
}

func pages(t *testing.T, f fixture) {
	const n = 10
	var drops []drop.Drop
	for i := range n {
		// Pairs share a timestamp, so that the ID has to decide.
		drops = append(drops, sealed(t, i/2, func(d *drop.Drop) { d.Artifact = fmt.Append(nil, i) }))
	}
	put(t, f.store, drops...)
	all := list(t, f.store, drop.Query{}).Drops
	for _, tt := range []struct {
		limit int
		sizes []int
	}{
		{1, []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}}, {3, []int{3, 3, 3, 1}}, {5, []int{5, 5}}, {n, []int{n}}, {n + 1, []int{n}},
	} {
		got, sizes := walk(t, f, drop.Query{Limit: tt.limit})
		if diff := cmp.Diff(tt.sizes, sizes); diff != "" {
			t.Errorf("limit %d: sizes of the pages (-want +got):\n%s", tt.limit, diff)
		}
		if diff := cmp.Diff(all, got); diff != "" {
			t.Errorf("limit %d: drops (-want +got):\n%s", tt.limit, diff)
		}
	}
}

func pagesWithArtifacts(t *testing.T, f fixture) {
	const quarter = drop.MaxPageBytes / 4
	var want []drop.Drop
	for i, size := range []int{10, drop.MaxPageBytes, 2 * quarter, 2 * quarter, 1, 20} {
		want = append(want, sealed(t, i, func(d *drop.Drop) {
			d.Artifact = []byte(strings.Repeat("x", size-1) + "y")
		}))
	}
	put(t, f.store, want...)
	got, sizes := walk(t, f, drop.Query{WithArtifacts: true, Limit: 4})
	if diff := cmp.Diff([]int{1, 1, 2, 2}, sizes); diff != "" {
		t.Errorf("sizes of the pages (-want +got):\n%s", diff)
	}
	if len(got) != len(want) {
		t.Fatalf("%d drops, want %d", len(got), len(want))
	}
	for i := range want {
		if string(got[i].Artifact) != string(want[i].Artifact) {
			t.Errorf("drop %d has %d bytes that are not the %d put", i, len(got[i].Artifact), len(want[i].Artifact))
		}
	}
}

func search(t *testing.T, f fixture) {
	text := func(path, body string) func(*drop.Drop) {
		return func(d *drop.Drop) {
			d.Metadata[drop.MetadataPath] = path
			d.Artifact = []byte(body)
		}
	}
	put(t, f.store,
		sealed(t, 0, text("loan.go", "func BorrowBook(member Member) error { return errTooMany }")),
		sealed(t, 1, text("internal/library/book.go", "type Book struct{ ISBN string }")),
		sealed(t, 2, text("README.md", "Members borrow at most five books; a loan is due after 21 days. 'AND' or \"NOT\"")),
		sealed(t, 3, text("größe.md", "Die Größe des Regals")),
		sealed(t, 4, text("large.txt", "needle "+strings.Repeat("hay ", 32<<10))),
		sealed(t, 5, func(d *drop.Drop) { text("secret.go", "borrow")(d); d.Tenant = "acme" }),
		sealed(t, 6, func(d *drop.Drop) { text("plan", "borrow")(d); d.Stage = "test-plan-generation" }),
	)
	for _, tt := range []struct {
		query drop.Query
		want  []string
	}{
		{drop.Query{Text: "borrow"}, []string{"loan.go", "README.md", "plan"}},
		{drop.Query{Text: "BORROW book"}, []string{"loan.go"}},
		{drop.Query{Text: "borrowbook"}, []string{"loan.go"}},
		{drop.Query{Text: "BorrowBook(member"}, []string{"loan.go"}},
		{drop.Query{Text: "library book"}, []string{"internal/library/book.go"}},
		{drop.Query{Text: "internal/library/book.go"}, []string{"internal/library/book.go"}},
		{drop.Query{Text: "21 days"}, []string{"README.md"}},
		{drop.Query{Text: "GRÖSSE"}, nil},
		{drop.Query{Text: "GRÖßE"}, []string{"größe.md"}},
		{drop.Query{Text: "and"}, []string{"README.md"}},
		{drop.Query{Text: "NOT loan"}, []string{"README.md"}},
		{drop.Query{Text: "bor"}, nil},
		{drop.Query{Text: "borrow unheard"}, nil},
		{drop.Query{Text: `" OR 1=1 --`}, nil},
		{drop.Query{Text: "needle"}, nil}, // a blob is found by its metadata alone
		{drop.Query{Text: "large"}, []string{"large.txt"}},
		{drop.Query{Text: "borrow", Tenant: "acme"}, []string{"secret.go"}},
		{drop.Query{Text: "borrow", Stage: "test-plan-generation"}, []string{"plan"}},
	} {
		t.Run(tt.query.Text, func(t *testing.T) {
			wantPaths(t, list(t, f.store, tt.query).Drops, tt.want...)
		})
	}
	got, sizes := walk(t, f, drop.Query{Text: "borrow", Limit: 2})
	wantPaths(t, got, "loan.go", "README.md", "plan")
	if diff := cmp.Diff([]int{2, 1}, sizes); diff != "" {
		t.Errorf("sizes of the pages (-want +got):\n%s", diff)
	}
}

func latest(t *testing.T, f fixture) {
	result := func(version int, body string) func(*drop.Drop) {
		return func(d *drop.Drop) {
			d.Type = drop.TypeResult
			d.Metadata = nil
			d.Version = version
			d.Artifact = []byte(body)
		}
	}
	put(t, f.store,
		sealed(t, 9, result(0, "first round, stored late")),
		sealed(t, 1, result(1, "second round")),
		sealed(t, 2, result(1, "second round again")),
		sealed(t, 8, func(d *drop.Drop) { d.Version = 5 }),
		sealed(t, 8, func(d *drop.Drop) { result(6, "elsewhere")(d); d.Stage = "documentation" }),
	)
	q := drop.Query{WorkflowID: "wf", Stage: "code-generation", Type: drop.TypeResult}
	zero := 0
	for _, tt := range []struct {
		version *int
		want    string
	}{{nil, "second round again"}, {&zero, "first round, stored late"}} {
		q.Version = tt.version
		got, err := f.store.Latest(t.Context(), q)
		if err != nil || string(got.Artifact) != tt.want {
			t.Errorf("Latest = %q, %v, want %q", got.Artifact, err, tt.want)
		}
	}
}

func stages(t *testing.T, f fixture) {
	usage := drop.Usage{Model: "m", InputTokens: 10, OutputTokens: 5, CachedTokens: 2, CostMicros: 7, Calls: 1}
	put(t, f.store,
		sealed(t, 5, nil),
		sealed(t, 6, func(d *drop.Drop) { d.Version = 2; d.Usage = usage }),
		sealed(t, 7, func(d *drop.Drop) { d.Type = drop.TypeResult; d.Usage = usage }),
		sealed(t, 1, func(d *drop.Drop) { d.Stage = "frd-generation"; d.Type = drop.TypeResult; d.Artifact = []byte{} }),
		sealed(t, 0, func(d *drop.Drop) { d.WorkflowID = "other" }),
		sealed(t, 0, func(d *drop.Drop) { d.Tenant = "acme" }),
	)
	at := func(n int) time.Time { return sealed(t, n, nil).Timestamp }
	want := []drop.StageSummary{
		{
			Stage: "frd-generation", Drops: 1, Types: map[drop.Type]int64{drop.TypeResult: 1},
			First: at(1), Last: at(1),
		},
		{
			Stage: "code-generation", Drops: 3, Bytes: 18, Version: 2,
			Types: map[drop.Type]int64{drop.TypeFile: 2, drop.TypeResult: 1},
			First: at(5), Last: at(7),
			Usage: drop.Usage{InputTokens: 20, OutputTokens: 10, CachedTokens: 4, CostMicros: 14, Calls: 2},
		},
	}
	got, err := f.store.Stages(t.Context(), "", "wf")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
}
