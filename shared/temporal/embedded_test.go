package temporal_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/temporal"
	"go.uber.org/goleak"

	"github.com/quantumlayer-dev/quantumlayer/shared/filelock"
	"github.com/quantumlayer-dev/quantumlayer/shared/temporal"
	"github.com/quantumlayer-dev/quantumlayer/shared/temporal/embedded"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

func TestEmbeddedRunsAndFindsWorkflows(t *testing.T) {
	t.Parallel()
	server := open(t, "embedded:"+filepath.Join(t.TempDir(), "new", "folder", "50% & more?#.db"))
	defer closeServer(t, server)
	stop, err := startWorker(server.Client(), says("one"), says("two"))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()

	got, err := execute(t.Context(), server.Client(), client.StartWorkflowOptions{
		ID: workflowID,
		TypedSearchAttributes: sdk.NewSearchAttributes(
			sdk.NewSearchAttributeKeyKeyword(workflow.AttributeStatus).ValueSet("running"),
			sdk.NewSearchAttributeKeyKeyword(workflow.AttributeStage).ValueSet("frd-generation"),
			sdk.NewSearchAttributeKeyKeyword(workflow.AttributeLanguage).ValueSet("go"),
			sdk.NewSearchAttributeKeyKeyword(workflow.AttributeProjectType).ValueSet("auto"),
			sdk.NewSearchAttributeKeyKeyword(workflow.AttributePrompt).ValueSet("A REST API for a lending library"),
		),
	})
	if err != nil || got != "one two" {
		t.Fatalf("got %q, %v", got, err)
	}
	if _, err := execute(t.Context(), server.Client(), client.StartWorkflowOptions{ID: "other"}); err != nil {
		t.Fatal(err)
	}
	query := `QLStatus = 'running' AND QLStage = 'frd-generation' AND QLLanguage IN ('go', 'rust')
		AND QLProjectType = 'auto' AND QLPrompt STARTS_WITH 'A REST API'`
	waitFor(t, func() (bool, error) {
		listed, err := server.Client().ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: query})
		if err != nil {
			return false, err
		}
		if count := len(listed.Executions); count > 1 {
			return false, fmt.Errorf("found %d workflows, want one", count)
		}
		return len(listed.Executions) == 1 && listed.Executions[0].Execution.WorkflowId == workflowID, nil
	})

	namespace, err := server.Client().WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: temporal.Namespace})
	if err != nil {
		t.Fatal(err)
	}
	if got := namespace.Config.WorkflowExecutionRetentionTtl.AsDuration(); got != temporal.Retention {
		t.Errorf("retention is %s, want %s", got, temporal.Retention)
	}
}

// waitFor polls until done.
func waitFor(t *testing.T, done func() (bool, error)) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if ok, err := done(); err != nil {
			t.Fatal(err)
		} else if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("not done after 30 seconds")
		}
	}
}

func TestEmbeddedGoesOnAfterClose(t *testing.T) {
	t.Parallel()
	options := temporal.Options{URL: "embedded:", DataDir: t.TempDir(), Logger: testLogger(t), Embedded: embedded.Start}
	first, err := temporal.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(options.DataDir, "temporal.db*"))
	if err != nil || len(files) < 2 {
		t.Fatalf("found files %v, %v", files, err)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("others may read %s: %v, %v", file, info.Mode(), err)
		}
	}
	begun := client.StartWorkflowOptions{ID: workflowID, TaskQueue: temporal.TaskQueue}
	if _, err := first.Client().ExecuteWorkflow(t.Context(), begun, workflowType); err != nil {
		t.Fatal(err)
	}
	closeServer(t, first)

	// The one file is enough to go on elsewhere. It is a copy because the first
	// server may have something to write still.
	content, err := os.ReadFile(filepath.Join(options.DataDir, "temporal.db"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	second := open(t, "embedded:"+path)
	defer closeServer(t, second)
	stop, err := startWorker(second.Client(), says("one"), says("two"))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	var got string
	if err := second.Client().GetWorkflow(t.Context(), workflowID, "").Get(t.Context(), &got); err != nil || got != "one two" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestEmbeddedGoesOnAfterAKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "temporal.db")
	killed := startChild(t, path)
	killed.expect(t, "open")
	killed.expect(t, "second step")

	_, err := temporal.Open(t.Context(), temporal.Options{URL: "embedded:" + path, Embedded: embedded.Start})
	if held := new(filelock.HeldError); !errors.As(err, &held) || held.PID != killed.Process.Pid {
		t.Errorf("open the file that process %d uses: got error %v", killed.Process.Pid, err)
	}
	killed.kill(t)

	server := open(t, "embedded:"+path)
	defer closeServer(t, server)
	stop, err := startWorker(server.Client(), says("first-done-again"), says("second"))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	var got string
	err = server.Client().GetWorkflow(t.Context(), workflowID, "").Get(t.Context(), &got)
	if want := "first-of-child second"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q: what was done before the kill is not done again", got, err, want)
	}
}

