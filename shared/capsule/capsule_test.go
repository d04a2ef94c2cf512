package capsule_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/capsule"
	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
)

func file(path, content string) capsule.File {
	return capsule.File{
		Path: path, Content: []byte(content),
		Drop: "code-generation/file/" + path + "@sha256:" + drop.Digest([]byte(content)),
	}
}

func input() capsule.Input {
	script := file("scripts/run.sh", "#!/bin/sh\nexec go run ./cmd/library\n")
	script.Executable = true
	return capsule.Input{
		Generator: capsule.Generator{Name: "quantumlayer", Version: "v1.2.3"},
		Project: capsule.Project{
			Name: "library", Language: "go", Type: "api", EntryPoint: "cmd/library",
			Commands: capsule.Commands{Build: "go build ./...", Run: "go run ./cmd/library", Test: "go test ./..."},
		},
		Files: []capsule.File{
			script,
			file("go.mod", "module example.com/library\n"),
			file("cmd/library/main.go", "package main\n\nfunc main() {}\n"),
			file("docs/größe.md", strings.Repeat("Die Größe <des> Regals & mehr.\n", 5000)),
			file("empty.txt", ""),
			file(".gitignore", "/bin\n"),
			file("a/"+strings.Repeat("long/", 15)+strings.Repeat("n", 120)+".txt", "beyond what plain tar holds"),
		},
		Verification: capsule.Verification{
			Status: capsule.Passed, Mode: "namespaces",
			Steps: []capsule.Step{{Name: "build", Status: capsule.Passed}, {Name: "test", Status: capsule.Passed}},
			Tests: capsule.Tests{Passed: 12, Skipped: 1},
		},
		Models:     []capsule.Model{{Provider: "openai", Model: "m"}, {Provider: "blueprint", Model: "blueprint-1"}, {Provider: "openai", Model: "m"}},
		NotChecked: []string{"Load was not tested."},
	}
}

func pack(t testing.TB, in capsule.Input) []byte {
	t.Helper()
	var b bytes.Buffer
	packed, err := capsule.Pack(&b, in)
	if err != nil {
		t.Fatalf("Pack: %v", err)
	}
	if packed.SHA256 != drop.Digest(b.Bytes()) || packed.Size != int64(b.Len()) {
		t.Fatalf("Pack wrote %d bytes %s, and says %d bytes %s", b.Len(), drop.Digest(b.Bytes()), packed.Size, packed.SHA256)
	}
	return b.Bytes()
}

func verify(t testing.TB, raw []byte, limits capsule.Limits) capsule.Report {
	t.Helper()
	report, err := capsule.Verify(bytes.NewReader(raw), limits)
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	if report.OK != (report.Err() == nil) {
		t.Fatalf("OK is %t with the problems %v", report.OK, report.Err())
	}
	return report
}

// The bytes of a capsule are a promise: when this digest changes, with a version
// of the compressor or otherwise, capsule.Packing has to change too.
func TestBytesAreWhatThePackingRuleSays(t *testing.T) {
	t.Parallel()
	const want = "tar+gzip/1 sha256:b94a35671995452eac06c0368b9dbe2b396e9a18105ff7cc95fe226f4d5b755a"
	if got := capsule.Packing + " sha256:" + drop.Digest(pack(t, input())); got != want {
		t.Errorf("packed %s, want %s", got, want)
	}
}

func TestSameInputSameBytes(t *testing.T) {
	t.Parallel()
	want := pack(t, input())
	in := input()
	slices.Reverse(in.Files)
	slices.Reverse(in.Models)
	if !bytes.Equal(want, pack(t, in)) {
		t.Error("the order of files and models changes the bytes")
	}
	in.Project.Name = "other"
	if bytes.Equal(want, pack(t, in)) {
		t.Error("another project has the same bytes")
	}
}

