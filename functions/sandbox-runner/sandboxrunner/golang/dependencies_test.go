package golang

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
)

// registry is a module proxy on the loopback with these modules: "path@version" and a txtar of its files.
type registry struct {
	*httptest.Server
	requests atomic.Int64
}

func startRegistry(t *testing.T, modules map[string]string) *registry {
	t.Helper()
	dir := t.TempDir()
	for name, archive := range modules {
		path, version, _ := strings.Cut(name, "@")
		m := module.Version{Path: path, Version: version}
		source := t.TempDir()
		var goMod []byte
		for _, f := range txtar.Parse([]byte(archive)).Files {
			write(t, filepath.Join(source, f.Name), f.Data)
			if f.Name == "go.mod" {
				goMod = f.Data
			}
		}
		var zip bytes.Buffer
		if err := modzip.CreateFromDir(&zip, m, source); err != nil {
			t.Fatal(err)
		}
		base := filepath.Join(dir, path, "@v")
		write(t, filepath.Join(base, version+".zip"), zip.Bytes())
		write(t, filepath.Join(base, version+".mod"), goMod)
		write(t, filepath.Join(base, version+".info"), fmt.Appendf(nil, `{"Version":%q,"Time":"2024-01-01T00:00:00Z"}`, version))
		write(t, filepath.Join(base, "list"), []byte(version+"\n"))
	}
	r := &registry{}
	files := http.FileServer(http.Dir(dir))
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.requests.Add(1)
		files.ServeHTTP(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

const mit = `Copyright (c) 2024 The Authors

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`

var modules = map[string]string{
	"example.org/greet@v1.2.0": "-- go.mod --\nmodule example.org/greet\n\ngo 1.24\n\nrequire example.org/words v0.3.0\n-- LICENSE --\n" + mit +
		"-- greet.go --\npackage greet\n\nimport \"example.org/words\"\n\nfunc Hello() string { return words.Hello }\n",
	"example.org/words@v0.3.0":  "-- go.mod --\nmodule example.org/words\n\ngo 1.24\n-- LICENSE --\nAll rights reserved.\n-- words.go --\npackage words\n\nconst Hello = \"hello\"\n",
	"example.org/future@v1.0.0": "-- go.mod --\nmodule example.org/future\n\ngo 1.999\n-- future.go --\npackage future\n",
}

const greeter = `
-- hello.go --
package hello

import "example.org/greet"

// Hello greets.
func Hello() string { return greet.Hello() }
-- hello_test.go --
package hello

import "testing"

func TestHello(t *testing.T) {
	if got := Hello(); got != "hello" {
		t.Error(got)
	}
}
`

func TestDependenciesAreFetchedAndVerifiedOffline(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t, modules)
	tc := toolchain(t, nil)
	tc.env.GOPROXY = reg.URL + ",direct"
	files := project(greeter)

	d, err := tc.Dependencies(t.Context(), "example.com/hello", files)
	if err != nil {
		t.Fatal(err)
	}
	want := []pipeline.Package{{Name: "example.org/greet", Version: "v1.2.0", Licence: "MIT", Direct: true}, {Name: "example.org/words", Version: "v0.3.0"}}
	if diff := cmp.Diff(want, d.Packages); diff != "" {
		t.Error(diff)
	}
	if len(d.Files) != 2 || d.Files[0].Path != "go.mod" || d.Files[1].Path != "go.sum" || d.Missing != nil {
		t.Fatalf("answer %+v", d)
	}
	if mod := d.Files[0].Content; !strings.HasPrefix(mod, "module example.com/hello\n") || !strings.Contains(mod, "example.org/words v0.3.0 // indirect") {
		t.Errorf("go.mod:\n%s", mod)
	}

	// From here on nothing answers. What has been fetched is enough to verify, and to resolve the same again.
	reg.Close()
	r, err := tc.Verify(t.Context(), append(slices.Clone(files), d.Files...))
	if err != nil {
		t.Fatal(err)
	}
	if !r.Verified {
		t.Errorf("not verified: %s\n%+v", r.Reason, r.Steps)
	}
	again, err := tc.Dependencies(t.Context(), "example.com/hello", files)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, again); diff != "" {
		t.Error(diff)
	}
}

// Another replica may have resolved the dependencies.
func TestVerifyFetchesWhatIsRequired(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t, modules)
	resolver, verifier := toolchain(t, nil), toolchain(t, nil)
	resolver.env.GOPROXY, verifier.env.GOPROXY = reg.URL, reg.URL
	files := project(greeter)
	d, err := resolver.Dependencies(t.Context(), "example.com/hello", files)
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, d.Files...)
	r, err := verifier.Verify(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Verified {
		t.Errorf("not verified: %s\n%+v", r.Reason, r.Steps)
	}
	before := reg.requests.Load()
	if _, err := verifier.Verify(t.Context(), files); err != nil {
		t.Fatal(err)
	}
	if after := reg.requests.Load(); after != before {
		t.Errorf("%d requests for what was there", after-before)
	}

	// Without the registry it cannot be known whether the project passes.
	reg.Close()
	fresh := toolchain(t, nil)
	fresh.env.GOPROXY = reg.URL
	if r, err := fresh.Verify(t.Context(), files); !fault.Is(err, fault.Unavailable) {
		t.Errorf("answer %+v, %v", r, err)
	}
}

