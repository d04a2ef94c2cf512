// Package sandbox runs programs that nobody has reason to trust.
//
// A [Job] names the host folders it may see, the commands to run one after the
// other, and its limits; it inherits nothing else: no environment, no open
// file, no network but a loopback of its own. [Run] answers what the commands
// did. That a command fails is a [Result]; only a machine that cannot hold the
// job is an error.
//
// Importing the package is all that a program has to do. The first process of
// a sandbox is the same binary started again, and the package takes over while
// it is being initialised, long before main.
//
// What it does not do: without a control group, which most users cannot make,
// memory is bounded by looking every 50 ms and not exactly; and processor time
// is bounded by [Limits.Wall] alone.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Mode is the way in which a machine holds a job.
type Mode string

const (
	// None says that nothing on this machine can hold a job. Run refuses.
	None Mode = "none"
	// Namespaces holds a job with the kernel's user, mount, pid, network, ipc
	// and uts namespaces, Landlock, seccomp and resource limits. It works for
	// root and for an ordinary user, and needs no program but our own.
	Namespaces Mode = "namespaces"
	// Gvisor holds a job with another kernel, that of runsc, which must be on the
	// PATH, within the same namespaces: what the job asks a kernel for is not asked
	// of the host's. Where the kernel is gVisor's already, as in a pod of its
	// RuntimeClass, it is those namespaces without a runsc.
	Gvisor Mode = "gvisor"
	// Pod holds a job where namespaces are refused, in a container that has
	// nothing but this process: with Landlock, seccomp and resource limits, and
	// one job at a time. The network is the container's, so whatever runs the
	// container must deny it a way out. It is never chosen unless asked for.
	Pod Mode = "pod"
)

// Access is what a job may do with a mount.
type Access int

const (
	// ReadOnly files can be read and executed.
	ReadOnly Access = iota
	// Scratch files can be changed as well, but the changes count against
	// [Limits.Disk] and are gone with the job. All modes but Pod keep them in memory;
	// Pod gives the job a copy.
	Scratch
	// Growing is Scratch for a large folder: files can be added and removed, but
	// one that was there need not be writable. Pod makes links and no copy.
	Growing
	// Writable files can be changed on the host. Whoever reads such a folder
	// afterwards must expect symbolic links in it and open files through
	// [os.Root].
	Writable
)

// Mount shows a file or folder of the host to a job.
type Mount struct {
	// Source is an absolute path on the host. Symbolic links are followed. It
	// must hold no unix socket of the host: before version 9 of Landlock a job
	// can connect to one that it sees.
	Source string
	// Target is the absolute path inside. Empty means Source.
	Target string
	// Access is ReadOnly unless told otherwise. All others need a folder.
	Access Access
}

// Command is one program of a job.
type Command struct {
	// Argv is the program, as an absolute path inside, and its arguments.
	Argv []string
	// KeepGoing lets the next command run although this one failed.
	KeepGoing bool
}

// Job is what [Run] runs. Its commands share one sandbox, so a later one sees
// the files that an earlier one made, but no process outlives its command.
type Job struct {
	// Mounts is everything of the host that the job sees, besides a few
	// devices. A mount below another one must come after it.
	Mounts []Mount
	// Dir is the absolute path inside where the commands start. Empty means
	// [Support.Temp].
	Dir string
	// Env is the whole environment, as "key=value". The last of two wins.
	Env []string
	// Commands run in order until one fails. None at all is an empty sandbox,
	// set up and taken down again.
	Commands []Command
	Limits   Limits
}

