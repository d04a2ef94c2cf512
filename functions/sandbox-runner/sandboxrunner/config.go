package sandboxrunner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/sandbox"
)

// The values of QL_SANDBOX_MODE.
const (
	modeAuto = "auto" // whatever the machine offers
	modeNone = "none" // nothing is run; every project is answered "not verified"
	// modePod says that the container has nothing but this process and that a NetworkPolicy holds its network.
	modePod = string(sandbox.Pod)
	// These two take that mode or nothing.
	modeGvisor     = string(sandbox.Gvisor)
	modeNamespaces = string(sandbox.Namespaces)
)

// config is read from the environment.
type config struct {
	Mode         string        `env:"QL_SANDBOX_MODE" envDefault:"auto"`
	Go           string        `env:"QL_GO" envDefault:"go"`               // the go command
	Cache        string        `env:"QL_SANDBOX_CACHE"`                    // folder; empty: quantumlayer/sandbox in the user's cache folder
	Built        string        `env:"QL_SANDBOX_BUILT"`                    // folder like Cache, with the standard library built, that is only read
	Concurrency  int           `env:"QL_SANDBOX_CONCURRENCY"`              // projects at the same time; 0: one for two processors
	Queue        int           `env:"QL_SANDBOX_QUEUE" envDefault:"64"`    // projects that may wait for their turn
	Timeout      time.Duration `env:"QL_SANDBOX_TIMEOUT" envDefault:"10m"` // of one verification; the tests of a package get half
	MemoryMiB    int64         `env:"QL_SANDBOX_MEMORY_MIB" envDefault:"4096"`
	DiskMiB      int64         `env:"QL_SANDBOX_DISK_MIB" envDefault:"2048"` // kept in memory
	FetchTimeout time.Duration `env:"QL_SANDBOX_FETCH_TIMEOUT" envDefault:"3m"`
	FetchMiB     int64         `env:"QL_SANDBOX_FETCH_MIB" envDefault:"1024"` // module archives of one project
	Warm         bool          `env:"QL_SANDBOX_WARM" envDefault:"true"`      // build the standard library at start, not at the first project
}

// want is the mode to look for; empty: the best that there is.
func (c *config) want() sandbox.Mode {
	switch c.Mode {
	case modeGvisor, modeNamespaces, modePod:
		return sandbox.Mode(c.Mode)
	}
	return ""
}

// Check is called by runner.Config. It fills in what depends on the machine.
func (c *config) Check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if known := []string{modeAuto, modeNone, modePod, modeGvisor, modeNamespaces}; !slices.Contains(known, c.Mode) {
		wrong("QL_SANDBOX_MODE: %q is none of %s", c.Mode, strings.Join(known, ", "))
	}
	if c.Mode == modePod {
		// Two projects would share a user, and so could not be kept apart.
		if c.Concurrency > 1 {
			wrong("QL_SANDBOX_CONCURRENCY must be 1 in mode %s", modePod)
		}
		c.Concurrency = 1
	}
	if c.Concurrency == 0 {
		c.Concurrency = max(1, runtime.NumCPU()/2)
	}
	for name, v := range map[string]int64{
		"QL_SANDBOX_CONCURRENCY": int64(c.Concurrency), "QL_SANDBOX_TIMEOUT": int64(c.Timeout), "QL_SANDBOX_MEMORY_MIB": c.MemoryMiB,
		"QL_SANDBOX_DISK_MIB": c.DiskMiB, "QL_SANDBOX_FETCH_TIMEOUT": int64(c.FetchTimeout), "QL_SANDBOX_FETCH_MIB": c.FetchMiB,
	} {
		if v < 1 {
			wrong("%s must be above 0", name)
		}
	}
	if c.Queue < 0 {
		wrong("QL_SANDBOX_QUEUE must not be below 0")
	}
	switch {
	case c.Cache == "":
		base, err := os.UserCacheDir()
		if err != nil {
			wrong("QL_SANDBOX_CACHE: set a folder: %w", err)
		}
		c.Cache = filepath.Join(base, "quantumlayer", "sandbox")
	case !filepath.IsAbs(c.Cache):
		wrong("QL_SANDBOX_CACHE: %q must be an absolute path", c.Cache)
	}
	if c.Built != "" && !filepath.IsAbs(c.Built) {
		wrong("QL_SANDBOX_BUILT: %q must be an absolute path", c.Built)
	}
	// What a job did to its user's files is looked for there, and all of it is removed at the next start.
	if tmp := os.TempDir(); c.Mode == modePod && !strings.HasPrefix(filepath.Clean(c.Cache), filepath.Clean(tmp)+"/") {
		wrong("QL_SANDBOX_CACHE: %q must be below %s in mode %s", c.Cache, tmp, modePod)
	}
	return errors.Join(errs...)
}
