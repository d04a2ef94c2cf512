package platform

import (
	"context"
	"net"
	"net/http"
	"strings"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// protect keeps web pages of other sites from reading on a platform that has no accounts: on a loopback listener a request must name
// this machine, which one that came by a rebound DNS name does not. That they change nothing is every function's own care.
func protect(listener net.Listener, next http.Handler) http.Handler {
	local := listener.Addr().(*net.TCPAddr).IP.IsLoopback()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if local && !loopbackName(r.Host) {
			fault.Write(w, r, fault.New(fault.Unauthorized, "this platform is for its own machine, and %q is not its name", r.Host).
				WithHint("use http://%s", listener.Addr()))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// loopbackName says whether a Host header names this machine.
func loopbackName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// endStreams ends the streams of events when stopping ends: they would never finish by themselves.
func endStreams(stopping context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(stopping, cancel)()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
