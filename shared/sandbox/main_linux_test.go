package sandbox

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The test binary has other roles, given by environment variables: it is the
// program in the sandbox that tries something, and the process that gives the
// tests another place to run in.
const (
	tryVar   = "SANDBOX_TEST_TRY"   // name of an entry in tries
	placeVar = "SANDBOX_TEST_PLACE" // masked: hide a part of /proc, then run the tests; bare: drop all capabilities
	modeVar  = "SANDBOX_TEST_MODE"  // the mode to test; empty means Namespaces
	userVar  = "SANDBOX_TEST_USER"  // run the tests as this user
	succeed  = "SUCCEEDED"
	refuse   = "REFUSED: "
)

func TestMain(m *testing.M) {
	if name := os.Getenv(tryVar); name != "" {
		try, ok := tries[name]
		if !ok {
			fmt.Println("no such try:", name)
			os.Exit(2)
		}
		if err := try(); err != nil {
			fmt.Println(refuse + err.Error())
			os.Exit(1)
		}
		fmt.Println(succeed)
		os.Exit(0)
	}
	if err := moveIntoPlace(); err != nil {
		fmt.Fprintln(os.Stderr, "test set-up:", err)
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// moveIntoPlace does what the variables ask for and starts the binary again
// without them.
func moveIntoPlace() error {
	place, user := os.Getenv(placeVar), os.Getenv(userVar)
	if place == "" && user == "" {
		return nil
	}
	if place == "masked" { // as container runtimes do
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return err
		}
		if err := unix.Mount("/dev/null", "/proc/version", "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	for c := uintptr(0); place == "bare" && c <= unix.CAP_LAST_CAP; c++ { // as restricted pods do
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return err
		}
	}
	if user != "" {
		var id int
		if _, err := fmt.Sscan(user, &id); err != nil {
			return err
		}
		if err := syscall.Setgroups(nil); err != nil {
			return err
		}
		if err := syscall.Setgid(id); err != nil {
			return err
		}
		if err := syscall.Setuid(id); err != nil {
			return err
		}
	}
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, placeVar+"=") || strings.HasPrefix(kv, userVar+"=")
	})
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(self, os.Args, env)
}

// support is the mode that is tested.
func support(t *testing.T) Support {
	t.Helper()
	want := cmp.Or(Mode(os.Getenv(modeVar)), Namespaces)
	s, err := Detect(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	if s.Mode != want {
		t.Fatalf("mode %s: %s", s.Mode, s.Detail)
	}
	return s
}

// notInPod skips a test of what mode Pod cannot do.
func notInPod(t *testing.T, why string) {
	t.Helper()
	if support(t).Mode == Pod {
		t.Skip("mode pod: " + why)
	}
}

// notWithin skips a test of what mode Gvisor cannot do, or need not, on a kernel that is gVisor's already.
func notWithin(t *testing.T, why string) {
	t.Helper()
	if onGvisor() {
		t.Skip("on gVisor's kernel: " + why)
	}
}

// testBinary is where a job sees the test binary.
func testBinary(t *testing.T) Mount {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return support(t).Mount(self, "/try", ReadOnly)
}

// tryJob is a job that makes the test binary try something.
func tryJob(t *testing.T, name string, env ...string) Job {
	t.Helper()
	self, tmp := testBinary(t), support(t).Temp()
	if raceDetector {
		env = append(env, "GORACE=atexit_sleep_ms=0") // it sleeps for a second at every exit
	}
	return Job{
		Mounts:   append(System(), self),
		Env:      append([]string{"PATH=/usr/bin:/bin", "HOME=" + tmp, "TMPDIR=" + tmp, tryVar + "=" + name}, env...),
		Commands: []Command{{Argv: []string{self.Target}}},
	}
}

// show adds a mount to a job and says where the job sees it.
func show(t *testing.T, job *Job, source, target string, access Access) string {
	t.Helper()
	m := support(t).Mount(source, target, access)
	job.Mounts = append(job.Mounts, m)
	return m.Target
}

func mustRun(t *testing.T, job Job) Result {
	t.Helper()
	r, err := support(t).Run(t.Context(), job)
	if err != nil {
		t.Fatalf("running a sandbox: %v", err)
	}
	return r
}

// mustBeRefused fails unless the try was made and did not succeed.
func mustBeRefused(t *testing.T, r Result) {
	t.Helper()
	out := string(r.Commands[0].Output)
	if !strings.HasPrefix(lastLine(out), refuse) {
		t.Errorf("not refused: exit code %d, signal %d, killed %q, output:\n%s", r.Commands[0].ExitCode, r.Commands[0].Signal, r.Killed, out)
	}
}

func mustSucceed(t *testing.T, r Result) {
	t.Helper()
	out := string(r.Commands[0].Output)
	if !r.Commands[0].OK() || lastLine(out) != succeed {
		t.Errorf("exit code %d, signal %d, killed %q, output:\n%s", r.Commands[0].ExitCode, r.Commands[0].Signal, r.Killed, out)
	}
}

// tryOutside makes the same try without a sandbox and fails when that does not
// succeed either: it would prove nothing.
func tryOutside(t *testing.T, name string, env ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", tryVar + "=" + name}, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("outside of a sandbox the try does not succeed either: %v\n%s", err, out)
	}
}

