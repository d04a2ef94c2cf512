// Package home is the data folder of a platform on this machine: where it is, which process uses it, and where that
// process can be reached.
package home

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/quantumlayer-dev/quantumlayer/shared/filelock"
)

const (
	lockFile   = "lock"
	holderFile = "platform.json"
)

// Dir gives the data folder as an absolute path: $QL_HOME, else quantumlayer in the user's data directory
// ($XDG_DATA_HOME, ~/Library/Application Support, ~/.local/share). It creates nothing.
func Dir(getenv func(string) string) (string, error) {
	if dir := getenv("QL_HOME"); dir != "" {
		return filepath.Abs(dir)
	}
	// The XDG specification says that a relative path is to be ignored.
	if dir := getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "quantumlayer"), nil
	}
	user := getenv("HOME")
	if user == "" || !filepath.IsAbs(user) {
		return "", errors.New("no folder for the data: neither QL_HOME nor HOME is set; set QL_HOME to a folder")
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(user, "Library", "Application Support", "quantumlayer"), nil
	}
	return filepath.Join(user, ".local", "share", "quantumlayer"), nil
}

// Holder is the process whose platform uses a data folder.
type Holder struct {
	URL string `json:"url"` // base URL of workflow-api
	PID int    `json:"pid"`
	// Stays says that the platform runs until it is told to stop; else it ends with the one run that started it.
	Stays bool `json:"stays"`
}

// Home is a data folder that this process holds.
type Home struct {
	dir  string
	lock *filelock.Lock
}

// Open takes the folder for this process and creates it when missing, readable by its owner only. When another process
// holds it, the error wraps a *filelock.HeldError.
func Open(dir string) (*Home, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	lock, err := filelock.Acquire(filepath.Join(dir, lockFile))
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	h := &Home{dir: dir, lock: lock}
	// A process that was killed leaves its address behind.
	if err := h.forget(); err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return h, nil
}

// Dir is the folder's path.
func (h *Home) Dir() string { return h.dir }

// Announce writes down where this process's platform can be reached.
func (h *Home) Announce(holder Holder) error {
	text, err := json.Marshal(holder)
	if err != nil {
		return fmt.Errorf("announcing the platform: %w", err)
	}
	// A reader never sees half a file: it appears under its name when it is whole.
	temp := filepath.Join(h.dir, holderFile+".new")
	if err := os.WriteFile(temp, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("announcing the platform: %w", err)
	}
	if err := os.Rename(temp, filepath.Join(h.dir, holderFile)); err != nil {
		return fmt.Errorf("announcing the platform: %w", err)
	}
	return nil
}

// Close takes the address back and gives the folder free.
func (h *Home) Close() error {
	return errors.Join(h.forget(), h.lock.Release())
}

func (h *Home) forget() error {
	err := os.Remove(filepath.Join(h.dir, holderFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the platform's address: %w", err)
	}
	return nil
}

// Find gives what the folder's last holder announced, and false when there is none. A process that was killed leaves its
// announcement, so the caller has to ask the URL whether anybody is there.
func Find(dir string) (Holder, bool, error) {
	text, err := os.ReadFile(filepath.Join(dir, holderFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Holder{}, false, nil
	}
	if err != nil {
		return Holder{}, false, fmt.Errorf("looking for a running platform: %w", err)
	}
	var holder Holder
	if err := json.Unmarshal(text, &holder); err != nil || holder.URL == "" {
		return Holder{}, false, fmt.Errorf("looking for a running platform: %s is damaged; stop ql and remove the file",
			filepath.Join(dir, holderFile))
	}
	return holder, true, nil
}

// Used says whether a platform has ever kept data in the folder.
func Used(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, lockFile))
	return err == nil
}
