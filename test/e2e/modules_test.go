package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/goproxytest"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
	"github.com/quantumlayer-dev/quantumlayer/shared/verification"
	"github.com/quantumlayer-dev/quantumlayer/test/cluster"
)

// A project that imports a module of the proxy that sandbox-runner may reach is resolved and verified in mode pod; an import
// that no module provides is named.
func TestModulesAreFetchedThroughTheProxyAlone(t *testing.T) {
	cluster.Need(t)
	node, err := nodeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	modules, err := goproxytest.NewServer("testdata/modules", net.JoinHostPort(node, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer modules.Close()
	letOut(t, modules.URL)
	runner := verification.NewClient(function(t, "sandbox-runner"))

	files := []pipeline.File{{Path: "p.go", Content: "package p\n\nimport \"example.com/greet\"\n\n// Greeting greets the world.\nfunc Greeting() string { return greet.Hello(\"world\") }\n"},
		{Path: "p_test.go", Content: "package p\n\nimport \"testing\"\n\nfunc TestGreeting(t *testing.T) {\n\tif Greeting() != \"Hello, world\" {\n\t\tt.Error(Greeting())\n\t}\n}\n"}}
	found, err := runner.Dependencies(t.Context(), verification.DependenciesRequest{Language: "go", Module: "example.com/p", Files: files})
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Packages) != 1 || found.Packages[0].Name != "example.com/greet" || found.Packages[0].Version != "v1.2.0" {
		t.Fatalf("resolved %+v", found)
	}
	result, err := runner.Verify(t.Context(), verification.Request{Language: "go", Files: append(files, found.Files...)})
	if err != nil || !result.Verified || result.Mode != "pod" {
		t.Errorf("%v: %+v", err, result)
	}

	files[0].Content = strings.ReplaceAll(files[0].Content, "example.com/greet", "example.com/no-such-module")
	found, err = runner.Dependencies(t.Context(), verification.DependenciesRequest{Language: "go", Module: "example.com/p", Files: files})
	if err != nil || len(found.Missing) != 1 || found.Missing[0].Import != "example.com/no-such-module" {
		t.Errorf("%v: resolved %+v", err, found)
	}
}

// letOut lets sandbox-runner fetch modules from a proxy on the node, as somebody does who has one.
func letOut(t *testing.T, proxy string) {
	t.Helper()
	allow(t, "sandbox-runner", strings.TrimSuffix(strings.TrimPrefix(proxy, "http://"), "/mod"))
	t.Cleanup(func() {
		afterwards(t, "patch", "configmap", "service-config", "-p", `{"data": {"GOPROXY": null, "GOSUMDB": null}}`)
		afterwards(t, "delete", "pods", "-l", "serving.knative.dev/service=sandbox-runner", "--ignore-not-found")
	})
	cluster.Kubectl(t, "-n", cluster.Functions, "patch", "configmap", "service-config", "-p", fmt.Sprintf(`{"data": {"GOPROXY": %q, "GOSUMDB": "off"}}`, proxy))
	cluster.Kubectl(t, "-n", cluster.Functions, "delete", "pods", "-l", "serving.knative.dev/service=sandbox-runner", "--ignore-not-found") // the next ones read it
}

// allow lets a function reach HOST:PORT until the test ends.
func allow(t *testing.T, function, address string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	name := "e2e-" + function
	policy := fmt.Sprintf(`{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": %q, "namespace": %q},
		"spec": {"podSelector": {"matchLabels": {"app.kubernetes.io/name": %q}}, "policyTypes": ["Egress"],
		"egress": [{"to": [{"ipBlock": {"cidr": "%s/32"}}], "ports": [{"port": %s}]}]}}`, name, cluster.Functions, function, host, port)
	if _, err := cluster.Command(t.Context(), []byte(policy), "kubectl", "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { afterwards(t, "delete", "networkpolicy", name) })
}

// afterwards runs kubectl on the functions' namespace when a test has ended, and its context with it.
func afterwards(t *testing.T, args ...string) {
	t.Helper()
	if _, err := cluster.Command(context.WithoutCancel(t.Context()), nil, "kubectl", append([]string{"-n", cluster.Functions}, args...)...); err != nil {
		t.Error(err)
	}
}

// function gives a URL of this machine that leads to a function by its name in the cluster.
func function(t *testing.T, name string) string {
	t.Helper()
	address := cluster.Ingress(t)
	server := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", address, name+"."+cluster.Functions+".svc.cluster.local"
	}})
	t.Cleanup(server.Close)
	return server.URL
}