func lastLine(s string) string {
	s = strings.TrimRight(s, "\n")
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// publicDir is a temporary folder that every user may look into, unlike
// t.TempDir's for the tests that root starts as somebody else.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sandbox-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func writeFile(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// putRunsc puts the program that mode Gvisor needs into dir: the one that tools/runsc
// pins, whatever is on the PATH.
func putRunsc(t *testing.T, dir string) {
	t.Helper()
	build := exec.CommandContext(t.Context(), "../../scripts/services", "build", "runsc")
	var messages bytes.Buffer
	build.Stderr = &messages
	out, err := build.Output()
	if err != nil {
		t.Fatalf("building runsc: %v\n%s", err, messages.Bytes())
	}
	program, err := os.ReadFile(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, runscName), program, 0o755); err != nil {
		t.Fatal(err)
	}
}

// noSkipVar is set where a machine must offer all that the tests need.
const noSkipVar = "QL_TEST_NO_SKIP"

// skipMasked skips a test of mode Gvisor where cmd, the test binary, finds that a part
// of /proc is masked, and for no other reason.
func skipMasked(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	detect := exec.CommandContext(t.Context(), cmd.Path)
	detect.Env = append(slices.Clone(cmd.Env), tryVar+"=detect")
	out, err := detect.CombinedOutput()
	switch masked := strings.Contains(string(out), needsProc); {
	case err == nil || !masked: // if it is something else, the tests say what
	case os.Getenv(noSkipVar) != "":
		t.Fatalf("%s\n%s is set", out, noSkipVar)
	default:
		t.Skipf("%s", out)
	}
}

// TestElsewhere runs all other tests in mode Gvisor, and root runs them as an
// ordinary user too, where a part of /proc is masked, as in a container, so
// that a sandbox has no /proc, and in a pod whose kernel is gVisor's.
func TestElsewhere(t *testing.T) {
	if os.Getenv(modeVar) != "" {
		t.Skip("only this mode was asked for")
	}
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	programs := publicDir(t)
	putRunsc(t, programs)
	binary := filepath.Join(programs, "sandbox.test")
	if err := os.WriteFile(binary, self, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		flags uintptr
		env   []string
	}{
		{"gvisor", 0, []string{modeVar + "=gvisor"}},
		{"gvisor, ordinary user", 0, []string{userVar + "=65534", modeVar + "=gvisor"}},
		{"pod", 0, []string{placeVar + "=bare", userVar + "=65533", modeVar + "=pod"}},
		{"ordinary user", 0, []string{userVar + "=65534"}},
		{"root, masked proc", unix.CLONE_NEWNS, []string{placeVar + "=masked"}},
		{"gvisor, in a pod", unix.CLONE_NEWNS, []string{placeVar + "=pod", modeVar + "=gvisor"}},
		{"ordinary user, masked proc", unix.CLONE_NEWNS, []string{placeVar + "=masked", userVar + "=65534"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if os.Geteuid() != 0 && (tc.flags != 0 || len(tc.env) > 1 || !strings.HasPrefix(tc.env[0], modeVar)) {
				t.Skip("only root can start tests as somebody else")
			}
			tmp := publicDir(t) // of its own: mode Pod wants nobody else in it
			if err := os.Chmod(tmp, 0o777); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), binary, "-test.skip=^(TestElsewhere|TestForeignArchitectureIsKilled|TestOpenNetworkIsFoundOut)$", "-test.v")
			cmd.Dir = "/tmp"
			cmd.Env = append(os.Environ(), append(tc.env, "HOME=/nonexistent", "TMPDIR="+tmp, "PATH="+programs+":"+os.Getenv("PATH"))...)
			switch {
			case slices.Contains(tc.env, placeVar+"=pod"):
				cmd = podOfGvisor(t, cmd)
			case slices.Contains(tc.env, modeVar+"=gvisor"):
				skipMasked(t, cmd)
			}
			cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: tc.flags, Pdeathsig: syscall.SIGKILL}
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if n := bytes.Count(out, []byte("--- PASS: Test")); n < 20 {
				t.Errorf("only %d tests ran:\n%s", n, out)
			}
		})
	}
}
