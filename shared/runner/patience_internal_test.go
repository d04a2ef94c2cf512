package runner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

func TestOnlyWhatDoesNotAnswerIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		want int // how often the function is built
	}{
		"a store that comes up":    {fault.New(fault.Unavailable, "connection refused"), 3},
		"wrong configuration":      {errors.New("QL_X is not set"), 1},
		"a server that refuses it": {fault.New(fault.Invalid, "no such database"), 1},
	} {
		built := 0
		_, err := patiently(t.Context(), Function{Name: "f", New: func(context.Context, Environ) (*Service, error) {
			if built++; built < 3 {
				return nil, test.err
			}
			return &Service{}, nil
		}}, nil, freePort(t))
		if built != test.want || (err == nil) != (test.want == 3) {
			t.Errorf("%s: built %d times, %v", name, built, err)
		}
	}
}

func TestWhoWaitsLivesAndSaysWhatFor(t *testing.T) {
	t.Parallel()
	port, tried := freePort(t), make(chan struct{}, 100)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := patiently(ctx, Function{Name: "f", New: func(context.Context, Environ) (*Service, error) {
			tried <- struct{}{}
			return nil, fault.New(fault.Unavailable, "the database does not answer")
		}}, nil, port)
		ended <- err
	}()
	<-tried
	<-tried // it listens by the second try
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable, "/anything": http.StatusServiceUnavailable} {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", port, path))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s answers %s", path, resp.Status)
		}
	}
	stop()
	if err := <-ended; !fault.Is(err, fault.Unavailable) {
		t.Errorf("ended with %v", err)
	}
}
