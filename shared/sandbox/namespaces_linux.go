//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const selfExe = "/proc/self/exe"

// describe says what holds a job, as far as this package sees it.
func describe(mode Mode) string {
	detail := "user, mount, pid, network, ipc and uts namespaces, seccomp"
	switch mode {
	case Gvisor:
		if onGvisor() {
			return "gVisor's kernel, which is this container's own; user, mount, pid, network, ipc and uts namespaces, seccomp"
		}
		return "gVisor's kernel (runsc) in user, mount, pid, network, ipc and uts namespaces, seccomp"
	case Pod:
		detail = "limits, seccomp; the network is held by the pod's NetworkPolicy alone"
	}
	abi, err := landlockABI()
	if err != nil || abi == 0 {
		return detail + "; the kernel has no Landlock"
	}
	return fmt.Sprintf("%s, Landlock ABI %d", detail, abi)
}

// runNamespaces runs a prepared job. The goroutine keeps its thread: the kernel
// kills the sandbox when the thread that started it ends, which is how a
// sandbox does not outlive a parent that is killed.
func runNamespaces(ctx context.Context, job Job) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	return (&supervisor{mode: Namespaces, job: job}).run(ctx)
}

func (s *supervisor) run(ctx context.Context) (Result, error) {
	if err := s.start(); err != nil {
		return Result{}, fmt.Errorf("starting a sandbox: %w", errors.Join(err, s.closeFiles()))
	}
	result, err := s.wait(ctx)
	return result, errors.Join(err, s.closeFiles())
}

// supervisor is the parent's side of one sandbox.
type supervisor struct {
	mode Mode
	job  Job
	cmd  *exec.Cmd

	childs  []*os.File // the child's ends, closed once it has them
	plan    *os.File
	status  *os.File
	outputs []*os.File
	stderr  bytes.Buffer // what the first process itself says, if it crashes

	// In mode Pod: the size of the job's folder at first, and whether the first
	// process ended before it had swept.
	diskBefore int64
	unswept    bool
}

// start starts the first process and tells it the plan.
func (s *supervisor) start() error {
	planR, planW, err := os.Pipe()
	if err != nil {
		return err
	}
	s.plan, s.childs = planW, append(s.childs, planR)
	statusR, statusW, err := os.Pipe()
	if err != nil {
		return err
	}
	s.status, s.childs = statusR, append(s.childs, statusW)
	for range s.job.Commands {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		s.outputs, s.childs = append(s.outputs, r), append(s.childs, w)
	}

	root := s.mode != Pod && os.Geteuid() == 0
	if root {
		if err := s.openTrees(); err != nil {
			return err
		}
	}
	if s.mode == Gvisor && !onGvisor() {
		f, err := runsc()
		if err != nil {
			return err
		}
		s.childs = append(s.childs, f)
	}
	s.cmd = &exec.Cmd{
		Path: selfExe, Args: []string{reexecName}, Env: []string{}, Dir: "/",
		ExtraFiles: s.childs, Stderr: &limitedWriter{w: &s.stderr, left: 16 << 10}, SysProcAttr: attributes(s.mode, root),
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	if err := closeAll(s.childs); err != nil { // the child has its own
		return errors.Join(err, s.cmd.Process.Kill(), s.cmd.Wait())
	}
	s.childs = nil
	// While nobody waits for it, even a process that has ended must be seen.
	if _, err := memoryBelow(s.cmd.Process.Pid); err != nil {
		err = fmt.Errorf("its memory cannot be watched: %w", err)
		return errors.Join(err, s.cmd.Process.Kill(), s.cmd.Wait())
	}

	err = json.NewEncoder(s.plan).Encode(plan{Mode: s.mode, Job: s.job, Temp: os.TempDir(), TreesOpened: root})
	if s.mode != Pod {
		err = errors.Join(err, s.endPlan())
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("telling it the plan: %w", err), s.cmd.Process.Kill(), s.cmd.Wait())
		return fmt.Errorf("%w: %s", err, s.stderr.Bytes())
	}
	return nil
}

