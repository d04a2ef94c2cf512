//go:build amd64 || arm64

package sandbox

import (
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// runscName is the program that has gVisor's kernel, looked for on the PATH.
const runscName = "runsc"

// Mode Gvisor is mode Namespaces with another kernel in it. The first process
// builds the same root in the same namespaces, but starts no command: it starts
// runsc, and that our own binary once more, which gVisor's kernel runs as its
// pid 1. That one starts the commands.
//
// So what bounds files and ends processes is the host's kernel as before, and what
// a job asks a kernel for is asked of gVisor's.
const (
	// Where runsc finds what, once the stage is the root of its file system.
	bundle = "/bundle"
	state  = "/state"
	// minderID is the user of pid 1 inside. It is not the job's, which is 0 to
	// gVisor's kernel, so that the job cannot signal it: that kernel does not
	// spare a pid 1.
	minderID = 1
)

// needsProc is said where a part of /proc is masked, as in most containers.
const needsProc = "mode gvisor needs a /proc of which nothing is masked"

// runsc opens the program that mode Gvisor needs.
func runsc() (*os.File, error) {
	path, err := exec.LookPath(runscName)
	if err != nil {
		return nil, fmt.Errorf("mode gvisor needs %s on the PATH: %w", runscName, err)
	}
	return os.Open(path)
}

// gvisorLacks says why no job can be held in mode Gvisor, or nothing.
func gvisorLacks() string {
	if onGvisor() {
		return withinLacks()
	}
	f, err := runsc()
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// runGvisor runs a prepared job. See runNamespaces for the thread.
func runGvisor(ctx context.Context, job Job) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	if !onGvisor() {
		loader, err := loaderMounts()
		if err != nil {
			return Result{}, fmt.Errorf("looking at our own binary: %w", err)
		}
		job.Mounts = append(loader, job.Mounts...) // the job's own cover them
	}
	return (&supervisor{mode: Gvisor, job: job}).run(ctx)
}

// loaderMounts are the shared libraries of the host, which every job gets when our
// own binary needs them to start inside. One that was built without cgo does not.
var loaderMounts = sync.OnceValues(func() ([]Mount, error) {
	f, err := elf.Open(selfExe)
	if err != nil {
		return nil, err
	}
	dynamic := slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	if err := f.Close(); err != nil || !dynamic {
		return nil, err
	}
	var mounts []Mount
	for _, m := range System() {
		if slices.Contains([]string{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"}, m.Source) {
			mounts = append(mounts, Mount{Source: m.Source, Target: m.Source})
		}
	}
	return mounts, nil
})

// container is what of an OCI runtime's config.json is needed here.
type container struct {
	Version  string           `json:"ociVersion"`
	Process  containerProcess `json:"process"`
	Root     containerRoot    `json:"root"`
	Hostname string           `json:"hostname"`
	Mounts   []containerMount `json:"mounts"`
	Linux    containerLinux   `json:"linux"`
}

type containerProcess struct {
	Args []string `json:"args"`
	Cwd  string   `json:"cwd"`
	User struct {
		UID int `json:"uid"`
		GID int `json:"gid"`
	} `json:"user"`
	Capabilities    map[string][]string `json:"capabilities"`
	NoNewPrivileges bool                `json:"noNewPrivileges"`
}

type containerRoot struct {
	Path string `json:"path"`
}

type containerMount struct {
	Destination string   `json:"destination"`
	Type        string   `json:"type"`
	Source      string   `json:"source"`
	Options     []string `json:"options"`
}

type containerLinux struct {
	Namespaces []containerNamespace `json:"namespaces"`
}

type containerNamespace struct {
	Type string `json:"type"`
}

// describeContainer says what runsc is to run: insideName in the root that was built.
func describeContainer() container {
	c := container{Version: "1.0.2", Hostname: "sandbox", Root: containerRoot{Path: rootDir}}
	c.Process = containerProcess{Args: []string{insideName}, Cwd: "/", NoNewPrivileges: true}
	c.Process.User.UID, c.Process.User.GID = minderID, minderID
	// To start commands as another user, to end them, and to take from them what
	// they must not have. gVisor's kernel gives these, and the host's knows nothing of them.
	caps := []string{"CAP_DAC_OVERRIDE", "CAP_SETFCAP", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_KILL"}
	c.Process.Capabilities = map[string][]string{"bounding": caps, "permitted": caps, "effective": caps, "inheritable": caps, "ambient": caps}
	c.Mounts = append(c.Mounts, containerMount{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"ro", "nosuid", "noexec"}})
	for _, dir := range []string{"/tmp", "/dev/shm"} { // where runsc would place its own, of any size
		c.Mounts = append(c.Mounts, containerMount{
			Destination: dir, Type: "bind", Source: rootDir + dir, Options: []string{"bind", "rw", "nosuid", "nodev"},
		})
	}
	// No job needs /sys, which runsc shows unless something else is there.
	c.Mounts = append(c.Mounts, containerMount{Destination: "/sys", Type: "tmpfs", Source: "tmpfs", Options: []string{"ro", "mode=000"}})
	for _, n := range []string{"pid", "network", "ipc", "uts", "mount"} {
		c.Linux.Namespaces = append(c.Linux.Namespaces, containerNamespace{n})
	}
	return c
}

// startGvisor builds the root, has runsc run us in it, and waits for that.
// The code is for this process to end with.
func startGvisor(p plan) (code int, err error) {
	if err := buildRoot(p.Job, p.trees()); err != nil {
		return 0, err
	}
	// Of root's folders the job may see no list, as elsewhere by Landlock.
	if err := os.Chmod(newRoot, 0o111); err != nil {
		return 0, fmt.Errorf("making the root: %w", err)
	}
	if err := sealRoot(); err != nil {
		return 0, err
	}
	self, err := unix.Open(selfExe, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("opening our own binary: %w", err)
	}
	if err := enterStage(); err != nil {
		return 0, err
	}
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0); err != nil {
		return 0, fmt.Errorf("offering the job to the out-of-memory killer: %w", err)
	}
	for _, d := range []string{bundle, state} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return 0, fmt.Errorf("making the bundle: %w", err)
		}
	}
	config, err := json.Marshal(describeContainer())
	if err == nil {
		err = os.WriteFile(filepath.Join(bundle, "config.json"), config, 0o600)
	}
	if err != nil {
		return 0, fmt.Errorf("making the bundle: %w", err)
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("dropping ambient capabilities: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("forbidding new privileges: %w", err)
	}
	// Its memory file grows a GiB at a time. Inside, no limit on data would stop a
	// process from taking more than that between two looks of the watch.
	const chunk = 1 << 30
	size := uint64(p.Job.Limits.Memory+dataHeadroom+chunk-1)/chunk*chunk + chunk
	size = max(size, uint64(p.Job.Limits.FileSize))
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: size}); err != nil {
		return 0, fmt.Errorf("limiting the memory file: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil { // its processes hold the job's memory
		return 0, fmt.Errorf("forbidding core dumps: %w", err)
	}
	pid, err := startRunsc(p, self)
	if err != nil {
		return 0, fmt.Errorf("starting runsc: %w", err)
	}
	ws, err := waitFor(pid)
	if err != nil {
		return 0, err
	}
	if ws.ExitStatus() != 0 { // it has said why
		return 1, nil
	}
	return 0, nil
}

