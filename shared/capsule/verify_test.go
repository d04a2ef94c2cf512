package capsule_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/quantumlayer-dev/quantumlayer/shared/capsule"
)

// small is a capsule of two files, for tests that look at every byte.
func small() capsule.Input {
	in := input()
	in.Project.EntryPoint = ""
	in.Files = []capsule.File{file("a.txt", "alpha"), file("b.txt", "beta")}
	return in
}

// entry is one entry of an archive that a test makes by hand.
type entry struct {
	tar.Header
	content string
}

func plain(path, content string) entry {
	return entry{tar.Header{Typeflag: tar.TypeReg, Name: path, Mode: 0o644}, content}
}

// manifestOf is the manifest of an input as it lies in the archive.
func manifestOf(t testing.TB, in capsule.Input) string {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(pack(t, in)))
	if err != nil {
		t.Fatal(err)
	}
	tr := tar.NewReader(gz)
	if _, err := tr.Next(); err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(tr)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// tarOf is an unpacked archive of entries.
func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if e.Typeflag == tar.TypeReg {
			e.Size = int64(len(e.content))
		}
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipOf(t testing.TB, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func wantKind(t *testing.T, report capsule.Report, kind capsule.Kind, path string) {
	t.Helper()
	found := slices.ContainsFunc(report.Problems, func(p *capsule.Problem) bool { return p.Kind == kind && p.Path == path })
	if !found || report.OK || !errors.Is(report.Err(), kind) {
		t.Errorf("no problem %s at %q in %v", kind, path, report.Err())
	}
}

func TestVerifyFindsEveryChangedByte(t *testing.T) {
	t.Parallel()
	raw := pack(t, small())
	for i := range raw {
		for _, bits := range []byte{0x01, 0x80, 0xff} {
			changed := bytes.Clone(raw)
			changed[i] ^= bits
			if verify(t, changed, capsule.Limits{}).OK {
				t.Errorf("byte %d of %d xor %#x goes unnoticed", i, len(raw), bits)
			}
		}
	}
}

func TestVerifyFindsEveryCut(t *testing.T) {
	t.Parallel()
	raw := pack(t, small())
	for n := range raw {
		if verify(t, raw[:n], capsule.Limits{}).OK {
			t.Errorf("%d of %d bytes are called whole", n, len(raw))
		}
	}
}

func TestVerifyFindsWhatIsAppended(t *testing.T) {
	t.Parallel()
	raw := pack(t, small())
	for name, tail := range map[string][]byte{
		"a byte": {0}, "text": []byte("text"), "another capsule": raw, "an empty gzip stream": gzipOf(t, nil),
	} {
		t.Run(name, func(t *testing.T) {
			report := verify(t, append(bytes.Clone(raw), tail...), capsule.Limits{})
			wantKind(t, report, capsule.ErrTrailing, "")
			if report.Size != int64(len(raw)+len(tail)) {
				t.Errorf("size %d, want %d", report.Size, len(raw)+len(tail))
			}
		})
	}
	inside := append(tarOf(t, plain(capsule.ManifestPath, manifestOf(t, small())), plain("a.txt", "alpha"), plain("b.txt", "beta")), "hidden"...)
	wantKind(t, verify(t, gzipOf(t, inside), capsule.Limits{}), capsule.ErrTrailing, "")
}

func TestVerifyFindsTampering(t *testing.T) {
	t.Parallel()
	manifest := plain(capsule.ManifestPath, manifestOf(t, small()))
	a, b := plain("a.txt", "alpha"), plain("b.txt", "beta")
	with := func(e entry, change func(*tar.Header)) entry {
		change(&e.Header)
		return e
	}
	special := func(name string, flag byte) entry {
		return entry{tar.Header{Typeflag: flag, Name: name, Linkname: "/etc/passwd", Mode: 0o644}, ""}
	}
	for name, tt := range map[string]struct {
		entries []entry
		kind    capsule.Kind
		path    string
	}{
		"repacked elsewhere":  {[]entry{manifest, a, b}, capsule.ErrNotCanonical, ""},
		"changed content":     {[]entry{manifest, plain("a.txt", "alphA"), b}, capsule.ErrChanged, "a.txt"},
		"longer content":      {[]entry{manifest, plain("a.txt", "alpha!"), b}, capsule.ErrChanged, "a.txt"},
		"changed mode":        {[]entry{manifest, with(a, func(h *tar.Header) { h.Mode = 0o755 }), b}, capsule.ErrChanged, "a.txt"},
		"setuid":              {[]entry{manifest, with(a, func(h *tar.Header) { h.Mode = 0o4644 }), b}, capsule.ErrChanged, "a.txt"},
		"swapped contents":    {[]entry{manifest, plain("a.txt", "beta"), plain("b.txt", "alpha")}, capsule.ErrChanged, "b.txt"},
		"out of order":        {[]entry{manifest, b, a}, capsule.ErrNotCanonical, "a.txt"},
		"added":               {[]entry{manifest, a, b, plain("c.txt", "gamma")}, capsule.ErrAdded, "c.txt"},
		"missing":             {[]entry{manifest, b}, capsule.ErrMissing, "a.txt"},
		"all missing":         {[]entry{manifest}, capsule.ErrMissing, "b.txt"},
		"twice":               {[]entry{manifest, a, a, b}, capsule.ErrDuplicate, "a.txt"},
		"twice, apart":        {[]entry{manifest, a, b, plain("a.txt", "other")}, capsule.ErrDuplicate, "a.txt"},
		"two manifests":       {[]entry{manifest, a, b, manifest}, capsule.ErrDuplicate, capsule.ManifestPath},
		"symbolic link":       {[]entry{manifest, special("a.txt", tar.TypeSymlink), b}, capsule.ErrNotRegular, "a.txt"},
		"hard link":           {[]entry{manifest, special("a.txt", tar.TypeLink), b}, capsule.ErrNotRegular, "a.txt"},
		"device":              {[]entry{manifest, a, b, special("null", tar.TypeChar)}, capsule.ErrNotRegular, "null"},
		"disk":                {[]entry{manifest, a, b, special("sda", tar.TypeBlock)}, capsule.ErrNotRegular, "sda"},
		"pipe":                {[]entry{manifest, a, b, special("pipe", tar.TypeFifo)}, capsule.ErrNotRegular, "pipe"},
		"folder":              {[]entry{manifest, a, b, special("dir/", tar.TypeDir)}, capsule.ErrNotRegular, "dir/"},
		"extended attribute":  {[]entry{manifest, with(a, func(h *tar.Header) { h.PAXRecords = map[string]string{"SCHILY.xattr.user.x": "y"} }), b}, capsule.ErrNotRegular, "a.txt"},
		"out of the project":  {[]entry{manifest, a, b, plain("../evil", "x")}, capsule.ErrUnsafePath, "../evil"},
		"absolute":            {[]entry{manifest, a, b, plain("/etc/cron.d/evil", "x")}, capsule.ErrUnsafePath, "/etc/cron.d/evil"},
		"long path":           {[]entry{manifest, a, b, plain(strings.Repeat("x/", 300)+"x", "x")}, capsule.ErrLimit, strings.Repeat("x/", 300) + "x"},
		"manifest not first":  {[]entry{a, manifest, b}, capsule.ErrManifest, ""},
		"no manifest":         {[]entry{a, b}, capsule.ErrManifest, ""},
		"nothing":             {nil, capsule.ErrManifest, ""},
		"link as a manifest":  {[]entry{special(capsule.ManifestPath, tar.TypeSymlink)}, capsule.ErrManifest, ""},
		"larger than allowed": {[]entry{manifest, plain("a.txt", strings.Repeat("\x00", 17<<20)), b}, capsule.ErrLimit, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantKind(t, verify(t, gzipOf(t, tarOf(t, tt.entries...)), capsule.Limits{}), tt.kind, tt.path)
		})
	}
}