// attributes of the first process. Its user in the namespace is not 0 and so
// loses its capabilities when it starts our binary, but for the ambient ones:
// for mounts, the loopback, dropping capabilities, limits, and killing; and
// the overlay's copies of files keep their owner and mode.
func attributes(mode Mode, root bool) *syscall.SysProcAttr {
	if mode == Pod {
		// No signal when we die, since it must sweep first: it sees the plan end.
		return &syscall.SysProcAttr{Setsid: true}
	}
	attr := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID |
			unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: insideID, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: insideID, HostID: os.Getegid(), Size: 1}},
		AmbientCaps: []uintptr{
			unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_SETPCAP, unix.CAP_SYS_RESOURCE, unix.CAP_KILL,
			unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_CHOWN,
		},
		Pdeathsig: syscall.SIGKILL,
		Setsid:    true,
	}
	if onGvisor() {
		attr.Pdeathsig = 0 // see setUpWithin
	}
	if root {
		attr.UidMappings[0].HostID, attr.GidMappings[0].HostID = hostID, hostID
		// Root's supplementary groups must go too, which only root may do.
		attr.GidMappingsEnableSetgroups = true
		attr.Credential = &syscall.Credential{Uid: insideID, Gid: insideID}
	}
	return attr
}

// openTrees opens the mounts as root, who may look into folders that the
// sandbox's user may not, and lets the files in folders that can be changed
// appear to be that user's. System files keep their owner, lest the job read
// what only root may.
func (s *supervisor) openTrees() error {
	for _, m := range s.job.Mounts {
		fd, err := openTree(m)
		if err != nil {
			return err
		}
		s.childs = append(s.childs, os.NewFile(uintptr(fd), m.Source))
		if m.Access == ReadOnly {
			continue
		}
		ns, err := ownerNamespace()
		if err != nil {
			return err
		}
		attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(ns.Fd())}
		if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &attr); err != nil {
			return fmt.Errorf("mount %s: changing the owner of its files: %w", m.Source, err)
		}
	}
	return nil
}

// closeFiles closes what is still open, however far start came.
func (s *supervisor) closeFiles() error {
	files := append(slices.Clone(s.childs), s.outputs...)
	if s.plan != nil {
		files = append(files, s.plan)
	}
	if s.status != nil {
		files = append(files, s.status)
	}
	return closeAll(files)
}

// endPlan closes the plan, which in mode Pod asks the first process to end.
func (s *supervisor) endPlan() error {
	f := s.plan
	if f == nil {
		return nil
	}
	s.plan = nil
	return f.Close()
}

