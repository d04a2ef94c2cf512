package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/quantumlayer-dev/quantumlayer/shared/llm"
	"github.com/quantumlayer-dev/quantumlayer/shared/llmclient"
	"github.com/quantumlayer-dev/quantumlayer/test/cluster"
)

// The Secret llm-credentials names a model server, here a scripted one on the node: it is asked with the key, which shows in no log.
func TestTheModelOfTheSecretIsAsked(t *testing.T) {
	cluster.Need(t)
	node, err := nodeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key := "key-" + uuid.NewString()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/v1/chat/completions":
			http.NotFound(w, r)
		case r.Header.Get("Authorization") != "Bearer "+key:
			http.Error(w, `{"error": {"message": "wrong key"}}`, http.StatusUnauthorized)
		default:
			w.Header().Set("Content-Type", "text/event-stream")
			if _, err := fmt.Fprint(w, `data: {"id":"1","object":"chat.completion.chunk","model":"scripted","choices":[{"index":0,"delta":{"content":"Hello from the node"},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n"); err != nil {
				t.Error(err)
			}
		}
	}))
	if err := server.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	if server.Listener, err = net.Listen("tcp", net.JoinHostPort(node, "0")); err != nil {
		t.Fatal(err)
	}
	server.Start()
	defer server.Close()

	pods := []string{"delete", "pods", "-l", "serving.knative.dev/service=llm-router", "--ignore-not-found"}
	allow(t, "llm-router", server.Listener.Addr().String())
	t.Cleanup(func() {
		afterwards(t, "delete", "secret", "llm-credentials")
		afterwards(t, pods...) // the next ones have provider blueprint again
	})
	cluster.Kubectl(t, "-n", cluster.Functions, "create", "secret", "generic", "llm-credentials", "--from-literal=url="+server.URL+"/v1", "--from-literal=model=scripted", "--from-literal=api-key="+key)
	cluster.Kubectl(t, append([]string{"-n", cluster.Functions}, pods...)...)

	router := llmclient.New(function(t, "llm-router"))
	var got llm.Response
	cluster.Eventually(t, "the model has answered", 2*time.Minute, func() bool { // a policy may come a while after the pod
		got, err = router.Generate(t.Context(), llm.Request{NoCache: true, Messages: []llm.Message{{Role: llm.User, Content: "Hello"}}})
		if err != nil {
			t.Log(err)
		}
		return err == nil
	})
	if got.Text != "Hello from the node" || got.Model != "scripted" {
		t.Errorf("answered %+v", got)
	}
	if log := cluster.Kubectl(t, "-n", cluster.Functions, "logs", "-l", "serving.knative.dev/service=llm-router", "--all-containers", "--tail=-1"); log == "" || strings.Contains(log, key) {
		t.Errorf("the log of llm-router is empty, or has the key in it")
	}
}
