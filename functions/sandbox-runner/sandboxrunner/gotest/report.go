// Package gotest reads what the go command prints: diagnostics of builds, and the event stream of `go test -json`. It believes
// a test only when the test itself has ended: a process that leaves early, with whatever exit code, passes nothing.
package gotest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
)

// projectDir is where the project stands in the sandbox: stacks and some diagnostics name it.
const projectDir = "/project"

// Limits, in bytes, of what is kept of a test's output and told in a finding.
const (
	testOutputLimit = 16 << 10
	messageLimit    = 4 << 10
)

// Report is what a run of `go test -json ./...` showed.
type Report struct {
	Tests    []verification.TestResult // in the order in which they came; those that never ran at the end
	Untested []string                  // import paths of packages without test files
	Findings []pipeline.Finding
	Summary  verification.Summary // of Tests without sub-tests
	Output   string               // what the run printed, as a person reads it, without that of tests that passed
}

// event is a line of test2json.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output
	Test        string
	Elapsed     float64 // seconds
	Output      string
	FailedBuild string
}

type testKey struct{ pkg, name string }

type test struct {
	verification.TestResult
	output   strings.Builder
	reported bool // its own "--- PASS" or "--- SKIP" line was there
	failed   bool
	sub      bool // a sub-test of it failed
	missing  bool // it has not run
}

type pkg struct {
	output  strings.Builder
	failed  bool
	noBuild bool
}

type reader struct {
	files    []pipeline.File
	module   string
	expected map[string]map[string]place
	tests    map[testKey]*test
	order    []testKey
	packages map[string]*pkg
	pkgOrder []string
	build    strings.Builder // diagnostics of test builds
	stray    strings.Builder // lines that are no events
	report   Report
}

// Read reads the output of `go test -json ./...` in a project of these files. Every test of the files is in the report, also
// one of which the output says nothing: that one failed.
func Read(output []byte, files []pipeline.File) Report {
	r := &reader{files: files, expected: expected(files), tests: map[testKey]*test{}, packages: map[string]*pkg{}}
	for _, f := range files {
		if f.Path == "go.mod" {
			r.module = modfile.ModulePath([]byte(f.Content))
		}
	}
	for line := range bytes.Lines(output) {
		var e event
		if line[0] != '{' || json.Unmarshal(line, &e) != nil || e.Action == "" {
			r.stray.Write(line)
			continue
		}
		r.take(e)
	}
	r.settle()
	r.addMissing()
	r.find()
	return r.report
}

func (r *reader) pkg(name string) *pkg {
	p := r.packages[name]
	if p == nil {
		p = &pkg{}
		r.packages[name] = p
		r.pkgOrder = append(r.pkgOrder, name)
	}
	return p
}

func (r *reader) test(k testKey) *test {
	t := r.tests[k]
	if t == nil {
		t = &test{TestResult: verification.TestResult{Package: k.pkg, Name: k.name}}
		r.tests[k] = t
		r.order = append(r.order, k)
	}
	return t
}

func (r *reader) take(e event) {
	if e.Action == "build-output" {
		r.build.WriteString(e.Output)
		return
	}
	if e.Package == "" {
		return // build-fail; the package's own event follows
	}
	p := r.pkg(e.Package)
	if e.Test == "" {
		switch e.Action {
		case "output":
			p.output.WriteString(e.Output)
		case "fail":
			p.failed, p.noBuild = true, e.FailedBuild != ""
		case "skip":
			r.report.Untested = append(r.report.Untested, e.Package)
		}
		return
	}
	t := r.test(testKey{e.Package, e.Test})
	switch e.Action {
	case "output":
		t.output.WriteString(e.Output)
		line := strings.TrimLeft(e.Output, " ")
		if strings.HasPrefix(line, "--- PASS: "+e.Test+" (") || strings.HasPrefix(line, "--- SKIP: "+e.Test+" (") {
			t.reported = true
		}
	case "pass":
		t.Status, t.ElapsedMS = verification.Passed, int64(e.Elapsed*1000)
	case "skip":
		t.Status, t.ElapsedMS = verification.Skipped, int64(e.Elapsed*1000)
	case "fail":
		t.failed, t.ElapsedMS = true, int64(e.Elapsed*1000)
	}
}

// settle decides about every test that ran. When the process leaves with exit code 0 in the middle of a test, test2json says
// "pass" of that test; only the test's own report line tells the difference.
func (r *reader) settle() {
	for _, k := range r.order {
		t := r.tests[k]
		switch {
		case t.failed:
			t.Status = verification.Failed
		case t.Status == "" || !t.reported:
			t.failed, t.Status = true, verification.Failed
			fmt.Fprintf(&t.output, "the process ended before %s did\n", k.name)
		}
		if t.failed {
			for name := parent(k.name); name != ""; name = parent(name) {
				r.test(testKey{k.pkg, name}).sub = true
			}
		}
	}
}

