package generation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
	"github.com/quantumlayer-dev/quantumlayer/shared/workflow"
)

func TestFingerprintStaysAsLongAsTheFaultsDo(t *testing.T) {
	t.Parallel()
	base := fingerprint([]string{"store.go:12:3: undefined: Foo", "test: TestA: at 0xc000123 after 0.03s"})
	for _, same := range [][]string{
		{"store.go:14:9: undefined: Foo", "test: TestA: at 0xc000fff after 1.20s"}, // lines moved, another run
		{"test: TestA: at 0xc000123 after 0.03s", "store.go:12:3: undefined: Foo"},
		{"store.go:12: undefined: Foo", "store.go:13: undefined: Foo", "test: TestA: at 0x1 after 3ms"},
	} {
		if fingerprint(same) != base {
			t.Errorf("%q counts as other faults", same)
		}
	}
	for _, other := range [][]string{
		{"store.go:12:3: undefined: Bar", "test: TestA: at 0xc000123 after 0.03s"},
		{"store.go:12:3: undefined: Foo"},
		{"api.go:12:3: undefined: Foo", "test: TestA: at 0xc000123 after 0.03s"},
	} {
		if fingerprint(other) == base {
			t.Errorf("%q counts as the same faults", other)
		}
	}
	if fingerprint(nil) != "" || fingerprint([]string{"got 3, want 5"}) == fingerprint([]string{"got 4, want 5"}) {
		t.Error("no faults have a fingerprint, or values do not count")
	}
}

func FuzzClip(f *testing.F) {
	f.Add("a\nb")
	f.Add(strings.Repeat("ü", sentenceLimit))
	f.Add("\xff\x00" + strings.Repeat(" x", sentenceLimit))
	f.Fuzz(func(t *testing.T, s string) {
		if got := clip(s); len(got) > sentenceLimit || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\t") {
			t.Errorf("clip(%q) = %q", s, got)
		}
	})
}

func TestBoundSaysWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	var sentences []string
	for i := range sentencesLimit + 3 {
		sentences = append(sentences, fmt.Sprint(i))
	}
	got := bound(slices.Clone(sentences), sentencesLimit)
	if len(got) != sentencesLimit+1 || got[sentencesLimit] != "… and 3 more; the drops have all of them." {
		t.Errorf("bound to %q", got)
	}
	if got := bound(sentences[:sentencesLimit], sentencesLimit); len(got) != sentencesLimit {
		t.Errorf("bound to %q", got)
	}
}

func TestImportsDigest(t *testing.T) {
	t.Parallel()
	file := func(path, imports, body string) []pipeline.File {
		return []pipeline.File{{Path: path, Content: "package p\n" + imports + "\n" + body}}
	}
	base := importsDigest("go", file("a.go", `import "fmt"`, "var a = 1"))
	if base != importsDigest("go", file("b.go", `import f "fmt"`, "var a = 2")) {
		t.Error("other code with the same imports has another digest")
	}
	for name, other := range map[string]string{
		"another import":     importsDigest("go", file("a.go", `import "os"`, "")),
		"one more":           importsDigest("go", file("a.go", `import "fmt"`, ""), file("a_test.go", `import "testing"`, "")),
		"does not parse":     importsDigest("go", file("a.go", `import "fmt`, "")),
		"unknown language":   importsDigest("cobol", file("a.go", `import "fmt"`, "")),
		"no source of Go's":  importsDigest("go", file("a.txt", `import "fmt"`, "")),
		"nothing whatsoever": importsDigest("go"),
	} {
		if other == base {
			t.Errorf("%s: the same digest", name)
		}
	}
}

func TestWhoIsAtFault(t *testing.T) {
	t.Parallel()
	tests := []workflow.FileRef{{Path: "a_test.go"}}
	found := verification.Result{Mode: "namespaces", Reason: "it fails", Findings: []pipeline.Finding{
		{Step: verification.Build, File: "a.go", Message: "undefined: X"},
		{Step: verification.Vet, File: "a_test.go", Message: "undefined: Y"},
		{Step: verification.Test, File: "a_test.go", Test: "TestA", Message: "got 1"},
		{Step: verification.Test, Message: "panic"},
	}}
	if r := summarizeVerification(found, tests); r.CodeFaults != 3 || r.TestFaults != 1 {
		t.Errorf("code %d, tests %d", r.CodeFaults, r.TestFaults)
	}
	found.Findings = nil
	found.Steps = []verification.Step{{Name: verification.Build, Status: verification.Passed},
		{Name: verification.Test, Command: "go test ./...", Status: verification.Failed, Killed: "timeout"}}
	r := summarizeVerification(found, tests)
	if r.CodeFaults != 1 || r.Findings[0] != "test: go test ./... was ended by the sandbox's limit: timeout" || r.Fingerprint == "" {
		t.Errorf("a step at its limit: %+v", r)
	}
}

func TestSnapshotsRank(t *testing.T) {
	t.Parallel()
	of := func(build, vet, tests string, passed, failed, faults int) snapshot {
		return snapshot{verified: VerifyResult{Verification: workflow.Verification{Build: build, Vet: vet, Tests: tests, Passed: passed, Failed: failed},
			Summary: Summary{CodeFaults: faults}}}
	}
	best := []snapshot{ // from the best to the worst
		of("passed", "passed", "passed", 5, 0, 0),
		of("passed", "passed", "failed", 4, 1, 1),
		of("passed", "passed", "failed", 9, 2, 2),
		of("passed", "passed", "failed", 0, 0, 1), // no test ran
		of("passed", "failed", "not_run", 0, 0, 1),
		of("failed", "not_run", "not_run", 0, 0, 1),
		of("failed", "not_run", "not_run", 0, 0, 7),
	}
	for i := 1; i < len(best); i++ {
		if slices.Compare(best[i-1].rank(), best[i].rank()) >= 0 {
			t.Errorf("snapshot %d %v does not rank before %d %v", i-1, best[i-1].rank(), i, best[i].rank())
		}
	}
}