// enterStage makes the stage the root, in which runsc has what it needs and
// nothing of the host.
func enterStage() error {
	for _, d := range []string{"/proc", "/dev", "/tmp"} {
		if err := os.Mkdir(stage+d, 0o755); err != nil {
			return fmt.Errorf("making a root for runsc: %w", err)
		}
	}
	// runsc looks up processes by their numbers here.
	if err := mountProc(stage + "/proc"); err != nil {
		return fmt.Errorf("%s: %w", needsProc, err)
	}
	for _, d := range devices {
		if err := os.WriteFile(stage+d, nil, 0o644); err != nil {
			return fmt.Errorf("making a root for runsc: %w", err)
		}
		if err := unix.Mount(newRoot+d, stage+d, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("making a root for runsc: %w", err)
		}
	}
	return enterRoot(stage)
}

// knownFiles is how many files' names and attributes runsc keeps, an open file of
// its own for each. A build looks at some thousand again and again; with 1000, as
// runsc has it, a verification takes a quarter more processor time.
const knownFiles = 8000

func startRunsc(p plan, self int) (pid int, err error) {
	var open unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &open); err != nil {
		return 0, fmt.Errorf("reading the limit on open files: %w", err)
	}
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	planR, planW, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	// Inside, each has the number that a first process knows it by.
	files := []uintptr{uintptr(null), 2, 2, planR.Fd(), statusFD}
	for i := range p.Job.Commands {
		files = append(files, uintptr(firstFD+i))
	}
	argv := []string{
		runscName, "--rootless", "--root=" + state, "--network=none", "--ignore-cgroups", "--overlay2=none", "--host-uds=none",
		"--directfs=false", fmt.Sprintf("--dcache=%d", min(knownFiles, open.Max/4)), "run", "--bundle=" + bundle, fmt.Sprintf("--exec-fd=%d", len(files)),
	}
	for fd := planFD; fd < len(files); fd++ {
		argv = append(argv, fmt.Sprintf("--pass-fd=%d:%d", fd, fd))
	}
	argv = append(argv, "job")
	files = append(files, uintptr(self), uintptr(p.runscFD()))
	pid, err = syscall.ForkExec(fmt.Sprintf("/proc/self/fd/%d", len(files)-1), argv, &syscall.ProcAttr{
		Dir: "/", Env: []string{"PATH=/nonexistent"}, Files: files,
	})
	if err = errors.Join(err, planR.Close()); err != nil {
		return 0, err
	}
	p.Inside = true
	// What is inside ends without a plan, and then runsc does.
	return pid, errors.Join(json.NewEncoder(planW).Encode(p), planW.Close())
}

