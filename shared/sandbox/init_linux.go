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
	case reexecName:
		unix.Exit(firstProcess()) // at once: os.Exit would run hooks that are the program's
	case holderName:
		// Standard input ends when the parent has what it wants, or is gone.
		if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// firstProcess is pid 1 of the sandbox: it builds the file system, confines
// itself, and starts the commands, which inherit the confinement. All of that
// belongs to one thread, hence the lock; the runtime's other threads never run
// anything that came from outside.
func firstProcess() int {
	runtime.LockOSThread()
	// Commands get three descriptors and no more, whatever we were started with
	// and whoever opened it without close-on-exec.
	if err := unix.CloseRange(planFD, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		fmt.Fprintln(os.Stderr, "close_range:", err)
		return 1
	}
	out := json.NewEncoder(os.NewFile(statusFD, "status"))
	if err := serve(out); err != nil {
		if err := out.Encode(status{Event: eventFailed, Error: err.Error()}); err != nil {
			fmt.Fprintln(os.Stderr, "reporting:", err)
		}
		return 1
	}
	return 0
}

func serve(out *json.Encoder) error {
	// With a handler, pid 1 can be signalled from inside; without a reader of
	// the channel the signal has no effect, and commands start with defaults.
	signal.Notify(make(chan os.Signal, 1))

	var p plan
	planFile := os.NewFile(planFD, "plan")
	if err := json.NewDecoder(planFile).Decode(&p); err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	if err := planFile.Close(); err != nil {
		return fmt.Errorf("closing the plan: %w", err)
	}
	job := p.Job
	unix.Umask(0o022)

	var trees []int
	if p.TreesOpened {
		for i := range job.Mounts {
			trees = append(trees, firstFD+len(job.Commands)+i)
		}
	}
	if err := buildRoot(job, trees); err != nil {
		return err
	}
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("bringing the loopback up: %w", err)
	}
	if err := unix.Sethostname([]byte("sandbox")); err != nil {
		return fmt.Errorf("naming the host: %w", err)
	}
	// No command may read our memory or borrow our descriptors. Not earlier:
	// it takes our own files in /proc from us as well.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("becoming undumpable: %w", err)
	}
	if err := confine(job); err != nil {
		return err
	}
	if err := out.Encode(status{Event: eventReady}); err != nil {
		return fmt.Errorf("reporting: %w", err)
	}
	for i, c := range job.Commands {
		if err := out.Encode(status{Event: eventStarted, Command: i}); err != nil {
			return fmt.Errorf("reporting: %w", err)
		}
		st, err := runCommand(job, i)
		if err != nil {
			return fmt.Errorf("command %d: %w", i, err)
		}
		if err := out.Encode(st); err != nil {
			return fmt.Errorf("reporting: %w", err)
		}
		if st.Exit != 0 && !c.KeepGoing {
			break
		}
	}
	return nil
}

// runCommand runs a command and then ends every process that it left.
func runCommand(job Job, i int) (status, error) {
	st := status{Event: eventEnded, Command: i}
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return st, fmt.Errorf("opening /dev/null: %w", err)
	}
	out := firstFD + i
	start := time.Now()
	argv := job.Commands[i].Argv
	pid, startErr := syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{
		Dir:   job.Dir,
		Env:   job.Env,
		Files: []uintptr{uintptr(null), uintptr(out), uintptr(out)},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	for _, fd := range []int{null, out} {
		if err := unix.Close(fd); err != nil {
			return st, fmt.Errorf("closing a descriptor: %w", err)
		}
	}
	if startErr != nil {
		st.Exit, st.Error = 127, fmt.Sprintf("starting %s: %v", argv[0], startErr)
		return st, nil
	}
	for {
		var ws unix.WaitStatus
		got, err := unix.Wait4(-1, &ws, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return st, fmt.Errorf("waiting: %w", err)
		}
		if got != pid {
			continue // an orphan that fell to us
		}
		st.Exit = ws.ExitStatus() // -1 after a signal
		if ws.Signaled() {
			st.Signal = int(ws.Signal())
		}
		break
	}
	if err := killAll(); err != nil {
		return st, err
	}
	st.Wall = time.Since(start)
	return st, nil
}

// killAll ends and reaps every other process of the sandbox.
func killAll() error {
	if err := unix.Kill(-1, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("killing what the command left: %w", err)
	}
	for {
		switch _, err := unix.Wait4(-1, nil, 0, nil); {
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
