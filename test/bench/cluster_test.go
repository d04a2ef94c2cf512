package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/test/cluster"
)

// The benchmarks of this file need the platform on a cluster, as `make e2e` leaves it.

// rounds is how often each function is started from zero; the median counts.
const rounds = 3

// BenchmarkFirstAnswerFromZero asks each function while it is at zero, from the node, and a function that does nothing
// but has the same manifest. hello-ms is the time until that one answers, x-hello the median of the other functions' times
// against it, x-hello-worst the slowest one's.
func BenchmarkFirstAnswerFromZero(b *testing.B) {
	cluster.Need(b)
	startHello(b)
	names := strings.Fields(cluster.Kubectl(b, "-n", cluster.Functions, "get", "ksvc", "-o", "jsonpath={.items[*].metadata.name}"))
	client := inside(b)
	for b.Loop() {
		took := map[string][]time.Duration{}
		for range rounds {
			cluster.AtZero(b)
			for _, name := range names {
				took[name] = append(took[name], get(b, client, "http://"+name+"."+cluster.Functions+".svc.cluster.local/healthz"))
			}
		}
		least := median(took["hello"])
		var ratios []float64
		for _, name := range names {
			if name != "hello" {
				ratios = append(ratios, float64(median(took[name]))/float64(least))
				b.Logf("%-22s %6d ms  %.2f of hello", name, median(took[name]).Milliseconds(), ratios[len(ratios)-1])
			}
		}
		slices.Sort(ratios)
		b.ReportMetric(float64(least.Milliseconds()), "hello-ms")
		b.ReportMetric(ratios[len(ratios)/2], "x-hello")
		b.ReportMetric(ratios[len(ratios)-1], "x-hello-worst")
	}
}

// startHello makes a function that does nothing, with the manifest of one that does little.
func startHello(b *testing.B) {
	b.Helper()
	args := append([]string{"build"}, strings.Fields(os.Getenv("KO_FLAGS"))...)
	image, err := cluster.Command(b.Context(), nil, "ko", append(args, "./test/bench/hello")...)
	if err != nil {
		b.Fatal(err)
	}
	var service map[string]any
	if err := json.Unmarshal([]byte(cluster.Kubectl(b, "-n", cluster.Functions, "get", "ksvc", "requirements-parsing", "-o", "json")), &service); err != nil {
		b.Fatal(err)
	}
	delete(service, "status")
	service["metadata"] = map[string]any{"name": "hello", "namespace": cluster.Functions, "labels": map[string]any{"networking.knative.dev/visibility": "cluster-local"}}
	template := service["spec"].(map[string]any)["template"].(map[string]any)
	container := template["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)
	container["image"] = strings.TrimSpace(string(image))
	delete(container, "readinessProbe") // it answers 404 to all; Knative's own probe is the port
	delete(container, "livenessProbe")
	manifest, err := json.Marshal(service)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := cluster.Command(b.Context(), manifest, "kubectl", "apply", "-f", "-"); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if _, err := cluster.Command(context.Background(), nil, "kubectl", "-n", cluster.Functions, "delete", "ksvc", "hello"); err != nil {
			b.Error(err)
		}
	})
	cluster.Kubectl(b, "-n", cluster.Functions, "wait", "ksvc/hello", "--for=condition=Ready", "--timeout=3m")
}

// inside is a client that reaches functions by their names in the cluster, through its ingress, from the node.
func inside(b *testing.B) *http.Client {
	b.Helper()
	address := cluster.Ingress(b)
	return &http.Client{Timeout: 5 * time.Minute, Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}}
}

// get gives the time until an answer below 500 is there.
func get(b *testing.B, client *http.Client, url string) time.Duration {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode >= 500 {
		b.Fatalf("%s: %s %v", url, resp.Status, err)
	}
	return time.Since(began)
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}

