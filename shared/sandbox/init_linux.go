//go:build amd64 || arm64

package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// init turns the process into the first one of a sandbox when it was started
// as such. Here and not in main, so that no program can forget it and the
// start does not wait for what a large program initialises.
func init() {
	if len(os.Args) == 0 {
		return
	}
	switch os.Args[0] {
	case reexecName, insideName:
		unix.Exit(firstProcess()) // at once: os.Exit would run hooks that are the program's
	case launchName:
		unix.Exit(launch())
	case holderName:
		// Standard input ends when the parent has what it wants, or is gone.
		if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// firstProcess is pid 1 of the sandbox: it builds the file system, confines
// itself, and starts the commands, which inherit the confinement. In mode Pod
// there is no pid 1: it is the one that orphans fall to, and each command
// confines itself. All of that belongs to one thread, hence the lock; the
// runtime's other threads never run anything that came from outside.
func firstProcess() int {
	runtime.LockOSThread()
	// Commands get three descriptors and no more, whatever we were started with
	// and whoever opened it without close-on-exec.
	if err := unix.CloseRange(planFD, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		fmt.Fprintln(os.Stderr, "close_range:", err)
		return 1
	}
	out := json.NewEncoder(os.NewFile(statusFD, "status"))
	code, err := serve(out)
	if err != nil {
		if err := out.Encode(status{Event: eventFailed, Error: err.Error()}); err != nil {
			fmt.Fprintln(os.Stderr, "reporting:", err)
		}
		return 1
	}
	return code
}

// serve does what the plan says. The code is for the process to end with.
func serve(out *json.Encoder) (code int, err error) {
	// With a handler, pid 1 can be signalled from inside; without a reader of
	// the channel the signal has no effect, and commands start with defaults.
	signal.Notify(make(chan os.Signal, 1))

	var p plan
	planFile := os.NewFile(planFD, "plan")
	if err := json.NewDecoder(planFile).Decode(&p); err != nil {
		return 0, fmt.Errorf("reading the plan: %w", err)
	}
	unix.Umask(0o022)
	setUp := setUpNamespaces
	switch {
	case p.Inside:
		setUp = setUpInside
	case p.within():
		setUp = setUpWithin
	case p.Mode == Gvisor:
		return startGvisor(p)
	case p.Mode == Pod:
		setUp = setUpPod
	}
	stop, err := setUp(p, planFile)
	if err != nil {
		return 0, err
	}
	if err := out.Encode(status{Event: eventReady}); err != nil {
		return 0, fmt.Errorf("reporting: %w", err)
	}
	for i, c := range p.Job.Commands {
		if err := out.Encode(status{Event: eventStarted, Command: i}); err != nil {
			return 0, fmt.Errorf("reporting: %w", err)
		}
		st, err := runCommand(p, i, stop)
		if err != nil {
			return 0, fmt.Errorf("command %d: %w", i, err)
		}
		if err := out.Encode(st); err != nil {
			return 0, fmt.Errorf("reporting: %w", err)
		}
		if st.Exit != 0 && !c.KeepGoing {
			break
		}
	}
	return 0, nil
}

// setUpNamespaces builds the sandbox around this process and confines it. What
// it answers never comes: the parent stops this process by killing it.
func setUpNamespaces(p plan, planFile *os.File) (stop <-chan struct{}, err error) {
	if err := planFile.Close(); err != nil {
		return nil, fmt.Errorf("closing the plan: %w", err)
	}
	if err := buildRoot(p.Job, p.trees()); err != nil {
		return nil, err
	}
	proc := mountProc(newRoot + "/proc")
	switch {
	case errors.Is(proc, unix.EPERM): // the job has none
	case proc != nil:
		return nil, proc
	default:
		if err := linkDescriptors(); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(sealRoot(), enterRoot(newRoot)); err != nil {
		return nil, err
	}
	if proc == nil {
		if err := tuneProc(); err != nil {
			return nil, err
		}
	}
	if err := loopbackUp(); err != nil {
		return nil, fmt.Errorf("bringing the loopback up: %w", err)
	}
	if err := unix.Sethostname([]byte("sandbox")); err != nil {
		return nil, fmt.Errorf("naming the host: %w", err)
	}
	// No command may read our memory or borrow our descriptors. Not earlier:
	// it takes our own files in /proc from us as well.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("becoming undumpable: %w", err)
	}
	return nil, confine(p)
}

// runCommand runs a command until its end or stop, and then ends every process
// that it left.
func runCommand(p plan, i int, stop <-chan struct{}) (status, error) {
	st := status{Event: eventEnded, Command: i}
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return st, fmt.Errorf("opening /dev/null: %w", err)
	}
	out := firstFD + i
	start := time.Now()
	command := startLauncher
	if p.Mode == Namespaces || p.within() {
		command = startCommand
	}
	pid, startErr := command(p, i, []uintptr{uintptr(null), uintptr(out), uintptr(out)})
	for _, fd := range []int{null, out} {
		if err := unix.Close(fd); err != nil {
			return st, fmt.Errorf("closing a descriptor: %w", err)
		}
	}
	if startErr != nil {
		if err := errors.Join(killOthers(p.Mode), reapAll(p.Mode)); err != nil { // what was to become the command
			return st, err
		}
		var broken *setUpError
		if errors.As(startErr, &broken) {
			return st, broken
		}
		st.Exit, st.Error = notStarted, fmt.Sprintf("starting %s: %v", p.Job.Commands[i].Argv[0], startErr)
		return st, nil
	}
	ws, err := waitOrStop(p.Mode, pid, stop)
	if err != nil {
		return st, err
	}
	st.Exit = ws.ExitStatus() // -1 after a signal
	if ws.Signaled() {
		st.Signal = int(ws.Signal())
	}
	if err := killOthers(p.Mode); err != nil {
		return st, err
	}
	if err := reapAll(p.Mode); err != nil {
		return st, err
	}
	st.Wall = time.Since(start)
	return st, nil
}

// startCommand starts a command that inherits our confinement.
func startCommand(p plan, i int, files []uintptr) (pid int, err error) {
	job, argv := p.Job, p.Job.Commands[i].Argv
	return syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{
		Dir: job.Dir, Env: job.Env, Files: files, Sys: &syscall.SysProcAttr{Setsid: true},
	})
}

