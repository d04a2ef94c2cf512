package sandbox

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func onlyInPod(t *testing.T) {
	t.Helper()
	if support(t).Mode != Pod {
		t.Skip("only in mode pod")
	}
}

// Without namespaces the job shares its user, and what outlives a process.
func TestPodRefusesWhatNamespacesHold(t *testing.T) {
	t.Parallel()
	onlyInPod(t)
	for try, want := range map[string]syscall.Errno{
		"semaphores": syscall.ENOSYS, "message queue": syscall.ENOSYS, "named queue": syscall.ENOSYS,
		"limits of other": syscall.EPERM, "priority of user": syscall.EPERM, "priority of other": syscall.EPERM, "processors of other": syscall.EPERM,
	} {
		t.Run(try, func(t *testing.T) {
			t.Parallel()
			r := mustRun(t, tryJob(t, try))
			mustBeRefused(t, r)
			if out := string(r.Commands[0].Output); !strings.Contains(out, want.Error()) {
				t.Errorf("want %q, got %s", want, out)
			}
		})
	}
}

// These are the holes: each of the tries succeeds. A mode that closes one shows
// here, and in docs/operations/sandbox.md.
func TestWhatPodDoesNotHold(t *testing.T) {
	t.Parallel()
	onlyInPod(t)
	path := filepath.Join(publicDir(t), "host.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go echo(l)
	for _, tc := range []struct {
		name, try string
		env       []string
	}{
		{"unix sockets of the same user, by a path that it knows", "dial", []string{"NETWORK=unix", "TARGET=" + path}},
		{"names and command lines of the container's processes", "read", []string{"TARGET=/proc/" + strconv.Itoa(os.Getpid()) + "/cmdline"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			mustSucceed(t, mustRun(t, tryJob(t, tc.try, tc.env...)))
		})
	}
}

// Landlock does not restrict chmod. It is found out.
func TestChangedModeIsFoundOut(t *testing.T) {
	onlyInPod(t)
	file := writeFile(t, filepath.Join(os.TempDir(), "victim"), "x")
	t.Cleanup(func() {
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	})
	r, err := support(t).Run(t.Context(), tryJob(t, "mode of other", "TARGET="+file))
	var unclean *UncleanError
	if !errors.As(err, &unclean) || !strings.Contains(unclean.Reason, file) {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestNothingIsLeftInPod(t *testing.T) {
	onlyInPod(t)
	source := publicDir(t)
	if err := os.Mkdir(filepath.Join(source, "dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	old := writeFile(t, filepath.Join(source, "dir", "old"), "old")
	job := Job{
		Mounts: append(System(), support(t).Mount(source, "/cache", Growing)), Env: []string{"PATH=/usr/bin:/bin", "HOME=" + support(t).Temp()},
		Commands: []Command{{Argv: []string{"/bin/sh", "-c", "cat dir/old; echo x 2>&- >dir/old || echo refused; rm dir/old; echo new >dir/old; cat dir/old\n" +
			"mkdir -p $HOME/a/b; touch $HOME/a/b/c; chmod 0 $HOME/a/b $HOME/a"}}},
	}
	job.Dir = job.Mounts[len(job.Mounts)-1].Target
	before, err := children(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	r := mustRun(t, job)
	if got := string(r.Commands[0].Output); !r.Commands[0].OK() || !strings.HasPrefix(got, "old") || !strings.HasSuffix(got, "refused\nnew\n") {
		t.Errorf("%+v: %s", r.Commands[0], got)
	}
	if b, err := os.ReadFile(old); err != nil || string(b) != "old" {
		t.Errorf("the host's file is %q, %v", b, err)
	}
	if _, err := os.Lstat(jobRoot()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the job's folder is there: %v", err)
	}
	if after, err := children(os.Getpid()); err != nil || len(after) > len(before) {
		t.Errorf("processes %v are there, %v before, %v", after, before, err)
	}
}

func TestMountsMustBePossible(t *testing.T) {
	t.Parallel()
	pod := Support{Mode: Pod}
	for name, m := range map[string]Mount{
		"moved":             {Source: "/usr", Target: "/other"},
		"moved, writable":   {Source: "/usr", Target: "/other", Access: Writable},
		"copied elsewhere":  {Source: "/usr", Target: "/project", Access: Scratch},
		"linked in place":   {Source: "/usr", Access: Growing},
		"into the copies":   {Source: "/usr", Target: jobRoot() + "/usr"},
		"copied as the lot": {Source: "/usr", Target: jobRoot(), Access: Scratch},
	} {
		if _, err := (Job{Mounts: []Mount{m}}).prepare(pod); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, a := range []Access{ReadOnly, Scratch, Growing, Writable} {
		if _, err := (Job{Mounts: []Mount{pod.Mount("/usr", "/project", a)}}).prepare(pod); err != nil {
			t.Errorf("access %d: %v", a, err)
		}
	}
}

func TestListeningPorts(t *testing.T) {
	t.Parallel()
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65532        0 1 1
   1: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000 65532        0 2 1
   2: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 3 1
`
	got := map[int]bool{}
	if err := listening(strings.NewReader(table), got); err != nil || len(got) != 2 || !got[8080] || !got[443] {
		t.Errorf("%v, %v", got, err)
	}
	if err := listening(strings.NewReader("0: 0100007F:xyz 0:0 0A\n"), got); err == nil {
		t.Error("accepted nonsense")
	}
}

func TestPodIsNeverTheDefault(t *testing.T) {
	t.Parallel()
	if s, err := Detect(t.Context(), ""); err != nil || s.Mode == Pod {
		t.Errorf("%+v, %v", s, err)
	}
	if os.Geteuid() == 0 {
		if s, err := Detect(t.Context(), Pod); err != nil || s.Mode != None || !strings.Contains(s.Detail, "root") {
			t.Errorf("%+v, %v", s, err)
		}
	}
}

// An address that answers is a way out, and then there is no mode Pod.
func TestOpenNetworkIsFoundOut(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if got := networkIsOpen(t.Context(), l.Addr().String()); !strings.Contains(got, "NetworkPolicy") {
		t.Errorf("%q", got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := networkIsOpen(t.Context(), l.Addr().String()); got != "" {
		t.Errorf("%q", got)
	}
}

// networkVar names addresses outside of the pod that must not answer, as
// network/host:port.
const networkVar = "SANDBOX_TEST_OUTSIDE"

func TestPodHasNoWayOut(t *testing.T) {
	t.Parallel()
	addresses := strings.Fields(os.Getenv(networkVar))
	if len(addresses) == 0 {
		t.Skip("only in a cluster, with " + networkVar)
	}
	for _, a := range addresses {
		network, address, _ := strings.Cut(a, "/")
		t.Run(a, func(t *testing.T) {
			t.Parallel()
			try := map[string]string{"tcp": "connect", "udp": "dial"}[network]
			mustBeRefused(t, mustRun(t, tryJob(t, try, "NETWORK="+network, "TARGET="+address)))
		})
	}
}

// A policy may leave ports of the outside open for the service. A refusal by the port is told from one by nobody listening.
func TestPodKeepsLowPortsAndPacketsFromJobs(t *testing.T) {
	t.Parallel()
	onlyInPod(t)
	for _, tc := range []struct {
		network, target string
		want            syscall.Errno
	}{
		{"tcp", "127.0.0.1:443", syscall.EACCES},
		{"tcp", "[::1]:53", syscall.EACCES},
		{"tcp", "127.0.0.1:1023", syscall.EACCES},
		{"tcp", "127.0.0.1:1024", syscall.ECONNREFUSED},
		{"udp", "127.0.0.1:53", syscall.EPERM},
		{"udp", "[::1]:40000", syscall.EPERM},
	} {
		t.Run(tc.network+" "+tc.target, func(t *testing.T) {
			t.Parallel()
			r := mustRun(t, tryJob(t, "dial", "NETWORK="+tc.network, "TARGET="+tc.target))
			mustBeRefused(t, r)
			if out := string(r.Commands[0].Output); !strings.Contains(out, tc.want.Error()) {
				t.Errorf("want %q, got %s", tc.want.Error(), out)
			}
		})
	}
}

func TestForkBombIsSwept(t *testing.T) {
	mark := filepath.Base(publicDir(t)) // TestElsewhere has such bombs in several places at a time
	job := Job{
		Mounts: System(), Env: []string{"PATH=/usr/bin:/bin"}, Limits: Limits{Processes: 300, Wall: time.Minute},
		// Each ends and leaves two: none stays long enough to be found in a list.
		Commands: []Command{{Argv: []string{"/bin/sh", "-c", "b() { (b &); (b &); }; b 2>/dev/null; sleep 0.3", mark}}},
	}
	if r := mustRun(t, job); r.Killed != "" { // its end came with its command's
		t.Errorf("killed %q", r.Killed)
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(lines) == 0 {
		t.Fatalf("no processes to look at: %v", err)
	}
	for _, path := range lines {
		line, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
		if bytes.Contains(line, []byte(mark)) {
			t.Errorf("%s is there: %q", path, line)
		}
	}
}
