package sandbox

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hangingRunsc puts a runsc that only sleeps on the PATH, and shortens the time for
// a sandbox to be ready.
func hangingRunsc(t *testing.T, wall time.Duration) {
	t.Helper()
	if os.Getenv(modeVar) != "" {
		t.Skip("in one mode is enough")
	}
	if _, err := os.Stat("testdata/sleeps"); err != nil {
		t.Skip("only where its source is")
	}
	dir := publicDir(t)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, runscName), "./testdata/sleeps")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	before := setUpWall
	setUpWall = wall
	t.Cleanup(func() { setUpWall = before })
}

// What the machine fails at is no result of the job, which somebody would judge.
func TestSandboxThatIsNeverReadyIsAnError(t *testing.T) {
	support(t)
	hangingRunsc(t, 500*time.Millisecond)
	start := time.Now()
	r, err := Support{Mode: Gvisor}.Run(t.Context(), Job{
		Mounts: System(), Commands: []Command{{Argv: []string{"/bin/true"}}}, Limits: Limits{Wall: time.Hour},
	})
	if !errors.Is(err, errNotReady) || !strings.Contains(err.Error(), "not ready within 500ms") {
		t.Errorf("%+v, %v", r, err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestDetectWaitsForNoOtherCaller(t *testing.T) {
	support(t)
	hangingRunsc(t, 3*time.Second)
	forget(t)
	looking := make(chan Support, 1)
	go func() {
		s, err := Detect(context.WithoutCancel(t.Context()), Gvisor)
		if err != nil {
			t.Error(err)
		}
		looking <- s
	}()
	for len(detected.place) == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if s, err := Detect(ctx, Namespaces); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%+v, %v", s, err)
	}
	if len(looking) != 0 {
		t.Error("it came after the other's answer")
	}
	if s := <-looking; s.Mode != None || !s.passing || !strings.Contains(s.Detail, "not ready within 3s") {
		t.Errorf("%+v", s)
	}
	// That may pass, so it is no answer for good.
	if until := detected.until[Gvisor]; !detected.support[Gvisor].passing || time.Until(until) > passingFor {
		t.Errorf("until %v", until)
	}
}

// forget has Detect look again, in this test and after it.
func forget(t *testing.T) {
	t.Helper()
	clear(detected.support)
	t.Cleanup(func() { clear(detected.support) })
}

// A runsc whose memory cannot be watched is noticed.
func TestMemoryFileMustBeThere(t *testing.T) {
	t.Parallel()
	without := exec.Command("/bin/sleep", "60")
	if err := without.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := without.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = without.Wait() // which says that it was killed
	})
	for age, fails := range map[time.Duration]bool{0: false, time.Hour: true} {
		m := gvisorMemory{since: time.Now().Add(-age)}
		if sum, err := m.measure(without.Process.Pid); (err != nil) != fails {
			t.Errorf("after %v: %d, %v", age, sum, err)
		}
	}
}

func TestWallIsThatOfTheCommands(t *testing.T) {
	t.Parallel()
	job := tryJob(t, "sleep")
	job.Limits.Wall = time.Second
	r := mustRun(t, job)
	if r.Killed != KilledTimeout || r.Wall < job.Limits.Wall || r.Commands[0].Wall > r.Wall {
		t.Errorf("killed %q after %v, command %v", r.Killed, r.Wall, r.Commands[0].Wall)
	}
	if none := mustRun(t, Job{Mounts: System()}); none.Wall <= 0 {
		t.Errorf("an empty job took %v", none.Wall)
	}
}
