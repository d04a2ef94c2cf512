package sandbox

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFilesOfTheHostAreOutOfReach(t *testing.T) {
	t.Parallel()
	dir := publicDir(t)
	self := testBinary(t).Target
	secret := writeFile(t, filepath.Join(dir, "secret"), "secret")
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		try, target string
		outside     bool // the same try must succeed without a sandbox
	}{
		{"read", secret, true},
		{"read", "/proc/1/root" + secret, false},
		{"read", "/proc/self/root/.." + secret, true},
		{"list", dir, true},
		{"list", "/root", os.Geteuid() == 0},
		{"read", "/etc/shadow", os.Geteuid() == 0},
		{"read", "/etc/machine-id", false},
		{"list", "/", true},
		{"list", "/var", true},
		{"list", "/sys", true},
		{"write", filepath.Join(open, "new"), true},
		{"append", secret, os.Geteuid() != 65534},
		{"write", "/new", os.Geteuid() == 0},
		{"write", "/etc/new", os.Geteuid() == 0},
		{"write", "/dev/new", os.Geteuid() == 0},
		{"append", "/etc/passwd", false},
		{"write", "/usr/bin/new", false},
		{"append", self, false},
		{"append", "/proc/sys/kernel/core_pattern", false},
		{"append", "/proc/sysrq-trigger", false},
		{"append", "/proc/sys/user/max_user_namespaces", false},
	} {
		t.Run(tc.try+" "+tc.target, func(t *testing.T) {
			t.Parallel()
			env := "TARGET=" + tc.target
			if tc.outside {
				tryOutside(t, tc.try, env)
			}
			mustBeRefused(t, mustRun(t, tryJob(t, tc.try, env)))
		})
	}
}

func TestReadOnlyMountsStaySo(t *testing.T) {
	t.Parallel()
	dir := publicDir(t)
	file := writeFile(t, filepath.Join(dir, "file"), "as it was")
	appendTo := func(access Access) Job {
		job := tryJob(t, "append")
		job.Env = append(job.Env, "TARGET="+show(t, &job, dir, "/data", access)+"/file")
		return job
	}
	mustBeRefused(t, mustRun(t, appendTo(ReadOnly)))

	// The same file can be changed in a scratch mount, and that is gone after.
	mustSucceed(t, mustRun(t, appendTo(Scratch)))
	if b, err := os.ReadFile(file); err != nil || string(b) != "as it was" {
		t.Errorf("the host's file is %q, %v", b, err)
	}

	// And for good in a writable one, still owned by whom it was.
	mustSucceed(t, mustRun(t, appendTo(Writable)))
	if b, err := os.ReadFile(file); err != nil || string(b) != "as it wasx" {
		t.Errorf("the host's file is %q, %v", b, err)
	}
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil || int(st.Uid) != os.Geteuid() {
		t.Errorf("the file belongs to %d, %v", st.Uid, err)
	}
}

func TestLinkIsNotFollowedOnTheHost(t *testing.T) {
	t.Parallel()
	dir, out := publicDir(t), publicDir(t)
	secret := writeFile(t, filepath.Join(dir, "secret"), "secret")
	job := tryJob(t, "link out", "TARGET="+secret)
	job.Env = append(job.Env, "OUT="+show(t, &job, out, "/out", Writable))
	mustSucceed(t, mustRun(t, job))

	if b, err := os.ReadFile(filepath.Join(out, "link")); err != nil || string(b) != "secret" {
		t.Fatalf("the link leads nowhere, so this test shows nothing: %q, %v", b, err)
	}
	root, err := os.OpenRoot(out)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if b, err := root.ReadFile("link"); err == nil {
		t.Errorf("the link was followed to %q", b)
	}
}

