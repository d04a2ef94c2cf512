package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

// broker forwards a port of this machine to the Broker's entrance and gives the URL of the platform's Broker there.
func broker(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "kubectl", "-n", "knative-eventing", "port-forward", "--address", "127.0.0.1", "service/broker-ingress", ":80")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("port-forward said nothing")
	}
	_, rest, _ := strings.Cut(lines.Text(), "127.0.0.1:")
	port, _, _ := strings.Cut(rest, " ")
	return "http://127.0.0.1:" + port + "/" + functions + "/default"
}

// event is one that a test sends or has received.
type event struct {
	ID, Type, Source, Subject string
	Data                      string
}

// send posts an event and gives the Broker's answer.
func send(t *testing.T, url string, e event) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(e.Data))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"ce-specversion": "1.0", "ce-id": e.ID, "ce-type": e.Type, "ce-source": e.Source, "ce-subject": e.Subject, "Content-Type": "application/json"} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// receive lets a Trigger deliver the events of a type to this test. It is not tried again: an in-memory channel may go on with
// a Trigger that is deleted, and holds up every event until it has given up.
func receive(t *testing.T, eventType string) <-chan event {
	t.Helper()
	node := strings.TrimSpace(kubectl(t, "get", "nodes", "-o", `jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}`))
	ln, err := net.Listen("tcp", net.JoinHostPort(node, "0"))
	if err != nil {
		t.Fatal(err)
	}
	events := make(chan event, 100)
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var data json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&data); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		events <- event{ID: r.Header.Get("ce-id"), Type: r.Header.Get("ce-type"), Source: r.Header.Get("ce-source"), Subject: r.Header.Get("ce-subject"), Data: string(data)}
		w.WriteHeader(http.StatusAccepted)
	})}
	go server.Serve(ln)
	t.Cleanup(func() { server.Close() })
	name := "e2e-" + strings.ToLower(uuid.NewString()[:8])
	manifest := fmt.Sprintf(`{"apiVersion": "eventing.knative.dev/v1", "kind": "Trigger", "metadata": {"name": %q, "namespace": %q},
		"spec": {"broker": "default", "filter": {"attributes": {"type": %q}}, "subscriber": {"uri": "http://%s"}, "delivery": {"retry": 0}}}`, name, functions, eventType, ln.Addr())
	if _, err := command(t.Context(), []byte(manifest), "kubectl", "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("kubectl", "-n", functions, "delete", "trigger", name).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	kubectl(t, "-n", functions, "wait", "trigger/"+name, "--for=condition=Ready", "--timeout=2m")
	return events
}

// await waits for an event of a subject.
func await(t *testing.T, events <-chan event, subject string, patience time.Duration) event {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case e := <-events:
			if e.Subject == subject {
				return e
			}
		case <-timeout:
			t.Fatalf("no event about %s after %s", subject, patience)
		}
	}
}

func TestStageEventGetsItsAnswer(t *testing.T) {
	cluster(t)
	answers := receive(t, "dev.quantumlayer.stage.requirements-parsing.completed")
	subject := "e2e-" + uuid.NewString()
	frd := "# Greeter\n\n## Functional requirements\n\n- FR-1: The program greets the user by name.\n"
	data, err := json.Marshal(pipeline.RequirementsParsingIn{Markdown: frd})
	if err != nil {
		t.Fatal(err)
	}
	if status := send(t, broker(t), event{ID: uuid.NewString(), Type: "dev.quantumlayer.stage.requirements-parsing.requested", Source: "/e2e", Subject: subject, Data: string(data)}); status != http.StatusAccepted {
		t.Fatalf("the Broker answered %d", status)
	}
	if e := await(t, answers, subject, 3*time.Minute); !strings.Contains(e.Data, "greets the user by name") {
		t.Errorf("answered %s", e.Data)
	}
}

func TestRequestedEventStartsOneRunAndItsEndIsTold(t *testing.T) {
	cluster(t)
	started := receive(t, "dev.quantumlayer.workflow.started")
	completed := receive(t, "dev.quantumlayer.workflow.completed")
	data, err := json.Marshal(map[string]any{"prompt": prompt, "language": "go"})
	if err != nil {
		t.Fatal(err)
	}
	e := event{ID: uuid.NewString(), Type: "dev.quantumlayer.workflow.requested", Source: "/e2e", Data: string(data)}
	url := broker(t)
	for range 2 { // a duplicate starts nothing
		if status := send(t, url, e); status != http.StatusAccepted {
			t.Fatalf("the Broker answered %d", status)
		}
	}
	var run workflow.Run
	select {
	case first := <-started:
		if err := json.Unmarshal([]byte(first.Data), &run); err != nil || run.ID != first.Subject {
			t.Fatalf("%v: %+v", err, first)
		}
	case <-time.After(3 * time.Minute):
		t.Fatal("no run has started")
	}
	ended := await(t, completed, run.ID, 10*time.Minute)
	if err := json.Unmarshal([]byte(ended.Data), &run); err != nil || run.Status != workflow.Completed {
		t.Errorf("%v: ended as %+v", err, run)
	}
	select {
	case second := <-started:
		if second.Subject != run.ID {
			t.Errorf("the duplicate has started %s", second.Subject)
		}
	default:
	}
}

// What no function can take ends where a person finds it, with the reason.
func TestBadEventsAreFoundWithTheirReason(t *testing.T) {
	cluster(t)
	url := broker(t)
	for name, e := range map[string]event{
		"no prompt":           {Type: "dev.quantumlayer.workflow.requested", Data: `{"language": "go"}`},
		"payload of no stage": {Type: "dev.quantumlayer.stage.frd-generation.requested", Data: `{"nothing": true}`},
	} {
		e.ID, e.Source = uuid.NewString(), "/e2e"
		if status := send(t, url, e); status != http.StatusAccepted {
			t.Fatalf("%s: the Broker answered %d", name, status)
		}
		eventually(t, name+": in the dead letters", 3*time.Minute, func() bool {
			letters := deadLetters(t)
			for _, l := range letters {
				if l.ID == e.ID {
					if !strings.HasPrefix(l.Code, "4") || l.Reason == "" {
						t.Errorf("%s: kept without the reason: %+v", name, l)
					}
					return true
				}
			}
			return false
		})
	}
	for name, e := range map[string]event{"without an ID": {Type: "t", Source: "/e2e", Data: "{}"}, "without a type": {ID: "1", Source: "/e2e", Data: "{}"}} {
		if status := send(t, url, e); status/100 != 4 {
			t.Errorf("%s: the Broker answered %d", name, status)
		}
	}
}

func deadLetters(t *testing.T) []workflow.DeadLetter {
	t.Helper()
	raw, err := command(t.Context(), nil, ql, "dead-letters", "--json", "--server", api(t))
	if err != nil {
		t.Fatal(err)
	}
	var page workflow.DeadLetters
	if err := json.Unmarshal(raw, &page); err != nil {
		t.Fatal(err)
	}
	return page.Events
}
