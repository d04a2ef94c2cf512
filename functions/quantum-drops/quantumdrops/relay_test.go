package quantumdrops_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/functions/quantum-drops/quantumdrops"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/dropclient"
	"github.com/quantumlayer-dev/quantumlayer/shared/event"
	"github.com/quantumlayer-dev/quantumlayer/shared/runner"
)

// scriptedBroker answers as it is told, and keeps what it took.
type scriptedBroker struct {
	mu     sync.Mutex
	answer func(r *http.Request) int
	asked  int
	taken  map[string]int // how often, by the ID of the event
	last   http.Header
	body   string
}

func (b *scriptedBroker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	b.asked++
	answer := b.answer
	b.mu.Unlock()
	status := http.StatusAccepted
	if answer != nil {
		status = answer(r)
	}
	if status == http.StatusUnprocessableEntity {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		fmt.Fprint(w, `{"code":"unprocessable","status":422,"detail":"no"}`)
		return
	}
	w.WriteHeader(status)
	if status != http.StatusAccepted {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.taken == nil {
		b.taken = map[string]int{}
	}
	b.taken[r.Header.Get("ce-id")]++
	b.last, b.body = r.Header, string(body)
}

func (b *scriptedBroker) script(answer func(*http.Request) int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

// wait waits until the Broker has what is asked for.
func (b *scriptedBroker) wait(t *testing.T, what string, has func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		b.mu.Lock()
		ok := has()
		b.mu.Unlock()
		if ok {
			return
		}
	}
	t.Fatalf("%s: not in time; asked %d times, took %v", what, b.asked, slices.Collect(maps.Keys(b.taken)))
}

func (b *scriptedBroker) waitFor(t *testing.T, ids ...string) {
	t.Helper()
	b.wait(t, "the events of all drops", func() bool {
		return !slices.ContainsFunc(ids, func(id string) bool { return b.taken[id] == 0 })
	})
}

func status(code int) func(*http.Request) int { return func(*http.Request) int { return code } }

// startAnnouncing runs the function with a sink; the same folder keeps the drops over restarts.
func startAnnouncing(t *testing.T, dir, sink string) (base string, stop func()) {
	t.Helper()
	service, err := quantumdrops.New(t.Context(), runner.Environ{
		"QL_DATABASE_URL": "sqlite:" + filepath.Join(dir, "drops.db"), "QL_BLOBS_URL": "file://" + filepath.Join(dir, "blobs"), "K_SINK": sink,
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	server := httptest.NewServer(runner.Handler(t.Context(), service, quantumdrops.MaxBody))
	stop = sync.OnceFunc(func() {
		server.Close()
		if err := service.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	t.Cleanup(stop)
	return server.URL, stop
}

// storeFiles stores n drops and fails when that is held up.
func storeFiles(t *testing.T, base, prefix string, n int) (ids []string) {
	t.Helper()
	var drops []drop.Drop
	for i := range n {
		d := sealed(t, fmt.Sprintf("%s/%d.go", prefix, i), fmt.Sprintf("package %s // %d", prefix, i), nil)
		drops, ids = append(drops, d), append(ids, d.ID)
	}
	began := time.Now()
	if err := dropclient.New(base).Store(t.Context(), drops); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("storing took %v", took)
	}
	return ids
}

func TestEveryStoredDropIsAnnounced(t *testing.T) {
	t.Parallel()
	b := &scriptedBroker{}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	base, _ := startAnnouncing(t, t.TempDir(), server.URL)
	ids := storeFiles(t, base, "one", 1)
	b.waitFor(t, ids...)
	d, err := dropclient.New(base).Get(t.Context(), "", ids[0])
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	for name, want := range map[string]string{
		"ce-type": event.DropStored, "ce-source": "/v1/drops", "ce-id": d.ID, "ce-subject": "wf/1 ?", "ce-stage": d.Stage, "ce-droptype": "file",
		"ce-specversion": "1.0", "Content-Type": "application/json", "ce-time": d.Timestamp.Format(time.RFC3339Nano),
	} {
		if got := b.last.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	var got drop.Announcement
	if err := json.Unmarshal([]byte(b.body), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.Announcement(), got); diff != "" || strings.Contains(b.body, "package one") {
		t.Errorf("%s (-want +got):\n%s", b.body, diff)
	}
	b.mu.Unlock()

	// More than a batch, and again what is there already: each is told once.
	ids = append(storeFiles(t, base, "many", 200), ids...)
	storeFiles(t, base, "many", 200)
	b.waitFor(t, ids...)
	time.Sleep(500 * time.Millisecond)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.taken) != len(ids) || b.asked != len(ids) {
		t.Errorf("%d drops: %d events, sent %d times", len(ids), len(b.taken), b.asked)
	}
}

func TestABrokerInTroubleHoldsNothingUpAndLosesNothing(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(t *testing.T, b *scriptedBroker) (over func()){
		"503": func(_ *testing.T, b *scriptedBroker) func() {
			b.script(status(http.StatusServiceUnavailable))
			return func() { b.script(nil) }
		},
		"no such Broker yet": func(_ *testing.T, b *scriptedBroker) func() {
			b.script(status(http.StatusNotFound))
			return func() { b.script(nil) }
		},
		"slow": func(t *testing.T, b *scriptedBroker) func() {
			held := make(chan struct{})
			release := sync.OnceFunc(func() { close(held) })
			t.Cleanup(release)
			b.script(func(*http.Request) int { <-held; return http.StatusAccepted })
			return release
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &scriptedBroker{}
			server := httptest.NewServer(b)
			t.Cleanup(server.Close)
			over := trouble(t, b)
			base, _ := startAnnouncing(t, t.TempDir(), server.URL)
			ids := storeFiles(t, base, "first", 20)
			b.wait(t, "a first try", func() bool { return b.asked > 0 })
			ids = append(ids, storeFiles(t, base, "second", 20)...)
			over()
			b.waitFor(t, ids...)
		})
	}
}

func TestWhatIsNotAnnouncedGoesOutAfterARestart(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sink := "http://" + ln.Addr().String()
	ln.Close() // nobody there
	dir := t.TempDir()
	base, stop := startAnnouncing(t, dir, sink)
	ids := storeFiles(t, base, "early", 3)
	began := time.Now()
	stop()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("ending took %v", took)
	}
	b := &scriptedBroker{}
	if ln, err = net.Listen("tcp", strings.TrimPrefix(sink, "http://")); err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	server := &http.Server{Handler: b}
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { server.Close() })
	_, stop = startAnnouncing(t, dir, sink)
	b.waitFor(t, ids...)
	stop()
	// What was taken is marked before the function ends.
	_, stop = startAnnouncing(t, dir, sink)
	time.Sleep(500 * time.Millisecond)
	stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.asked != len(ids) {
		t.Errorf("%d drops were sent %d times", len(ids), b.asked)
	}
}

// A sender that hangs is cut when the function ends; the drop stays to be announced.
func TestEndingDoesNotWaitForTheBroker(t *testing.T) {
	t.Parallel()
	b := &scriptedBroker{}
	held := make(chan struct{})
	b.script(func(*http.Request) int { <-held; return http.StatusAccepted })
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(held) })
	base, stop := startAnnouncing(t, t.TempDir(), server.URL)
	storeFiles(t, base, "held", 1)
	b.wait(t, "a first try", func() bool { return b.asked > 0 })
	began := time.Now()
	stop()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("ending took %v", took)
	}
}

