package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// generate runs the prompt and gives the capsule's path; the project and the log are beside it.
func generate(t *testing.T, dir string, environ []string, args ...string) string {
	t.Helper()
	capsule := filepath.Join(dir, "library.tar.gz")
	cmd := exec.CommandContext(t.Context(), ql, append([]string{"generate", "--language", "go", "--out", filepath.Join(dir, "library"), "--capsule", capsule}, append(args, prompt)...)...)
	cmd.Env = append(os.Environ(), environ...)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !bytes.Contains(out, []byte("Verified: the project builds")) {
		t.Fatalf("not verified:\n%s", out)
	}
	t.Logf("verified after %s", time.Since(began).Round(100*time.Millisecond))
	return capsule
}

// From cold through the route, a run makes the same capsule as on one machine. The one machine holds the project in the same
// sandbox mode as the cluster, since the mode is part of the capsule's manifest.
func TestRunFromCold(t *testing.T) {
	cluster(t)
	atZero(t)
	began := time.Now()
	there := generate(t, t.TempDir(), nil, "--server", api(t))
	cold := time.Since(began)
	began = time.Now()
	generate(t, t.TempDir(), nil, "--server", api(t))
	t.Logf("cold %s, warm %s", cold.Round(100*time.Millisecond), time.Since(began).Round(100*time.Millisecond))

	here := generate(t, t.TempDir(), []string{"QL_HOME=" + t.TempDir(), "QL_SANDBOX_MODE=pod"})
	a, err := os.ReadFile(there)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(here)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		out, _ := exec.CommandContext(t.Context(), ql, "capsule", "inspect", there).CombinedOutput()
		other, _ := exec.CommandContext(t.Context(), ql, "capsule", "inspect", here).CombinedOutput()
		t.Errorf("the cluster's capsule is not the machine's:\n%s\n\n%s", out, other)
	}
}

func TestFunctionsGoToZeroAndComeBack(t *testing.T) {
	cluster(t)
	atZero(t)
	out, err := exec.CommandContext(t.Context(), ql, "list", "--server", api(t)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if pods := kubectl(t, "-n", functions, "get", "pods", "-l", "serving.knative.dev/service=workflow-api", "-o", "name"); strings.TrimSpace(pods) == "" {
		t.Error("workflow-api answered without a pod")
	}
}
