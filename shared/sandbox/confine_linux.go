//go:build amd64 || arm64

package sandbox

import (
	"errors"
	"fmt"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// confine takes from the calling thread, and from all that it starts, what a
// job must not have. Capabilities go before the filters, which need none.
func confine(p plan) error {
	if err := setLimits(p.Mode, p.Job.Limits); err != nil {
		return err
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbidding new privileges: %w", err)
	}
	if err := restrict(p); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	if err := filterSyscalls(policy(p.Mode)); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return nil
}

// dataHeadroom, in bytes, is what a process may have beyond Limits.Memory until
// the watch sees it: the limit holds for the first process too, which is as
// large as the program that runs us.
const dataHeadroom = 256 << 20

// setLimits sets the limits of a process. There is none on the address space:
// Go and Java reserve far more of it than they use.
func setLimits(mode Mode, l Limits) error {
	for _, r := range []struct {
		name  string
		which int
		value uint64
	}{
		{"NOFILE", unix.RLIMIT_NOFILE, uint64(l.Files)},
		{"FSIZE", unix.RLIMIT_FSIZE, uint64(l.FileSize)},
		{"NPROC", unix.RLIMIT_NPROC, uint64(l.Processes)},
		{"DATA", unix.RLIMIT_DATA, uint64(l.Memory) + dataHeadroom},
		{"CORE", unix.RLIMIT_CORE, 0},
		{"MSGQUEUE", unix.RLIMIT_MSGQUEUE, 0},
		{"MEMLOCK", unix.RLIMIT_MEMLOCK, 64 << 10},
	} {
		if mode == Gvisor && r.which == unix.RLIMIT_MSGQUEUE { // its kernel has none
			continue
		}
		var now unix.Rlimit
		if err := unix.Getrlimit(r.which, &now); err != nil {
			return fmt.Errorf("reading limit %s: %w", r.name, err)
		}
		v := min(r.value, now.Max) // only the host's root could raise it
		if err := unix.Setrlimit(r.which, &unix.Rlimit{Cur: v, Max: v}); err != nil {
			return fmt.Errorf("setting limit %s to %d: %w", r.name, v, err)
		}
	}
	return nil
}

func dropCapabilities() error {
	for c := uintptr(0); ; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) { // past the last one that the kernel knows
			break
		}
		// Without a capability to drop any, the rest of the set is out of reach:
		// no program that we start can have new privileges.
		if c == 0 && errors.Is(err, unix.EPERM) {
			break
		}
		if err != nil {
			return fmt.Errorf("dropping capability %d: %w", c, err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("dropping ambient capabilities: %w", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return fmt.Errorf("dropping capabilities: %w", err)
	}
	return nil
}

// Landlock's rights on files by the version that brought them.
const (
	landlockRead  = ll.AccessFSExecute | ll.AccessFSReadFile | ll.AccessFSReadDir
	landlockWrite = ll.AccessFSWriteFile | ll.AccessFSRemoveDir | ll.AccessFSRemoveFile | ll.AccessFSMakeDir |
		ll.AccessFSMakeReg | ll.AccessFSMakeSock | ll.AccessFSMakeFifo | ll.AccessFSMakeSym |
		ll.AccessFSRefer | ll.AccessFSTruncate
	// landlockOnFile are the rights that mean something on a file itself.
	landlockOnFile = ll.AccessFSExecute | ll.AccessFSReadFile | ll.AccessFSWriteFile | ll.AccessFSTruncate
)

// landlockHandled is what version abi can restrict.
func landlockHandled(mode Mode, abi int) ll.RulesetAttr {
	var a ll.RulesetAttr
	rights := uint64(ll.AccessFSMakeSym)<<1 - 1
	for version, more := range map[int]uint64{
		2: ll.AccessFSRefer, 3: ll.AccessFSTruncate, 5: ll.AccessFSIoctlDev, 9: ll.AccessFSResolveUnix,
	} {
		if abi >= version {
			rights |= more
		}
	}
	a.HandledAccessFS = rights
	if abi >= 6 {
		a.Scoped = ll.ScopeAbstractUnixSocket | ll.ScopeSignal
	}
	// A namespace has no way out, and tests may use its loopback as they like.
	if mode == Pod && abi >= 4 {
		a.HandledAccessNet = ll.AccessNetConnectTCP
	}
	return a
}

// landlockABI is the kernel's version of Landlock, 0 when it has none.
func landlockABI() (int, error) {
	abi, err := ll.LandlockGetABIVersion()
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP) {
		return 0, nil
	}
	return abi, err
}

// restrict tells Landlock which paths the job has: in mode Namespaces once more,
// to another part of the kernel; in mode Pod for the first time, and to which
// ports it may connect. go-landlock's Restrict does so for all threads and needs
// /proc for it in a cgo build; here one thread is enough and /proc may be
// missing, so this uses its system calls.
func restrict(p plan) error {
	abi, err := landlockABI()
	if err != nil {
		return err
	}
	if abi == 0 {
		return nil // Detect's answer says so
	}
	attr := landlockHandled(p.Mode, abi)
	ruleset, err := ll.LandlockCreateRuleset(&attr, 0)
	if err != nil {
		return fmt.Errorf("creating a ruleset: %w", err)
	}
	allow := func(path string, rights uint64) error {
		return allowPath(ruleset, path, rights&attr.HandledAccessFS)
	}
	read, write := []string{"/etc", "/proc", "/dev"}, []string{"/tmp", "/dev/shm"}
	if p.Mode == Pod {
		read, write = podReadable(), []string{podRoot(p.Temp)}
	}
	var errs []error
	for _, p := range read {
		errs = append(errs, allow(p, landlockRead))
	}
	for _, p := range write {
		errs = append(errs, allow(p, landlockRead|landlockWrite))
	}
	for _, p := range devices {
		errs = append(errs, allow(p, ll.AccessFSReadFile|ll.AccessFSWriteFile|ll.AccessFSTruncate))
	}
	for _, m := range p.Job.Mounts {
		rights := uint64(landlockRead)
		if m.Access != ReadOnly {
			rights |= landlockWrite
		}
		errs = append(errs, allow(m.Target, rights))
		if p.Mode == Pod && m.Access == Growing { // what its links point to
			errs = append(errs, allow(m.Source, landlockRead))
		}
	}
	if p.Mode == Pod {
		errs = append(errs, allowPorts(ruleset))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := ll.LandlockRestrictSelf(ruleset, 0); err != nil {
		return fmt.Errorf("restricting: %w", err)
	}
	return unix.Close(ruleset)
}

func allowPath(ruleset int, path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening %s: %w", path, err)
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if err == nil {
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			rights &= landlockOnFile
		}
		err = ll.LandlockAddPathBeneathRule(ruleset, &ll.PathBeneathAttr{AllowedAccess: rights, ParentFd: fd}, 0)
	}
	if err := errors.Join(err, unix.Close(fd)); err != nil {
		return fmt.Errorf("allowing %s: %w", path, err)
	}
	return nil
}
