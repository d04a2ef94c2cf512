//go:build amd64 || arm64

package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"unsafe"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// lastSyscall is the newest system call that has been looked at for this
// filter: mseal. Newer ones answer "not implemented", and so does amd64's x32
// interface, whose numbers are higher still.
const lastSyscall = 462

// refused lists the system calls that no job needs: to look into other
// processes, to rearrange mounts and namespaces, to reach large or young parts
// of the kernel, to run it or its clocks.
var refused = []string{
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
	"mount", "umount2", "umount", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsmount",
	"fsconfig", "fspick", "mount_setattr", "name_to_handle_at", "open_by_handle_at", "fanotify_init",
	"unshare", "setns",
	"bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key",
	"kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot",
	"swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "syslog", "personality", "modify_ldt",
	"iopl", "ioperm", "uselib", "vhangup", "lookup_dcookie", "sysfs", "nfsservctl",
	"settimeofday", "clock_settime", "clock_adjtime", "adjtimex",
}

// absent lists those for which programs have another way if the kernel does
// not know them: clone3 hides its flags from the filter, openat2 its modes;
// io_uring does other calls' work past the filter; memory files and System V
// memory belong to no process whose size could be looked at.
var absent = []string{
	"clone3", "openat2", "io_uring_setup", "io_uring_enter", "io_uring_register",
	"memfd_create", "memfd_secret", "shmget",
}

const ioprioProcess = 1 // IOPRIO_WHO_PROCESS

// condition is a test of the lower 32 bits of an argument, which are all that
// the kernel reads of those looked at here.
type condition struct {
	arg  uint32
	bits bool   // whether any bit of value is set; else whether it is not value
	v    uint32 // value
}

func not(arg, v uint32) condition     { return condition{arg: arg, v: v} }
func anyBit(arg, v uint32) condition  { return condition{arg: arg, bits: true, v: v} }
func when(c ...condition) []condition { return c }

// rule answers a system call with an error when all conditions hold.
type rule struct {
	conditions []condition
	answer     unix.Errno
}

// absentInPod are the System V and POSIX objects that outlive a process, in mode
// Pod until the container ends.
var absentInPod = []string{"msgget", "semget", "mq_open"}

// onOthers are calls that work on any process of the same user, by the argument
// that is 0 for the caller itself. In mode Pod some others are not the job's.
var onOthers = map[string]uint32{
	"prlimit64": 0, "sched_setaffinity": 0, "sched_setscheduler": 0, "sched_setparam": 0, "sched_setattr": 0,
	"setpriority": 1, "ioprio_set": 1,
}

// policy is what a job may not ask the kernel, by the name of the system call.
// A call is allowed when none of its rules applies.
func policy(mode Mode) map[string][]rule {
	p := map[string][]rule{}
	deny := func(name string, answer unix.Errno, conditions []condition) {
		p[name] = append(p[name], rule{conditions, answer})
	}
	for _, name := range refused {
		deny(name, unix.EPERM, nil)
	}
	for _, name := range absent {
		deny(name, unix.ENOSYS, nil)
	}
	if mode == Pod {
		for _, name := range absentInPod {
			deny(name, unix.ENOSYS, nil)
		}
		for name, arg := range onOthers {
			deny(name, unix.EPERM, when(not(arg, 0)))
		}
		// Landlock knows ports of TCP alone. The addresses that a pod may ask for names would let a job ask too, and names carry data out.
		for _, name := range []string{"socket", "socketpair"} {
			deny(name, unix.EPERM, when(not(0, unix.AF_UNIX), not(0, unix.AF_NETLINK), anyBit(1, unix.SOCK_DGRAM)))
		}
		// 0 is the caller's user here, with all that it runs.
		deny("setpriority", unix.EPERM, when(not(0, unix.PRIO_PROCESS)))
		deny("ioprio_set", unix.EPERM, when(not(0, ioprioProcess)))
	}
	deny("clone", unix.EPERM, when(anyBit(0, unix.CLONE_NEWUSER|unix.CLONE_NEWNS|unix.CLONE_NEWPID|
		unix.CLONE_NEWNET|unix.CLONE_NEWIPC|unix.CLONE_NEWUTS|unix.CLONE_NEWCGROUP)))
	for _, name := range []string{"socket", "socketpair"} {
		deny(name, unix.EPERM, when(not(0, unix.AF_UNIX), not(0, unix.AF_INET), not(0, unix.AF_INET6), not(0, unix.AF_NETLINK)))
		// Of netlink only routes, which list the addresses.
		deny(name, unix.EPERM, when(not(0, unix.AF_UNIX), not(0, unix.AF_INET), not(0, unix.AF_INET6), not(2, unix.NETLINK_ROUTE)))
		// Multipath TCP is TCP under another number. Go's listeners ask for it first.
		deny(name, unix.EPROTONOSUPPORT, when(not(2, 0), not(2, unix.IPPROTO_TCP), not(2, unix.IPPROTO_UDP),
			not(2, unix.IPPROTO_ICMP), not(2, unix.IPPROTO_ICMPV6)))
	}
	for name, flags := range map[string]uint32{"sendto": 3, "sendmsg": 2, "sendmmsg": 3} {
		deny(name, unix.EPERM, when(anyBit(flags, unix.MSG_FASTOPEN)))
	}
	// A file with the suid or sgid bit would keep it where a mount is Writable.
	const suid = unix.S_ISUID | unix.S_ISGID
	for name, mode := range map[string]uint32{
		"chmod": 1, "fchmod": 1, "fchmodat": 2, "fchmodat2": 2,
		"mkdir": 1, "mkdirat": 2, "mknod": 1, "mknodat": 2, "creat": 1,
	} {
		deny(name, unix.EPERM, when(anyBit(mode, suid)))
	}
	const create = unix.O_CREAT | unix.O_TMPFILE&^unix.O_DIRECTORY
	deny("open", unix.EPERM, when(anyBit(1, create), anyBit(2, suid)))
	deny("openat", unix.EPERM, when(anyBit(2, create), anyBit(3, suid)))
	return p
}

