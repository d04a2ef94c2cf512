package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflowclient"
	"github.com/quantumlayer-dev/quantumlayer/test/cluster"
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
	return "http://127.0.0.1:" + port + "/" + cluster.Functions + "/default"
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

// received is what the Broker has delivered to the tests so far.
var received struct {
	sync.Mutex
	events []event
}

// receiverName is the Trigger that delivers to the tests.
const receiverName = "e2e"

// receive lets one Trigger deliver all events of the platform to this process, for as long as the tests run: the in-memory
// channels of a Broker were seen to go on delivering to Triggers that are deleted, which holds up every later event.
func receive(ctx context.Context) (stop func() error, err error) {
	node, err := nodeAddress(ctx)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(node, "0"))
	if err != nil {
		return nil, err
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		received.Lock()
		defer received.Unlock()
		received.events = append(received.events, event{ID: r.Header.Get("ce-id"), Type: r.Header.Get("ce-type"), Source: r.Header.Get("ce-source"), Subject: r.Header.Get("ce-subject"), Data: string(data)})
		w.WriteHeader(http.StatusAccepted)
	})}
	go func() {
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintf(os.Stderr, "e2e: receiver: %v\n", err)
		}
	}()
	manifest := fmt.Sprintf(`{"apiVersion": "eventing.knative.dev/v1", "kind": "Trigger", "metadata": {"name": %q, "namespace": %q},
		"spec": {"broker": "default", "filters": [{"prefix": {"type": "dev.quantumlayer."}}], "subscriber": {"uri": "http://%s"}}}`, receiverName, cluster.Functions, ln.Addr())
	if _, err := cluster.Command(ctx, []byte(manifest), "kubectl", "apply", "-f", "-"); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	if _, err := cluster.Command(ctx, nil, "kubectl", "-n", cluster.Functions, "wait", "trigger/"+receiverName, "--for=condition=Ready", "--timeout=2m"); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return func() error {
		_, err := cluster.Command(context.WithoutCancel(ctx), nil, "kubectl", "-n", cluster.Functions, "delete", "trigger", receiverName)
		return errors.Join(err, server.Close())
	}, nil
}

// nodeAddress is the IP address at which pods find this machine.
func nodeAddress(ctx context.Context) (string, error) {
	out, err := cluster.Command(ctx, nil, "kubectl", "get", "nodes", "-o", `jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}`)
	return strings.TrimSpace(string(out)), err
}

// await waits for an event that the Broker delivers.
func await(t *testing.T, patience time.Duration, what string, is func(event) bool) event {
	t.Helper()
	var found event
	cluster.Eventually(t, what, patience, func() bool {
		all := arrived(is)
		if len(all) > 0 {
			found = all[0]
		}
		return len(all) > 0
	})
	return found
}

// arrived are the events so far that are as wanted.
func arrived(is func(event) bool) []event {
	received.Lock()
	defer received.Unlock()
	var all []event
	for _, e := range received.events {
		if is(e) {
			all = append(all, e)
		}
	}
	return all
}

func TestStageEventGetsItsAnswer(t *testing.T) {
	cluster.Need(t)
	subject := "e2e-" + uuid.NewString()
	frd := "# Greeter\n\n## Functional requirements\n\n- FR-1: The program greets the user by name.\n"
	data, err := json.Marshal(pipeline.RequirementsParsingIn{Markdown: frd})
	if err != nil {
		t.Fatal(err)
	}
	if status := send(t, broker(t), event{ID: uuid.NewString(), Type: "dev.quantumlayer.stage.requirements-parsing.requested", Source: "/e2e", Subject: subject, Data: string(data)}); status != http.StatusAccepted {
		t.Fatalf("the Broker answered %d", status)
	}
	answer := await(t, 3*time.Minute, "the stage's answer", func(e event) bool {
		return e.Type == "dev.quantumlayer.stage.requirements-parsing.completed" && e.Subject == subject
	})
	if !strings.Contains(answer.Data, "greets the user by name") {
		t.Errorf("answered %s", answer.Data)
	}
}

