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
	RedisVariable    = "QL_TEST_REDIS_URL"
	S3Variable       = "QL_TEST_S3_URL" // http://ACCESS_KEY:SECRET@HOST:PORT; the key may make buckets
)

// Postgres returns the URL of a new, empty database that is dropped at the end
// of the test. All tests of a test process share one server, started by the
// first that asks. Without a server the test fails: it never skips.
func Postgres(t testing.TB) string {
	t.Helper()
	server := shared(t, PostgresVariable, sharedPostgres)
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
	return own(t, "nats").url
}

// Redis returns the URL of a Redis server that all tests of a test process share, or all that RedisVariable is given to: each
// uses keys of its own.
func Redis(t testing.TB) string {
	t.Helper()
	return shared(t, RedisVariable, sharedRedis)
}

// OwnRedis returns the URL of a Redis server that the test has for itself, and a function that ends it before the test does.
func OwnRedis(t testing.TB) (url string, stop func()) {
	t.Helper()
	running := own(t, "redis")
	return running.url, func() {
		if err := running.stop(); err != nil {
			t.Errorf("stop redis: %v", err)
		}
	}
}

// S3 returns the URL of an S3 server, http://ACCESS_KEY:SECRET@HOST:PORT, that all tests of a test process share.
func S3(t testing.TB) string {
	t.Helper()
	return shared(t, S3Variable, sharedS3)
}

// The shared ones have no one to stop them: they end when this process does.
var (
	sharedPostgres = sync.OnceValues(func() (*service, error) { return start("postgres") })
	sharedRedis    = sync.OnceValues(func() (*service, error) { return start("redis") })
	sharedS3       = sync.OnceValues(func() (*service, error) { return start("s3") })
)

func shared(t testing.TB, variable string, start func() (*service, error)) string {
	t.Helper()
	if server := os.Getenv(variable); server != "" {
		return server
	}
	running, err := start()
	if err != nil {
		t.Fatal(err)
	}
	return running.url
}

// own starts a server that ends with the test.
func own(t testing.TB, name string) *service {
	t.Helper()
	running, err := start(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.stop(); err != nil {
			t.Errorf("stop %s: %v", name, err)
		}
	})
	return running
}

// service is a running server.
type service struct {
	url  string
	stop func() error // may be called again
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
	// lifeline ends the server when it is closed, also by the end of this process. Nothing is written to it.
	stop := sync.OnceValue(func() error { return errors.Join(lifeline.Close(), supervisor.Wait()) })
	return &service{url: strings.TrimSpace(line), stop: stop}, nil
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
