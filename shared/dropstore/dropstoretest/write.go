package dropstoretest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
)

func roundTrip(t *testing.T, f fixture) {
	for name, body := range map[string][]byte{
		"text":                []byte("héllo 'world' \\ \"quoted\" $1 ?1\n"),
		"empty":               {},
		"largest inline":      []byte(strings.Repeat("x", 64<<10)),
		"first in a blob":     []byte(strings.Repeat("x", 64<<10+1)),
		"NUL":                 []byte("a\x00b"),
		"not UTF-8":           {0xff, 0xfe, 0x00},
		"a megabyte of zeros": make([]byte, 1<<20),
	} {
		want := sealed(t, 0, func(d *drop.Drop) {
			d.Artifact = body
			d.Version = 7
			d.Tenant = "acme"
			d.Metadata = map[string]string{drop.MetadataPath: "dir/" + name, "quote": `"'\`, "empty": ""}
			d.Parents = []string{"drop_00000000000000000000000000000001", "drop_00000000000000000000000000000000"}
			d.Usage = drop.Usage{Provider: "p", Model: "m", InputTokens: 1 << 40, OutputTokens: 2, CachedTokens: 1, CostMicros: 3, Calls: 4}
		})
		put(t, f.store, want)
		if diff := cmp.Diff(want, get(t, f.store, want.ID)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	bare := sealed(t, 0, func(d *drop.Drop) { d.Metadata = nil })
	put(t, f.store, bare)
	if diff := cmp.Diff(bare, get(t, f.store, bare.ID)); diff != "" {
		t.Errorf("without metadata, parents and usage (-want +got):\n%s", diff)
	}
}

func twice(t *testing.T, f fixture) {
	first := sealed(t, 0, nil)
	wantOutcomes(t, put(t, f.store, first), drop.Created)
	// The same drop, made at another time, in another month, by another model.
	second := first
	second.Timestamp = first.Timestamp.AddDate(0, 3, 0)
	second.Usage = drop.Usage{Model: "other"}
	if first.ID != sealed(t, 0, func(d *drop.Drop) { d.Timestamp = second.Timestamp }).ID {
		t.Fatal("the time is part of the ID: this test shows nothing")
	}
	fresh := sealed(t, 1, nil)
	wantOutcomes(t, put(t, f.store, second, fresh), drop.Exists, drop.Created)
	if diff := cmp.Diff(first, get(t, f.store, first.ID)); diff != "" {
		t.Errorf("the first did not stay as it was (-want +got):\n%s", diff)
	}
	wantPaths(t, list(t, f.store, drop.Query{}).Drops, "file0.go", "file1.go")
}

func twiceInOneBatch(t *testing.T, f fixture) {
	d := sealed(t, 0, nil)
	later := d
	later.Timestamp = d.Timestamp.Add(time.Hour)
	wantOutcomes(t, put(t, f.store, d, later, d), drop.Created, drop.Exists, drop.Exists)
	wantPaths(t, list(t, f.store, drop.Query{}).Drops, "file0.go")
}

func emptyBatch(t *testing.T, f fixture) {
	if outcomes := put(t, f.store); len(outcomes) != 0 {
		t.Errorf("outcomes of nothing: %v", outcomes)
	}
}

func allOrNone(t *testing.T, f fixture) {
	good := sealed(t, 0, nil)
	for name, spoil := range map[string]func(*drop.Drop){
		"not sealed":     func(d *drop.Drop) { d.ID = "" },
		"foreign ID":     func(d *drop.Drop) { d.ID = good.ID },
		"other artifact": func(d *drop.Drop) { d.Artifact = []byte("changed") },
		"no artifact":    func(d *drop.Drop) { d.Artifact = nil },
	} {
		bad := sealed(t, 1, nil)
		spoil(&bad)
		if _, err := f.store.Put(t.Context(), []drop.Drop{good, bad}); !errors.Is(err, drop.ErrInvalid) {
			t.Errorf("%s: error %v, want ErrInvalid", name, err)
		}
	}
	wantPaths(t, list(t, f.store, drop.Query{}).Drops)
}

func concurrentWriters(t *testing.T, f fixture) {
	const writers, size = 8, 20
	batch := make([]drop.Drop, size)
	for i := range batch {
		batch[i] = sealed(t, i, nil)
	}
	var created atomic.Int64
	var wg sync.WaitGroup
	for w := range writers {
		// The same drops in another order, which is how deadlocks are made.
		own := append(append([]drop.Drop{}, batch[w:]...), batch[:w]...)
		wg.Go(func() {
			outcomes, err := f.store.Put(t.Context(), own)
			if err != nil {
				t.Errorf("Put: %v", err)
			}
			for _, outcome := range outcomes {
				if outcome == drop.Created {
					created.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if created.Load() != size {
		t.Errorf("%d drops were reported as new, want each of %d once", created.Load(), size)
	}
	if got := len(list(t, f.store, drop.Query{}).Drops); got != size {
		t.Errorf("the store has %d drops, want %d", got, size)
	}
}

func alteredRow(t *testing.T, f fixture) {
	d, other := sealed(t, 0, nil), sealed(t, 1, nil)
	put(t, f.store, d)
	f.execute("UPDATE quantum_drops SET sha256 = " + quote(other.SHA256))
	if _, err := f.store.Put(t.Context(), []drop.Drop{other, d}); !errors.Is(err, drop.ErrConflict) {
		t.Errorf("error %v, want ErrConflict", err)
	}
	if _, err := f.store.Get(t.Context(), other.ID); !errors.Is(err, drop.ErrNotFound) {
		t.Errorf("a part of the batch was stored: error %v, want ErrNotFound", err)
	}
}

func damagedArtifact(t *testing.T, f fixture) {
	d := sealed(t, 0, nil)
	put(t, f.store, d)
	f.execute("UPDATE quantum_drops SET artifact = 'b0dy 0'")
	if _, err := f.store.Get(t.Context(), d.ID); !errors.Is(err, drop.ErrCorrupt) {
		t.Errorf("error %v, want ErrCorrupt", err)
	}
}

func lostBlob(t *testing.T, f fixture) {
	d := sealed(t, 0, func(d *drop.Drop) { d.Artifact = make([]byte, 100) })
	put(t, f.store, d)
	if err := os.Remove(filepath.Join(f.blobDir, d.SHA256[:2], d.SHA256[2:4], d.SHA256)); err != nil {
		t.Fatalf("the artifact is not in the blob store: %v", err)
	}
	if _, err := f.store.Get(t.Context(), d.ID); !errors.Is(err, drop.ErrCorrupt) {
		t.Errorf("error %v, want ErrCorrupt", err)
	}
	// Storing the drop again brings the body back, though the row is there.
	wantOutcomes(t, put(t, f.store, d), drop.Exists)
	get(t, f.store, d.ID)
}

func endedContext(t *testing.T, f fixture) {
	d := sealed(t, 0, nil)
	put(t, f.store, d)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, getErr := f.store.Get(ctx, d.ID)
	_, listErr := f.store.List(ctx, drop.Query{})
	_, stagesErr := f.store.Stages(ctx, "", "wf")
	_, putErr := f.store.Put(ctx, []drop.Drop{sealed(t, 1, nil)})
	for call, err := range map[string]error{
		"Get": getErr, "List": listErr, "Stages": stagesErr, "Put": putErr, "Ping": f.store.Ping(ctx),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v, want Canceled", call, err)
		}
	}
	wantPaths(t, list(t, f.store, drop.Query{}).Drops, "file0.go")
}

// The store tells apart what differs in case, form or trailing space alone, and
// takes any time that a drop may have.
func oddNames(t *testing.T, f fixture) {
	var want []drop.Drop
	for i, name := range []string{"A", "a", "a ", "é", "e\u0301", "%", "_", "\U0001F600"} {
		want = append(want, sealed(t, i, func(d *drop.Drop) {
			d.WorkflowID = name
			d.Metadata[drop.MetadataPath] = name
			d.Timestamp = time.Date(1970+i*1000, time.January, 1, 0, 0, i, 0, time.UTC)
		}))
	}
	put(t, f.store, want...)
	for _, d := range want {
		wantPaths(t, list(t, f.store, drop.Query{WorkflowID: d.WorkflowID}).Drops, d.Name())
		if diff := cmp.Diff(d, get(t, f.store, d.ID)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", d.Name(), diff)
		}
	}
}

func usableAfterFailure(t *testing.T, f fixture) {
	d := sealed(t, 0, nil)
	put(t, f.store, d)
	f.execute("UPDATE quantum_drops SET sha256 = 'x'")
	for range 20 { // more often than any pool has connections
		if _, err := f.store.Put(t.Context(), []drop.Drop{d}); !errors.Is(err, drop.ErrConflict) {
			t.Fatalf("error %v, want ErrConflict", err)
		}
	}
	wantOutcomes(t, put(t, f.store, sealed(t, 1, nil)), drop.Created)
}

func announcements(t *testing.T, f fixture) {
	unannounced := func(limit int) []drop.Drop {
		t.Helper()
		found, err := f.store.Unannounced(t.Context(), limit)
		if err != nil {
			t.Fatalf("Unannounced: %v", err)
		}
		return found
	}
	announced := func(ids ...string) {
		t.Helper()
		if err := f.store.Announced(t.Context(), ids...); err != nil {
			t.Fatalf("Announced: %v", err)
		}
	}
	if found := unannounced(10); len(found) != 0 {
		t.Errorf("an empty store has %v to announce", found)
	}
	// Stored in another order than they were made, in two months.
	var drops []drop.Drop
	for _, n := range []int{2, 0, 3, 1} {
		drops = append(drops, sealed(t, n, nil))
	}
	letter := sealed(t, 0, func(d *drop.Drop) { d.Stage, d.Type, d.Metadata = drop.DeadLetterStage, drop.TypeEvent, nil })
	put(t, f.store, append(drops, letter)...)
	wantPaths(t, unannounced(10), "file0.go", "file1.go", "file2.go", "file3.go")
	first := unannounced(1)
	wantPaths(t, first, "file0.go")
	want := drops[1]
	want.Artifact = nil
	if diff := cmp.Diff(want, first[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	announced(drops[0].ID, drops[1].ID, "drop_00000000000000000000000000000000")
	announced(drops[1].ID)
	announced()
	wantPaths(t, unannounced(10), "file1.go", "file3.go")
	// What is there already is not announced again, and what is marked stays readable.
	put(t, f.store, drops...)
	wantPaths(t, unannounced(10), "file1.go", "file3.go")
	if diff := cmp.Diff(drops[0], get(t, f.store, drops[0].ID)); diff != "" {
		t.Errorf("a marked drop (-want +got):\n%s", diff)
	}
	// Replicas mark at the same time.
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() { announced(drops[2].ID, drops[3].ID) })
	}
	group.Wait()
	if found := unannounced(10); len(found) != 0 {
		t.Errorf("left: %v", found)
	}
}
