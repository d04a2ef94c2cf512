package e2e

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/test/cluster"
)

// A function that cannot start says why in the conditions of its Service. The functions are copies of quantum-drops.
func TestWhatIsWrongShowsInTheConditions(t *testing.T) {
	cluster.Need(t)
	for name, tc := range map[string]struct {
		variable map[string]any
		want     []string
	}{
		"no-secret": {map[string]any{"name": "PGUSER", "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": "nobody-made-it", "key": "username"}}}, []string{`secret "nobody-made-it" not found`}},
		"wrong-url": {map[string]any{"name": "QL_DATABASE_URL", "value": "mysql://nowhere"}, []string{"QL_DATABASE_URL: the database URL has no scheme that is known"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			name = "e2e-" + name
			changed(t, name, tc.variable)
			var conditions []struct{ Type, Status, Message string }
			cluster.Eventually(t, "Ready is False", 3*time.Minute, func() bool {
				said := cluster.Kubectl(t, "-n", cluster.Functions, "get", "ksvc", name, "-o", "jsonpath={.status.conditions}")
				if said != "" {
					if err := json.Unmarshal([]byte(said), &conditions); err != nil {
						t.Fatalf("%v: %s", err, said)
					}
				}
				return slices.ContainsFunc(conditions, func(c struct{ Type, Status, Message string }) bool { return c.Type == "Ready" && c.Status == "False" })
			})
			for _, w := range tc.want {
				if !slices.ContainsFunc(conditions, func(c struct{ Type, Status, Message string }) bool {
					return c.Status == "False" && strings.Contains(c.Message, w)
				}) {
					t.Errorf("no word of %q in %+v", w, conditions)
				}
			}
		})
	}
}

// A store that does not answer is waited for; meanwhile the function says which.
func TestAStoreThatDoesNotAnswerIsNamed(t *testing.T) {
	cluster.Need(t)
	const name = "e2e-nobody"
	changed(t, name, map[string]any{"name": "QL_DATABASE_URL", "value": "postgres://postgres.nowhere.svc.cluster.local/quantumlayer"})
	client := &http.Client{Timeout: 10 * time.Second}
	var said string
	cluster.Eventually(t, "the function runs", 2*time.Minute, func() bool {
		ip := cluster.Kubectl(t, "-n", cluster.Functions, "get", "pods", "-l", "serving.knative.dev/service="+name, "-o", "jsonpath={.items[*].status.podIP}")
		if ip == "" {
			return false
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+net.JoinHostPort(ip, "8080")+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return false // not yet
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		said = resp.Status + " " + string(body)
		return err == nil && strings.Contains(said, "QL_DATABASE_URL")
	})
	if !strings.HasPrefix(said, "503 ") || !strings.Contains(said, "postgres.nowhere.svc.cluster.local") || strings.Contains(said, "only-for-tests") {
		t.Errorf("it says %s", said)
	}
}

// changed makes a copy of quantum-drops with another value of a variable. It has a minute to become ready.
func changed(t *testing.T, name string, value map[string]any) {
	t.Helper()
	var service map[string]any
	if err := json.Unmarshal([]byte(cluster.Kubectl(t, "-n", cluster.Functions, "get", "ksvc", "quantum-drops", "-o", "json")), &service); err != nil {
		t.Fatal(err)
	}
	delete(service, "status")
	service["metadata"] = map[string]any{"name": name, "namespace": cluster.Functions, "labels": map[string]any{"networking.knative.dev/visibility": "cluster-local"}}
	template := service["spec"].(map[string]any)["template"].(map[string]any)
	template["metadata"].(map[string]any)["annotations"].(map[string]any)["serving.knative.dev/progress-deadline"] = "60s"
	container := template["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)
	env := []any{value}
	for _, v := range container["env"].([]any) {
		if v.(map[string]any)["name"] != value["name"] {
			env = append(env, v)
		}
	}
	container["env"] = env
	manifest, err := json.Marshal(service)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { afterwards(t, "delete", "ksvc", name, "--ignore-not-found") })
	if _, err := cluster.Command(t.Context(), manifest, "kubectl", "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
}