// A sparse entry has far more content than the archive has bytes.
func TestVerifyRefusesSparseEntries(t *testing.T) {
	t.Parallel()
	sparse := plain("a.txt", "1\n1099511627776\n0\n"+strings.Repeat("\x00", 512-len("1\n1099511627776\n0\n")))
	sparse.PAXRecords = map[string]string{"XXX.sparse.major": "1", "XXX.sparse.minor": "0", "XXX.sparse.name": "a.txt", "XXX.sparse.realsize": "1099511627776"}
	raw := tarOf(t, plain(capsule.ManifestPath, manifestOf(t, small())), sparse, plain("b.txt", "beta"))
	// The writer refuses to make one; the name is the same length and outside of
	// what the checksum covers.
	raw = bytes.ReplaceAll(raw, []byte("XXX.sparse"), []byte("GNU.sparse"))
	wantKind(t, verify(t, gzipOf(t, raw), capsule.Limits{}), capsule.ErrNotRegular, "a.txt")
}

func TestVerifyFindsBrokenManifests(t *testing.T) {
	t.Parallel()
	good := manifestOf(t, small())
	for name, manifest := range map[string]string{
		"no JSON":          "{",
		"another schema":   strings.Replace(good, capsule.Schema, "quantumlayer.dev/capsule/v2", 1),
		"unknown field":    strings.Replace(good, `"schema"`, `"x": 1, "schema"`, 1),
		"field twice":      strings.Replace(good, `"packing"`, `"packing": "x", "packing"`, 1),
		"other white room": strings.Replace(good, "  ", "\t", 1),
		"more behind":      good + "{}",
		"null list":        strings.Replace(good, `"steps": [`, `"steps": null, "x": [`, 1),
		"no drop":          strings.Replace(good, "code-generation/file/a.txt", "nowhere", 1),
		"bad mode":         strings.Replace(good, `"0644"`, `"0777"`, 1),
		"bad digest":       strings.Replace(good, `"sha256": "`, `"sha256": "0`, 1),
		"claims a lot":     strings.Replace(good, `"size": 5`, `"size": 9223372036854775807`, 1),
		"claims a debt":    strings.Replace(good, `"size": 5`, `"size": -5`, 1),
		"signed":           strings.Replace(good, `"unsigned"`, `"signed"`, 1),
		"looks better":     strings.Replace(good, `"failed": 0`, `"failed": 3`, 1),
		"unsafe path":      strings.ReplaceAll(good, `a.txt`, `../a`),
		"wrong order":      strings.NewReplacer("a.txt", "b.txt", "b.txt", "a.txt").Replace(good),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if manifest == good {
				t.Fatal("the manifest was not changed")
			}
			raw := gzipOf(t, tarOf(t, plain(capsule.ManifestPath, manifest), plain("a.txt", "alpha"), plain("b.txt", "beta")))
			report := verify(t, raw, capsule.Limits{})
			if report.OK || report.Manifest != nil {
				t.Fatalf("report %+v", report)
			}
			kinds := []capsule.Kind{capsule.ErrManifest, capsule.ErrLimit, capsule.ErrUnsafePath}
			if last := report.Problems[len(report.Problems)-1]; !slices.Contains(kinds, last.Kind) {
				t.Errorf("problem %s: %v", last.Kind, last)
			}
			var problem *capsule.Problem
			if _, err := capsule.Inspect(bytes.NewReader(raw), capsule.Limits{}); !errors.As(err, &problem) {
				t.Errorf("Inspect: %v, want a problem", err)
			}
		})
	}
}