// A Trigger with a delivery of its own has none of its Broker's but the dead letter sink, so what counts is what the channel does.
func TestEveryDeliveryIsTriedAgain(t *testing.T) {
	cluster.Need(t)
	channels := cluster.Kubectl(t, "-n", cluster.Functions, "get", "channels.messaging.knative.dev,inmemorychannels.messaging.knative.dev", "-o", "json")
	var list struct {
		Items []struct {
			Spec struct {
				Subscribers []struct {
					Name     string
					Delivery struct {
						Retry          int
						DeadLetterSink struct{ URI string }
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(channels), &list); err != nil {
		t.Fatal(err)
	}
	subscribers := 0
	for _, channel := range list.Items {
		for _, s := range channel.Spec.Subscribers {
			subscribers++
			if s.Delivery.Retry == 0 || s.Delivery.DeadLetterSink.URI == "" {
				t.Errorf("%s: %+v", s.Name, s.Delivery)
			}
		}
	}
	if stages := len(pipeline.Stages()); subscribers < stages {
		t.Errorf("%d subscribers, for %d stages and more", subscribers, stages)
	}
}

func TestRequestedEventStartsOneRunAndItsEndIsTold(t *testing.T) {
	cluster.Need(t)
	data, err := json.Marshal(map[string]any{"prompt": prompt, "language": "go"})
	if err != nil {
		t.Fatal(err)
	}
	e := event{ID: uuid.NewString(), Type: "dev.quantumlayer.workflow.requested", Source: "/e2e", Data: string(data)}
	url := broker(t)
	before := arrived(func(event) bool { return true })
	for range 2 { // a duplicate starts nothing
		if status := send(t, url, e); status != http.StatusAccepted {
			t.Fatalf("the Broker answered %d", status)
		}
	}
	// Other tests start runs by the route only, so those that start from here on are the event's.
	started := func(e event) bool {
		return e.Type == "dev.quantumlayer.workflow.started" && !slices.Contains(before, e)
	}
	first := await(t, 5*time.Minute, "a run has started", started)
	ended := await(t, 10*time.Minute, "the run has ended", func(e event) bool {
		return strings.HasPrefix(e.Type, "dev.quantumlayer.workflow.") && e.Type != first.Type && e.Subject == first.Subject
	})
	var run workflow.Run
	if err := json.Unmarshal([]byte(ended.Data), &run); err != nil || run.Status != workflow.Completed {
		t.Errorf("%v: ended as %+v", err, run)
	}
	for _, e := range arrived(started) {
		if e.Subject != first.Subject {
			t.Errorf("the duplicate has started %s", e.Subject)
		}
	}
}

// What a run was asked for and what came of it is announced, and the meta-prompt-engine gives it to a later prompt that is like it. The
// prompt is like no other test's, since what goes into a prompt shows in the capsule.
func TestALaterPromptGetsWhatAnEarlierRunLeft(t *testing.T) {
	cluster.Need(t)
	keepAwake(t, "meta-prompt-engine")
	c, err := workflowclient.New(cluster.API(t))
	if err != nil {
		t.Fatal(err)
	}
	first := "A REST API for greenhouse " + uuid.NewString()[:8] + ": beds, plants, sowings. A plant has a name and a height."
	run, err := c.Start(t.Context(), workflow.Start{Request: pipeline.Request{Prompt: first, Language: "go"}}, "")
	if err != nil {
		t.Fatal(err)
	}
	await(t, 3*time.Minute, "the request's drop is announced", func(e event) bool {
		var stored drop.Announcement
		return e.Type == "dev.quantumlayer.drop.stored" && e.Subject == run.ID && json.Unmarshal([]byte(e.Data), &stored) == nil &&
			stored.ID == e.ID && stored.Stage == drop.RequestStage && stored.Type == drop.TypeResult
	})
	ended := await(t, 10*time.Minute, "the run has completed", func(e event) bool {
		return e.Type == "dev.quantumlayer.workflow.completed" && e.Subject == run.ID
	})
	if err := json.Unmarshal([]byte(ended.Data), &run); err != nil || run.Verification == nil || !run.Verification.Verified {
		t.Fatalf("%v: not verified: %s", err, ended.Data)
	}
	data, err := json.Marshal(pipeline.PromptEnhancementIn{Request: pipeline.Request{Prompt: first + " A bed holds at most nine plants.", Language: "go"}})
	if err != nil {
		t.Fatal(err)
	}
	url := broker(t)
	cluster.Eventually(t, "a later prompt gets both", 5*time.Minute, func() bool {
		subject := "e2e-" + uuid.NewString()
		if status := send(t, url, event{ID: uuid.NewString(), Type: "dev.quantumlayer.stage.prompt-enhancement.requested", Source: "/e2e", Subject: subject, Data: string(data)}); status != http.StatusAccepted {
			t.Fatalf("the Broker answered %d", status)
		}
		answer := await(t, 3*time.Minute, "the stage's answer", func(e event) bool {
			return e.Type == "dev.quantumlayer.stage.prompt-enhancement.completed" && e.Subject == subject
		})
		var out pipeline.PromptEnhancementOut
		if err := json.Unmarshal([]byte(answer.Data), &out); err != nil {
			t.Fatalf("%v: %s", err, answer.Data)
		}
		return slices.ContainsFunc(out.Added, func(c pipeline.Context) bool { return c.Collection == "prompts" && c.Text == first }) &&
			slices.ContainsFunc(out.Added, func(c pipeline.Context) bool { return c.Collection == "code_samples" })
	})
}

// keepAwake asks a function for its health until the test ends: without Qdrant, a meta-prompt-engine that goes to zero forgets.
func keepAwake(t *testing.T, name string) {
	t.Helper()
	url := function(t, name) + "/healthz"
	ask := func() error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for tick := time.Tick(5 * time.Second); ; {
			select {
			case <-t.Context().Done():
				return
			case <-tick:
				if err := ask(); err != nil && t.Context().Err() == nil {
					t.Errorf("%s: %v", name, err)
					return
				}
			}
		}
	}()
}

// What no function can take ends where a person finds it, with the reason.
func TestBadEventsAreFoundWithTheirReason(t *testing.T) {
	cluster.Need(t)
	url := broker(t)
	for name, test := range map[string]struct {
		event
		reason string // what the function says of it
	}{
		"no prompt":           {event{Type: "dev.quantumlayer.workflow.requested", Data: `{"language": "go"}`}, "expected required property prompt to be present"},
		"payload of no stage": {event{Type: "dev.quantumlayer.stage.frd-generation.requested", Data: `{"nothing": true}`}, "expected required property request to be present"},
		"malformed JSON":      {event{Type: "dev.quantumlayer.workflow.requested", Data: `prompt=hello`}, "the data is no JSON"},
	} {
		e := test.event
		e.ID, e.Source = uuid.NewString(), "/e2e"
		if status := send(t, url, e); status != http.StatusAccepted {
			t.Fatalf("%s: the Broker answered %d", name, status)
		}
		cluster.Eventually(t, name+": in the dead letters, with the reason", 3*time.Minute, func() bool {
			return slices.ContainsFunc(deadLetters(t), func(l workflow.DeadLetter) bool {
				return l.ID == e.ID && strings.HasPrefix(l.Code, "4") && strings.Contains(l.Reason, test.reason)
			})
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
	raw, err := cluster.Command(t.Context(), nil, ql, "dead-letters", "--json", "--server", cluster.API(t))
	if err != nil {
		t.Fatal(err)
	}
	var page workflow.DeadLetters
	if err := json.Unmarshal(raw, &page); err != nil {
		t.Fatal(err)
	}
	return page.Events
}
