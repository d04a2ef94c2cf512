package golang

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/sandbox"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
)

const goodProject = `
-- go.mod --
module example.com/good

go 1.24
-- good.go --
// Package good adds.
package good

// Add adds.
func Add(a, b int) int { return a + b }
-- good_test.go --
package good

import "testing"

func TestAdd(t *testing.T) {
	if got := Add(1, 2); got != 3 {
		t.Errorf("Add(1, 2) = %d", got)
	}
}
-- cmd/good/main.go --
package main

import (
	"fmt"

	"example.com/good"
)

func main() { fmt.Println(good.Add(1, 2)) }
`

type outcome struct {
	Verified         bool
	Build, Vet, Test verification.Status
	Summary          verification.Summary
	Findings         []pipeline.Finding
}

func outcomeOf(r verification.Result) outcome {
	return outcome{r.Verified, r.Step("build").Status, r.Step("vet").Status, r.Step("test").Status, r.Summary, r.Findings}
}

// TestVerify runs small projects, each of which does one thing right or wrong.
func TestVerify(t *testing.T) {
	t.Parallel()
	const passed, failed, notRun = verification.Passed, verification.Failed, verification.NotRun
	mod := "-- go.mod --\nmodule example.com/p\n\ngo 1.24\n"
	for _, tc := range []struct {
		name, project string
		want          outcome
		reason        string // in the reason
		says          string // in the message of the first finding
	}{{
		name: "good", project: goodProject,
		want: outcome{Verified: true, Build: passed, Vet: passed, Test: passed, Summary: verification.Summary{Passed: 1}},
	}, {
		name: "a test fails", project: mod + `
-- a/a.go --
package a
-- a/a_test.go --
package a

import "testing"

func TestGood(t *testing.T) {}

func TestBad(t *testing.T) { t.Error("wrong answer") }

func TestLater(t *testing.T) { t.Skip("later") }
`,
		want: outcome{Build: passed, Vet: passed, Test: failed, Summary: verification.Summary{Passed: 1, Failed: 1, Skipped: 1},
			Findings: []pipeline.Finding{{Step: "test", File: "a/a_test.go", Line: 7, Test: "TestBad"}}},
		reason: "1 of 3 tests fail", says: "a_test.go:7: wrong answer",
	}, {
		name: "does not compile", project: mod + "-- p.go --\npackage p\n\nfunc F() int { return missing }\n-- q/q.go --\npackage q\n\nvar S string = 1\n",
		want: outcome{Build: failed, Vet: notRun, Test: notRun, Findings: []pipeline.Finding{
			{Step: "build", File: "p.go", Line: 3, Column: 23}, {Step: "build", File: "q/q.go", Line: 3, Column: 16}}},
		reason: "does not build", says: "undefined: missing",
	}, {
		name: "tests do not compile", project: mod + "-- p.go --\npackage p\n-- p_test.go --\npackage p\n\nimport \"testing\"\n\nfunc TestF(t *testing.T) { F() }\n",
		want: outcome{Build: passed, Vet: failed, Test: failed, Summary: verification.Summary{Failed: 1},
			Findings: []pipeline.Finding{{Step: "vet", File: "p_test.go", Line: 5, Column: 28}}},
		reason: "1 of 1 tests fail", says: "undefined: F",
	}, {
		name: "vet finds something", project: mod + "-- p.go --\npackage p\n\nimport \"fmt\"\n\nfunc F() { fmt.Printf(\"%d\\n\", \"x\") }\n" +
			"-- p_test.go --\npackage p\n\nimport \"testing\"\n\nfunc TestF(t *testing.T) { F() }\n",
		want: outcome{Build: passed, Vet: failed, Test: passed, Summary: verification.Summary{Passed: 1},
			Findings: []pipeline.Finding{{Step: "vet", File: "p.go", Line: 5, Column: 24}}},
		reason: "go vet", says: "fmt.Printf format %d has arg",
	}, {
		name: "no tests", project: mod + "-- p.go --\npackage p\n",
		want:   outcome{Build: passed, Vet: passed, Test: passed},
		reason: "no tests",
	}, {
		name: "all tests are skipped", project: mod + "-- p_test.go --\npackage p\n\nimport \"testing\"\n\nfunc TestF(t *testing.T) { t.Skip() }\n",
		want:   outcome{Build: passed, Vet: passed, Test: passed, Summary: verification.Summary{Skipped: 1}},
		reason: "no test passed",
	}, {
		name: "panics", project: mod + "-- p.go --\npackage p\n\nfunc F(m map[string]int) { m[\"x\"] = 1 }\n" +
			"-- p_test.go --\npackage p\n\nimport \"testing\"\n\nfunc TestF(t *testing.T) { F(nil) }\n\nfunc TestG(t *testing.T) {}\n",
		want: outcome{Build: passed, Vet: passed, Test: failed, Summary: verification.Summary{Failed: 2},
			Findings: []pipeline.Finding{{Step: "test", File: "p.go", Line: 3, Test: "TestF"}}},
		reason: "2 of 2 tests fail", says: "panic: assignment to entry in nil map",
	}, {
		name: "leaves with exit code 0", project: mod + "-- p_test.go --\npackage p\n\nimport (\n\t\"syscall\"\n\t\"testing\"\n)\n\n" +
			"func TestF(t *testing.T) { syscall.Exit(0) }\n",
		want: outcome{Build: passed, Vet: passed, Test: passed, Summary: verification.Summary{Failed: 1},
			Findings: []pipeline.Finding{{Step: "test", File: "p_test.go", Line: 8, Test: "TestF"}}},
		reason: "1 of 1 tests fail", says: "the process ended before TestF did",
	}, {
		name: "runs no tests", project: mod + "-- p_test.go --\npackage p\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\n" +
			"func TestMain(m *testing.M) { os.Exit(0) }\n\nfunc TestF(t *testing.T) {}\n",
		want: outcome{Build: passed, Vet: passed, Test: passed, Summary: verification.Summary{Failed: 1},
			Findings: []pipeline.Finding{{Step: "test", File: "p_test.go", Line: 10, Test: "TestF"}}},
		reason: "1 of 1 tests fail", says: "the process ended before these tests ran: TestF",
	}, {
		name: "wants a package that is not there", project: mod + "-- p.go --\npackage p\n\nimport _ \"example.org/not/there\"\n",
		want: outcome{Build: failed, Vet: notRun, Test: notRun,
			Findings: []pipeline.Finding{{Step: "build", File: "p.go", Line: 3, Column: 8}}},
		reason: "does not build", says: "example.org/not/there",
	}, {
		name: "no go.mod", project: "-- p.go --\npackage p\n",
		want:   outcome{Build: failed, Vet: notRun, Test: notRun, Findings: []pipeline.Finding{{Step: "build"}}},
		reason: "go.mod", says: "no go.mod",
	}, {
		name: "replaces with a folder outside", project: "-- go.mod --\nmodule example.com/p\n\nreplace example.com/q => ../../etc\n",
		want:   outcome{Build: failed, Vet: notRun, Test: notRun, Findings: []pipeline.Finding{{Step: "build", File: "go.mod", Line: 3}}},
		reason: "go.mod", says: "outside the project",
	}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r, err := toolchain(t, nil).Verify(t.Context(), project(tc.project))
			if err != nil {
				t.Fatal(err)
			}
			got := outcomeOf(r)
			if len(got.Findings) > 0 && !strings.Contains(got.Findings[0].Message, tc.says) {
				t.Errorf("first finding says %q, want %q", got.Findings[0].Message, tc.says)
			}
			for i := range got.Findings {
				got.Findings[i].Message = ""
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\nsteps: %+v", diff, r.Steps)
			}
			if !strings.Contains(r.Reason, tc.reason) || r.Verified != (r.Reason == "") {
				t.Errorf("reason %q, want %q", r.Reason, tc.reason)
			}
			if r.Mode != string(mode) {
				t.Errorf("mode %q", r.Mode)
			}
		})
	}
}