func parent(name string) string {
	i := strings.LastIndexByte(name, '/')
	return name[:max(i, 0)]
}

// addMissing puts in what should have run and did not.
func (r *reader) addMissing() {
	for _, in := range sortedKeys(r.expected) {
		for _, name := range sortedKeys(r.expected[in]) {
			k := testKey{in, name}
			if r.tests[k] != nil {
				continue
			}
			t := r.test(k)
			t.failed, t.missing, t.Status = true, true, verification.Failed
			if p := r.packages[in]; p != nil && p.noBuild {
				t.output.WriteString("not run: its package does not build\n")
			} else {
				t.output.WriteString("not run: the tests of its package ended before\n")
			}
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// find writes the report. A test whose sub-test failed is no finding of its own.
func (r *reader) find() {
	rep := &r.report
	rep.Findings = Diagnostics(verification.Test, r.build.String())
	explained := map[string]bool{} // packages whose failure a finding tells
	for _, k := range r.order {
		t := r.tests[k]
		if t.Status != verification.Passed {
			t.Output = tail(t.output.String(), testOutputLimit)
		}
		rep.Tests = append(rep.Tests, t.TestResult)
		if !strings.Contains(k.name, "/") {
			switch t.Status {
			case verification.Passed:
				rep.Summary.Passed++
			case verification.Skipped:
				rep.Summary.Skipped++
			default:
				rep.Summary.Failed++
			}
		}
		if t.failed && !t.sub && !t.missing {
			explained[k.pkg] = true
			rep.Findings = append(rep.Findings, r.finding(k, t))
		}
	}
	for _, name := range r.pkgOrder {
		p := r.packages[name]
		if !p.failed || explained[name] || p.noBuild && len(rep.Findings) > 0 {
			continue
		}
		explained[name] = true
		f := pipeline.Finding{Step: verification.Test, Message: clip("the tests of " + name + " fail: " + message(p.output.String()))}
		f.File, f.Line = r.locate(name, p.output.String())
		rep.Findings = append(rep.Findings, f)
	}
	r.findMissing(explained)
	rep.Output = r.readable()
}

// findMissing tells of the tests that have not run, once a package and only where no other finding says why.
func (r *reader) findMissing(explained map[string]bool) {
	missing := map[string][]string{}
	for _, k := range r.order {
		if p := r.packages[k.pkg]; r.tests[k].missing && !explained[k.pkg] && (p == nil || !p.noBuild) {
			missing[k.pkg] = append(missing[k.pkg], k.name)
		}
	}
	for _, in := range sortedKeys(missing) {
		names := missing[in]
		at := r.expected[in][names[0]]
		r.report.Findings = append(r.report.Findings, pipeline.Finding{
			Step: verification.Test, Test: names[0], File: at.file, Line: at.line,
			Message: clip("the process ended before these tests ran: " + strings.Join(names, ", ")),
		})
	}
}

func (r *reader) finding(k testKey, t *test) pipeline.Finding {
	f := pipeline.Finding{Step: verification.Test, Test: k.name, Message: message(t.output.String())}
	if f.Message == "" {
		f.Message = "it fails without saying why"
	}
	f.File, f.Line = r.locate(k.pkg, t.output.String())
	if f.File == "" {
		top, _, _ := strings.Cut(k.name, "/")
		at := r.expected[k.pkg][top]
		f.File, f.Line = at.file, at.line
	}
	return f
}

var (
	logged = regexp.MustCompile(`(?m)^\s*([\w.\-]+\.go):(\d+): `)
	frame  = regexp.MustCompile(regexp.QuoteMeta(projectDir) + `/([\w./\-]+\.go):(\d+)`)
)

// locate finds the place that an output names: the line of the project where it panicked, else where it was logged.
func (r *reader) locate(in, output string) (string, int) {
	if i := strings.Index(output, "panic: "); i >= 0 {
		if m := frame.FindStringSubmatch(output[i:]); m != nil && r.has(m[1]) {
			return m[1], number(m[2])
		}
	}
	for _, m := range logged.FindAllStringSubmatch(output, -1) {
		dir := strings.TrimPrefix(strings.TrimPrefix(in, r.module), "/")
		if file := path.Join(dir, m[1]); r.has(file) {
			return file, number(m[2])
		}
	}
	if m := frame.FindStringSubmatch(output); m != nil && r.has(m[1]) {
		return m[1], number(m[2])
	}
	return "", 0
}

func (r *reader) has(file string) bool {
	return slices.ContainsFunc(r.files, func(f pipeline.File) bool { return f.Path == file })
}

func (r *reader) readable() string {
	var b strings.Builder
	b.WriteString(r.stray.String())
	b.WriteString(r.build.String())
	for _, name := range r.pkgOrder {
		for _, k := range r.order {
			if t := r.tests[k]; k.pkg == name && t.Status != verification.Passed {
				b.WriteString(t.output.String())
			}
		}
		b.WriteString(r.packages[name].output.String())
	}
	return b.String()
}
