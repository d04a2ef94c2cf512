//go:build amd64 || arm64

package sandbox

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// setUpPod makes this process the one that all processes of the job fall to and
// that can signal these and no others. Commands confine themselves further,
// which makes their domain a part of ours: they cannot signal us. stop closes
// when the parent wants an end, or has ended.
func setUpPod(_ plan, planFile *os.File) (stop <-chan struct{}, err error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("becoming the reaper: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("becoming undumpable: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("forbidding new privileges: %w", err)
	}
	// Moving files between folders is refused by any domain that does not allow it.
	ruleset, err := ll.LandlockCreateRuleset(&ll.RulesetAttr{HandledAccessFS: ll.AccessFSRefer, Scoped: ll.ScopeSignal}, 0)
	if err == nil {
		err = errors.Join(allowPath(ruleset, "/", ll.AccessFSRefer), ll.LandlockRestrictSelf(ruleset, 0), unix.Close(ruleset))
	}
	if err != nil {
		return nil, fmt.Errorf("landlock: %w", err)
	}
	if err := signalsAreScoped(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if _, err := io.Copy(io.Discard, planFile); err != nil {
			fmt.Fprintln(os.Stderr, "waiting for the parent:", err)
		}
	}()
	return ended, nil
}

// signalsAreScoped is an error unless this thread cannot signal the process
// that started us, or whoever it is whose child we became when that ended.
func signalsAreScoped() error {
	if err := unix.Kill(os.Getppid(), 0); !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("signals reach processes outside of the job: %w", cmp.Or(err, errors.New("one was not refused")))
	}
	return nil
}

// setUpError says that a command could not be confined, so it was not started.
type setUpError struct{ message string }

func (e *setUpError) Error() string { return e.message }

// startLauncher starts our own binary to become a command. It returns when that
// has happened, or the error is why not.
func startLauncher(p plan, i int, files []uintptr) (pid int, err error) {
	p.Job.Commands = p.Job.Commands[i : i+1]
	planR, planW, err := os.Pipe()
	if err != nil {
		return 0, &setUpError{err.Error()}
	}
	statusR, statusW, err := os.Pipe()
	if err != nil {
		return 0, &setUpError{errors.Join(err, planR.Close(), planW.Close()).Error()}
	}
	// Should we be killed, at least the command ends with us.
	attr := &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if p.Inside {
		attr = insideUser()
	}
	pid, err = syscall.ForkExec(selfExe, []string{launchName}, &syscall.ProcAttr{
		Dir: "/", Env: []string{}, Files: append(files, planR.Fd(), statusW.Fd()),
		Sys: attr,
	})
	err = errors.Join(err, planR.Close(), statusW.Close())
	if err == nil {
		err = json.NewEncoder(planW).Encode(p)
	}
	if err = errors.Join(err, planW.Close()); err != nil {
		return 0, &setUpError{errors.Join(err, statusR.Close()).Error()}
	}
	var st status
	err = json.NewDecoder(statusR).Decode(&st)
	switch closing := statusR.Close(); {
	case errors.Is(err, io.EOF): // closed by its exec
		return pid, closing
	case err != nil:
		return 0, &setUpError{err.Error()}
	case st.Event == eventFailed:
		return 0, &setUpError{st.Error}
	}
	return 0, errors.New(st.Error)
}

// launch confines this process and becomes the command of its plan.
func launch() int {
	runtime.LockOSThread()
	if err := unix.CloseRange(planFD, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		fmt.Fprintln(os.Stderr, "close_range:", err)
		return 1
	}
	out := json.NewEncoder(os.NewFile(statusFD, "status"))
	var p plan
	err := json.NewDecoder(os.NewFile(planFD, "plan")).Decode(&p)
	if err == nil && p.Mode == Pod {
		// Before all others it is the job that the kernel ends when memory is short.
		err = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	}
	unix.Umask(0o022)
	if err == nil {
		err = confine(p)
	}
	failed := status{Event: eventFailed}
	if err == nil {
		if err = os.Chdir(p.Job.Dir); err == nil {
			argv := p.Job.Commands[0].Argv
			err = syscall.Exec(argv[0], argv, p.Job.Env)
		}
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		failed.Event = eventEnded
	}
	failed.Error = err.Error()
	if err := out.Encode(failed); err != nil {
		fmt.Fprintln(os.Stderr, "reporting:", err)
	}
	return 1
}

// privileged are the ports below it: those of DNS, HTTP and TLS, some of which a
// NetworkPolicy leaves open for what this process itself fetches. A rule of
// Landlock has no address, so a job cannot connect to them on its loopback either.
const privileged = 1024

// allowPorts lets a job connect to any other port but those on which somebody
// listens now: this process's own service, and other containers of the pod. The
// job may open others as it likes.
func allowPorts(ruleset int) error {
	closed := map[int]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if errors.Is(err, fs.ErrNotExist) {
			continue // no IPv6
		}
		if err != nil {
			return fmt.Errorf("looking for open ports: %w", err)
		}
		err = listening(f, closed)
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("looking for open ports: %w", err)
		}
	}
	for port := privileged; port < 1<<16; port++ {
		if closed[port] {
			continue
		}
		err := ll.LandlockAddNetPortRule(ruleset, &ll.NetPortAttr{AllowedAccess: ll.AccessNetConnectTCP, Port: uint64(port)}, 0)
		if err != nil {
			return fmt.Errorf("allowing port %d: %w", port, err)
		}
	}
	return nil
}

// listening adds the local ports of a table like /proc/net/tcp whose state is
// listening.
func listening(table io.Reader, ports map[int]bool) error {
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		const listen = "0A"
		if len(f) < 4 || f[3] != listen {
			continue
		}
		_, hex, _ := strings.Cut(f[1], ":")
		port, err := strconv.ParseUint(hex, 16, 16)
		if err != nil {
			return fmt.Errorf("port %q: %w", f[1], err)
		}
		ports[int(port)] = true
	}
	return lines.Err()
}