// A capsule of a later packing rule is checked as far as this version can, and the
// report says how far.
func TestVerifyOfAnUnknownPackingRule(t *testing.T) {
	t.Parallel()
	manifest := strings.Replace(manifestOf(t, small()), capsule.Packing, "tar+gzip/9", 1)
	// Repacking here leaves the one header that capsules have.
	raw := gzipOf(t, tarOf(t, plain(capsule.ManifestPath, manifest), plain("a.txt", "alpha"), plain("b.txt", "beta")))
	report := verify(t, raw, capsule.Limits{})
	if !report.OK || len(report.Notes) != 2 || !strings.Contains(report.Notes[0], "tar+gzip/9") {
		t.Errorf("report %+v", report)
	}
	raw = gzipOf(t, tarOf(t, plain(capsule.ManifestPath, manifest), plain("a.txt", "alphA"), plain("b.txt", "beta")))
	wantKind(t, verify(t, raw, capsule.Limits{}), capsule.ErrChanged, "a.txt")
}

func TestVerifyKeepsToTheLimits(t *testing.T) {
	t.Parallel()
	raw := pack(t, input())
	for name, limits := range map[string]capsule.Limits{
		"packed":   {TotalBytes: int64(len(raw)) - 1},
		"unpacked": {TotalBytes: 100_000},
		"files":    {Files: 6},
		"manifest": {ManifestBytes: 1000},
		"depth":    {Depth: 16},
		"path":     {PathBytes: 120},
	} {
		if report := verify(t, raw, limits); report.OK || !errors.Is(report.Err(), capsule.ErrLimit) {
			t.Errorf("%s: %v, want a limit", name, report.Err())
		}
	}
	exact := capsule.Limits{Files: 7}
	if report := verify(t, raw, exact); !report.OK {
		t.Errorf("as many files as allowed: %v", report.Err())
	}
	// More entries than the manifest could name are not read to the end.
	entries := []entry{plain(capsule.ManifestPath, manifestOf(t, small()))}
	for i := range 3000 {
		entries = append(entries, plain(fmt.Sprintf("f%04d", i), ""))
	}
	many := gzipOf(t, tarOf(t, entries...))
	if report := verify(t, many, capsule.Limits{}); len(report.Problems) != 100 {
		t.Errorf("%d problems are reported, want the first 100", len(report.Problems))
	}
	wantKind(t, verify(t, many, capsule.Limits{Files: 50}), capsule.ErrLimit, "")
}

