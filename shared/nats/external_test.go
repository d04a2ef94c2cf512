package nats_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats/embedded"
	"github.com/quantumlayer-dev/quantumlayer/shared/nats/natstest"
	"github.com/quantumlayer-dev/quantumlayer/shared/testservices"
)

func openURL(t *testing.T, url string) *nats.Log {
	t.Helper()
	log, err := nats.Open(t.Context(), nats.Options{URL: url, Embedded: embedded.Start})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func TestExternal(t *testing.T) {
	t.Parallel()
	url := testservices.NATS(t)
	natstest.Run(t, func(t *testing.T) *nats.Log { return openURL(t, url) })
}

// runServer starts a server that listens on a port of its own choice, or on
// the one given.
func runServer(t *testing.T, options server.Options) *server.Server {
	t.Helper()
	options.Host, options.NoSigs, options.NoLog = "127.0.0.1", true, true
	if options.Port == 0 {
		options.Port = server.RANDOM_PORT
	}
	running, err := server.NewServer(&options)
	if err != nil {
		t.Fatal(err)
	}
	running.Start()
	if !running.ReadyForConnections(20 * time.Second) {
		t.Fatal("server does not start")
	}
	t.Cleanup(func() { shutdown(running) })
	return running
}

func shutdown(running *server.Server) {
	running.Shutdown()
	running.WaitForShutdown()
}

func TestSubscriptionOutlivesTheServer(t *testing.T) {
	t.Parallel()
	options := server.Options{JetStream: true, StoreDir: t.TempDir()}
	first := runServer(t, options)
	options.Port = first.Addr().(*net.TCPAddr).Port
	log := openURL(t, first.ClientURL())
	defer closeLog(t, log)

	workflow := natstest.NewWorkflowID()
	natstest.Publish(t, log, natstest.NewEvent(workflow, 0), natstest.NewEvent(workflow, 1))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got []string
	for event, err := range log.Subscribe(ctx, workflow, 0) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, event.ID)
		if event.ID == "event-1" {
			shutdown(first)
			// No server, no success.
			short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			if err := log.Publish(short, natstest.NewEvent(workflow, 2)); err == nil {
				t.Error("published an event without a server")
			}
			cancel()
			runServer(t, options)
			publishAgain(ctx, t, log, natstest.NewEvent(workflow, 2))
			natstest.Publish(t, log, natstest.NewEvent(workflow, 3))
		}
		if event.ID == "event-3" {
			break
		}
	}
	if diff := cmp.Diff([]string{"event-0", "event-1", "event-2", "event-3"}, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// publishAgain does what a caller does after an error: the same event again.
func publishAgain(ctx context.Context, t *testing.T, log *nats.Log, event nats.Event) {
	t.Helper()
	for {
		err := log.Publish(ctx, event)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestCannotOpen(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	plain := runServer(t, server.Options{}) // no JetStream
	locked := runServer(t, server.Options{Username: "someone", Password: "secret-1"})
	taken := runServer(t, server.Options{JetStream: true, StoreDir: t.TempDir()})
	createStream(t, taken.ClientURL(), jetstream.StreamConfig{Name: nats.StreamName, Subjects: []string{"elsewhere.>"}})

	for name, test := range map[string]struct {
		url, want   string
		unreachable bool
	}{
		"nobody there":        {"nats://" + nobody, "the NATS server does not answer", true},
		"no JetStream":        {plain.ClientURL(), "needs JetStream", false},
		"wrong password":      {strings.Replace(locked.ClientURL(), "//", "//someone:secret-2@", 1), "Authorization", false},
		"bad port":            {"nats://someone:secret-2@host:port", "connect to NATS", false},
		"another's stream":    {taken.ClientURL(), "elsewhere.>", false},
		"unknown scheme":      {"kafka://someone:secret-2@host", `"kafka"`, false},
		"no scheme":           {"someone:secret-2@host", "embedded:, nats:// or tls://", false},
		"empty":               {"", "embedded:, nats:// or tls://", false},
		"URL with bad escape": {"nats://someone:secret-2@%zz", "connect to NATS", false},
	} {
		log, err := nats.Open(t.Context(), nats.Options{URL: test.url, Embedded: embedded.Start})
		if err == nil {
			closeLog(t, log)
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got error %v, want one with %q and without the password", name, err, test.want)
		}
		if got := fault.Is(err, fault.Unavailable); got != test.unreachable {
			t.Errorf("%s: unavailable is %t", name, got)
		}
	}
}

// A cluster that is not ready yet is one that does not answer: who waits for it goes on waiting. It is a server without JetStream
// for whose JetStream a client answers.
func TestJetStreamIsStarting(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer, want string
		unavailable  bool
	}{
		"no leader":          {`{"error":{"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"}}`, "temporarily unavailable", true},
		"no answer":          {"", "deadline exceeded", true},
		"not enabled":        {`{"error":{"code":503,"err_code":10076,"description":"JetStream not enabled"}}`, "not enabled", false},
		"not of the account": {`{"error":{"code":503,"err_code":10039,"description":"JetStream not enabled for account"}}`, "not enabled for account", false},
		"refused":            {`{"error":{"code":400,"err_code":10003,"description":"bad request"}}`, "bad request", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			running := runServer(t, server.Options{})
			connection, err := natsio.Connect(running.ClientURL())
			if err != nil {
				t.Fatal(err)
			}
			defer connection.Close()
			if _, err := connection.Subscribe("$JS.API.>", func(m *natsio.Msg) {
				if test.answer == "" {
					return
				}
				if err := m.Respond([]byte(test.answer)); err != nil {
					t.Error(err)
				}
			}); err != nil {
				t.Fatal(err)
			}
			if err := connection.Flush(); err != nil {
				t.Fatal(err)
			}
			log, err := nats.Open(t.Context(), nats.Options{URL: running.ClientURL()})
			if err == nil {
				closeLog(t, log)
			}
			if err == nil || fault.Is(err, fault.Unavailable) != test.unavailable || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, unavailable should be %t", err, test.unavailable)
			}
		})
	}
}

