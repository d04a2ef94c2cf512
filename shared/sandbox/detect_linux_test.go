package sandbox

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"
)

// Not in parallel: it reads the log.
func TestFailingRunscIsNoSecret(t *testing.T) {
	support(t)
	hangingRunsc(t, time.Second)
	forget(t)
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	s, err := Detect(t.Context(), "")
	if err != nil || s.Mode != Namespaces {
		t.Fatalf("%+v, %v", s, err)
	}
	for what, text := range map[string]string{"detail": s.Detail, "weaker": s.Weaker, "log": log.String()} {
		if !strings.Contains(text, "not ready within 1s") {
			t.Errorf("%s: %s", what, text)
		}
	}
	if !strings.Contains(log.String(), "level=WARN") || !s.passing {
		t.Errorf("%+v, log %s", s, log.String())
	}
	if asked, err := Detect(t.Context(), Namespaces); err != nil || asked.Weaker != "" {
		t.Errorf("who asks for namespaces gets what he wants: %+v, %v", asked, err)
	}
}

func TestGvisorIsPreferred(t *testing.T) {
	t.Parallel()
	onlyInGvisor(t)
	s, err := Detect(t.Context(), "")
	if err != nil || s.Mode != Gvisor || s.Weaker != "" {
		t.Errorf("%+v, %v", s, err)
	}
}

// A PATH without runsc is no reason for a warning.
func TestNamespacesAloneAreNoWeakness(t *testing.T) {
	if os.Getenv(modeVar) != "" {
		t.Skip("in one mode is enough")
	}
	support(t)
	t.Setenv("PATH", "/nonexistent")
	if s, err := detect(t.Context(), ""); err != nil || s.Mode != Namespaces || s.Weaker != "" {
		t.Errorf("%+v, %v", s, err)
	}
}