func TestEmbeddedSurvivesKillsWhileStarting(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "temporal.db")
	for _, delay := range []time.Duration{5, 20, 40, 80, 120, 160, 240} {
		killed := startChild(t, path)
		time.Sleep(delay * time.Millisecond)
		if err := killed.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = killed.Wait()
	}
	server := open(t, "embedded:"+path)
	defer closeServer(t, server)
	stop, err := startWorker(server.Client(), says("one"), says("two"))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if got, err := execute(t.Context(), server.Client(), client.StartWorkflowOptions{}); err != nil || got != "one two" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestTwoEmbeddedServersAtOnce(t *testing.T) {
	t.Parallel()
	one := open(t, "embedded:"+filepath.Join(t.TempDir(), "temporal.db"))
	defer closeServer(t, one)
	two := open(t, "embedded:"+filepath.Join(t.TempDir(), "temporal.db"))
	defer closeServer(t, two)
	for name, server := range map[string]*temporal.Server{"one": one, "two": two} {
		address, err := url.Parse(server.URL())
		if err != nil {
			t.Fatal(err)
		}
		if ip := net.ParseIP(address.Hostname()); !ip.IsLoopback() {
			t.Errorf("server %s listens on %s", name, address.Host)
		}
		stop, err := startWorker(server.Client(), says(name), says("done"))
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
	}
	for name, server := range map[string]*temporal.Server{"one": one, "two": two} {
		// Equal IDs do not meet.
		got, err := execute(t.Context(), server.Client(), client.StartWorkflowOptions{ID: workflowID})
		if err != nil || got != name+" done" {
			t.Errorf("server %s: got %q, %v", name, got, err)
		}
	}
}

func TestEmbeddedCannotStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	sqlite := func(name, statements string) string {
		path := filepath.Join(dir, name)
		database, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := database.ExecContext(t.Context(), statements); err != nil {
			t.Fatal(err)
		}
		if err := database.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := write("text.db", strings.Repeat("This is no database. ", 1000))
	for name, test := range map[string]struct{ path, want string }{
		"no path":           {"", "embedded: needs a path or a data directory"},
		"a folder":          {dir, dir},
		"below a file":      {filepath.Join(text, "temporal.db"), "not a directory"},
		"not a database":    {text, "not a database"},
		"another's file":    {sqlite("another.db", "CREATE TABLE notes (id INT)"), "belongs to another program"},
		"another version":   {sqlite("old.db", "CREATE TABLE x (id INT); PRAGMA application_id = 1363965040; PRAGMA user_version = 3"), "version 3 of Temporal's schema"},
		"impossible folder": {"/proc/nowhere/temporal.db", "/proc/nowhere"},
	} {
		server, err := temporal.Open(t.Context(), temporal.Options{URL: "embedded:" + test.path, Logger: testLogger(t), Embedded: embedded.Start})
		if err == nil {
			closeServer(t, server)
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), test.path) {
			t.Errorf("%s: got error %v, want one about %q and %s", name, err, test.want, test.path)
		}
	}
	// A failed start gives its lock back.
	if err := os.Remove(text); err != nil {
		t.Fatal(err)
	}
	closeServer(t, open(t, "embedded:"+text))
}

func TestEmbeddedWithDamagedFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "temporal.db")
	closeServer(t, open(t, "embedded:"+path))
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	// All but the first page, with the header, is overwritten.
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte(strings.Repeat("damage. ", int(info.Size()-4096)/8)), 4096); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	server, err := temporal.Open(t.Context(), temporal.Options{URL: "embedded:" + path, Logger: testLogger(t), Embedded: embedded.Start})
	if err == nil {
		closeServer(t, server)
	}
	if err == nil || !strings.Contains(err.Error(), "malformed") || !strings.Contains(err.Error(), path) {
		t.Errorf("got error %v, want one about a malformed database and %s", err, path)
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "temporal.db")
	server, err := temporal.Open(ctx, temporal.Options{URL: "embedded:" + path, Logger: testLogger(t), Embedded: embedded.Start})
	if err == nil {
		closeServer(t, server)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	closeServer(t, open(t, "embedded:"+path))
}

// countingHandler counts what a clean life of a server logs.
type countingHandler struct {
	slog.Handler
	records chan slog.Record
}

func (h countingHandler) Handle(_ context.Context, record slog.Record) error {
	h.records <- record
	return nil
}

func TestCleanLifeIsQuietAndLeavesNothingOfOurs(t *testing.T) {
	// Not parallel: it counts goroutines.
	before := goleak.IgnoreCurrent()
	records := make(chan slog.Record, 1000)
	logger := slog.New(countingHandler{testLogger(t).Handler(), records})
	path := filepath.Join(t.TempDir(), "temporal.db")
	for range 2 {
		server, err := temporal.Open(t.Context(), temporal.Options{URL: "embedded:" + path, Logger: logger, Embedded: embedded.Start})
		if err != nil {
			t.Fatal(err)
		}
		stop, err := startWorker(server.Client(), says("one"), says("two"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := execute(t.Context(), server.Client(), client.StartWorkflowOptions{}); err != nil {
			t.Fatal(err)
		}
		stop()
		closeServer(t, server)
	}
	for len(records) > 0 {
		record := <-records
		t.Errorf("logged: %s %s", record.Level, record.Message)
	}
	// The server does not close its connections, nor that to the database.
	goleak.VerifyNone(t, before,
		goleak.IgnoreAnyFunction("google.golang.org/grpc/internal/grpcsync.(*CallbackSerializer).run"),
		goleak.IgnoreAnyFunction("google.golang.org/grpc.(*addrConn).resetTransportAndUnlock"),
		goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"),
	)
}