// Limits bound a job. A zero field means its default.
type Limits struct {
	// Wall is the longest time for all commands together, without that to set the
	// sandbox up. Default 5 minutes.
	Wall time.Duration
	// Memory, in bytes, bounds the anonymous and shared memory of all processes
	// together, looked at every 50 ms. Between two looks a single process gets
	// no more than 256 MiB beyond it; in mode Gvisor all together no more than
	// 2.25 GiB, or up to FileSize where that is more, and its kernel's own memory counts too, some 40 MiB at first; on a
	// kernel that is gVisor's already nothing bounds that here, and programs and
	// mapped files count too. Files in memory are Disk's. Default 2 GiB.
	Memory int64
	// Disk, in bytes, bounds what is kept in Scratch and Growing mounts, /tmp and
	// /dev/shm together. In all modes but Pod it is memory of the host too, and a
	// job that wants more is told that no space is left; in mode Pod it is
	// looked at a few times a second and the job is killed. Default 1 GiB.
	Disk int64
	// FileSize, in bytes, bounds one file. Default 1 GiB.
	FileSize int64
	// Output, in bytes, bounds what all commands print together; a job that
	// prints more is killed. Default 8 MiB.
	Output int64
	// Processes bounds processes and threads; in mode Pod, and on a kernel that is
	// gVisor's already, those of everything that it runs as this user. Default 1024.
	Processes int
	// Files bounds the open files of a process. Default 4096.
	Files int
}

func (l Limits) withDefaults() Limits {
	orInt64 := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	if l.Wall == 0 {
		l.Wall = 5 * time.Minute
	}
	orInt64(&l.Memory, 2<<30)
	orInt64(&l.Disk, 1<<30)
	orInt64(&l.FileSize, 1<<30)
	orInt64(&l.Output, 8<<20)
	if l.Processes == 0 {
		l.Processes = 1024
	}
	if l.Files == 0 {
		l.Files = 4096
	}
	return l
}

func (l Limits) validate() error {
	for name, v := range map[string]int64{
		"Wall": int64(l.Wall), "Memory": l.Memory, "Disk": l.Disk, "FileSize": l.FileSize,
		"Output": l.Output, "Processes": int64(l.Processes), "Files": int64(l.Files),
	} {
		if v < 0 {
			return fmt.Errorf("limit %s is negative", name)
		}
	}
	return nil
}

// Killed is why a job did not end by itself. Empty means that it did.
type Killed string

const (
	KilledTimeout Killed = "timeout" // it ran longer than Limits.Wall
	KilledMemory  Killed = "memory"  // it held more than Limits.Memory
	KilledOutput  Killed = "output"  // it printed more than Limits.Output
	KilledDisk    Killed = "disk"    // it kept more than Limits.Disk, in mode Pod
	KilledItself  Killed = "itself"  // it brought down the first process of its own sandbox
)

// CommandResult is what became of one command.
type CommandResult struct {
	// Ran is false when the job ended before the command's turn. All else is
	// zero then.
	Ran bool
	// ExitCode is the program's; 127 when it could not be started, with the
	// reason in Output, and -1 when a signal or a limit ended it.
	ExitCode int
	// Signal that ended the program, 0 if none did.
	Signal int
	// Output is what it printed to standard output and standard error, as it
	// came. It ends early when the job was killed.
	Output []byte
	Wall   time.Duration
}

// OK reports whether the command ran and ended with exit code 0.
func (r CommandResult) OK() bool { return r.Ran && r.ExitCode == 0 }

// Result is what became of a job.
type Result struct {
	Mode     Mode
	Commands []CommandResult // one for each of Job.Commands
	// Killed applies to the last command that ran.
	Killed Killed
	// Wall is what Limits.Wall bounds: from when the sandbox was ready to its end.
	Wall time.Duration
	// PeakMemory is the largest sum seen of what Limits.Memory bounds, in bytes.
	PeakMemory int64
}

// UnavailableError says that this machine cannot hold a job. The job has not
// been started.
type UnavailableError struct {
	Reason string // what the machine lacks
}

func (e *UnavailableError) Error() string { return "no sandbox on this machine: " + e.Reason }

// UncleanError says that something of a job may be left that only the end of
// the container removes: this process must end, and run no further job.
type UncleanError struct {
	Reason string // what is left
}

func (e *UncleanError) Error() string { return "a job left something behind: " + e.Reason }

// Run runs a job and returns when every process of it is gone.
//
// It returns an [*UnavailableError] when the mode is None, an [*UncleanError]
// when a job in mode Pod left something, the context's error when that ended
// first, and any other error when the job is not valid or the sandbox could
// not be set up.
func (s Support) Run(ctx context.Context, job Job) (Result, error) {
	if s.Mode == None {
		return Result{}, &UnavailableError{Reason: s.Detail}
	}
	job, err := job.prepare(s)
	if err != nil {
		return Result{}, fmt.Errorf("job: %w", err)
	}
	switch s.Mode {
	case Namespaces:
		return runNamespaces(ctx, job)
	case Gvisor:
		return runGvisor(ctx, job)
	case Pod:
		return runPod(ctx, job)
	default:
		return Result{}, fmt.Errorf("sandbox mode %q is unknown", s.Mode)
	}
}