// brokenReader fails in the middle, as a disk does.
type brokenReader struct {
	*bytes.Reader
	after int
}

func (r *brokenReader) Read(p []byte) (int, error) {
	if r.after <= 0 {
		return 0, iotest.ErrTimeout
	}
	n, err := r.Reader.Read(p[:min(len(p), r.after)])
	r.after -= n
	return n, err
}

func TestVerifyTellsAFailingDiskFromABadCapsule(t *testing.T) {
	t.Parallel()
	raw := pack(t, input())
	for _, after := range []int{0, 5, 500, len(raw) - 1, len(raw)} {
		_, err := capsule.Verify(&brokenReader{bytes.NewReader(raw), after}, capsule.Limits{})
		if !errors.Is(err, iotest.ErrTimeout) {
			t.Errorf("a reader that fails after %d of %d bytes: error %v", after, len(raw), err)
		}
	}
	for name, raw := range map[string][]byte{"empty": {}, "text": []byte("this is no capsule"), "bare gzip": gzipOf(t, []byte("text"))} {
		report := verify(t, raw, capsule.Limits{})
		if report.OK || report.Problems[0].Kind != capsule.ErrMalformed && report.Problems[0].Kind != capsule.ErrManifest {
			t.Errorf("%s: %v", name, report.Err())
		}
	}
}

func TestReportAsJSON(t *testing.T) {
	t.Parallel()
	raw := gzipOf(t, tarOf(t, plain(capsule.ManifestPath, manifestOf(t, small())), plain("a.txt", "alphA"), plain("b.txt", "beta")))
	out, err := json.Marshal(verify(t, raw, capsule.Limits{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"ok":false`, `"kind":"changed","path":"a.txt"`} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("no %s in %s", want, out)
		}
	}
	out, err = json.Marshal(verify(t, pack(t, small()), capsule.Limits{}))
	if err != nil || !bytes.Contains(out, []byte(`"problems":[]`)) {
		t.Errorf("a good capsule has %s, %v", out, err)
	}
}
