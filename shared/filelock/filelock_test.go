package filelock_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/filelock"
)

const lockPathVariable = "FILELOCK_TEST_PATH"

// TestMain makes the test binary a second process that holds the lock.
func TestMain(m *testing.M) {
	path := os.Getenv(lockPathVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	if _, err := filelock.Acquire(path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("held")
	_, err := io.Copy(io.Discard, os.Stdin) // ends with the test, if it does not kill us before
	fmt.Fprintln(os.Stderr, "not killed:", err)
}

func TestAcquireAndRelease(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	for range 3 {
		lock, err := filelock.Acquire(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = filelock.Acquire(path)
		held := new(filelock.HeldError)
		if !errors.As(err, &held) || held.PID != os.Getpid() || held.Path != path {
			t.Fatalf("second Acquire: got %v, want a HeldError with our pid %d", err, os.Getpid())
		}
		if err := lock.Release(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLockGoesWithAKilledProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), lockPathVariable+"="+path)
	other.Stderr = os.Stderr
	if _, err := other.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "held\n" {
		t.Fatalf("child said %q, %v", line, err)
	}

	_, err = filelock.Acquire(path)
	want := fmt.Sprintf("another ql up (pid %d) uses this directory: %s", other.Process.Pid, filepath.Dir(path))
	if held := new(filelock.HeldError); !errors.As(err, &held) || held.Error() != want {
		t.Fatalf("got error %v, want %q", err, want)
	}

	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := other.Wait(); err == nil {
		t.Fatal("killed child reports success")
	}
	lock, err := filelock.Acquire(path)
	if err != nil {
		t.Fatalf("after the holder was killed: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestLockOutlivesItsReference(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	if _, err := filelock.Acquire(path); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		runtime.GC()
		time.Sleep(10 * time.Millisecond) // finalizers run on a goroutine of their own
	}
	_, err := filelock.Acquire(path)
	if held := new(filelock.HeldError); !errors.As(err, &held) {
		t.Errorf("got %v, want a HeldError: nobody released the lock", err)
	}
}

func TestAcquireWithoutAFolder(t *testing.T) {
	t.Parallel()
	_, err := filelock.Acquire(filepath.Join(t.TempDir(), "missing", "lock"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("got %v, want one that wraps os.ErrNotExist", err)
	}
}