// BenchmarkWarmRoute asks a function that runs, by its name in the cluster and at its process in turn: x-process is the ratio of
// the medians.
func BenchmarkWarmRoute(b *testing.B) {
	cluster.Need(b)
	client := inside(b)
	const name = "requirements-parsing"
	route := "http://" + name + "." + cluster.Functions + ".svc.cluster.local/healthz"
	get(b, client, route) // it runs now
	ip := cluster.Kubectl(b, "-n", cluster.Functions, "get", "pods", "-l", "serving.knative.dev/service="+name, "-o", "jsonpath={.items[0].status.podIP}")
	process := "http://" + net.JoinHostPort(ip, "8080") + "/healthz"
	direct := &http.Client{Timeout: time.Minute}
	var routed, processed []time.Duration
	for b.Loop() {
		routed = append(routed, get(b, client, route))
		processed = append(processed, get(b, direct, process))
	}
	b.ReportMetric(float64(median(routed).Microseconds())/1000, "route-ms")
	b.ReportMetric(float64(median(processed).Microseconds())/1000, "process-ms")
	b.ReportMetric(float64(median(routed))/float64(median(processed)), "x-process")
}

// BenchmarkPipelineFromZero runs a prompt while all functions are at zero, with the worker waking those that come next and without,
// and once more while they run. cold-starts-more is what the run with waking took longer than the warm one, in first answers from zero
// of a function that does nothing, in the same run; busy-% is how much of its processors' time the node used in the run with waking.
func BenchmarkPipelineFromZero(b *testing.B) {
	cluster.Need(b)
	ql := filepath.Join(b.TempDir(), "ql")
	run(b, exec.Command("go", "build", "-o", ql, "../../cmd/ql"))
	waking := func(on bool) {
		cluster.Kubectl(b, "-n", cluster.Temporal, "set", "env", "deployment/worker", fmt.Sprintf("QL_WORKER_WAKE=%t", on))
		cluster.Kubectl(b, "-n", cluster.Temporal, "rollout", "status", "deployment/worker", "--timeout=5m")
	}
	b.Cleanup(func() {
		if _, err := cluster.Command(context.Background(), nil, "kubectl", "-n", cluster.Temporal, "set", "env", "deployment/worker", "QL_WORKER_WAKE-"); err != nil {
			b.Error(err)
		}
	})
	generate := func() time.Duration {
		out := filepath.Join(b.TempDir(), fmt.Sprint(time.Now().UnixNano()))
		began := time.Now()
		run(b, exec.Command(ql, "generate", "--server", cluster.API(b), "--language", "go", "--out", out, example))
		return time.Since(began)
	}
	startHello(b)
	client := inside(b)
	var with, without, warm, hello []time.Duration
	var busy []float64
	for b.Loop() {
		waking(false)
		cluster.AtZero(b)
		hello = append(hello, get(b, client, "http://hello."+cluster.Functions+".svc.cluster.local/healthz"))
		cluster.AtZero(b)
		without = append(without, generate())
		waking(true)
		cluster.AtZero(b)
		before := processorTime(b)
		with = append(with, generate())
		busy = append(busy, processorTime(b).busySince(before))
		warm = append(warm, generate())
	}
	b.ReportMetric(median(without).Seconds(), "without-waking-s")
	b.ReportMetric(median(with).Seconds(), "with-waking-s")
	b.ReportMetric(median(warm).Seconds(), "warm-s")
	b.ReportMetric(float64(median(with))/float64(median(without)), "x-without")
	b.ReportMetric(float64(median(with))/float64(median(warm)), "x-warm")
	b.ReportMetric(float64(median(with)-median(warm))/float64(median(hello)), "cold-starts-more")
	slices.Sort(busy)
	b.ReportMetric(busy[len(busy)/2], "busy-%")
}

// ticks are the processors' times since the node started, in the kernel's unit: all of it, and what they had nothing to do.
type ticks struct{ all, idle int64 }

// processorTime reads /proc/stat of this machine, which is the node.
func processorTime(b *testing.B) ticks {
	b.Helper()
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		b.Fatal(err)
	}
	total, _, _ := strings.Cut(string(stat), "\n")
	var t ticks
	for i, field := range strings.Fields(total)[1:9] { // user nice system idle iowait irq softirq steal; guests are in user and nice
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		t.all += n
		if i == 3 || i == 4 {
			t.idle += n
		}
	}
	return t
}

// busySince is the share of the time since then in which the processors worked, in percent.
func (t ticks) busySince(then ticks) float64 {
	return 100 * (1 - float64(t.idle-then.idle)/float64(t.all-then.all))
}
