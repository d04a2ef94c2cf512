package sandbox

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	s := support(t)
	want := map[Mode]string{Namespaces: "namespaces", Gvisor: "gVisor's kernel", Pod: "NetworkPolicy"}[s.Mode]
	if want == "" || !strings.Contains(s.Detail, want) {
		t.Errorf("mode %q: %s", s.Mode, s.Detail)
	}
	if s, err := Detect(t.Context(), "bare"); err != nil || s.Mode != None {
		t.Errorf("a mode that does not exist: %+v, %v", s, err)
	}
}

// What ordinary tests and builds do must work.
func TestHarmlessProgramsRun(t *testing.T) {
	t.Parallel()
	for _, try := range []string{"listen", "packets", "unix sockets", "files", "processes", "interfaces", "environment"} {
		t.Run(try, func(t *testing.T) {
			t.Parallel()
			if try == "interfaces" {
				notInPod(t, "it has the container's")
			}
			if try == "packets" {
				notInPod(t, "see TestPodKeepsLowPortsAndPacketsFromJobs")
			}
			project := publicDir(t)
			for _, d := range []string{"dir", "tree"} {
				if err := os.Mkdir(filepath.Join(project, d), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for _, f := range []string{"old", "gone", "dir/moved", "tree/old"} {
				writeFile(t, filepath.Join(project, f), "x")
			}
			job := tryJob(t, try)
			job.Dir = show(t, &job, project, "/project", Scratch)
			mustSucceed(t, mustRun(t, job))
			if b, err := os.ReadFile(filepath.Join(project, "tree", "old")); err != nil || string(b) != "x" {
				t.Errorf("the host's project has changed: %q, %v", b, err)
			}
		})
	}
}

func TestCommandsShareOneSandbox(t *testing.T) {
	t.Parallel()
	shell := func(script string) []string { return []string{"/bin/sh", "-c", script} }
	r := mustRun(t, Job{Mounts: System(), Env: []string{"PATH=/usr/bin:/bin", "TMPDIR=" + support(t).Temp()}, Commands: []Command{
		{Argv: shell("echo made > $TMPDIR/file; sleep 100 & echo one; echo two >&2")},
		{Argv: shell("cat $TMPDIR/file; exit 3"), KeepGoing: true},
		{Argv: shell("kill -9 $$"), KeepGoing: true},
		{Argv: []string{"/nowhere/program"}},
		{Argv: shell("true")},
	}})
	want := []CommandResult{
		{Ran: true, Output: []byte("one\ntwo\n")},
		{Ran: true, ExitCode: 3, Output: []byte("made\n")},
		{Ran: true, ExitCode: -1, Signal: int(syscall.SIGKILL)},
		{Ran: true, ExitCode: 127, Output: []byte("starting /nowhere/program: no such file or directory\n")},
		{},
	}
	if diff := cmp.Diff(want, r.Commands, cmpopts.IgnoreFields(CommandResult{}, "Wall"), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if r.Mode != support(t).Mode || r.Killed != "" || r.Wall <= 0 {
		t.Errorf("result %+v", r)
	}
	for i, c := range r.Commands[:3] {
		if c.Wall <= 0 || c.Wall > r.Wall {
			t.Errorf("command %d took %v of %v", i, c.Wall, r.Wall)
		}
	}
}

func TestBrokenJobsAreErrors(t *testing.T) {
	t.Parallel()
	file := writeFile(t, filepath.Join(publicDir(t), "file"), "x")
	for name, job := range map[string]Job{
		"missing mount":  {Mounts: []Mount{{Source: "/nowhere/at/all"}}},
		"scratch file":   {Mounts: []Mount{support(t).Mount(file, "/file", Scratch)}},
		"writable file":  {Mounts: []Mount{support(t).Mount(file, "/file", Writable)}},
		"relative mount": {Mounts: []Mount{{Source: "file"}}},
	} {
		if r, err := support(t).Run(t.Context(), job); err == nil {
			t.Errorf("%s: %+v", name, r)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}