func TestNoDependenciesNeedNoNetwork(t *testing.T) {
	t.Parallel()
	tc := toolchain(t, nil) // GOPROXY=off
	d, err := tc.Dependencies(t.Context(), "example.com/plain", project("-- a/a.go --\npackage a\n\nimport \"fmt\"\n\nfunc F() { fmt.Println() }\n-- main.go --\npackage main\n\nimport \"example.com/plain/a\"\n\nfunc main() { a.F() }\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Files) != 1 || d.Files[0].Path != "go.mod" || !strings.HasPrefix(d.Files[0].Content, "module example.com/plain\n\ngo 1.") || len(d.Packages) != 0 || d.Packages == nil {
		t.Errorf("answer %+v", d)
	}
}

func TestMissingImports(t *testing.T) {
	t.Parallel()
	reg := startRegistry(t, modules)
	for _, tc := range []struct {
		name, project string
		want          []verification.MissingImport
		says          string
	}{
		{"no such module", "-- a.go --\npackage a\n\nimport _ \"example.org/nothing/here\"\n-- b/b.go --\npackage b\n\nimport _ \"example.org/nothing/here\"\n",
			[]verification.MissingImport{{Import: "example.org/nothing/here", Files: []string{"a.go", "b/b.go"}}}, "404"},
		{"no such package of a module", "-- a.go --\npackage a\n\nimport _ \"example.org/greet/sub\"\n",
			[]verification.MissingImport{{Import: "example.org/greet/sub", Files: []string{"a.go"}}}, "does not contain package"},
		{"not in the standard library", "-- a.go --\npackage a\n\nimport _ \"net/htp\"\n",
			[]verification.MissingImport{{Import: "net/htp", Files: []string{"a.go"}}}, "the standard library has no such package"},
		{"two at once, only in a test", "-- a_test.go --\npackage a\n\nimport (\n\t_ \"example.org/one\"\n\t_ \"example.org/two\"\n)\n",
			[]verification.MissingImport{{Import: "example.org/one", Files: []string{"a_test.go"}}, {Import: "example.org/two", Files: []string{"a_test.go"}}}, "404"},
		{"own package", "-- a.go --\npackage a\n\nimport _ \"example.com/m/internal/store\"\n",
			[]verification.MissingImport{{Import: "example.com/m/internal/store", Files: []string{"a.go"}}}, "no such package"},
		{"needs a newer Go", "-- a.go --\npackage a\n\nimport _ \"example.org/future\"\n",
			[]verification.MissingImport{{Import: "example.org/future", Files: []string{"a.go"}}}, "go >= 1.999"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tool := toolchain(t, nil)
			tool.env.GOPROXY = reg.URL
			d, err := tool.Dependencies(t.Context(), "example.com/m", project(tc.project))
			if err != nil {
				t.Fatal(err)
			}
			for i := range d.Missing {
				if !strings.Contains(d.Missing[i].Message, tc.says) {
					t.Errorf("message %q, want %q", d.Missing[i].Message, tc.says)
				}
				d.Missing[i].Message = ""
			}
			if diff := cmp.Diff(verification.Dependencies{Missing: tc.want}, d); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFetchFails(t *testing.T) {
	t.Parallel()
	closed := startRegistry(t, nil)
	closed.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	t.Cleanup(broken.Close)
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(hanging.Close)
	working := startRegistry(t, modules)
	for _, tc := range []struct {
		name, proxy string
		project     string
		change      func(*Config)
		code        fault.Code
		says        string
	}{
		{"nothing listens", closed.URL, greeter, nil, fault.Unavailable, "does not answer"},
		{"the registry is broken", broken.URL, greeter, nil, fault.Unavailable, "502 Bad Gateway"},
		{"the registry hangs", hanging.URL, greeter, func(c *Config) { c.FetchTimeout = 1e9 }, fault.Unprocessable, "too long"},
		{"the modules are too large", working.URL, greeter, func(c *Config) { c.FetchBytes = 100 }, fault.Unprocessable, "too large"},
		{"only version control", "direct", greeter, nil, fault.Unavailable, "module proxy"},
		{"offline", "off", greeter, nil, fault.Unavailable, "GOPROXY=off"},
		{"another module's go.mod", "off", "-- go.mod --\nmodule example.com/other\n", nil, fault.Unprocessable, "example.com/other"},
		{"unreadable go.mod", "off", "-- go.mod --\nmodule example.com/m\n\nfoo bar\n", nil, fault.Unprocessable, "unknown directive"},
		{"replace outside", "off", "-- go.mod --\nmodule example.com/m\n\nreplace example.org/greet => ../greet\n", nil, fault.Unprocessable, "outside the project"},
		{"absolute replace", "off", "-- go.mod --\nmodule example.com/m\n\nreplace example.org/greet => /etc\n", nil, fault.Unprocessable, "outside the project"},
		{"toolchain", "off", "-- go.mod --\nmodule example.com/m\n\ntoolchain go1.99.0\n", nil, fault.Unprocessable, "toolchain"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tool := toolchain(t, tc.change)
			tool.env.GOPROXY = tc.proxy
			d, err := tool.Dependencies(t.Context(), "example.com/m", project(tc.project))
			if !fault.Is(err, tc.code) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("answer %+v, error %v", d, err)
			}
		})
	}
	if _, err := toolchain(t, nil).Dependencies(t.Context(), "not a path", project(greeter)); !fault.Is(err, fault.Unprocessable) {
		t.Errorf("a wrong module path: %v", err)
	}
}

func TestWithoutDirect(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://modules.example,direct": "https://modules.example",
		"direct,https://a|https://b":     "https://a|https://b",
		"https://a,direct|https://b":     "https://a|https://b",
		"off":                            "off",
		"direct":                         "",
		"":                               "",
	} {
		got, err := withoutDirect(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q gives %q, %v; want %q", in, got, err, want)
		}
	}
}
