package capsule_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/quantumlayer-dev/quantumlayer/shared/capsule"
)

// fuzzLimits keep each round short.
var fuzzLimits = capsule.Limits{TotalBytes: 1 << 20, Files: 20, ManifestBytes: 64 << 10}

func FuzzVerify(f *testing.F) {
	raw := pack(f, small())
	f.Add(raw)
	f.Add(raw[:len(raw)/2])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) { check(t, raw) })
}

// FuzzTar lets the fuzzer change what no checksum of gzip covers.
func FuzzTar(f *testing.F) {
	gz, err := gzip.NewReader(bytes.NewReader(pack(f, small())))
	if err != nil {
		f.Fatal(err)
	}
	raw, err := io.ReadAll(gz)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(tarOf(f, plain(capsule.ManifestPath, manifestOf(f, small())), plain("../evil", "x"), plain("a.txt", "alpha")))
	f.Fuzz(func(t *testing.T, raw []byte) { check(t, gzipOf(t, raw)) })
}

// check holds for any bytes: they are read without a panic, Extract takes what
// Verify takes, and nothing is written but below the folder.
func check(t *testing.T, raw []byte) {
	report := verify(t, raw, fuzzLimits)
	if m, err := capsule.Inspect(bytes.NewReader(raw), fuzzLimits); err == nil && report.Manifest == nil {
		t.Errorf("Inspect reads the manifest of %q that Verify does not", m.Project.Name)
	}
	parent := t.TempDir()
	_, err := capsule.Extract(bytes.NewReader(raw), filepath.Join(parent, "project"), capsule.ExtractOptions{Limits: fuzzLimits})
	if (err == nil) != report.OK {
		t.Errorf("verified %t, extracting it: %v", report.OK, err)
	}
	entries, readErr := os.ReadDir(parent)
	if readErr != nil {
		t.Fatal(readErr)
	}
	for _, entry := range entries {
		if !report.OK || entry.Name() != "project" {
			t.Errorf("wrote %s", entry.Name())
		}
	}
}
