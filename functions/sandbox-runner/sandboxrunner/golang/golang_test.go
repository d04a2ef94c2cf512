package golang

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/sandbox"
)

// sharedCache has the standard library of this machine's Go, as the function itself keeps it: the first run of the tests on a
// machine builds it, later ones find it.
func sharedCache(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("QL_SANDBOX_CACHE"); dir != "" {
		return dir
	}
	base, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(base, "quantumlayer", "sandbox")
}

// mode holds the projects of these tests: what a variable says, as for the sandbox's own tests, and not what this machine has best.
var mode = cmp.Or(sandbox.Mode(os.Getenv("SANDBOX_TEST_MODE")), sandbox.Namespaces)

// toolchain has a module cache of its own and the shared build cache.
func toolchain(t *testing.T, change func(*Config)) *Toolchain {
	t.Helper()
	cache := t.TempDir()
	shared := filepath.Join(sharedCache(t), "build")
	if err := os.MkdirAll(shared, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(shared, filepath.Join(cache, "build")); err != nil {
		t.Fatal(err)
	}
	cfg := Config{Mode: mode, Go: "go", Cache: cache, FetchTimeout: time.Minute, FetchBytes: 64 << 20, Limits: sandbox.Limits{Wall: 5 * time.Minute, Memory: 2 << 30}}
	if change != nil {
		change(&cfg)
	}
	tc, err := Find(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	tc.env.GOPROXY, tc.env.GOSUMDB = "off", "off"
	return tc
}

func project(archive string) []pipeline.File {
	var files []pipeline.File
	for _, f := range txtar.Parse([]byte(archive)).Files {
		files = append(files, pipeline.File{Path: f.Name, Content: string(f.Data)})
	}
	return files
}

func TestFind(t *testing.T) {
	t.Parallel()
	if _, err := Find(t.Context(), Config{Go: "no-such-go", Cache: t.TempDir()}); err == nil {
		t.Error("found a go command that does not exist")
	}
	if _, err := Find(t.Context(), Config{Go: "/bin/true", Cache: t.TempDir()}); err == nil {
		t.Error("took /bin/true for a go command")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Find(ended, Config{Go: "go", Cache: t.TempDir()}); err == nil {
		t.Error("found it although the context has ended")
	}
}

// What a job could not write is of no use where no mount changes owners.
func TestBuiltFolderThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	support, err := sandbox.Detect(t.Context(), mode)
	if err != nil {
		t.Fatal(err)
	}
	for perm, want := range map[fs.FileMode]bool{0o777: true, 0o755: support.Mode != sandbox.Gvisor} {
		dir := t.TempDir()
		if err := os.Chmod(dir, perm); err != nil {
			t.Fatal(err)
		}
		if usable, err := toolchain(t, nil).usable(t.Context(), dir); err != nil || usable != want {
			t.Errorf("mode %s, %o: %t, %v", support.Mode, perm, usable, err)
		}
	}
	if usable, err := toolchain(t, nil).usable(t.Context(), filepath.Join(t.TempDir(), "none")); err != nil || usable {
		t.Errorf("none: %t, %v", usable, err)
	}
}

func TestWhatIsBuiltIsNotBuiltAgain(t *testing.T) {
	t.Parallel()
	if err := toolchain(t, nil).Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	tc, err := Find(t.Context(), Config{Go: "go", Cache: cache, Built: sharedCache(t), FetchTimeout: time.Minute, FetchBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	result, err := tc.Verify(t.Context(), project("-- go.mod --\nmodule example.com/p\n\ngo 1.22\n-- p_test.go --\npackage p\n\nimport (\n\t\"net/http\"\n\t\"testing\"\n)\n\nfunc TestP(t *testing.T) {\n\t_ = http.MethodGet\n}\n"))
	if err != nil || !result.Verified {
		t.Fatalf("%v: %+v", err, result)
	}
	if _, err := os.Stat(filepath.Join(cache, "build")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was built: %v", err)
	}
}
