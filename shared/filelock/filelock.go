// Package filelock keeps two processes off the same files. A lock belongs to
// the process that holds it and goes with it, however it ends.
package filelock

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// HeldError says that another process holds the lock.
type HeldError struct {
	// Path is the lock file; the files it guards are in the same folder.
	Path string
	// PID is the holder, 0 when it has not written it yet.
	PID int
}

func (e *HeldError) Error() string {
	holder := "another ql up"
	if e.PID > 0 {
		holder += " (pid " + strconv.Itoa(e.PID) + ")"
	}
	return holder + " uses this directory: " + filepath.Dir(e.Path)
}

// Lock is held from Acquire until Release.
type Lock struct {
	file *os.File
}

// Acquire takes the lock of the file at path, which it creates when missing and
// into which it writes the process's ID. It does not wait: when the lock is
// held, also by this very process, the error is a *HeldError.
func Acquire(path string) (*Lock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(&HeldError{Path: path, PID: holder(file)}, file.Close())
	}
	if err != nil {
		err = fmt.Errorf("lock %s: %w", path, err)
		return nil, errors.Join(err, file.Close())
	}
	if err := writePID(file); err != nil {
		err = fmt.Errorf("write process ID into %s: %w", path, err)
		return nil, errors.Join(err, file.Close())
	}
	lock := &Lock{file: file}
	held.Store(lock, true)
	return lock, nil
}

// held keeps the locks from the garbage collector, which would close the files
// of those that their owners no longer look at, and so give them back.
var held sync.Map

// Release gives the lock back. The file stays: removing it would let two
// processes lock two files of the same name.
func (l *Lock) Release() error {
	held.Delete(l)
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("release lock: %w", err)
	}
	return nil
}

func writePID(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// holder reads the process ID from a held lock file. The holder may not have
// written it yet, so an unreadable one is no error.
func holder(file *os.File) int {
	text, err := io.ReadAll(io.LimitReader(file, 32))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}