// end makes the first process end and take the job along.
func (s *supervisor) end() error {
	if s.mode == Pod {
		return s.endPlan()
	}
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

func closeAll(files []*os.File) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// setUpWall is the longest time to set a sandbox up, which Limits.Wall does not
// bound: in mode Gvisor it takes a tenth of a second and, on a busy machine, more.
// A variable for the tests.
var setUpWall = 30 * time.Second

// wait watches the sandbox until it has ended.
func (s *supervisor) wait(ctx context.Context) (result Result, err error) {
	quit := make(chan struct{})
	excess := make(chan struct{}, len(s.outputs))
	left := newAllowance(s.job.Limits.Output)
	outputs := make([]chan []byte, len(s.outputs))
	for i, r := range s.outputs {
		outputs[i] = make(chan []byte, 1)
		go func() { outputs[i] <- readOutput(r, left, excess) }()
	}
	statuses, ready, breach := make(chan outcome, 1), make(chan struct{}), make(chan struct{})
	go func() { statuses <- readStatuses(s.status, s.job.Commands, ready, breach) }()
	memory := make(chan memoryReport, 1)
	measure := memoryBelow
	if s.mode == Gvisor && !onGvisor() {
		kernel := &gvisorMemory{since: time.Now()}
		defer func() { err = errors.Join(err, kernel.close()) }()
		measure = kernel.measure
	}
	go func() { memory <- watchMemory(s.cmd.Process.Pid, measure, s.job.Limits.Memory, quit) }()
	disk := make(chan error, 1)
	if s.mode == Pod {
		go func() { disk <- watchDisk(jobRoot(), s.job.Limits.Disk, s.diskBefore, quit) }()
	}
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()

	timeout := time.NewTimer(setUpWall)
	defer timeout.Stop()
	var killed Killed
	var broken, waitErr error
	var mem memoryReport
	done, gotMemory := ctx.Done(), false
	kill := func() {
		if err := s.end(); err != nil {
			broken = errors.Join(broken, fmt.Errorf("killing the sandbox: %w", err))
		}
	}
	setKilled := func(k Killed) {
		if killed == "" {
			killed = k
		}
		kill()
	}
	for running := true; running; {
		select {
		case waitErr = <-ended:
			running = false
		case <-done:
			done = nil
			kill()
		case <-ready:
			ready = nil
			timeout.Reset(s.job.Limits.Wall)
		case <-breach:
			breach = nil
			kill()
		case <-timeout.C:
			if ready == nil {
				setKilled(KilledTimeout)
				continue
			}
			broken = errors.Join(broken, fmt.Errorf("%w within %v", errNotReady, setUpWall))
			// Not by asking, as in mode Pod, what may not get to hear it.
			if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				broken = errors.Join(broken, err)
			}
		case <-excess:
			setKilled(KilledOutput)
		case mem = <-memory:
			gotMemory = true
			switch {
			case mem.exceeded:
				setKilled(KilledMemory)
			case mem.err != nil: // nothing would bound it from here on
				kill()
			}
		case err := <-disk:
			switch {
			case errors.Is(err, errDiskExceeded):
				setKilled(KilledDisk)
			case err != nil:
				broken = errors.Join(broken, fmt.Errorf("watching the files of a sandbox: %w", err))
				kill()
			}
		}
	}
	close(quit)
	if s.mode == Pod && waitErr != nil {
		// It did not come to sweep, and whoever is left may hold the pipes.
		s.unswept = true
		broken = errors.Join(broken, closeAll(s.outputs))
		s.outputs = nil
	}
	if !gotMemory {
		mem = <-memory
	}
	o := <-statuses
	for i := range outputs {
		o.commands[i].Output = append(<-outputs[i], o.commands[i].Output...)
	}
	result = Result{
		Mode: s.mode, Commands: o.commands, Killed: killed, PeakMemory: mem.peak,
	}
	if !o.ready.IsZero() {
		result.Wall = time.Since(o.ready)
	}
	switch {
	case broken != nil:
		return Result{}, broken
	case ctx.Err() != nil && done == nil:
		return Result{}, ctx.Err()
	case o.failure != "":
		return Result{}, errors.New(o.failure)
	case mem.err != nil:
		return Result{}, fmt.Errorf("watching the memory of a sandbox: %w", mem.err)
	case killed == "" && waitErr != nil && o.last < 0:
		return Result{}, fmt.Errorf("a sandbox ended early: %w: %s", waitErr, s.stderr.Bytes())
	case killed != "" && o.last < 0 && len(o.commands) > 0: // that is no answer about the commands
		return Result{}, fmt.Errorf("%w: it was ended before it ran a command: %s", errNotReady, killed)
	case killed == "" && waitErr != nil:
		result.Killed = KilledItself
	case killed == "" && !o.complete(s.job.Commands):
		return Result{}, errors.New("a sandbox ended without a word on all of its commands")
	}
	if result.Killed != "" && o.last >= 0 {
		c := &result.Commands[o.last]
		c.ExitCode = -1
	}
	return result, nil
}
