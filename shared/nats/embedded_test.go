package nats_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/quantumlayer-dev/quantumlayer/shared/filelock"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats/embedded"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats/natstest"
)

const childWorkflow = "killed-workflow"

// childVariable names the folder in which the test binary, as a process of its
// own, publishes until it is killed.
const childVariable = "NATS_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		fmt.Fprintln(os.Stderr, publishForever(context.Background(), dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func openEmbedded(t *testing.T, dir string) *nats.Log {
	t.Helper()
	log, err := nats.Open(t.Context(), nats.Options{URL: "embedded:" + dir, Embedded: embedded.Start})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func closeLog(t *testing.T, log *nats.Log) {
	t.Helper()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestEmbedded(t *testing.T) {
	t.Parallel()
	natstest.Run(t, func(t *testing.T) *nats.Log { return openEmbedded(t, t.TempDir()) })
}

func TestEmbeddedIsSharedByItsURL(t *testing.T) {
	t.Parallel()
	log := openEmbedded(t, t.TempDir())
	defer closeLog(t, log)
	other := openURL(t, log.URL())
	defer closeLog(t, other)
	workflow := natstest.NewWorkflowID()
	natstest.Publish(t, log, natstest.NewEvent(workflow, 1))
	natstest.Publish(t, other, natstest.NewEvent(workflow, 1), natstest.NewEvent(workflow, 2))
	if diff := cmp.Diff(natstest.Read(t, log, workflow, 0, 2), natstest.Read(t, other, workflow, 0, 2)); diff != "" {
		t.Errorf("what the two read differs:\n%s", diff)
	}

	address, err := url.Parse(log.URL())
	if err != nil {
		t.Fatal(err)
	}
	if ip := net.ParseIP(address.Hostname()); !ip.IsLoopback() {
		t.Errorf("the server listens on %s", address.Host)
	}
	if _, err := nats.Open(t.Context(), nats.Options{URL: "nats://" + address.Host}); err == nil {
		t.Error("opened without the server's token")
	}
}

func TestEmbeddedKeepsEventsOverARestart(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	options := nats.Options{URL: "embedded:", DataDir: filepath.Join(data, "not", "there", "yet"), Embedded: embedded.Start}
	workflow := natstest.NewWorkflowID()
	for restart := range 3 {
		log, err := nats.Open(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		// The first event is the same each time, as when an activity runs again.
		natstest.Publish(t, log, natstest.NewEvent(workflow, 0), natstest.NewEvent(workflow, restart+1))
		var ids []string
		for _, event := range natstest.Read(t, log, workflow, 0, restart+2) {
			ids = append(ids, event.ID)
		}
		if diff := cmp.Diff([]string{"event-0", "event-1", "event-2", "event-3"}[:restart+2], ids); diff != "" {
			t.Errorf("start %d (-want +got):\n%s", restart, diff)
		}
		closeLog(t, log)
	}
}

// publishForever prints the number of each event after it was published.
func publishForever(ctx context.Context, dir string) error {
	log, err := nats.Open(ctx, nats.Options{URL: "embedded:" + dir, Embedded: embedded.Start})
	if err != nil {
		return err
	}
	for number := 0; ; number++ {
		if err := log.Publish(ctx, natstest.NewEvent(childWorkflow, number)); err != nil {
			return err
		}
		fmt.Println(number)
	}
}

func TestEmbeddedKeepsEventsOverAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+dir)
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	const killAfter = 200
	last := -1
	for scanner := bufio.NewScanner(output); scanner.Scan(); {
		if last, err = strconv.Atoi(scanner.Text()); err != nil {
			t.Fatalf("child printed %q", scanner.Text())
		}
		if last == killAfter/2 {
			_, err := nats.Open(t.Context(), nats.Options{URL: "embedded:" + dir, Embedded: embedded.Start})
			if held := new(filelock.HeldError); !errors.As(err, &held) || held.PID != child.Process.Pid {
				t.Errorf("open a folder that process %d uses: got error %v", child.Process.Pid, err)
			}
		}
		if last == killAfter {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || last < killAfter {
		t.Fatalf("child ended with %v after event %d, want it killed after %d", err, last, killAfter)
	}

	log := openEmbedded(t, dir)
	defer closeLog(t, log)
	// One event more may be there: stored, but its number not printed.
	events := natstest.Read(t, log, childWorkflow, 0, last+1)
	for number, event := range events {
		want := natstest.NewEvent(childWorkflow, number)
		want.Sequence = uint64(number) + 1
		if diff := cmp.Diff(want, event); diff != "" {
			t.Fatalf("event %d (-want +got):\n%s", number, diff)
		}
	}
	natstest.Publish(t, log, natstest.NewEvent(childWorkflow, last), natstest.NewEvent(childWorkflow, last+2))
	var ids []string
	for event, err := range log.Subscribe(t.Context(), childWorkflow, events[last].Sequence) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, event.ID)
		if event.ID == fmt.Sprintf("event-%d", last+2) {
			break
		}
		if len(ids) > 2 {
			t.Fatalf("after the kill: got %v, the first of them published before", ids)
		}
	}
}

func TestEmbeddedLeavesNothingRunning(t *testing.T) {
	// Not parallel: it counts goroutines.
	before := goleak.IgnoreCurrent()
	log := openEmbedded(t, t.TempDir())
	workflow := natstest.NewWorkflowID()
	natstest.Publish(t, log, natstest.NewEvent(workflow, 1))
	natstest.Read(t, log, workflow, 0, 1)
	closeLog(t, log)
	goleak.VerifyNone(t, before)
}

func TestEmbeddedCannotStart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	blocked := t.TempDir() // the server's own folder cannot be made here
	if err := os.WriteFile(filepath.Join(blocked, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ path, want string }{
		"no path":         {"", "embedded: needs a path or a data directory"},
		"a file":          {file, "not a directory"},
		"below a file":    {filepath.Join(file, "events"), "not a directory"},
		"unusable folder": {blocked, "JetStream"},
	} {
		_, err := nats.Open(t.Context(), nats.Options{URL: "embedded:" + test.path, Embedded: embedded.Start})
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), test.path) {
			t.Errorf("%s: got error %v, want one about %q and %s", name, err, test.want, test.path)
		}
	}
	// A failed start gives its lock back.
	if err := os.Remove(filepath.Join(blocked, "jetstream")); err != nil {
		t.Fatal(err)
	}
	closeLog(t, openEmbedded(t, blocked))
}