func TestOpenKeepsTheStreamsLimits(t *testing.T) {
	t.Parallel()
	running := runServer(t, server.Options{JetStream: true, StoreDir: t.TempDir()})
	createStream(t, running.ClientURL(), jetstream.StreamConfig{
		Name: nats.StreamName, Subjects: []string{"ql.events.>"}, MaxMsgs: 3, Discard: jetstream.DiscardOld,
	})
	log := openURL(t, running.ClientURL())
	defer closeLog(t, log)
	workflow := natstest.NewWorkflowID()
	for number := range 5 {
		natstest.Publish(t, log, natstest.NewEvent(workflow, number))
	}
	// The oldest are gone, and a reader of the start gets what is left.
	if got := natstest.Read(t, log, workflow, 0, 3); got[0].ID != "event-2" || got[2].ID != "event-4" {
		t.Errorf("got %v, want the last three events", got)
	}
}

func TestOthersMessagesAreSkipped(t *testing.T) {
	t.Parallel()
	running := runServer(t, server.Options{JetStream: true, StoreDir: t.TempDir()})
	log := openURL(t, running.ClientURL())
	defer closeLog(t, log)
	connection, streams := dial(t, running.ClientURL())
	workflow := natstest.NewWorkflowID()
	for number, header := range []natsio.Header{
		nil,
		{"ce-time": {"yesterday"}},
		{"ce-time": {"2025-01-01T00:00:00Z"}, "ce-subject": {"another"}, "ce-id": {"1"}, "ce-type": {"t"}},
	} {
		message := &natsio.Msg{Subject: "ql.events." + workflow + ".x", Header: header, Data: []byte("?")}
		if _, err := streams.PublishMsg(t.Context(), message); err != nil {
			t.Fatal(number, err)
		}
	}
	connection.Close()
	natstest.Publish(t, log, natstest.NewEvent(workflow, 1))
	if got := natstest.Read(t, log, workflow, 0, 1); got[0].ID != "event-1" {
		t.Errorf("got %v, want event-1", got)
	}
}

// What we store is a CloudEvent for any other client of the server.
func TestMessagesAreCloudEvents(t *testing.T) {
	t.Parallel()
	running := runServer(t, server.Options{JetStream: true, StoreDir: t.TempDir()})
	log := openURL(t, running.ClientURL())
	defer closeLog(t, log)
	natstest.Publish(t, log, natstest.NewEvent("wf-7", 1))
	connection, streams := dial(t, running.ClientURL())
	defer connection.Close()
	stream, err := streams.Stream(t.Context(), nats.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	message, err := stream.GetMsg(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s %s", message.Subject, message.Data)
	for _, header := range []string{"ce-specversion", "ce-id", "ce-type", "ce-source", "ce-subject", "ce-time", "content-type", "Nats-Msg-Id"} {
		got += fmt.Sprintf("\n%s: %s", header, message.Header.Get(header))
	}
	want := `ql.events.wf-7.stage.frd-generation.progress {"number":1}
ce-specversion: 1.0
ce-id: event-1
ce-type: dev.quantumlayer.stage.frd-generation.progress
ce-source: /v1/workflows/wf-7
ce-subject: wf-7
ce-time: 2025-03-01T12:00:01.123456789Z
content-type: application/json
Nats-Msg-Id: wf-7/event-1`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func dial(t *testing.T, url string) (*natsio.Conn, jetstream.JetStream) {
	t.Helper()
	connection, err := natsio.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	streams, err := jetstream.New(connection)
	if err != nil {
		t.Fatal(err)
	}
	return connection, streams
}

func createStream(t *testing.T, url string, config jetstream.StreamConfig) {
	t.Helper()
	connection, streams := dial(t, url)
	defer connection.Close()
	if _, err := streams.CreateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
}
