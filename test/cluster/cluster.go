// Package cluster is what tests and benchmarks need to work with the platform on the cluster of $KUBECONFIG.
package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Namespaces of the platform.
const (
	Functions = "quantumlayer"
	Temporal  = "temporal"
)

// Wanted tells whether to work with the cluster: many people have a KUBECONFIG, and nobody wants his cluster deployed to by
// `go test ./...`.
func Wanted() bool { return os.Getenv("QL_E2E") == "1" && os.Getenv("KUBECONFIG") != "" }

// Need skips a test where the cluster is not wanted.
func Need(t testing.TB) {
	t.Helper()
	if !Wanted() {
		t.Skip("run by `make e2e`, with KUBECONFIG of a cluster that has Knative and nothing else to do")
	}
}

// Command runs a program in the module's root, two folders up, and gives what it printed.
func Command(ctx context.Context, stdin []byte, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = "../.."
	cmd.Stdin = bytes.NewReader(stdin)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		said := errs.String()
		return out, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, said[max(0, len(said)-2000):])
	}
	return out, nil
}

// Kubectl runs kubectl for a test, which fails where it does, and gives what it printed without the space around it.
func Kubectl(t testing.TB, args ...string) string {
	t.Helper()
	out, err := Command(t.Context(), nil, "kubectl", args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// Eventually waits for something that a cluster does in its own time.
func Eventually(t testing.TB, what string, patience time.Duration, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(time.Second) {
		if time.Now().After(deadline) {
			t.Fatalf("not after %s: %s", patience, what)
		}
	}
}

// AtZero waits until no function runs.
func AtZero(t testing.TB) {
	t.Helper()
	Eventually(t, "every function is at zero", 8*time.Minute, func() bool {
		return Kubectl(t, "-n", Functions, "get", "pods", "-l", "serving.knative.dev/service", "-o", "name") == ""
	})
}

// API is the URL of workflow-api from outside.
func API(t testing.TB) string {
	t.Helper()
	url := Kubectl(t, "-n", Functions, "get", "ksvc", "workflow-api", "-o", "jsonpath={.status.url}")
	if at := os.Getenv("CLUSTER_HTTP"); at != "" { // the ingress listens on another port than 80
		url += ":" + at[strings.LastIndex(at, ":")+1:]
	}
	return url
}

// Ingress is where functions answer to their names in the cluster: HOST:PORT, which the node can reach.
func Ingress(t testing.TB) string {
	t.Helper()
	name := Kubectl(t, "-n", Functions, "get", "service", "parser", "-o", "jsonpath={.spec.externalName}")
	service, rest, ok := strings.Cut(name, ".")
	namespace, _, _ := strings.Cut(rest, ".")
	if !ok {
		t.Fatalf("the Service of parser leads to %q", name)
	}
	return Kubectl(t, "-n", namespace, "get", "service", service, "-o", "jsonpath={.spec.clusterIP}:80")
}
