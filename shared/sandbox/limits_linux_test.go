package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestLimitsHold(t *testing.T) {
	t.Parallel()
	project := publicDir(t)
	inProject := support(t).Mount(project, "/project", Scratch)
	tmp := support(t).Temp()
	// Mode Pod has no file system of its own that could be full.
	full, killedFull, processes := "no space left", Killed(""), 64
	if support(t).Mode == Pod {
		full, killedFull, processes = "", KilledDisk, 256 // those of this user elsewhere count
	}
	for _, tc := range []struct {
		name   string
		try    string
		env    []string
		limits Limits
		killed Killed
		says   string // for those that are refused and not killed
	}{
		{"two processes take too much", "memory of two", []string{"MIB=192"}, Limits{Memory: 256 << 20}, KilledMemory, ""},
		{"shared memory", "shared mmap", []string{"MIB=512"}, Limits{Memory: 128 << 20}, KilledMemory, ""},
		{"memory after thousands of files", "files, memory", []string{"MIB=2048"}, Limits{Memory: 128 << 20}, KilledMemory, ""},
		{"temporary files", "fill", []string{"TARGET=" + tmp, "MIB=64"}, Limits{Disk: 16 << 20}, killedFull, full},
		{"shared memory files", "fill", []string{"TARGET=/dev/shm", "MIB=64"}, Limits{Disk: 16 << 20}, "", "no space left"},
		{"project", "fill", []string{"TARGET=" + inProject.Target, "MIB=64"}, Limits{Disk: 16 << 20}, killedFull, full},
		{"empty files", "many files", nil, Limits{Disk: 16 << 20}, killedFull, full},
		{"one large file", "big file", nil, Limits{FileSize: 1 << 20}, "", "file too large"},
		{"output", "flood", nil, Limits{Output: 1 << 20}, KilledOutput, ""},
		{"processes", "fork bomb", nil, Limits{Processes: processes}, "", "resource temporarily unavailable"},
		{"open files", "open files", nil, Limits{Files: 64}, "", "too many open files"},
		{"time", "sleep", nil, Limits{Wall: 300 * time.Millisecond}, KilledTimeout, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if raceDetector && tc.limits.Memory != 0 {
				t.Skip("the race detector needs more memory than this allows")
			}
			if tc.name == "shared memory files" {
				notInPod(t, "a job has no /dev/shm")
			}
			job := tryJob(t, tc.try, tc.env...)
			job.Mounts = append(job.Mounts, inProject)
			job.Limits = tc.limits
			job.Commands = append(job.Commands, job.Commands[0])
			r := mustRun(t, job)
			if r.Killed != tc.killed {
				t.Fatalf("killed %q, want %q; %s", r.Killed, tc.killed, excerpt(r.Commands[0].Output))
			}
			if tc.killed == "" {
				mustBeRefused(t, r)
			} else if r.Commands[0].ExitCode != -1 {
				t.Errorf("exit code %d of a killed command", r.Commands[0].ExitCode)
			}
			if out := string(r.Commands[0].Output); !strings.Contains(out, tc.says) {
				t.Errorf("want %q in %s", tc.says, excerpt(r.Commands[0].Output))
			}
			if r.Commands[1].Ran {
				t.Error("the next command ran")
			}
			if tc.try == "files, memory" && r.PeakMemory > tc.limits.Memory+dataHeadroom {
				t.Errorf("it got %d MiB, limit %d: nobody looked", r.PeakMemory>>20, tc.limits.Memory>>20)
			}
			if got, limit := int64(len(r.Commands[0].Output)), job.Limits.withDefaults().Output; got > limit {
				t.Errorf("%d bytes of output kept, limit %d", got, limit)
			}
		})
	}
}

func excerpt(b []byte) string { return string(b[:min(len(b), 500)]) }

// One process that takes memory faster than the watch looks meets the limit on
// its data segment.
func TestOneProcessTakesTooMuch(t *testing.T) {
	t.Parallel()
	if raceDetector {
		t.Skip("the race detector needs more memory than this allows")
	}
	job := tryJob(t, "memory", "MIB=8192")
	job.Limits.Memory = 64 << 20
	r := mustRun(t, job)
	out := string(r.Commands[0].Output)
	if r.Killed != KilledMemory && !strings.Contains(out, "cannot allocate memory") {
		t.Errorf("killed %q, exit code %d, output %s", r.Killed, r.Commands[0].ExitCode, excerpt(r.Commands[0].Output))
	}
	if limit := job.Limits.Memory + dataHeadroom; r.PeakMemory > limit {
		t.Errorf("it got %d MiB, limit %d", r.PeakMemory>>20, limit>>20)
	}
}

func TestMemoryIsMeasured(t *testing.T) {
	t.Parallel()
	r := mustRun(t, tryJob(t, "memory", "MIB=256"))
	mustSucceed(t, r)
	if r.PeakMemory < 256<<20 || r.PeakMemory > 384<<20 {
		t.Errorf("peak of %d MiB, want 256 and little more", r.PeakMemory>>20)
	}
}

// beats reports whether the heartbeat in dir changes within half a second.
func beats(t *testing.T, dir string) bool {
	t.Helper()
	file := filepath.Join(dir, "heartbeat")
	before, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for range 50 {
		time.Sleep(10 * time.Millisecond)
		if now, err := os.ReadFile(file); err == nil && string(now) != string(before) {
			return true
		}
	}
	return false
}

