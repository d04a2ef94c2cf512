package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tryMemory takes MIB mebibytes, in pieces, and holds them.
func tryMemory(kind int) error {
	mib, err := strconv.Atoi(os.Getenv("MIB"))
	if err != nil {
		return err
	}
	const piece = 16
	for range mib / piece {
		b, err := unix.Mmap(-1, 0, piece<<20, unix.PROT_READ|unix.PROT_WRITE, kind|unix.MAP_ANON)
		if err != nil {
			return err
		}
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
	}
	time.Sleep(2 * time.Second)
	return nil
}

// tryMemoryAfterFiles has ten processes hold hundreds of files open each, and then
// takes MIB mebibytes at a pace that a look every 50 ms keeps up with.
func tryMemoryAfterFiles() error {
	mib, err := strconv.Atoi(os.Getenv("MIB"))
	if err != nil {
		return err
	}
	for i := range 10 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), tryVar+"=hold files", "PREFIX="+temp("held")+strconv.Itoa(i)+"-")
		held, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		if _, err := held.Read(make([]byte, 1)); err != nil {
			return fmt.Errorf("process %d holds none: %w", i, err)
		}
	}
	const piece = 8
	for range mib / piece {
		b, err := unix.Mmap(-1, 0, piece<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			return err
		}
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(2 * time.Second)
	return nil
}

func tryHoldFiles() error {
	for i := range 700 {
		if _, err := unix.Open(os.Getenv("PREFIX")+strconv.Itoa(i), unix.O_RDWR|unix.O_CREAT, 0o600); err != nil {
			return fmt.Errorf("after %d files: %w", i, err)
		}
	}
	fmt.Println("held")
	time.Sleep(time.Minute)
	return nil
}

// tryMemoryOfTwo has two processes take what each of them may.
func tryMemoryOfTwo() error {
	var cmds []*exec.Cmd
	for range 2 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), tryVar+"=memory")
		if err := cmd.Start(); err != nil {
			return err
		}
		cmds = append(cmds, cmd)
	}
	var errs []error
	for _, cmd := range cmds {
		errs = append(errs, cmd.Wait())
	}
	return errors.Join(errs...)
}

// tryFill writes MIB mebibytes into the folder TARGET, 1 MiB a file, and stays
// a moment, for a limit that is looked at.
func tryFill() error {
	mib, err := strconv.Atoi(os.Getenv("MIB"))
	if err != nil {
		return err
	}
	b := make([]byte, 1<<20)
	for i := range mib {
		if err := os.WriteFile(filepath.Join(os.Getenv("TARGET"), "fill"+strconv.Itoa(i)), b, 0o600); err != nil {
			return fmt.Errorf("after %d MiB: %w", i, err)
		}
	}
	time.Sleep(2 * time.Second)
	return nil
}

func tryManyFiles() error {
	for i := range 200_000 {
		f, err := os.Create(temp("many") + strconv.Itoa(i))
		if err != nil {
			return fmt.Errorf("after %d files: %w", i, err)
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

func tryBigFile() error {
	signal.Ignore(syscall.SIGXFSZ)
	f, err := os.Create(temp("big"))
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(64<<20), f.Close())
}

func tryFlood() error {
	b := []byte(strings.Repeat("x", 1<<16))
	for {
		if _, err := os.Stdout.Write(b); err != nil {
			return err
		}
	}
}

// tryForkBomb starts sleeping processes until the kernel refuses.
func tryForkBomb() error {
	for i := range 5000 {
		cmd := exec.Command("/bin/sleep", "60")
		if err := cmd.Start(); err != nil {
			return fmt.Errorf("after %d processes: %w", i, err)
		}
	}
	return nil
}

func tryOpenFiles() error {
	for i := range 100_000 {
		if _, err := unix.Open("/dev/null", unix.O_RDONLY, 0); err != nil {
			return fmt.Errorf("after %d files: %w", i, err)
		}
	}
	return nil
}

// tryKillInit sends every signal to the first process of the sandbox, which has
// started this one.
func tryKillInit() error {
	for s := syscall.Signal(1); s < 65; s++ {
		if err := syscall.Kill(os.Getppid(), s); err != nil && !errors.Is(err, syscall.EINVAL) {
			return fmt.Errorf("signal %d: %w", s, err)
		}
	}
	time.Sleep(200 * time.Millisecond)
	return nil
}

// tryHeartbeat writes into /out/heartbeat as long as it lives.
func tryHeartbeat() error {
	for i := 0; ; i++ {
		if err := os.WriteFile(out("heartbeat"), []byte(strconv.Itoa(i)), 0o644); err != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// tryDaemon leaves a heartbeat behind, in a session of its own, and returns
// once that beats.
func tryDaemon() error {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), tryVar+"=heartbeat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	for range 500 {
		if b, err := os.ReadFile(out("heartbeat")); err == nil && len(b) > 0 {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("the daemon does not beat")
}

func tryBeats() error {
	before, err := os.ReadFile(out("heartbeat"))
	if err != nil {
		return err
	}
	time.Sleep(300 * time.Millisecond)
	now, err := os.ReadFile(out("heartbeat"))
	if err == nil && string(now) == string(before) {
		return errors.New("it has stopped")
	}
	return err
}
