package bench_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/shared/nats"
	natsserver "github.com/quantumlayer-dev/quantumlayer/shared/nats/embedded"
	"github.com/quantumlayer-dev/quantumlayer/shared/temporal"
	temporalserver "github.com/quantumlayer-dev/quantumlayer/shared/temporal/embedded"
)

// starts is how often each function is started; the median counts.
const starts = 20

// BenchmarkFunctionStart starts each function as the process that a cluster starts, built as ko builds it: start-ms is the time
// from start to the first answer, idle-MiB its resident memory after it, x-hello the time against a process that does nothing.
// NATS and Temporal are servers of this process; the database is a file.
func BenchmarkFunctionStart(b *testing.B) {
	quiet := slog.New(slog.NewJSONHandler(io.Discard, nil))
	server, err := temporal.Open(b.Context(), temporal.Options{URL: "embedded:", DataDir: b.TempDir(), Logger: quiet, Embedded: temporalserver.Start})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { server.Close(b.Context()) })
	log, err := nats.Open(b.Context(), nats.Options{URL: "embedded:", DataDir: b.TempDir(), Logger: quiet, Embedded: natsserver.Start})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { log.Close() })
	environ := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.TempDir(), "QL_EVENTS_URL=" + log.URL(), "QL_TEMPORAL_URL=" + server.URL(),
		"QL_DATABASE_URL=sqlite:" + filepath.Join(b.TempDir(), "drops.db"), "QL_BLOBS_URL=file://" + b.TempDir(), "QL_SANDBOX_WARM=false",
	}
	base := build(b, "./hello", "hello")
	least := startOf(b, base, environ)
	mains, err := filepath.Glob("../../functions/*/main.go")
	if err != nil {
		b.Fatal(err)
	}
	stages, err := filepath.Glob("../../functions/stages/*/main.go")
	if err != nil {
		b.Fatal(err)
	}
	for _, main := range append(mains, stages...) {
		name := filepath.Base(filepath.Dir(main))
		b.Run(name, func(b *testing.B) {
			binary := build(b, filepath.Dir(main), name)
			for b.Loop() {
				m := startOf(b, binary, environ)
				b.ReportMetric(float64(m.start.Microseconds())/1000, "start-ms")
				b.ReportMetric(m.idle, "idle-MiB")
				b.ReportMetric(float64(m.start)/float64(least.start), "x-hello")
			}
		})
	}
}

// build builds a program as .ko.yaml says.
func build(b *testing.B, path, name string) string {
	b.Helper()
	out := filepath.Join(b.TempDir(), name)
	flags, cgo := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", out}, "0"
	if name == "parser" {
		flags, cgo = []string{"build", "-trimpath", "-tags", "netgo,osusergo", "-ldflags", "-s -w -linkmode=external -extldflags=-static", "-o", out}, "1"
	}
	cmd := exec.Command("go", append(flags, path)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	run(b, cmd)
	return out
}

type started struct {
	start time.Duration
	idle  float64 // MiB
}

// startOf gives the medians.
func startOf(b *testing.B, binary string, environ []string) started {
	b.Helper()
	var times []time.Duration
	var sizes []float64
	for range starts {
		m := startOnce(b, binary, environ)
		times, sizes = append(times, m.start), append(sizes, m.idle)
	}
	slices.Sort(times)
	slices.Sort(sizes)
	return started{times[starts/2], sizes[starts/2]}
}

func startOnce(b *testing.B, binary string, environ []string) started {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	if err := ln.Close(); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(binary)
	cmd.Env = append(slices.Clone(environ), "PORT="+strconv.Itoa(port))
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // its exit code is not what is measured
	}()
	client := http.Client{Timeout: time.Second}
	for {
		resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/healthz", port))
		if err == nil {
			resp.Body.Close()
			break
		}
		if time.Since(began) > 30*time.Second {
			b.Fatalf("%s does not answer: %v", binary, err)
		}
		time.Sleep(200 * time.Microsecond)
	}
	m := started{start: time.Since(began)}
	time.Sleep(200 * time.Millisecond) // until it is idle
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kib, err := strconv.ParseFloat(f[1], 64)
			if err != nil {
				b.Fatal(err)
			}
			m.idle = kib / 1024
		}
	}
	return m
}
