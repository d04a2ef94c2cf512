package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/test/cluster"
)

// generate runs the prompt with ql and gives the capsule; as may change how ql is run.
func generate(t *testing.T, as func(*exec.Cmd), args ...string) []byte {
	t.Helper()
	dir, err := os.MkdirTemp("", "ql-e2e-run-") // not t.TempDir, whose parents another user may not enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	capsule := filepath.Join(dir, "library.tar.gz")
	cmd := exec.CommandContext(t.Context(), ql, append([]string{"generate", "--language", "go", "--out", filepath.Join(dir, "library"), "--capsule", capsule}, append(args, prompt)...)...)
	cmd.Dir = dir
	if as != nil {
		as(cmd)
	}
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !bytes.Contains(out, []byte("Verified: the project builds")) {
		t.Fatalf("not verified:\n%s", out)
	}
	t.Logf("verified after %s", time.Since(began).Round(100*time.Millisecond))
	made, err := os.ReadFile(capsule)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// inModePod runs ql as one process on this machine with the sandbox mode that the cluster has, which is refused to root.
func inModePod(t *testing.T) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		t.Helper()
		// What changes in the temporary folder while a project runs counts as the project's work, so it has nothing else in it.
		temp := filepath.Join(cmd.Dir, "tmp")
		if err := os.Mkdir(temp, 0o700); err != nil {
			t.Fatal(err)
		}
		if os.Geteuid() == 0 {
			nobody, err := user.Lookup("nobody")
			if err != nil {
				t.Fatal(err)
			}
			uid, err := strconv.Atoi(nobody.Uid)
			if err != nil {
				t.Fatal(err)
			}
			gid, err := strconv.Atoi(nobody.Gid)
			if err != nil {
				t.Fatal(err)
			}
			for _, dir := range []string{cmd.Dir, temp} {
				if err := os.Chown(dir, uid, gid); err != nil {
					t.Fatal(err)
				}
			}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		}
		built, err := os.UserCacheDir() // as scripts/sandbox-image fills it, where the other user may not look
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(cmd.Dir, "built")
		copying := `mkdir "$1" && cp -a "$0/quantumlayer/sandbox/build" "$1" && chmod -R go+rX "$1"`
		if out, err := exec.CommandContext(t.Context(), "sh", "-c", copying, built, copied).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		cmd.Env = append(os.Environ(), "QL_SANDBOX_BUILT="+copied, "HOME="+cmd.Dir, "TMPDIR="+temp, "QL_HOME="+filepath.Join(cmd.Dir, "home"),
			"QL_SANDBOX_MODE=pod", "QL_SANDBOX_CACHE="+filepath.Join(temp, "cache"), "GOFLAGS=", "GOCACHE=", "GOMODCACHE=", "GOPATH=")
	}
}

// From cold through the route, a run makes the same capsule as on one machine. The one machine holds the project in the same
// sandbox mode as the cluster, since the mode is part of the capsule's manifest.
func TestRunFromCold(t *testing.T) {
	cluster.Need(t)
	cluster.AtZero(t)
	began := time.Now()
	there := generate(t, nil, "--server", cluster.API(t))
	cold := time.Since(began)
	began = time.Now()
	generate(t, nil, "--server", cluster.API(t))
	t.Logf("cold %s, warm %s", cold.Round(100*time.Millisecond), time.Since(began).Round(100*time.Millisecond))
	if here := generate(t, inModePod(t)); !bytes.Equal(there, here) {
		t.Errorf("the cluster's capsule is not the machine's:\n%s\n\n%s", inspect(t, there), inspect(t, here))
	}
}

// inspect says what is in a capsule.
func inspect(t *testing.T, capsule []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "capsule.tar.gz")
	if err := os.WriteFile(path, capsule, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), ql, "capsule", "inspect", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func TestFunctionsGoToZeroAndComeBack(t *testing.T) {
	cluster.Need(t)
	cluster.AtZero(t)
	out, err := exec.CommandContext(t.Context(), ql, "list", "--server", cluster.API(t)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if pods := cluster.Kubectl(t, "-n", cluster.Functions, "get", "pods", "-l", "serving.knative.dev/service=workflow-api", "-o", "name"); pods == "" {
		t.Error("workflow-api answered without a pod")
	}
}
