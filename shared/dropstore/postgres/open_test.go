package postgres_test

import (
	"net"
	"net/url"
	"strings"
	"testing"

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
