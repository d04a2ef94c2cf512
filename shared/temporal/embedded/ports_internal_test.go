package embedded

import (
	"log/slog"
	"net"
	"path/filepath"
	"testing"
)

// A port that another process has taken in the meantime is an error that makes
// Open try other ports, and not the end of our process.
func TestTakenPortIsAnError(t *testing.T) {
	t.Parallel()
	database, err := openDatabase(t.Context(), filepath.Join(t.TempDir(), "temporal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := database.close(); err != nil {
			t.Error(err)
		}
	}()
	for i := range services {
		ports, err := freePorts(len(services))
		if err != nil {
			t.Fatal(err)
		}
		taken, err := net.Listen("tcp", address(ports[i]))
		if err != nil {
			t.Fatal(err)
		}
		log := serverLog{logger: slog.New(slog.DiscardHandler), state: new(serverState)}
		server, err := startServer(serverConfig(database, ports), log)
		if err == nil {
			t.Errorf("started with the port of %s taken: %v", services[i], server.Stop())
		} else if !isPortTaken(err) {
			t.Errorf("port of %s: got %v, want one about a taken port", services[i], err)
		}
		if err := taken.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
