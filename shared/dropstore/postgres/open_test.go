package postgres_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/quantumlayer-dev/quantumlayer/shared/dropstore/postgres"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/testservices"
)

const secret = "s3cr3t:p@ss/w%rd"

func TestOpenSaysWhatToDoAndNoPassword(t *testing.T) {
	t.Parallel()
	good, err := url.Parse(testservices.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*url.URL)) string {
		u := *good
		u.User = url.UserPassword(u.User.Username(), secret)
		change(&u)
		return u.String()
	}
	// A port that was free a moment ago and that nobody listens on.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		url, want   string
		unreachable bool
	}{
		"refused":       {with(func(u *url.URL) { u.Host = closed; u.RawQuery = "" }), "that the server runs", true},
		"no host":       {with(func(u *url.URL) { u.Host = "no-such-host.invalid"; u.RawQuery = "connect_timeout=5" }), "check host and port", true},
		"no database":   {with(func(u *url.URL) { u.Path = "/nothing" }), `create the database "nothing"`, false},
		"no role":       {with(func(u *url.URL) { u.User = url.UserPassword("nobody-known", secret) }), "check user and password", false},
		"wrong port":    {"postgres://user:" + url.PathEscape(secret) + "@localhost:port/db", "malformed", false},
		"wrong option":  {"postgres://user:" + url.PathEscape(secret) + "@localhost/db?pool_max_conns=many", "malformed", false},
		"bare password": {"postgres://user:" + secret + "@localhost/db", "%-escapes", false},
		"bare at sign":  {"postgres://user:s3cr3t@s3cr3t@localhost/db", "%-escapes", false},
		"in the query":  {"postgres://user@localhost/db?sslmode=never&password=" + url.QueryEscape(secret), "malformed", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := postgres.Open(t.Context(), tt.url, newBlobs(t))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			if got := fault.Is(err, fault.Unavailable); got != tt.unreachable {
				t.Errorf("unavailable is %t: %v", got, err)
			}
			for _, part := range []string{secret, url.PathEscape(secret), url.QueryEscape(secret), "s3cr3t"} {
				if strings.Contains(err.Error(), part) {
					t.Errorf("the error shows the password: %v", err)
				}
			}
		})
	}
}

// refuses is the URL of a server that answers every connection with an error.
func refuses(t *testing.T, code, message string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return // closed by the test's end
			}
			backend := pgproto3.NewBackend(conn, conn)
			if _, err = backend.ReceiveStartupMessage(); err == nil {
				backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: code, Message: message})
				err = backend.Flush()
			}
			if err := errors.Join(err, conn.Close()); err != nil {
				t.Error(err)
			}
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		<-ended
	})
	u := url.URL{Scheme: "postgres", User: url.UserPassword("user", secret), Host: ln.Addr().String(), Path: "/db", RawQuery: "sslmode=disable"}
	return u.String()
}

// A server that starts, stops or is full takes the same URL later on.
func TestOpenTellsWhatPassesFromWhatStays(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]fault.Code{
		"57P01": fault.Unavailable, // the administrator ends connections
		"57P02": fault.Unavailable, // another process of the server crashed
		"57P03": fault.Unavailable, // it starts up, shuts down or recovers
		"53300": fault.Unavailable, // too many connections
		"08006": fault.Unavailable, // a proxy has lost the server
		"28P01": fault.Invalid,
		"3D000": fault.Invalid,
		"42501": fault.Invalid,
	} {
		_, err := postgres.Open(t.Context(), refuses(t, code, "the server says so"), newBlobs(t))
		if !fault.Is(err, want) || !strings.Contains(err.Error(), "the server says so") || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v, want %s", code, err, want)
		}
	}
}

// A server that goes away while the tables are made comes back as well.
func TestServerGoesAwayDuringMigrations(t *testing.T) {
	t.Parallel()
	there, err := url.Parse(testservices.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	server := there.Host
	there.Host = ln.Addr().String()
	go func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return // closed by the test's end
			}
			go cutAt("quantum_drops_migrations", client, server)
		}
	}()
	if _, err := postgres.Open(t.Context(), there.String(), newBlobs(t)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
}

// cutAt carries bytes between a client and a server until the client says the word.
func cutAt(word string, client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return // the client sees its end
	}
	defer server.Close()
	go func() { _, _ = io.Copy(client, server) }()
	for buf := make([]byte, 64<<10); ; {
		n, err := client.Read(buf)
		if err != nil || bytes.Contains(buf[:n], []byte(word)) {
			return
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}
