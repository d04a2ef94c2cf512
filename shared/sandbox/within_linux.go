//go:build amd64 || arm64

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// In a pod of gVisor's RuntimeClass, mode Gvisor is mode Namespaces on the
// kernel that is there. That one has no Landlock, so what a job sees of files is
// the root that was built and nothing else; and it lacks a few system calls and
// files, for which this file has others.

// onGvisor reports whether the kernel that runs this process is gVisor's. The
// kernel itself says so: what is mounted over /proc, or the environment, does
// not change the answer.
var onGvisor = sync.OnceValue(func() bool {
	var u unix.Utsname
	return unix.Uname(&u) == nil && strings.HasSuffix(unix.ByteSliceToString(u.Release[:]), "-gvisor")
})

// withinLacks says why no job can be held on gVisor's kernel, or nothing.
func withinLacks() string {
	if os.Geteuid() == 0 {
		return "mode gvisor needs an ordinary user where the kernel is gVisor's already, and this is root"
	}
	return ""
}

// bindTree shows the opened file or folder at target: gVisor's kernel has
// open_tree for folders alone and no mount_setattr. Nothing is mounted below a
// source: that kernel refuses to show the one without the other.
func bindTree(tree int, target string, attr unix.MountAttr) error {
	flags := uintptr(unix.MS_REMOUNT | unix.MS_BIND)
	for set, flag := range map[uint64]uintptr{
		unix.MOUNT_ATTR_RDONLY: unix.MS_RDONLY, unix.MOUNT_ATTR_NOSUID: unix.MS_NOSUID,
		unix.MOUNT_ATTR_NODEV: unix.MS_NODEV, unix.MOUNT_ATTR_NOEXEC: unix.MS_NOEXEC,
	} {
		if attr.Attr_set&set != 0 {
			flags |= flag
		}
	}
	if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", tree), target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if err := unix.Mount("", target, "", flags, ""); err != nil {
		return fmt.Errorf("remount: %w", err)
	}
	return nil
}

// setUpWithin does what setUpNamespaces does, on gVisor's kernel.
func setUpWithin(p plan, planFile *os.File) (stop <-chan struct{}, err error) {
	// Not by the one that starts us: Go sends the signal as well when our parent has
	// no number, as outside of our namespace, and this kernel does not spare a pid 1.
	// A parent that has ended before this does not read that we are ready.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return nil, fmt.Errorf("ending with the parent: %w", err)
	}
	if err := planFile.Close(); err != nil {
		return nil, fmt.Errorf("closing the plan: %w", err)
	}
	if err := buildRoot(p.Job, nil); err != nil {
		return nil, err
	}
	if err := errors.Join(mountProc(newRoot+"/proc"), linkDescriptors()); err != nil {
		return nil, err
	}
	// Of root's folders the job may see no list, as elsewhere by Landlock.
	if err := os.Chmod(newRoot, 0o111); err != nil {
		return nil, fmt.Errorf("making the root: %w", err)
	}
	if err := errors.Join(sealRoot(), enterRoot(newRoot)); err != nil {
		return nil, err
	}
	// User namespaces are forbidden by seccomp alone: there is no setting for it.
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0); err != nil {
		return nil, fmt.Errorf("offering the job to the out-of-memory killer: %w", err)
	}
	if err := loopbackIsUp(); err != nil {
		return nil, fmt.Errorf("the loopback: %w", err)
	}
	if err := unix.Sethostname([]byte("sandbox")); err != nil {
		return nil, fmt.Errorf("naming the host: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("becoming undumpable: %w", err)
	}
	return nil, confine(p)
}

// loopbackIsUp is an error unless a new network namespace has a loopback, which
// gVisor's kernel brings up itself and lets nobody else do.
func loopbackIsUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	ifr, err := unix.NewIfreq("lo")
	if err == nil {
		err = unix.IoctlIfreq(s, unix.SIOCGIFFLAGS, ifr)
	}
	if err == nil && ifr.Uint16()&unix.IFF_UP == 0 {
		err = errors.New("it is down")
	}
	return errors.Join(err, unix.Close(s))
}

// leads reports whether pid is a process and not one of its further threads.
func leads(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err == nil && strings.Contains(string(b), fmt.Sprintf("\nTgid:\t%d\n", pid))
}
