package platform

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// addressOnly is nothing but an address.
type addressOnly struct {
	net.Listener
	ip net.IP
}

func (a addressOnly) Addr() net.Addr { return &net.TCPAddr{IP: a.ip, Port: 8080} }

func TestProtect(t *testing.T) {
	t.Parallel()
	loopback, everywhere := net.IPv4(127, 0, 0, 1), net.IPv4zero
	for name, tc := range map[string]struct {
		ip     net.IP
		method string
		host   string
		want   int
	}{
		"a program":                       {loopback, "POST", "127.0.0.1:8080", 200},
		"by name":                         {loopback, "GET", "localhost:8080", 200},
		"by IPv6":                         {loopback, "GET", "[::1]:8080", 200},
		"a rebound name":                  {loopback, "GET", "evil.example:8080", 401},
		"no name":                         {loopback, "GET", "", 401},
		"another machine may have a name": {everywhere, "GET", "ql.example:8080", 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := protect(addressOnly{ip: tc.ip}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			r := httptest.NewRequestWithContext(t.Context(), tc.method, "/v1/workflows", nil)
			r.Host = tc.host
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != tc.want {
				t.Errorf("status %d, want %d: %s", w.Code, tc.want, w.Body)
			}
		})
	}
}

func TestEndStreams(t *testing.T) {
	t.Parallel()
	for accept, ends := range map[string]bool{"text/event-stream": true, "application/json": false} {
		stopping, stop := context.WithCancel(t.Context())
		var got error
		handler := endStreams(stopping, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			stop()
			select {
			case <-r.Context().Done():
				got = r.Context().Err()
			case <-time.After(50 * time.Millisecond):
			}
		}))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Accept", accept)
		handler.ServeHTTP(httptest.NewRecorder(), r)
		if ended := errors.Is(got, context.Canceled); ended != ends {
			t.Errorf("%s: ended %v, want %v", accept, ended, ends)
		}
	}
}

func TestListenSaysWhatToDo(t *testing.T) {
	t.Parallel()
	taken, err := listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var f *fault.Error
	if _, err := listen(t.Context(), taken.Addr().String()); !errors.As(err, &f) || f.Code != fault.Invalid || f.Hint == "" {
		t.Errorf("a port in use: %v", err)
	}
	if _, err := listen(t.Context(), "256.0.0.1:80"); !errors.As(err, &f) || f.Code != fault.Invalid {
		t.Errorf("no address: %v", err)
	}
}