// waitOrStop waits until pid has ended, and sees to it when stop closes.
func waitOrStop(mode Mode, pid int, stop <-chan struct{}) (unix.WaitStatus, error) {
	if stop == nil { // here, since the job's limit may leave no thread for elsewhere
		return waitFor(pid)
	}
	type end struct {
		ws  unix.WaitStatus
		err error
	}
	ended := make(chan end, 1)
	go func() {
		ws, err := waitFor(pid)
		ended <- end{ws, err}
	}()
	select {
	case e := <-ended:
		return e.ws, e.err
	case <-stop:
	}
	if err := killOthers(mode); err != nil {
		return 0, err
	}
	e := <-ended
	return e.ws, e.err
}

// waitFor reaps until pid has ended: orphans that fell to us too.
func waitFor(pid int) (unix.WaitStatus, error) {
	for {
		var ws unix.WaitStatus
		switch got, err := unix.Wait4(-1, &ws, 0, nil); {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return ws, fmt.Errorf("waiting: %w", err)
		case got == pid:
			return ws, nil
		}
	}
}

// killOthers ends every other process of the sandbox. In mode Pod it is by
// Landlock alone that the signal reaches no others, so that is made sure of.
func killOthers(mode Mode) error {
	if mode == Pod {
		if err := signalsAreScoped(); err != nil {
			return err
		}
	}
	if err := unix.Kill(-1, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("killing what the command left: %w", err)
	}
	return nil
}

// reapAll waits until no process of the sandbox is left but this one. gVisor's
// kernel spares those that are forked while it signals all, so there each end is
// followed by another signal.
func reapAll(mode Mode) error {
	for {
		switch _, err := unix.Wait4(-1, nil, 0, nil); {
		case err == nil && onGvisor():
			if err := killOthers(mode); err != nil {
				return err
			}
		case err == nil || errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ECHILD):
			return nil
		default:
			return fmt.Errorf("reaping what the command left: %w", err)
		}
	}
}

func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	ifr, err := unix.NewIfreq("lo")
	if err == nil {
		ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		err = unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, ifr)
	}
	return errors.Join(err, unix.Close(s))
}
