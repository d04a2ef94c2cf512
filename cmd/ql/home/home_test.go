package home_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/home"
	"github.com/quantumlayer-dev/quantumlayer/shared/filelock"
)

func TestDir(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		env  map[string]string
		want string // ending; empty: an error
	}{
		"QL_HOME wins":             {map[string]string{"QL_HOME": "/q", "XDG_DATA_HOME": "/x", "HOME": "/h"}, "/q"},
		"XDG":                      {map[string]string{"XDG_DATA_HOME": "/x", "HOME": "/h"}, "/x/quantumlayer"},
		"a relative XDG is no XDG": {map[string]string{"XDG_DATA_HOME": "x", "HOME": "/h"}, "/quantumlayer"},
		"home":                     {map[string]string{"HOME": "/h"}, "/quantumlayer"},
		"nothing":                  {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, err := home.Dir(func(key string) string { return tc.env[key] })
			if tc.want == "" {
				if err == nil || !strings.Contains(err.Error(), "set QL_HOME") {
					t.Fatalf("got %q, %v; want an error that says what to set", dir, err)
				}
				return
			}
			if err != nil || !strings.HasSuffix(dir, tc.want) || !filepath.IsAbs(dir) {
				t.Fatalf("got %q, %v; want …%s", dir, err, tc.want)
			}
		})
	}
}

func TestOneHolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	if home.Used(dir) {
		t.Fatal("a folder that is not there counts as used")
	}
	h, err := home.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("mode %v, %v; want 0700", info.Mode(), err)
	}
	want := home.Holder{URL: "http://127.0.0.1:8080", PID: os.Getpid(), Stays: true}
	if err := h.Announce(want); err != nil {
		t.Fatal(err)
	}
	got, found, err := home.Find(dir)
	if err != nil || !found {
		t.Fatalf("found %v, %v", found, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	var held *filelock.HeldError
	if _, err := home.Open(dir); !errors.As(err, &held) || held.PID != os.Getpid() {
		t.Fatalf("second Open: %v; want a HeldError with our PID", err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if _, found, err := home.Find(dir); found || err != nil {
		t.Fatalf("after Close: found %v, %v", found, err)
	}
	if !home.Used(dir) {
		t.Fatal("the folder does not count as used")
	}
}

func TestOpenForgetsAKilledHolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	left := filepath.Join(dir, "platform.json")
	if err := os.WriteFile(left, []byte(`{"url":"http://127.0.0.1:1","pid":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := home.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, found, err := home.Find(dir); found || err != nil {
		t.Fatalf("found %v, %v; want nothing", found, err)
	}
}

func TestFindDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "platform.json"), []byte(`{`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := home.Find(dir); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Fatalf("got %v; want an error that names the file", err)
	}
}