// assemble makes the filter. The one of go-seccomp-bpf, whose tables of numbers
// this uses, lets foreign architectures pass, and when a call's conditions do
// not hold it goes on to compare an argument with the numbers of other calls.
func assemble(p map[string][]rule, numbers map[string]int) ([]unix.SockFilter, error) {
	const numberOffset, archOffset, argsOffset = 0, 4, 16
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	jump := func(op uint16, k uint32, ifTrue, ifFalse int) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | op, K: k, Jt: uint8(ifTrue), Jf: uint8(ifFalse)}
	}
	answer := func(action uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
	}
	refuse := func(e unix.Errno) unix.SockFilter { return answer(unix.SECCOMP_RET_ERRNO | uint32(e)) }

	f := []unix.SockFilter{
		load(archOffset),
		jump(unix.BPF_JEQ, nativeAudit, 1, 0),
		answer(unix.SECCOMP_RET_KILL_PROCESS),
		load(numberOffset),
		jump(unix.BPF_JGT, lastSyscall, 0, 1),
		refuse(unix.ENOSYS),
	}
	for _, name := range slices.Sorted(maps.Keys(p)) {
		number, ok := numbers[name]
		if !ok {
			continue // the architecture never had it, as arm64 no chmod
		}
		var block []unix.SockFilter
		for _, r := range p[name] {
			for i, c := range r.conditions {
				past := 2*(len(r.conditions)-i-1) + 1 // the rule's other conditions and its answer
				test := jump(unix.BPF_JEQ, c.v, past, 0)
				if c.bits {
					test = jump(unix.BPF_JSET, c.v, 0, past)
				}
				block = append(block, load(argsOffset+8*c.arg), test)
			}
			block = append(block, refuse(r.answer))
		}
		block = append(block, answer(unix.SECCOMP_RET_ALLOW))
		if len(block) > 255 {
			return nil, fmt.Errorf("the rules for %s are too long", name)
		}
		f = append(f, jump(unix.BPF_JEQ, uint32(number), 0, len(block)))
		f = append(f, block...)
	}
	return append(f, answer(unix.SECCOMP_RET_ALLOW)), nil
}

// filterSyscalls installs the policy on all threads. A program for another
// architecture is killed: its system calls have other numbers.
func filterSyscalls(p map[string][]rule) error {
	info, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	// The tables must at least have what a job would break out with.
	for _, name := range []string{"ptrace", "mount", "unshare", "clone", "clone3", "socket", "openat2", "io_uring_setup", "fchmodat2"} {
		if _, ok := info.SyscallNames[name]; !ok {
			return errors.New("the table of system calls lacks " + name)
		}
	}
	f, err := assemble(p, info.SyscallNames)
	if err != nil {
		return err
	}
	prog := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return fmt.Errorf("installing the filter: %w", errno)
	}
	return nil
}