func TestPackedVerifiesAndInspects(t *testing.T) {
	t.Parallel()
	raw := pack(t, input())
	report := verify(t, raw, capsule.Limits{})
	if !report.OK || report.Files != 7 || report.SHA256 != drop.Digest(raw) || report.Size != int64(len(raw)) || report.Signature != capsule.Unsigned {
		t.Errorf("report %+v", report)
	}
	if len(report.Notes) != 1 || !strings.HasPrefix(report.Notes[0], "unsigned") {
		t.Errorf("notes %q do not say that it is unsigned", report.Notes)
	}
	m, err := capsule.Inspect(bytes.NewReader(raw), capsule.Limits{})
	if diff := cmp.Diff(report.Manifest, &m); err != nil || diff != "" {
		t.Errorf("Inspect: %v (-verified +inspected):\n%s", err, diff)
	}
	var paths []string
	for _, f := range m.Files {
		paths = append(paths, f.Path)
		if !strings.Contains(f.Drop, f.SHA256) {
			t.Errorf("%s has digest %s and comes from %s", f.Path, f.SHA256, f.Drop)
		}
	}
	if !slices.IsSorted(paths) || len(paths) != 7 {
		t.Errorf("files %q", paths)
	}
	if diff := cmp.Diff([]capsule.Model{{Provider: "blueprint", Model: "blueprint-1"}, {Provider: "openai", Model: "m"}}, m.Models); diff != "" {
		t.Errorf("models (-want +got):\n%s", diff)
	}
}

// Any tar reads a capsule, and finds in it what is needed to reproduce it.
func TestEntriesOfTheArchive(t *testing.T) {
	t.Parallel()
	gz, err := gzip.NewReader(bytes.NewReader(pack(t, input())))
	if err != nil {
		t.Fatal(err)
	}
	if !gz.ModTime.IsZero() || gz.Name != "" || gz.Comment != "" {
		t.Errorf("gzip header %+v", gz.Header)
	}
	tr := tar.NewReader(gz)
	for i := 0; ; i++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 && h.Name != capsule.ManifestPath {
			t.Errorf("the first entry is %s", h.Name)
		}
		wantMode := int64(0o644)
		if strings.HasSuffix(h.Name, ".sh") {
			wantMode = 0o755
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" || h.ModTime.Unix() != 315532800 || h.Mode != wantMode || h.Typeflag != tar.TypeReg {
			t.Errorf("header %+v", h)
		}
	}
}

func TestManifestNamesNothingThatVaries(t *testing.T) {
	t.Parallel()
	m, err := capsule.Inspect(bytes.NewReader(pack(t, input())), capsule.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"workflow", "drop_", "time", "date"} {
		if bytes.Contains(raw, []byte(word)) {
			t.Errorf("the manifest has %q: %s", word, raw)
		}
	}
}

func TestPackRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*capsule.Input)
		kind   capsule.Kind
	}{
		"no files":              {func(in *capsule.Input) { in.Files = nil }, capsule.ErrManifest},
		"no name":               {func(in *capsule.Input) { in.Project.Name = "" }, capsule.ErrManifest},
		"no generator":          {func(in *capsule.Input) { in.Generator = capsule.Generator{} }, capsule.ErrManifest},
		"not UTF-8":             {func(in *capsule.Input) { in.Project.Commands.Run = "\xff" }, capsule.ErrManifest},
		"unknown entry point":   {func(in *capsule.Input) { in.Project.EntryPoint = "cmd/libr" }, capsule.ErrManifest},
		"foreign address":       {func(in *capsule.Input) { in.Files[0].Drop = in.Files[1].Drop }, capsule.ErrManifest},
		"no address":            {func(in *capsule.Input) { in.Files[0].Drop = "" }, capsule.ErrManifest},
		"unknown verdict":       {func(in *capsule.Input) { in.Verification.Status = "fine" }, capsule.ErrManifest},
		"unknown step status":   {func(in *capsule.Input) { in.Verification.Steps[0].Status = "fine" }, capsule.ErrManifest},
		"nameless step":         {func(in *capsule.Input) { in.Verification.Steps[0].Name = "" }, capsule.ErrManifest},
		"red but passed":        {func(in *capsule.Input) { in.Verification.Tests.Failed = 1 }, capsule.ErrManifest},
		"failed step, passed":   {func(in *capsule.Input) { in.Verification.Steps[1].Status = capsule.Failed }, capsule.ErrManifest},
		"skipped step, passed":  {func(in *capsule.Input) { in.Verification.Steps[1].Status = capsule.NotRun }, capsule.ErrManifest},
		"nothing ran, passed":   {func(in *capsule.Input) { in.Verification.Steps = nil }, capsule.ErrManifest},
		"negative tests":        {func(in *capsule.Input) { in.Verification.Tests.Skipped = -1 }, capsule.ErrManifest},
		"failed, no reason":     {func(in *capsule.Input) { in.Verification.Status = capsule.Failed }, capsule.ErrManifest},
		"unverified, all fine":  {func(in *capsule.Input) { unverified(in); in.NotChecked = nil }, capsule.ErrManifest},
		"duplicate":             {func(in *capsule.Input) { in.Files = append(in.Files, file("go.mod", "x")) }, capsule.ErrDuplicate},
		"case clash":            {func(in *capsule.Input) { in.Files = append(in.Files, file("GO.mod", "x")) }, capsule.ErrClash},
		"folded clash":          {func(in *capsule.Input) { in.Files = append(in.Files, file("docs/GRÖSSE.md", "x")) }, capsule.ErrClash},
		"folder clash":          {func(in *capsule.Input) { in.Files = append(in.Files, file("CMD/x.go", "x")) }, capsule.ErrClash},
		"file in a folder's":    {func(in *capsule.Input) { in.Files = append(in.Files, file("cmd", "x")) }, capsule.ErrClash},
		"folder in a file's":    {func(in *capsule.Input) { in.Files = append(in.Files, file("go.mod/x", "x")) }, capsule.ErrClash},
		"over the total":        {func(in *capsule.Input) { in.Limits.TotalBytes = 1000 }, capsule.ErrLimit},
		"over the files":        {func(in *capsule.Input) { in.Limits.Files = 6 }, capsule.ErrLimit},
		"over the manifest":     {func(in *capsule.Input) { in.Limits.ManifestBytes = 1000 }, capsule.ErrLimit},
		"over the depth":        {func(in *capsule.Input) { in.Limits.Depth = 16 }, capsule.ErrLimit},
		"over the path":         {func(in *capsule.Input) { in.Limits.PathBytes = 120 }, capsule.ErrLimit},
		"over the ratio":        {func(in *capsule.Input) { in.Files[0] = file("zeros", strings.Repeat("\x00", 17<<20)) }, capsule.ErrLimit},
		"manifest as a file":    {func(in *capsule.Input) { in.Files[0] = file(capsule.ManifestPath, "{}") }, capsule.ErrUnsafePath},
		"beside the manifest":   {func(in *capsule.Input) { in.Files[0] = file(".Quantum/x", "{}") }, capsule.ErrUnsafePath},
		"git's configuration":   {func(in *capsule.Input) { in.Files[0] = file("sub/.GIT/config", "x") }, capsule.ErrUnsafePath},
		"absolute":              {func(in *capsule.Input) { in.Files[0] = file("/etc/passwd", "x") }, capsule.ErrUnsafePath},
		"parent":                {func(in *capsule.Input) { in.Files[0] = file("../x", "x") }, capsule.ErrUnsafePath},
		"parent inside":         {func(in *capsule.Input) { in.Files[0] = file("a/../../x", "x") }, capsule.ErrUnsafePath},
		"not clean":             {func(in *capsule.Input) { in.Files[0] = file("a//x", "x") }, capsule.ErrUnsafePath},
		"folder":                {func(in *capsule.Input) { in.Files[0] = file("a/", "x") }, capsule.ErrUnsafePath},
		"empty path":            {func(in *capsule.Input) { in.Files[0].Path = "" }, capsule.ErrUnsafePath},
		"backslash":             {func(in *capsule.Input) { in.Files[0] = file(`a\..\x`, "x") }, capsule.ErrUnsafePath},
		"drive":                 {func(in *capsule.Input) { in.Files[0] = file("C:/x", "x") }, capsule.ErrUnsafePath},
		"device of Windows":     {func(in *capsule.Input) { in.Files[0] = file("sub/aux.go", "x") }, capsule.ErrUnsafePath},
		"dot at the end":        {func(in *capsule.Input) { in.Files[0] = file("sub./x", "x") }, capsule.ErrUnsafePath},
		"space at the end":      {func(in *capsule.Input) { in.Files[0] = file(".git /config", "x") }, capsule.ErrUnsafePath},
		"short name of Windows": {func(in *capsule.Input) { in.Files[0] = file("git~1/config", "x") }, capsule.ErrUnsafePath},
		"control character":     {func(in *capsule.Input) { in.Files[0].Path = "a\x1b[2J" }, capsule.ErrUnsafePath},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := input()
			tt.change(&in)
			var b bytes.Buffer
			_, err := capsule.Pack(&b, in)
			if !errors.Is(err, tt.kind) {
				t.Errorf("error %v, want %v", err, tt.kind)
			}
			if name != "over the ratio" && b.Len() > 0 {
				t.Errorf("%d bytes were written", b.Len())
			}
		})
	}
}

