package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tries are what the test binary does inside a sandbox, or outside to show
// that it would work. nil means that it worked.
var tries = map[string]func() error{
	// files and processes of the host
	"read": func() error {
		b, err := os.ReadFile(os.Getenv("TARGET"))
		if err == nil && len(b) == 0 {
			return errors.New("empty")
		}
		return err
	},
	"list":    func() error { _, err := os.ReadDir(os.Getenv("TARGET")); return err },
	"write":   func() error { return os.WriteFile(os.Getenv("TARGET"), []byte("x"), 0o644) },
	"append":  tryAppend,
	"environ": tryEnviron,
	"signal": func() error {
		pid, err := strconv.Atoi(os.Getenv("TARGET"))
		if err != nil {
			return err
		}
		return syscall.Kill(pid, syscall.SIGCONT)
	},
	"inherited": tryInherited,
	"detect": func() error {
		s, err := Detect(context.Background(), Mode(os.Getenv(modeVar)))
		if err == nil && s.Mode == None {
			err = errors.New(s.Detail)
		}
		return err
	},

	// the host's network
	"dial": func() error { return tryDial(os.Getenv("NETWORK"), os.Getenv("TARGET")) },
	"connect": func() error {
		c, err := net.DialTimeout("tcp", os.Getenv("TARGET"), 5*time.Second)
		if err != nil {
			return err
		}
		return c.Close()
	},
	"fast open": tryFastOpen,
	"multipath": tryMultipath,

	// a server for others to try, see scripts/sandbox-in-cluster
	"serve": tryServe,

	// parts of the kernel
	"packet socket":    func() error { return trySocket(unix.AF_PACKET, unix.SOCK_RAW, 0) },
	"raw socket":       func() error { return trySocket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP) },
	"vsock":            func() error { return trySocket(unix.AF_VSOCK, unix.SOCK_STREAM, 0) },
	"multipath socket": func() error { return trySocket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP) },
	"multipath high bits": func() error {
		return trySocket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP|1<<32)
	},
	"alg socket":      func() error { return trySocket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0) },
	"alg high bits":   func() error { return trySocket(unix.AF_ALG|1<<32, unix.SOCK_SEQPACKET, 0) },
	"netlink uevent":  func() error { return trySocket(unix.AF_NETLINK, unix.SOCK_DGRAM, unix.NETLINK_KOBJECT_UEVENT) },
	"netlink xfrm":    func() error { return trySocket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_XFRM) },
	"netlink generic": func() error { return trySocket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_GENERIC) },
	"mount":           func() error { return unix.Mount("tmpfs", os.TempDir(), "tmpfs", 0, "") },
	"remount":         func() error { return unix.Mount("", "/usr/bin", "", unix.MS_REMOUNT|unix.MS_BIND, "") },
	"unmount":         func() error { return unix.Unmount("/usr/bin", unix.MNT_DETACH) },
	"open tree": func() error {
		return tryCall(unix.SYS_OPEN_TREE, at(unix.AT_FDCWD), str("/usr"), unix.OPEN_TREE_CLONE)
	},
	"chroot":               func() error { return unix.Chroot(os.TempDir()) },
	"unshare user":         func() error { return unix.Unshare(unix.CLONE_NEWUSER) },
	"unshare mount":        func() error { return unix.Unshare(unix.CLONE_NEWNS) },
	"clone user namespace": tryCloneUser,
	"clone3":               func() error { return tryCall(unix.SYS_CLONE3, 0, 0) },
	"setns":                trySetns,
	"ptrace":               func() error { return tryPtrace() },
	"files of init": func() error {
		err := errors.New("it has none")
		for fd := range 64 { // one of them tells our results
			var f *os.File
			if f, err = os.OpenFile(fmt.Sprintf("/proc/%d/fd/%d", os.Getppid(), fd), os.O_WRONLY, 0); err == nil {
				return f.Close()
			}
		}
		return err
	},
	"read memory of init": func() error { _, err := os.ReadFile("/proc/1/environ"); return err },
	"io_uring":            func() error { var p [120]byte; return tryCall(unix.SYS_IO_URING_SETUP, 1, ptr(&p)) },
	"bpf":                 func() error { var a [128]byte; return tryCall(unix.SYS_BPF, 0, ptr(&a), 128) },
	"userfaultfd":         func() error { return tryCall(unix.SYS_USERFAULTFD, 1) },
	"keyctl":              func() error { return tryCall(unix.SYS_KEYCTL, 0, ^uintptr(2), 1) },
	"perf":                func() error { var a [128]byte; return tryCall(unix.SYS_PERF_EVENT_OPEN, ptr(&a), 0, ^uintptr(0)) },
	"memory file":         func() error { return tryCall(unix.SYS_MEMFD_CREATE, str("m"), 0) },
	"secret memory file":  func() error { return tryCall(unix.SYS_MEMFD_SECRET, 0) },
	"shared memory":       func() error { return tryCall(unix.SYS_SHMGET, 0, 4096, 0o1600) },
	"openat2":             func() error { return tryCall(unix.SYS_OPENAT2, at(unix.AT_FDCWD), str(os.TempDir()), 0, 0) },
	"unknown call":        func() error { return tryCall(lastSyscall+1, 0) },
	"device": func() error {
		return unix.Mknod(temp("null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3)))
	},
	"suid by chmod": func() error { return trySuid(func(p string) error { return unix.Chmod(p, 0o4755) }) },
	"suid by fchmodat": func() error {
		return trySuid(func(p string) error { return unix.Fchmodat(unix.AT_FDCWD, p, 0o2755, 0) })
	},
	"suid by fchmodat2": func() error {
		return trySuid(func(p string) error {
			return tryCall(unix.SYS_FCHMODAT2, at(unix.AT_FDCWD), str(p), 0o4755, 0)
		})
	},
	"suid by open": func() error { return tryCreate(temp("suid"), 0o4755) },
	"suid by unnamed file": func() error {
		fd, err := unix.Open(os.TempDir(), unix.O_TMPFILE|unix.O_WRONLY, 0o4755)
		if err == nil {
			err = unix.Close(fd)
		}
		return err
	},
	"root": func() error {
		if err := syscall.Setuid(0); err != nil {
			return err
		}
		return nil
	},

	"capabilities": tryCapabilities,

	// what outlives a process, and what works on other processes of the same user
	"semaphores":    func() error { return tryCall(unix.SYS_SEMGET, 0, 1, 0o1600) },
	"message queue": func() error { return tryCall(unix.SYS_MSGGET, 0, 0o1600) },
	"named queue":   func() error { return tryCall(unix.SYS_MQ_OPEN, str("try"), unix.O_CREAT|unix.O_RDWR, 0o600, 0) },
	"limits of other": func() error {
		return tryCall(unix.SYS_PRLIMIT64, uintptr(os.Getppid()), unix.RLIMIT_NOFILE, 0, ptr(&unix.Rlimit{}))
	},
	"priority of user": func() error {
		return tryCall(unix.SYS_SETPRIORITY, unix.PRIO_USER, 0, 19)
	},
	"priority of other":   func() error { return tryCall(unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, uintptr(os.Getppid()), 19) },
	"processors of other": func() error { return tryCall(unix.SYS_SCHED_SETAFFINITY, uintptr(os.Getppid()), 8, ptr(&[8]byte{1})) },
	"mode of other":       func() error { return os.Chmod(os.Getenv("TARGET"), 0) },

	// limits
	"memory":        func() error { return tryMemory(unix.MAP_PRIVATE) },
	"shared mmap":   func() error { return tryMemory(unix.MAP_SHARED) },
	"memory of two": tryMemoryOfTwo,
	"files, memory": tryMemoryAfterFiles,
	"hold files":    tryHoldFiles,
	"fill":          tryFill,
	"many files":    tryManyFiles,
	"big file":      tryBigFile,
	"flood":         tryFlood,
	"fork bomb":     tryForkBomb,
	"open files":    tryOpenFiles,
	"sleep":         func() error { time.Sleep(time.Minute); return nil },
	"kill init":     tryKillInit,
	"heartbeat":     tryHeartbeat,
	"daemon":        tryDaemon,
	"beats":         tryBeats,
	"link out":      func() error { return os.Symlink(os.Getenv("TARGET"), out("link")) },

	// what must not hurt
	"listen":       tryListen,
	"packets":      tryPackets,
	"unix sockets": tryUnixSockets,
	"files":        tryFiles,
	"processes":    tryProcesses,
	"interfaces":   tryInterfaces,
	"environment":  tryEnvironment,
}

func temp(name string) string { return filepath.Join(os.TempDir(), name) }

// out is a path in the folder that the job shares with the test.
func out(name string) string { return filepath.Join(os.Getenv("OUT"), name) }

func tryCall(nr uintptr, args ...uintptr) error {
	var a [6]uintptr
	copy(a[:], args)
	fd, _, errno := unix.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	if errno != 0 {
		return errno
	}
	fmt.Println("answer:", fd)
	return nil
}

func str(s string) uintptr {
	b, err := unix.BytePtrFromString(s)
	if err != nil {
		panic(err)
	}
	kept = append(kept, unsafe.Pointer(b))
	return uintptr(unsafe.Pointer(b))
}

func ptr[T any](p *T) uintptr {
	kept = append(kept, unsafe.Pointer(p))
	return uintptr(unsafe.Pointer(p))
}

func at(fd int) uintptr { return uintptr(fd) }

var kept []unsafe.Pointer // what a raw system call reads must not be collected

func tryAppend() error {
	f, err := os.OpenFile(os.Getenv("TARGET"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("x")
	return errors.Join(err, f.Close())
}

// tryEnviron looks for a secret in the environment of every process it sees.
func tryEnviron() error {
	procs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return err
	}
	secret := []byte(os.Getenv("PART1") + os.Getenv("PART2"))
	for _, p := range procs {
		if b, err := os.ReadFile(p); err == nil && bytes.Contains(b, secret) {
			return nil
		}
	}
	return fmt.Errorf("not in any of %d processes", len(procs))
}

// tryInherited looks for open files besides the standard ones.
func tryInherited() error {
	for fd := 3; fd < 1024; fd++ {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC == 0 {
			fmt.Println("descriptor", fd)
			return nil
		}
	}
	return errors.New("none")
}

func tryDial(network, address string) error {
	c, err := net.DialTimeout(network, address, 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write([]byte("hello")); err != nil {
		return err
	}
	if err := c.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	_, err = io.ReadAtLeast(c, make([]byte, 5), 5)
	return err
}

// tryServe echoes TCP and UDP at TARGET until it is killed.
func tryServe() error {
	l, err := net.Listen("tcp", os.Getenv("TARGET"))
	if err != nil {
		return err
	}
	p, err := net.ListenPacket("udp", os.Getenv("TARGET"))
	if err != nil {
		return err
	}
	go echoPackets(p)
	echo(l)
	return nil
}

func targetAddress() (*unix.SockaddrInet4, error) {
	a, err := net.ResolveTCPAddr("tcp4", os.Getenv("TARGET"))
	if err != nil {
		return nil, err
	}
	return &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte{127, 0, 0, 1}}, nil
}

func tryFastOpen() error {
	to, err := targetAddress()
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, []byte("hello"), unix.MSG_FASTOPEN, to); err != nil {
		return err
	}
	_, err = unix.Read(fd, make([]byte, 5))
	return err
}

func tryMultipath() error {
	to, err := targetAddress()
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Connect(fd, to)
}

func trySocket(domain, kind, protocol uintptr) error {
	return tryCall(unix.SYS_SOCKET, domain, kind, protocol)
}

func tryCloneUser() error {
	cmd := exec.Command("/bin/true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}
	return cmd.Run()
}

func trySetns() error {
	fd, err := unix.Open("/proc/self/ns/user", unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	if err := unix.Setns(fd, 0); !errors.Is(err, unix.EINVAL) { // EINVAL: allowed, but it is our own
		return err
	}
	return nil
}

func tryPtrace() error {
	pid := 1
	if p := os.Getenv("TARGET"); p != "" {
		if _, err := fmt.Sscan(p, &pid); err != nil {
			return err
		}
	}
	return unix.PtraceAttach(pid) // and detached as soon as we end
}

func tryCreate(path string, mode uint32) error {
	fd, err := unix.Open(path, unix.O_CREAT|unix.O_WRONLY, mode)
	if err == nil {
		err = unix.Close(fd)
	}
	return err
}

func trySuid(chmod func(string) error) error {
	f, err := os.CreateTemp("", "suid")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	return errors.Join(f.Close(), chmod(f.Name()))
}

// tryCapabilities looks for a capability that it has or could get.
func tryCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData
	if err := unix.Capget(&header, &have[0]); err != nil {
		return err
	}
	bounding := 0
	for c := range unix.CAP_LAST_CAP + 1 {
		n, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0)
		if err != nil {
			return err
		}
		bounding += n
	}
	if have == [2]unix.CapUserData{} && bounding == 0 {
		return errors.New("none")
	}
	fmt.Println(have, bounding)
	return nil
}
