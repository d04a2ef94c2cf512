package golang

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/quantumlayer-dev/quantumlayer/shared/filelock"
)

// scratch is a folder for what is needed for a moment. What a process that was killed left is removed by the next one: each has a
// folder of its own, by number, and holds the lock beside it as long as it lives. So whoever gets a lock may clear its folder.
type scratch struct {
	dir  string
	lock *filelock.Lock
}

// openScratch takes the first free folder in parent, and clears those of processes that have ended.
func openScratch(parent string) (s scratch, err error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return scratch{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	for n := 0; ; n++ {
		dir := filepath.Join(parent, strconv.Itoa(n))
		if _, err := os.Lstat(dir + ".lock"); s.lock != nil && errors.Is(err, os.ErrNotExist) {
			return s, nil // nobody ever had this one or a later one
		}
		lock, err := filelock.Acquire(dir + ".lock")
		if held := (*filelock.HeldError)(nil); errors.As(err, &held) {
			continue
		}
		if err != nil {
			return s, err
		}
		if err := os.RemoveAll(dir); err != nil {
			return s, errors.Join(fmt.Errorf("clearing %s: %w", dir, err), lock.Release())
		}
		if s.lock != nil {
			if err := lock.Release(); err != nil {
				return s, err
			}
			continue
		}
		s = scratch{dir: dir, lock: lock}
		if err := os.Mkdir(dir, 0o700); err != nil {
			return s, err
		}
	}
}

// close gives the folder to others, who clear it.
func (s scratch) close() error {
	if s.lock == nil {
		return nil
	}
	return s.lock.Release()
}