func unverified(in *capsule.Input) {
	in.Verification = capsule.Verification{
		Status: capsule.NotVerified, Mode: "none", Reason: "The machine offers no isolation.",
		Steps: []capsule.Step{{Name: "build", Status: capsule.NotRun}},
	}
}

func TestUnverifiedSaysSo(t *testing.T) {
	t.Parallel()
	in := input()
	unverified(&in)
	in.NotChecked = []string{"Nothing was built."}
	report := verify(t, pack(t, in), capsule.Limits{})
	if !report.OK || report.Manifest.Verification.Status != capsule.NotVerified || report.Manifest.NotChecked[0] != "Nothing was built." {
		t.Errorf("report %+v", report)
	}
}

type failingWriter struct{ left int }

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, os.ErrClosed
	}
	return len(p), nil
}

func TestPackReportsAFailingWriter(t *testing.T) {
	t.Parallel()
	size := len(pack(t, input()))
	for _, left := range []int{0, 5, 100, size / 2, size - 9, size - 1} {
		if _, err := capsule.Pack(&failingWriter{left}, input()); !errors.Is(err, os.ErrClosed) {
			t.Fatalf("a writer that fails after %d of %d bytes: error %v", left, size, err)
		}
	}
}

func TestExtract(t *testing.T) {
	t.Parallel()
	raw := pack(t, input())
	dir := filepath.Join(t.TempDir(), "new", "project")
	m, err := capsule.Extract(bytes.NewReader(raw), dir, capsule.ExtractOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	err = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, relErr := filepath.Rel(dir, path)
		got[filepath.ToSlash(name)] = string(content)
		return errors.Join(err, relErr)
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, f := range input().Files {
		want[f.Path] = string(f.Content)
	}
	var onDisk capsule.Manifest
	if err := json.Unmarshal([]byte(got[capsule.ManifestPath]), &onDisk); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, onDisk); diff != "" {
		t.Errorf("manifest (-returned +on disk):\n%s", diff)
	}
	delete(got, capsule.ManifestPath)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for path, program := range map[string]bool{"scripts/run.sh": true, "go.mod": false} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil || info.Mode().Perm()&0o100 != 0 != program {
			t.Errorf("%s has the mode %v, %v", path, info.Mode(), err)
		}
	}
}