func TestRefusedEventsAndDeadLetters(t *testing.T) {
	t.Parallel()
	b := &scriptedBroker{}
	b.script(func(r *http.Request) int {
		if r.Header.Get("ce-stage") == "odd" {
			return http.StatusUnprocessableEntity
		}
		return http.StatusAccepted
	})
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	base, _ := startAnnouncing(t, t.TempDir(), server.URL)
	odd := sealed(t, "odd.go", "package odd", func(d *drop.Drop) { d.Stage = "odd" })
	if err := dropclient.New(base).Store(t.Context(), []drop.Drop{odd}); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(base+"/v1/dead-letters", "application/cloudevents+json", strings.NewReader(`{"specversion":"1.0","id":"1","type":"t","source":"/s"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	b.wait(t, "the refusal", func() bool { return b.asked == 1 })
	b.waitFor(t, storeFiles(t, base, "good", 1)...)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.asked != 2 {
		t.Errorf("asked %d times: a refused event or a dead letter came again", b.asked)
	}
}

func TestASinkThatIsNoURL(t *testing.T) {
	t.Parallel()
	_, err := quantumdrops.New(t.Context(), runner.Environ{"QL_DATABASE_URL": "sqlite:x", "QL_BLOBS_URL": "file://x", "K_SINK": "broker"})
	if err == nil || !strings.Contains(err.Error(), "K_SINK") {
		t.Errorf("%v", err)
	}
}