// A project that means harm gets nowhere and is not verified.
func TestHostileProjects(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("mellon"), 0o644); err != nil {
		t.Fatal(err)
	}
	test := func(imports, body string) []pipeline.File {
		return project("-- go.mod --\nmodule example.com/p\n\ngo 1.24\n-- p_test.go --\npackage p\n\nimport (\n\t" +
			strings.Join(strings.Fields(imports), "\n\t") + "\n)\n\nfunc TestP(t *testing.T) {\n" + body + "\n}\n")
	}
	for _, tc := range []struct {
		name   string
		files  []pipeline.File
		limits sandbox.Limits
		killed string
		says   string
	}{
		{"dials the host", test(`"net" "testing"`, `c, err := net.Dial("tcp", "`+l.Addr().String()+`"); if err != nil { t.Fatal(err) }; c.Close()`),
			sandbox.Limits{}, "", "connection refused"},
		{"reads the host", test(`"os" "testing"`, `b, err := os.ReadFile("`+secret+`"); if err != nil { t.Fatal(err) }; t.Log(string(b))`),
			sandbox.Limits{}, "", "no such file"},
		{"loops", test(`"testing"`, `for { _ = t }`), sandbox.Limits{Wall: 20 * time.Second}, "", "test timed out after 10s"},
		{"forks", test(`"os/exec" "testing"`, `for { if err := exec.Command("/bin/sleep", "60").Start(); err != nil { t.Fatal(err) } }`),
			sandbox.Limits{Processes: 256}, "", "resource temporarily unavailable"},
		{"floods", test(`"fmt" "testing"`, `for { fmt.Println("flood flood flood flood flood flood flood flood") }`),
			sandbox.Limits{Output: 4 << 20}, "output", "the process ended before TestP did"},
		{"hoards", test(`"testing"`, `var all [][]byte; for { b := make([]byte, 1<<20); for i := range b { b[i] = 1 }; all = append(all, b) }; _ = all`),
			sandbox.Limits{Memory: 768 << 20}, "memory", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tool := toolchain(t, func(c *Config) {
				if tc.limits.Wall == 0 {
					tc.limits.Wall = 5 * time.Minute
				}
				c.Limits = tc.limits
			})
			if err := tool.Warm(t.Context()); err != nil {
				t.Fatal(err)
			}
			r, err := tool.Verify(t.Context(), tc.files)
			if err != nil {
				t.Fatal(err)
			}
			if r.Verified || r.Summary.Failed != 1 || r.Step("test").Status != verification.Failed {
				t.Errorf("verified %v, %+v, steps %+v", r.Verified, r.Summary, r.Steps)
			}
			if got := r.Step("test").Killed; got != tc.killed && tc.killed != "memory" {
				t.Errorf("killed %q, want %q", got, tc.killed)
			}
			if tc.says != "" && (len(r.Findings) == 0 || !strings.Contains(r.Findings[0].Message, tc.says)) {
				t.Errorf("findings %+v, want %q", r.Findings, tc.says)
			}
		})
	}
}