// setUpInside has nothing left to set up for pid 1 of gVisor's kernel. That it is
// another user's process keeps commands from its memory and descriptors.
func setUpInside(_ plan, planFile *os.File) (stop <-chan struct{}, err error) {
	if err := planFile.Close(); err != nil {
		return nil, fmt.Errorf("closing the plan: %w", err)
	}
	return nil, nil
}

// insideUser gives a command a user namespace of gVisor's kernel in which it has
// the same user as in mode Namespaces. To that kernel it is the one that owns the
// files, 0, since runsc knows of no other when an ordinary user starts it.
func insideUser() *syscall.SysProcAttr {
	mapping := []syscall.SysProcIDMap{{ContainerID: insideID, HostID: 0, Size: 1}}
	return &syscall.SysProcAttr{
		Setsid: true, Cloneflags: unix.CLONE_NEWUSER, UidMappings: mapping, GidMappings: mapping,
		Credential:  &syscall.Credential{Uid: insideID, Gid: insideID, NoSetGroups: true},
		AmbientCaps: []uintptr{unix.CAP_SETPCAP}, // for it to drop all others
	}
}

// gvisorMemory measures the memory of the kernel that runsc started, and of the job,
// all of which is in that kernel's memory file.
type gvisorMemory struct {
	since  time.Time
	kernel int        // the process that is the kernel, once its files are known
	files  []*os.File // its files in memory
}

// memoryFile is the job's memory. The kernel's two other files in memory, with what
// it shares with the processes that run the job's code and with whoever reads its
// usage, are there before this one, and no more come: that takes what
// we do not ask runsc for, an overlay or a checkpoint.
const memoryFile = "/memfd:runsc-memory"

// measure is the memory below pid in bytes, without the files of the job, which are
// elsewhere. The kernel's descriptors are listed until its memory file is there,
// which is before it runs anything, and not again: the job can have it hold thousands.
func (m *gvisorMemory) measure(pid int) (int64, error) {
	all, err := descendants(pid)
	if err != nil {
		return 0, err
	}
	if m.kernel == 0 {
		if err := m.find(all); err != nil {
			return 0, err
		}
	}
	if m.kernel == 0 && time.Since(m.since) > setUpWall+5*time.Second { // it would not be there were it not ready
		return 0, errors.New("runsc has no memory file, as of another version")
	}
	own := all // the kernel and those that it starts, which come after it, map its files
	if m.kernel != 0 {
		own = all[:max(0, slices.Index(all, m.kernel))]
	}
	var sum int64
	for i, p := range all {
		anon, shared := residentOf(p)
		sum += anon
		if i < len(own) {
			sum += shared
		}
	}
	for _, f := range m.files {
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil {
			return 0, fmt.Errorf("looking at %s: %w", f.Name(), err)
		}
		sum += st.Blocks * 512
	}
	return sum, nil
}

// find opens the kernel's files in memory, if there is one among the processes, which
// are sorted by how far they are from the first.
func (m *gvisorMemory) find(processes []int) error {
	for _, p := range processes {
		dir := fmt.Sprintf("/proc/%d/fd", p)
		fds, err := os.ReadDir(dir)
		if err != nil {
			continue // it has ended
		}
		var paths []string
		found := false
		for _, fd := range fds {
			path := filepath.Join(dir, fd.Name())
			to, err := os.Readlink(path)
			if err != nil || !strings.HasPrefix(to, "/memfd:") {
				continue
			}
			paths = append(paths, path)
			found = found || strings.HasPrefix(to, memoryFile)
		}
		if !found {
			continue
		}
		var files []*os.File
		for _, path := range paths {
			fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
			if err != nil { // it ends
				return closeAll(files)
			}
			files = append(files, os.NewFile(uintptr(fd), path))
		}
		m.kernel, m.files = p, files
		return nil
	}
	return nil
}

func (m *gvisorMemory) close() error { return closeAll(m.files) }
