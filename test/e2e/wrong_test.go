package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/test/cluster"
)

// A function that lacks something says so in the Ready condition of its Service. The functions are copies of quantum-drops.
func TestWhatIsWrongShowsInTheReadyCondition(t *testing.T) {
	cluster.Need(t)
	type variable = map[string]any
	for name, tc := range map[string]struct {
		variable variable
		want     []string
	}{
		"no-secret": {variable{"name": "PGUSER", "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": "nobody-made-it", "key": "username"}}}, []string{"nobody-made-it", "not found"}},
		"wrong-url": {variable{"name": "QL_DATABASE_URL", "value": "mysql://nowhere"}, []string{"QL_DATABASE_URL", "mysql"}},
		"nobody":    {variable{"name": "QL_DATABASE_URL", "value": "postgres://postgres.nowhere.svc.cluster.local/quantumlayer"}, []string{"QL_DATABASE_URL", "nowhere"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			name = "e2e-" + name
			changed(t, name, tc.variable)
			var said string
			cluster.Eventually(t, "Ready is False, and says why", 3*time.Minute, func() bool {
				said = cluster.Kubectl(t, "-n", cluster.Functions, "get", "ksvc", name, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")]}`)
				return strings.Contains(said, `"False"`)
			})
			for _, w := range tc.want {
				if !strings.Contains(said, w) {
					t.Errorf("no word of %q in %s", w, said)
				}
			}
		})
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