func TestProcessesOfTheHostAreOutOfReach(t *testing.T) {
	t.Parallel()
	victim := exec.CommandContext(t.Context(), "/bin/sleep", "60")
	victim.Env = []string{"SECRET=mellon-mellon"}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := victim.Process.Kill(); err != nil {
			t.Error(err)
		}
		var exit *exec.ExitError
		if err := victim.Wait(); !errors.As(err, &exit) {
			t.Error(err)
		}
	})
	pid := "TARGET=" + strconv.Itoa(victim.Process.Pid)
	parts := []string{"PART1=mellon-", "PART2=mellon"}
	line := "TARGET=/proc/" + strconv.Itoa(victim.Process.Pid) + "/cmdline"
	if support(t).Mode != Pod { // see TestWhatPodDoesNotHold
		tryOutside(t, "read", line)
		mustBeRefused(t, mustRun(t, tryJob(t, "read", line)))
	}

	tryOutside(t, "environ", parts...)
	mustBeRefused(t, mustRun(t, tryJob(t, "environ", parts...)))
	tryOutside(t, "signal", pid)
	mustBeRefused(t, mustRun(t, tryJob(t, "signal", pid)))
	if !onGvisor() { // which lets nobody trace but its own descendants
		tryOutside(t, "ptrace", pid)
	}
	mustBeRefused(t, mustRun(t, tryJob(t, "ptrace", pid)))
	mustBeRefused(t, mustRun(t, tryJob(t, "ptrace"))) // the sandbox's own first process
}

func TestOpenFilesAreNotInherited(t *testing.T) {
	t.Parallel()
	fd, err := unix.Open("/etc/passwd", unix.O_RDONLY, 0) // without close-on-exec
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	tryOutside(t, "inherited")
	mustBeRefused(t, mustRun(t, tryJob(t, "inherited")))
}

func TestNetworkOfTheHostIsOutOfReach(t *testing.T) {
	t.Parallel()
	listen := func(network, address string) string {
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go echo(l)
		return l.Addr().String()
	}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { packets.Close() })
	go echoPackets(packets)
	path := filepath.Join(publicDir(t), "host.sock")
	abstract := fmt.Sprintf("@sandbox-test-%d", os.Getpid())
	tcp4, tcp6 := listen("tcp", "127.0.0.1:0"), listen("tcp", "[::1]:0")
	listen("unix", path)
	listen("unix", abstract)

	for _, tc := range []struct{ try, network, target string }{
		{"dial", "tcp", tcp4},
		{"dial", "tcp", tcp6},
		{"dial", "udp", packets.LocalAddr().String()},
		{"dial", "unix", path}, // see TestWhatPodDoesNotHold
		{"dial", "unix", abstract},
		{"fast open", "", tcp4},
		{"multipath", "", tcp4},
	} {
		t.Run(tc.try+" "+tc.network+" "+tc.target, func(t *testing.T) {
			t.Parallel()
			env := []string{"NETWORK=" + tc.network, "TARGET=" + tc.target}
			if tc.target == path {
				notInPod(t, "it has the container's file system")
			}
			if tc.try == "dial" || !onGvisor() { // which has neither fast open nor multipath
				tryOutside(t, tc.try, env...)
			}
			mustBeRefused(t, mustRun(t, tryJob(t, tc.try, env...)))
		})
	}
}

