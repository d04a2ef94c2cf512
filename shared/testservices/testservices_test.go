package testservices_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/quantumlayer-dev/quantumlayer/shared/testservices"
)

// childVariable makes the test binary a process that starts servers, prints
// their URLs and waits to be killed.
const childVariable = "TESTSERVICES_TEST_CHILD"

func TestPostgresGivesEachTestItsDatabase(t *testing.T) {
	t.Parallel()
	var urls []string
	t.Run("two databases", func(t *testing.T) {
		for range 2 {
			databaseURL := testservices.Postgres(t)
			urls = append(urls, databaseURL)
			connection, err := pgx.Connect(t.Context(), databaseURL)
			if err != nil {
				t.Fatal(err)
			}
			// Left open on purpose: the database must go all the same.
			t.Cleanup(func() { _ = connection.Close(context.Background()) })
			if _, err := connection.Exec(t.Context(), "CREATE TABLE only_here (id int)"); err != nil {
				t.Fatalf("the second database is not a fresh one: %v", err)
			}
			var version int
			if err := connection.QueryRow(t.Context(), "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
				t.Fatal(err)
			}
			if version < 150000 {
				t.Errorf("PostgreSQL %d, the platform needs 15 or newer", version)
			}
		}
	})
	for _, databaseURL := range urls {
		connection, err := pgx.Connect(t.Context(), databaseURL)
		if err == nil {
			_ = connection.Close(t.Context())
			t.Errorf("%s is still there after its test", databaseURL)
		} else if !strings.Contains(err.Error(), "does not exist") {
			t.Error(err)
		}
	}
}

func TestNATSHasJetStream(t *testing.T) {
	t.Parallel()
	connection, err := natsio.Connect(testservices.NATS(t))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	streams, err := jetstream.New(connection)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := streams.AccountInfo(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestServersEndWithAKilledProcess(t *testing.T) {
	if os.Getenv(childVariable) != "" {
		fmt.Println(testservices.Postgres(t))
		fmt.Println(testservices.NATS(t))
		fmt.Println(testservices.Redis(t))
		fmt.Println(testservices.S3(t))
		time.Sleep(time.Hour)
	}
	t.Parallel()
	temporary := t.TempDir()
	if err := os.Chmod(filepath.Dir(temporary), 0o755); err != nil { // the server has a user of its own
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(withoutVariables(os.Environ()), childVariable+"=1", "TMPDIR="+temporary)
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var addresses []string
	for scanner := bufio.NewScanner(output); len(addresses) < 4 && scanner.Scan(); {
		parsed, err := url.Parse(scanner.Text())
		if err != nil || parsed.Host == "" {
			t.Fatalf("child printed %q", scanner.Text())
		}
		addresses = append(addresses, parsed.Host)
	}
	for _, address := range addresses {
		if !answers(address) {
			t.Errorf("nothing listens on %s while the child lives", address)
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Error("killed child reports success")
	}
	deadline := time.Now().Add(20 * time.Second)
	for _, address := range addresses {
		for answers(address) {
			if time.Now().After(deadline) {
				t.Fatalf("%s still listens after its test process was killed", address)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	for {
		left, err := os.ReadDir(temporary)
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %v", left)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func answers(address string) bool {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	_ = connection.Close()
	return true
}

func withoutVariables(environment []string) []string {
	var kept []string
	for _, entry := range environment {
		if !strings.HasPrefix(entry, "QL_TEST_") {
			kept = append(kept, entry)
		}
	}
	return kept
}
