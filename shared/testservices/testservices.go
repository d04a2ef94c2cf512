// Package testservices gives tests the real servers they need. The servers are
// started by scripts/services, which explains how they end with the test
// process whatever happens to it.
package testservices

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Variables that name a running server to use instead of starting one.
const (
	PostgresVariable = "QL_TEST_POSTGRES_URL" // its user needs the right CREATEDB
	NATSVariable     = "QL_TEST_NATS_URL"     // with JetStream
)

// Postgres returns the URL of a new, empty database that is dropped at the end
// of the test. All tests of a test process share one server, started by the
// first that asks. Without a server the test fails: it never skips.
func Postgres(t testing.TB) string {
	t.Helper()
	server := os.Getenv(PostgresVariable)
	if server == "" {
		running, err := sharedPostgres()
		if err != nil {
			t.Fatal(err)
		}
		server = running.url
	}
	database := "ql_test_" + strings.ToLower(rand.Text())
	if err := execute(t.Context(), server, "CREATE DATABASE "+database); err != nil {
		t.Fatalf("create a database for the test: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		// FORCE: a test that leaves a connection behind must not leave its database too.
		if err := execute(ctx, server, "DROP DATABASE "+database+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return withDatabase(t, server, database)
}

// NATS returns the URL of a NATS server with JetStream, in a process of its own
// that ends with the test. A server named by NATSVariable is shared with others.
func NATS(t testing.TB) string {
	t.Helper()
	if server := os.Getenv(NATSVariable); server != "" {
		return server
	}
	running, err := start("nats")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.stop(); err != nil {
			t.Errorf("stop NATS server: %v", err)
		}
	})
	return running.url
}

// sharedPostgres has no one to stop it: it ends when this process does.
var sharedPostgres = sync.OnceValues(func() (*service, error) { return start("postgres") })

// service is a running server and its supervisor.
type service struct {
	url        string
	supervisor *exec.Cmd
	// lifeline ends the server when it is closed, also by the end of this
	// process. Nothing is written to it.
	lifeline io.Closer
}

func start(name string) (*service, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	supervisor := exec.Command(filepath.Join(root, "scripts", "services"), "run", name)
	// What kills this process's group must leave the supervisor to clean up.
	supervisor.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	messages := new(bytes.Buffer)
	supervisor.Stderr = messages
	lifeline, err := supervisor.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := supervisor.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := supervisor.Start(); err != nil {
		return nil, fmt.Errorf("start %s for tests: %w", name, err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		// It has ended without a URL; Wait completes its messages.
		err = errors.Join(lifeline.Close(), supervisor.Wait())
		return nil, fmt.Errorf("start %s for tests: %w\n%s", name, err, bytes.TrimSpace(messages.Bytes()))
	}
	return &service{url: strings.TrimSpace(line), supervisor: supervisor, lifeline: lifeline}, nil
}

func (s *service) stop() error {
	return errors.Join(s.lifeline.Close(), s.supervisor.Wait())
}

// moduleRoot finds the folder with go.mod: tests run in their package's folder.
func moduleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod above %s, so scripts/services cannot be found", start)
		}
	}
}

func execute(ctx context.Context, server, statement string) (err error) {
	connection, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connection.Close(ctx)) }()
	_, err = connection.Exec(ctx, statement)
	return err
}

func withDatabase(t testing.TB, server, database string) string {
	t.Helper()
	parsed, err := url.Parse(server)
	if err != nil {
		t.Fatalf("%s is not a URL", PostgresVariable)
	}
	parsed.Path = "/" + database
	return parsed.String()
}
