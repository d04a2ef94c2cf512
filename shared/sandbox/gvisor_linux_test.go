package sandbox

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func onlyInGvisor(t *testing.T) {
	t.Helper()
	if support(t).Mode != Gvisor {
		t.Skip("only in mode gvisor")
	}
}

// All else could pass in mode Namespaces too.
func TestGvisorHasAKernelOfItsOwn(t *testing.T) {
	t.Parallel()
	onlyInGvisor(t)
	r := mustRun(t, Job{Mounts: System(), Commands: []Command{{Argv: []string{"/bin/cat", "/proc/version"}}}})
	host, err := os.ReadFile("/proc/version")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(r.Commands[0].Output); !r.Commands[0].OK() || !strings.Contains(got, "gvisor") || strings.Contains(string(host), "gvisor") {
		t.Errorf("the job's kernel is %q, the host's %q", got, host)
	}
}

// A container whose kernel is gVisor's, as of a RuntimeClass, has nothing that holds a job, and says so.
func TestNoModeWithinGvisor(t *testing.T) {
	t.Parallel()
	onlyInGvisor(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), runscName, "--rootless", "--network=none", "--ignore-cgroups", "do", self)
	cmd.Env = append(os.Environ(), tryVar+"=detect")
	out, err := cmd.CombinedOutput()
	if !strings.HasPrefix(lastLine(string(out)), refuse) || !strings.Contains(string(out), withinGvisor) {
		t.Errorf("%v: %s", err, out)
	}
}

func TestGvisorNeedsRunsc(t *testing.T) {
	mode := support(t).Mode // before it is looked for in vain
	t.Setenv("PATH", "/nonexistent")
	s, err := detect(t.Context(), Gvisor)
	if err != nil || s.Mode != None || !strings.Contains(s.Detail, "runsc on the PATH") {
		t.Errorf("%+v, %v", s, err)
	}
	if mode == Pod { // there may be no namespaces
		return
	}
	if s, err := detect(t.Context(), ""); err != nil || s.Mode != Namespaces || !strings.Contains(s.Detail, "not gvisor: mode gvisor needs runsc") {
		t.Errorf("%+v, %v", s, err)
	}
}