func heartbeatJob(t *testing.T, try, dir string) Job {
	t.Helper()
	job := tryJob(t, try)
	job.Env = append(job.Env, "OUT="+show(t, &job, dir, "/out", Writable))
	return job
}

func TestDaemonEndsWithItsCommand(t *testing.T) {
	t.Parallel()
	dir := publicDir(t)
	job := heartbeatJob(t, "daemon", dir)
	job.Commands = append(job.Commands, Command{Argv: []string{"/bin/sh", "-c", tryVar + "=beats exec " + testBinary(t).Target}})
	r := mustRun(t, job)
	mustSucceed(t, r) // it did beat
	if out := string(r.Commands[1].Output); lastLine(out) != refuse+"it has stopped" {
		t.Errorf("the daemon lives on in the next command: %s", out)
	}
	if beats(t, dir) {
		t.Error("the daemon lives on after the job")
	}
}

func TestEndOfTheContextKills(t *testing.T) {
	t.Parallel()
	dir := publicDir(t)
	job := heartbeatJob(t, "heartbeat", dir)
	s := support(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := s.Run(ctx, job)
		done <- err
	}()
	waitForBeat(t, dir)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if beats(t, dir) {
		t.Error("the job lives on")
	}
	if _, err := s.Run(ctx, job); !errors.Is(err, context.Canceled) {
		t.Errorf("started with a context that has ended: %v", err)
	}
}

func waitForBeat(t *testing.T, dir string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !beats(t, dir); {
		if time.Now().After(deadline) {
			t.Fatal("the job does not start")
		}
	}
}

// parentVar makes TestRunsUntilKilled the parent that is killed: it names the
// folder of the heartbeat.
const parentVar = "SANDBOX_TEST_PARENT"

func TestRunsUntilKilled(t *testing.T) {
	dir := os.Getenv(parentVar)
	if dir == "" {
		t.Skip("only as the child of TestKilledParentTakesTheJobAlong")
	}
	mustRun(t, heartbeatJob(t, "heartbeat", dir))
}

func TestKilledParentTakesTheJobAlong(t *testing.T) {
	t.Parallel()
	dir := publicDir(t)
	parent := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRunsUntilKilled$")
	parent.Env = append(os.Environ(), parentVar+"="+dir, "TMPDIR="+publicDir(t))
	parent.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	waitForBeat(t, dir)
	pids, err := descendants(parent.Process.Pid)
	processes := map[int]string{} // when each started
	for _, p := range pids {
		if at := startOf(p); at != "" {
			processes[p] = at
		}
	}
	if err != nil || len(processes) == 0 {
		t.Fatalf("processes %v, %v", processes, err)
	}
	if support(t).Mode == Gvisor && !onGvisor() { // what runsc's processes hold is the job's
		for p := range processes {
			if limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p)); err != nil || !regexp.MustCompile(`\nMax core file size +0 +0 `).Match(limits) {
				t.Errorf("core dumps of %d: %s, %v", p, limits, err)
			}
		}
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := parent.Wait(); !errors.As(err, &exit) {
		t.Fatal(err)
	}
	// The kernel ends the sandbox a moment later than its parent.
	for deadline := time.Now().Add(10 * time.Second); beats(t, dir); {
		if time.Now().After(deadline) {
			t.Fatal("the job outlives the process that started it")
		}
	}
	for deadline := time.Now().Add(10 * time.Second); len(processes) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("processes %v are left", processes)
		}
		maps.DeleteFunc(processes, func(p int, at string) bool { return startOf(p) != at })
	}
}

// startOf is when a process started, in ticks since the machine did, so that it is not
// taken for a later one of the same number. Empty when it is not there or has ended.
func startOf(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(b[max(0, bytes.LastIndexByte(b, ')')):]), " ") // a name may hold anything
	if f := strings.Fields(rest); len(f) > 19 && f[0] != "Z" {
		return f[19]
	}
	return ""
}

// Not in parallel, so that the one child of this process is the sandbox.
func TestLossOfTheFirstProcessIsTold(t *testing.T) {
	s := support(t)
	dir := publicDir(t)
	job := heartbeatJob(t, "heartbeat", dir)
	type answer struct {
		Result
		error
	}
	done := make(chan answer, 1)
	go func() {
		r, err := s.Run(t.Context(), job)
		done <- answer{r, err}
	}()
	waitForBeat(t, dir)
	first, err := children(os.Getpid())
	if err != nil || len(first) != 1 {
		t.Fatalf("children %v, %v", first, err)
	}
	if err := syscall.Kill(first[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	a := <-done
	if unclean := (*UncleanError)(nil); s.Mode == Pod {
		if !errors.As(a.error, &unclean) {
			t.Errorf("%+v, %v", a.Result, a.error)
		}
		return
	}
	if a.error != nil {
		t.Fatal(a.error)
	}
	if a.Killed != KilledItself || !a.Commands[0].Ran || a.Commands[0].ExitCode != -1 {
		t.Errorf("killed %q, %+v", a.Killed, a.Commands)
	}
}

func TestFirstProcessWithstandsSignals(t *testing.T) {
	t.Parallel()
	r := mustRun(t, tryJob(t, "kill init"))
	switch {
	case support(t).Mode == Namespaces:
		mustSucceed(t, r)
	case onGvisor(): // which does not spare a pid 1, and the pod has no other user for it
		if r.Killed != KilledItself || r.Commands[0].ExitCode != -1 {
			t.Errorf("killed %q, %+v", r.Killed, r.Commands)
		}
	default:
		mustBeRefused(t, r)
	}
}
