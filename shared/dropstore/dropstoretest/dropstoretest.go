// Package dropstoretest is the conformance suite of dropstore.Store.
package dropstoretest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/blob"
	"github.com/quantumlayer-dev/quantumlayer/shared/blob/file"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropstore"
)

// Open returns a new, empty store on the given blobs, and a function that runs an
// SQL statement on its database behind its back. Both end with the test.
type Open func(t *testing.T, blobs blob.Store) (store dropstore.Store, execute func(statement string))

// fixture is what a test of the suite gets.
type fixture struct {
	store dropstore.Store
	// execute damages the database; blobDir is where to damage blobs.
	execute func(statement string)
	blobDir string
}

// Run checks that the stores that open returns keep the contract.
func Run(t *testing.T, open Open) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, fixture){
		"round trip":                roundTrip,
		"twice":                     twice,
		"twice in one batch":        twiceInOneBatch,
		"empty batch":               emptyBatch,
		"all or none":               allOrNone,
		"writers at the same time":  concurrentWriters,
		"altered row":               alteredRow,
		"damaged artifact":          damagedArtifact,
		"lost blob":                 lostBlob,
		"not found":                 notFound,
		"invalid queries":           invalidQueries,
		"list by each field":        listByField,
		"pages":                     pages,
		"pages with artifacts":      pagesWithArtifacts,
		"search":                    search,
		"latest":                    latest,
		"stages":                    stages,
		"announcements":             announcements,
		"ended context":             endedContext,
		"odd names and timestamps":  oddNames,
		"usable after a failed put": usableAfterFailure,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			blobs, err := file.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			store, execute := open(t, blobs)
			test(t, fixture{store: store, execute: execute, blobDir: dir})
		})
	}
}

// start is the time of the suite's first drop.
var start = time.Date(2025, time.December, 31, 23, 59, 58, 123456000, time.UTC)

// sealed is a drop of workflow "wf" made n seconds after start.
func sealed(t *testing.T, n int, change func(*drop.Drop)) drop.Drop {
	t.Helper()
	d := drop.Drop{
		WorkflowID: "wf",
		Stage:      "code-generation",
		Type:       drop.TypeFile,
		Timestamp:  start.Add(time.Duration(n) * time.Second),
		Artifact:   fmt.Appendf(nil, "body %d", n),
		Metadata:   map[string]string{drop.MetadataPath: fmt.Sprintf("file%d.go", n)},
	}
	if change != nil {
		change(&d)
	}
	d, err := drop.Seal(d)
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return d
}

func put(t *testing.T, s dropstore.Store, drops ...drop.Drop) []drop.Outcome {
	t.Helper()
	outcomes, err := s.Put(t.Context(), drops)
	if err != nil {
		t.Fatalf("Put: %v", err)
	}
	return outcomes
}

func get(t *testing.T, s dropstore.Store, id string) drop.Drop {
	t.Helper()
	d, err := s.Get(t.Context(), id)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	return d
}

func list(t *testing.T, s dropstore.Store, q drop.Query) drop.Page {
	t.Helper()
	page, err := s.List(t.Context(), q)
	if err != nil {
		t.Fatalf("List(%+v): %v", q, err)
	}
	return page
}

// wantOutcomes compares what Put said.
func wantOutcomes(t *testing.T, got []drop.Outcome, want ...drop.Outcome) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// wantPaths compares the paths of drops, in order.
func wantPaths(t *testing.T, got []drop.Drop, want ...string) {
	t.Helper()
	var paths []string
	for _, d := range got {
		paths = append(paths, d.Name())
	}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("drops (-want +got):\n%s", diff)
	}
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