// What the kernel is not to be asked. For some of these the answer must be the
// filter's and no accident of privileges, hence the wanted error.
func TestSystemCallsAreRefused(t *testing.T) {
	t.Parallel()
	for try, want := range map[string]syscall.Errno{
		"packet socket": syscall.EPERM, "raw socket": syscall.EPERM, "vsock": syscall.EPERM,
		"multipath socket": syscall.EPROTONOSUPPORT, "multipath high bits": syscall.EPROTONOSUPPORT,
		"alg socket": syscall.EPERM, "alg high bits": syscall.EPERM,
		"netlink uevent": syscall.EPERM, "netlink xfrm": syscall.EPERM, "netlink generic": syscall.EPERM,
		"mount": syscall.EPERM, "remount": syscall.EPERM, "unmount": syscall.EPERM, "open tree": syscall.EPERM, "chroot": syscall.EPERM,
		"unshare user": syscall.EPERM, "unshare mount": syscall.EPERM, "clone user namespace": syscall.EPERM, "clone3": syscall.ENOSYS,
		"ptrace": syscall.EPERM, "io_uring": syscall.ENOSYS, "bpf": syscall.EPERM, "userfaultfd": syscall.EPERM,
		"keyctl": syscall.EPERM, "perf": syscall.EPERM, "memory file": syscall.ENOSYS, "secret memory file": syscall.ENOSYS,
		"shared memory": syscall.ENOSYS, "openat2": syscall.ENOSYS, "unknown call": syscall.ENOSYS,
		"suid by chmod": syscall.EPERM, "suid by fchmodat": syscall.EPERM, "suid by fchmodat2": syscall.EPERM,
		"suid by open": syscall.EPERM, "suid by unnamed file": syscall.EPERM, "root": syscall.EINVAL,
		"device": 0, "setns": 0, "read memory of init": 0, "files of init": 0, "capabilities": 0, // any error
	} {
		t.Run(try, func(t *testing.T) {
			t.Parallel()
			r := mustRun(t, tryJob(t, try))
			mustBeRefused(t, r)
			if try == "root" && support(t).Mode == Pod { // there is such a user
				want = syscall.EPERM
			}
			if out := string(r.Commands[0].Output); want != 0 && !strings.Contains(out, want.Error()) {
				t.Errorf("want %q, got %s", want, out)
			}
		})
	}
}

// Without a sandbox the ordinary user may do these, so their refusal is the sandbox's.
func TestSystemCallsWorkOutside(t *testing.T) {
	t.Parallel()
	if b, err := os.ReadFile("/proc/thread-self/status"); err != nil || !strings.Contains(string(b), "\nSeccomp:\t0\n") {
		t.Skipf("a filter of the container's refuses some already, %v", err)
	}
	for _, try := range []string{
		"netlink uevent", "netlink generic", "multipath socket", "memory file", "shared memory", "keyctl",
		"suid by chmod", "suid by fchmodat", "suid by unnamed file", "clone user namespace",
	} {
		if onGvisor() && slices.Contains([]string{"netlink generic", "multipath socket", "suid by unnamed file"}, try) {
			continue // that kernel has none of them
		}
		tryOutside(t, try)
	}
}

// The numbers of i386's system calls mean others on amd64, so a filter for the
// one lets the other pass.
func TestForeignArchitectureIsKilled(t *testing.T) {
	t.Parallel()
	notInPod(t, "the filter is the same one")
	if nativeAudit != unix.AUDIT_ARCH_X86_64 {
		t.Skip("amd64 only")
	}
	dir := publicDir(t)
	source := writeFile(t, filepath.Join(dir, "main.go"), "package main\n\nfunc main() { println(\"hello\") }\n")
	binary := filepath.Join(dir, "hello")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, source)
	build.Dir = dir
	build.Env = append(os.Environ(), "GOARCH=386", "CGO_ENABLED=0", "GOFLAGS=", "GO111MODULE=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := exec.CommandContext(t.Context(), binary).Run(); err != nil {
		t.Skipf("this kernel runs no 32-bit programs: %v", err)
	}
	r := mustRun(t, Job{Mounts: []Mount{{Source: binary, Target: "/hello"}}, Commands: []Command{{Argv: []string{"/hello"}}}})
	if support(t).Mode == Gvisor { // its kernel knows no other architecture
		if c := r.Commands[0]; c.ExitCode != notStarted || !strings.Contains(string(c.Output), syscall.ENOEXEC.Error()) {
			t.Errorf("exit code %d, output %s", c.ExitCode, c.Output)
		}
		return
	}
	if got := syscall.Signal(r.Commands[0].Signal); got != syscall.SIGSYS {
		t.Errorf("signal %v, exit code %d, output %s", got, r.Commands[0].ExitCode, r.Commands[0].Output)
	}
}
