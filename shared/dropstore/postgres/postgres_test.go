package postgres_test

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/quantumlayer-dev/quantumlayer/shared/blob"
	"github.com/quantumlayer-dev/quantumlayer/shared/blob/file"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropstore"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropstore/dropstoretest"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropstore/postgres"
	"github.com/quantumlayer-dev/quantumlayer/shared/testservices"
)

func open(t *testing.T, url string, blobs blob.Store) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url, blobs)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func newBlobs(t *testing.T) blob.Store {
	t.Helper()
	blobs, err := file.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return blobs
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func execute(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	dropstoretest.Run(t, func(t *testing.T, blobs blob.Store) (dropstore.Store, func(string)) {
		url := testservices.Postgres(t)
		s := open(t, url, blobs)
		return s, func(statement string) { execute(t, connect(t, url), statement) }
	})
}

// Words must not depend on how the server cuts or quotes.
func TestConformanceOfSearchInOtherSettings(t *testing.T) {
	t.Parallel()
	base := testservices.Postgres(t)
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("options", "-c standard_conforming_strings=off -c default_text_search_config=german -c timezone=Asia/Kathmandu")
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	s := open(t, u.String(), newBlobs(t))
	d := seal(t, time.Date(2026, 2, 28, 23, 0, 0, 0, time.UTC), "die Häuser are running")
	if _, err := s.Put(t.Context(), []drop.Drop{d}); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{"die": 1, "häuser": 1, "haus": 0, "running": 1, "run": 0} {
		page, err := s.List(t.Context(), drop.Query{Text: text})
		if err != nil || len(page.Drops) != want {
			t.Errorf("%q finds %d drops, %v, want %d", text, len(page.Drops), err, want)
		}
	}
	got, err := s.Get(t.Context(), d.ID)
	if diff := cmp.Diff(d, got); err != nil || diff != "" {
		t.Errorf("in another time zone: %v (-want +got):\n%s", err, diff)
	}
}

func seal(t *testing.T, moment time.Time, body string) drop.Drop {
	t.Helper()
	d, err := drop.Seal(drop.Drop{WorkflowID: "wf", Stage: "documentation", Type: drop.TypeResult, Timestamp: moment, Artifact: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDropsLieInTheirMonth(t *testing.T) {
	t.Parallel()
	url := testservices.Postgres(t)
	s, conn := open(t, url, newBlobs(t)), connect(t, url)
	now := time.Now().UTC()
	old := time.Date(2001, time.February, 28, 23, 59, 59, 0, time.UTC)
	drops := []drop.Drop{
		seal(t, now, "this month"),
		seal(t, old, "an old one"),
		seal(t, old.Add(time.Second), "one of the month after"),
	}
	if _, err := s.Put(t.Context(), drops); err != nil {
		t.Fatal(err)
	}
	where := func() map[string]string {
		t.Helper()
		rows, err := conn.Query(t.Context(), "SELECT artifact, tableoid::regclass::text FROM quantum_drops")
		if err != nil {
			t.Fatal(err)
		}
		tables := map[string]string{}
		var body, table string
		if _, err := pgx.ForEachRow(rows, []any{&body, &table}, func() error { tables[body] = table; return nil }); err != nil {
			t.Fatal(err)
		}
		return tables
	}
	want := map[string]string{
		"this month":             "quantum_drops_" + now.Format("2006_01"),
		"an old one":             "quantum_drops_default",
		"one of the month after": "quantum_drops_default",
	}
	if diff := cmp.Diff(want, where()); diff != "" {
		t.Errorf("partitions (-want +got):\n%s", diff)
	}
	for range 2 { // the second time does nothing
		if _, err := conn.Exec(t.Context(), "SELECT quantum_drops_add_month($1)", old); err != nil {
			t.Fatal(err)
		}
	}
	want["an old one"] = "quantum_drops_2001_02"
	if diff := cmp.Diff(want, where()); diff != "" {
		t.Errorf("after giving the month a partition (-want +got):\n%s", diff)
	}
	for _, d := range drops {
		got, err := s.Get(t.Context(), d.ID)
		if diff := cmp.Diff(d, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
}

// The schema itself keeps an ID unique over all partitions.
func TestSchemaRefusesASecondTimeForAnID(t *testing.T) {
	t.Parallel()
	url := testservices.Postgres(t)
	s, conn := open(t, url, newBlobs(t)), connect(t, url)
	d := seal(t, time.Now(), "body")
	if _, err := s.Put(t.Context(), []drop.Drop{d}); err != nil {
		t.Fatal(err)
	}
	_, err := conn.Exec(t.Context(), `
		INSERT INTO quantum_drops SELECT id, workflow_id, stage, timestamp - INTERVAL '1 year', artifact, type, metadata,
			tenant, name, sha256, size, version, parents, usage, words FROM quantum_drops`)
	if err == nil || !strings.Contains(err.Error(), "foreign key") {
		t.Errorf("a second row of the same ID: %v, want a foreign key's violation", err)
	}
}

func TestManyMayOpenAtOnce(t *testing.T) {
	t.Parallel()
	url, blobs := testservices.Postgres(t), newBlobs(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := postgres.Open(t.Context(), url, blobs)
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	wg.Wait()
}

// Whoever learns from drops knows those that were there before drops were announced.
func TestWhatIsThereCountsAsAnnounced(t *testing.T) {
	t.Parallel()
	url, blobs := testservices.Postgres(t), newBlobs(t)
	first := open(t, url, blobs)
	var drops []drop.Drop
	for _, text := range []string{"before", "after"} {
		d, err := drop.Seal(drop.Drop{WorkflowID: "wf", Stage: "documentation", Type: drop.TypeResult, Artifact: []byte(text)})
		if err != nil {
			t.Fatal(err)
		}
		drops = append(drops, d)
	}
	if _, err := first.Put(t.Context(), drops[:1]); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, url)
	execute(t, conn, "ALTER TABLE quantum_drops DROP COLUMN announced")
	execute(t, conn, "DELETE FROM quantum_drops_migrations WHERE version_id = 3")
	second := open(t, url, blobs)
	if found, err := second.Unannounced(t.Context(), 10); err != nil || len(found) != 0 {
		t.Errorf("to announce after the migration: %v, %v", found, err)
	}
	if _, err := second.Put(t.Context(), drops[1:]); err != nil {
		t.Fatal(err)
	}
	// A month made later has the column and its index too.
	execute(t, conn, "SELECT quantum_drops_add_month('2031-05-05')")
	if found, err := second.Unannounced(t.Context(), 10); err != nil || len(found) != 1 || found[0].ID != drops[1].ID {
		t.Errorf("to announce: %v, %v", found, err)
	}
}
