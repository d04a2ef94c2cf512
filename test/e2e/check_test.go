package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/test/cluster"
)

// check runs `ql deploy check` and gives its exit code and what it printed.
func check(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), ql, append([]string{"deploy", "check"}, args...)...)
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(said)
}

// The check before the deployment is part of the deployment of these tests. Afterwards nothing is lacking, and what other manifests
// have beside it is missing: a Trigger, and a key of a Secret. Nothing is changed for it.
func TestDeployCheckSaysWhatIsLacking(t *testing.T) {
	cluster.Need(t)
	manifests := manifestsIn(filepath.Dir(ql))
	cluster.Eventually(t, "ql deploy check finds nothing lacking", 5*time.Minute, func() bool {
		code, out := check(t, "-f", manifests)
		if code != 0 {
			t.Log(out)
		}
		return code == 0
	})
	began := time.Now()
	code, out := check(t, "-f", manifests)
	t.Logf("after %s:\n%s", time.Since(began).Round(10*time.Millisecond), out)
	if code != 0 || !strings.Contains(out, "20 of 20 are ready") || !strings.Contains(out, "Nothing is lacking") || strings.Contains(out, "only-for-tests") {
		t.Errorf("exit code %d", code)
	}

	deployed, err := os.ReadFile(manifests)
	if err != nil {
		t.Fatal(err)
	}
	const trigger = "\n---\n{apiVersion: eventing.knative.dev/v1, kind: Trigger, metadata: {name: nobody, namespace: quantumlayer}, spec: {broker: default}}\n"
	more := filepath.Join(t.TempDir(), "more.yaml")
	if err := os.WriteFile(more, append(bytes.ReplaceAll(deployed, []byte("key: password"), []byte("key: passphrase")), trigger...), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out = check(t, "-f", more, "--json")
	var found struct {
		Findings []struct{ What, State, Why string }
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	why := map[string]string{}
	for _, f := range found.Findings {
		if f.State == "missing" {
			why[f.What] = f.Why
		}
	}
	if code != 1 || len(why) != 3 || why["Trigger nobody in quantumlayer"] != "it is not there" || !strings.Contains(why["postgres-credentials in temporal"], "it has no passphrase") {
		t.Errorf("exit code %d, missing: %q", code, why)
	}
	if code, out := check(t, "--context", "nobody"); code != 2 {
		t.Errorf("a context that is not there: exit code %d: %s", code, out)
	}
}
