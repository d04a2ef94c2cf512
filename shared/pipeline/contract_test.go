package pipeline_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

func cacheContract() pipeline.Contract {
	return pipeline.Contract{Name: "cache", Module: "example.com/cache", Type: "library", Summary: "A cache.", Files: []pipeline.ContractFile{
		{Path: "clock/clock.go", Package: "clock", Requirements: []string{"FR-2"}, Exports: []pipeline.ContractExport{
			{Name: "Clock", Signature: "type Clock func() time.Time"}}},
		{Path: "cache/cache.go", Package: "cache", Imports: []string{"clock/clock.go"}, Requirements: []string{"FR-1"}, Exports: []pipeline.ContractExport{
			{Name: "Cache", Signature: "type Cache[K comparable, V any] struct {}"},
			{Name: "New", Signature: "func New[K comparable, V any](limit int, now clock.Clock) (*Cache[K, V], error)"},
			{Name: "Cache.Get", Signature: "func (c *Cache[K, V]) Get(key K) (V, bool)"}}},
	}}
}

var cacheRequirements = []pipeline.Requirement{{ID: "FR-1", Kind: pipeline.Functional}, {ID: "FR-2", Kind: pipeline.Functional}, {ID: "NFR-1", Kind: pipeline.NonFunctional}}

func TestContractThatHoldsTogether(t *testing.T) {
	c := cacheContract()
	if wrong := c.Check("go", cacheRequirements); wrong != nil {
		t.Fatalf("a sound contract was found wrong: %q", wrong)
	}
	waves, err := c.Order()
	if err != nil || len(waves) != 2 || waves[0][0].Path != "clock/clock.go" {
		t.Fatalf("order: %v, %v; want the clock first", waves, err)
	}
}

// Each case breaks a sound contract in one way; the check has to say so in words that name the place.
func TestContractCheckFinds(t *testing.T) {
	for name, tc := range map[string]struct {
		breakIt func(*pipeline.Contract)
		says    string
	}{
		"a requirement that nobody serves":     {func(c *pipeline.Contract) { c.Files[0].Requirements = nil }, "FR-2: no file serves it"},
		"a requirement that does not exist":    {func(c *pipeline.Contract) { c.Files[0].Requirements = []string{"FR-2", "FR-9"} }, `"FR-9" does not exist`},
		"an import that is no file":            {func(c *pipeline.Contract) { c.Files[1].Imports = []string{"clock/time.go"} }, "no file of the contract"},
		"a file that imports itself":           {func(c *pipeline.Contract) { c.Files[1].Imports = []string{"cache/cache.go"} }, "imports itself"},
		"a circle of files":                    {func(c *pipeline.Contract) { c.Files[0].Imports = []string{"cache/cache.go"} }, "circle"},
		"a path out of the project":            {func(c *pipeline.Contract) { c.Files[0].Path = "../clock.go" }, "inside the project"},
		"the same path twice":                  {func(c *pipeline.Contract) { c.Files[1].Path = "clock/clock.go" }, "twice"},
		"two packages in a folder":             {func(c *pipeline.Contract) { c.Files[1].Path = "clock/cache.go" }, "package cache, but"},
		"a test":                               {func(c *pipeline.Contract) { c.Files[0].Path = "clock/clock_test.go" }, "tests do not belong"},
		"a signature that is no declaration":   {func(c *pipeline.Contract) { c.Files[0].Exports[0].Signature = "Clock()" }, "no Go declaration"},
		"a lower-case export":                  {func(c *pipeline.Contract) { c.Files[0].Exports[0].Name = "clock" }, "exported name"},
		"a type of the package that is not":    {func(c *pipeline.Contract) { c.Files[1].Exports[1].Signature = "func New(o Options) error" }, "type Options is exported by no file"},
		"a type of another package that isn't": {func(c *pipeline.Contract) { c.Files[1].Exports[1].Signature = "func New(t clock.Timer) error" }, "clock.Timer is exported by no file"},
		"no package main in a service":         {func(c *pipeline.Contract) { c.Type = "api" }, "needs a package main"},
		"an unknown type":                      {func(c *pipeline.Contract) { c.Type = "app" }, `"app" is none of`},
		"the standard library as third party":  {func(c *pipeline.Contract) { c.Files[0].Packages = []string{"net/http"} }, "third-party packages only"},
		"a module that is no path":             {func(c *pipeline.Contract) { c.Module = "cache" }, "module path"},
		"no files":                             {func(c *pipeline.Contract) { c.Files = nil }, "there must be 1 to"},
	} {
		t.Run(name, func(t *testing.T) {
			c := cacheContract()
			tc.breakIt(&c)
			wrong := c.Check("go", cacheRequirements)
			if !slices.ContainsFunc(wrong, func(s string) bool { return strings.Contains(s, tc.says) }) {
				t.Errorf("found %q, want something that says %q", wrong, tc.says)
			}
		})
	}
}

func TestPackagesInACircleThoughNoFilesAre(t *testing.T) {
	c := pipeline.Contract{Name: "x", Module: "example.com/x", Type: "library", Files: []pipeline.ContractFile{
		{Path: "a/one.go", Package: "a", Imports: []string{"b/one.go"}}, {Path: "a/two.go", Package: "a"},
		{Path: "b/one.go", Package: "b"}, {Path: "b/two.go", Package: "b", Imports: []string{"a/two.go"}}}}
	wrong := c.Check("go", nil)
	if diff := cmp.Diff([]string{"imports: packages import each other in a circle: a → b → a"}, wrong); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func FuzzCheckPath(f *testing.F) {
	for _, p := range []string{"a/b.go", "../a", "/a", "a/../b", ".git/config", "a//b", "", "a b", ".quantum/manifest.json"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if pipeline.CheckPath(p) == nil && (strings.Contains(p, "..") && slices.Contains(strings.Split(p, "/"), "..") || strings.HasPrefix(p, "/") || strings.ContainsAny(p, "\\\x00 ")) {
			t.Errorf("%q was accepted", p)
		}
	})
}
