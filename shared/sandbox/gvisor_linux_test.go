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
	if got := string(r.Commands[0].Output); !r.Commands[0].OK() || !strings.Contains(got, "gvisor") {
		t.Errorf("the job's kernel is %q", got)
	}
	// It is the kernel of a container or it is not, and the answer says which.
	host, err := os.ReadFile("/proc/version")
	if err != nil {
		t.Fatal(err)
	}
	detail := support(t).Detail
	if within := strings.Contains(string(host), "gvisor"); within != onGvisor() || within != strings.Contains(detail, "container's own") || within == strings.Contains(detail, "runsc") {
		t.Errorf("ours is %q, and what holds a job: %s", host, detail)
	}
}

// On gVisor's kernel root would have files that a job's user has too.
func TestRootIsRefusedOnGvisor(t *testing.T) {
	t.Parallel()
	onlyInGvisor(t)
	notWithin(t, "it starts no runsc")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), runscName, "--rootless", "--network=none", "--ignore-cgroups", "do", self)
	cmd.Env = append(os.Environ(), tryVar+"=detect")
	out, err := cmd.CombinedOutput()
	if !strings.HasPrefix(lastLine(string(out)), refuse) || !strings.Contains(string(out), "ordinary user") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestGvisorNeedsRunsc(t *testing.T) {
	notWithin(t, "it needs none")
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