// Run runs a job in what [Detect] finds on this machine.
func Run(ctx context.Context, job Job) (Result, error) {
	support, err := Detect(ctx, "")
	if err != nil {
		return Result{}, err
	}
	return support.Run(ctx, job)
}

// Mount shows source to a job, at target where the mode can place it. Mode Pod
// cannot: what it does not copy stays where it is, and copies stand together in
// the job's own folder. The Target of the answer is where the job finds it.
func (s Support) Mount(source, target string, access Access) Mount {
	m := Mount{Source: source, Target: target, Access: access}
	if s.Mode == Pod {
		m.Target = source
		if access == Scratch || access == Growing {
			m.Target = filepath.Join(jobRoot(), target)
		}
	}
	return m
}

// Temp is the job's own folder for temporary files; in mode Pod it must be told
// of it by its environment.
func (s Support) Temp() string {
	if s.Mode == Pod {
		return filepath.Join(jobRoot(), "tmp")
	}
	return "/tmp"
}

// jobRoot is the folder of the one job that runs in mode Pod.
func jobRoot() string { return podRoot(os.TempDir()) }

func podRoot(temp string) string { return filepath.Join(temp, "quantumlayer-job") }

// prepare returns a copy with defaults filled in, or says what is wrong.
func (j Job) prepare(s Support) (Job, error) {
	if err := j.Limits.validate(); err != nil {
		return Job{}, err
	}
	j.Limits = j.Limits.withDefaults()
	if j.Dir == "" {
		j.Dir = s.Temp()
	}
	if !filepath.IsAbs(j.Dir) {
		return Job{}, fmt.Errorf("dir %q is not absolute", j.Dir)
	}
	j.Mounts = slices.Clone(j.Mounts)
	for i := range j.Mounts {
		m := &j.Mounts[i]
		if m.Target == "" {
			m.Target = m.Source
		}
		for _, p := range []string{m.Source, m.Target} {
			if !filepath.IsAbs(p) || filepath.Clean(p) != p || p == "/" {
				return Job{}, fmt.Errorf("mount %q: not a clean absolute path below /", p)
			}
		}
		if m.Access < ReadOnly || m.Access > Writable {
			return Job{}, fmt.Errorf("mount %q: access %d is unknown", m.Source, m.Access)
		}
		if s.Mode != Pod {
			if m.Access == Growing {
				m.Access = Scratch
			}
			continue
		}
		copied := m.Access == Scratch || m.Access == Growing
		if copied != strings.HasPrefix(m.Target, jobRoot()+"/") || !copied && m.Target != m.Source {
			return Job{}, fmt.Errorf("mount %q: mode %s cannot show it at %q", m.Source, s.Mode, m.Target)
		}
	}
	for i, c := range j.Commands {
		if len(c.Argv) == 0 || !filepath.IsAbs(c.Argv[0]) {
			return Job{}, fmt.Errorf("command %d: needs the absolute path of a program", i)
		}
	}
	env, err := uniqueEnv(j.Env)
	if err != nil {
		return Job{}, err
	}
	j.Env = env
	return j, nil
}

// uniqueEnv keeps the last value of each key: programs disagree on which of
// two they take, and exec does not choose.
func uniqueEnv(env []string) ([]string, error) {
	last := make(map[string]int, len(env))
	for i, kv := range env {
		k, _, ok := strings.Cut(kv, "=")
		if !ok || k == "" || strings.ContainsRune(kv, 0) {
			return nil, errors.New("environment: an entry is not key=value")
		}
		last[k] = i
	}
	out := make([]string, 0, len(last))
	for i, kv := range env {
		if k, _, _ := strings.Cut(kv, "="); last[k] == i {
			out = append(out, kv)
		}
	}
	return out, nil
}
