// Package e2e tries the whole platform on a real cluster with Knative: the one of $KUBECONFIG, which should have nothing else
// to do. It deploys config/ with ko into the registry of $KO_DOCKER_REPO and needs kubectl, ko and crane in the PATH. Where
// no cluster is named the tests are skipped.
//
// The node must be this machine: volumes are folders here, and the tests' own receiver of events listens here.
package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quantumlayer-dev/quantumlayer/test/cluster"
)

// prompt is the one that runs on both shapes of the platform.
const prompt = "A REST API for a lending library: members, books, loans. A member borrows at most five books; a loan is due after 21 days."

// ql is the command, built once.
var ql string

func TestMain(m *testing.M) {
	if !cluster.Wanted() {
		os.Exit(m.Run()) // each test says that it is skipped
	}
	dir, err := os.MkdirTemp("", "ql-e2e-")
	if err == nil {
		err = os.Chmod(dir, 0o755) //nolint:gosec // another user runs ql from it
	}
	if err == nil {
		ql = filepath.Join(dir, "ql")
		err = deploy(dir)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "e2e: %v\n", err)
		os.Exit(1)
	}
	stop, err := receive(context.Background())
	if err != nil {
		fmt.Fprintf(os.Stderr, "e2e: %v\n", err)
		os.Exit(1)
	}
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: %v\n", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: %v\n", err)
	}
	os.Exit(code)
}

// deploy builds and applies the platform as it is checked in, fitted to the node, and waits until it is there.
func deploy(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	if _, err := cluster.Command(ctx, nil, "go", "build", "-o", ql, "./cmd/ql"); err != nil {
		return err
	}
	node, err := cluster.Command(ctx, nil, "kubectl", "get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")
	if err != nil {
		return err
	}
	volumes, err := volumesFolder(ctx)
	if err != nil {
		return err
	}
	for _, claim := range []string{"data-postgres-0", "data-redis-0", "data-nats-0"} {
		if err := os.MkdirAll(filepath.Join(volumes, claim), 0o777); err != nil {
			return err
		}
	}
	if err := koConfig(ctx, dir); err != nil {
		return err
	}
	flags := strings.Fields(os.Getenv("KO_FLAGS"))
	resolved, err := cluster.Command(ctx, nil, "env", append([]string{"KO_CONFIG_PATH=" + dir, "ko", "resolve", "-f", "config/quantumlayer.yaml"}, flags...)...)
	if err != nil {
		return err
	}
	fitted, err := cluster.Command(ctx, resolved, "go", "run", "./test/e2e/fit", "-volumes", volumes, "-node", string(node))
	if err != nil {
		return err
	}
	for _, namespace := range []string{cluster.Functions, cluster.Temporal} {
		if err := secret(ctx, namespace); err != nil {
			return err
		}
	}
	manifests := manifestsIn(dir)
	if err := os.WriteFile(manifests, fitted, 0o600); err != nil {
		return err
	}
	if said, err := cluster.Command(ctx, nil, ql, "deploy", "check", "--before", "-f", manifests); err != nil {
		return fmt.Errorf("%w\n%s", err, said)
	}
	if _, err := cluster.Command(ctx, fitted, "kubectl", "apply", "--server-side", "--force-conflicts", "-f", "-"); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"-n", cluster.Temporal, "rollout", "status", "statefulset/postgres", "--timeout=5m"},
		{"-n", cluster.Temporal, "rollout", "status", "deployment/temporal", "--timeout=5m"},
		{"-n", cluster.Temporal, "rollout", "status", "deployment/worker", "--timeout=5m"},
		{"-n", cluster.Functions, "wait", "ksvc", "--all", "--for=condition=Ready", "--timeout=5m"},
		{"-n", cluster.Functions, "wait", "broker,trigger", "--all", "--for=condition=Ready", "--timeout=5m"},
	} {
		if _, err := cluster.Command(ctx, nil, "kubectl", args...); err != nil {
			return err
		}
	}
	return nil
}

// manifestsIn is the file of what is deployed.
func manifestsIn(dir string) string { return filepath.Join(dir, "manifests.yaml") }

// volumesFolder is where the volumes are: where those of an earlier deployment are, whose stores go on with them, or a new folder.
// It stays, since the cluster goes on using it.
func volumesFolder(ctx context.Context) (string, error) {
	path, err := cluster.Command(ctx, nil, "kubectl", "get", "pv", "data-postgres-0", "--ignore-not-found", "-o", "jsonpath={.spec.local.path}")
	if err != nil {
		return "", err
	}
	if len(path) > 0 {
		return filepath.Dir(string(path)), nil
	}
	dir, err := os.MkdirTemp("", "ql-e2e-volumes-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755) //nolint:gosec // the node's pods have users of their own
}

// koConfig is .ko.yaml with the base images of $KO_DEFAULTBASEIMAGE and $QL_SANDBOX_BASEIMAGE, where they are set: a cluster
// without a way to the registries of the checked-in ones names its own.
func koConfig(_ context.Context, dir string) error {
	text, err := os.ReadFile("../../.ko.yaml")
	if err != nil {
		return err
	}
	if base := os.Getenv("QL_SANDBOX_BASEIMAGE"); base != "" {
		before, after, ok := strings.Cut(string(text), "functions/sandbox-runner: ")
		if !ok {
			return fmt.Errorf(".ko.yaml names no base image of sandbox-runner")
		}
		_, rest, _ := strings.Cut(after, "\n")
		text = []byte(before + "functions/sandbox-runner: " + base + "\n" + rest)
	}
	return os.WriteFile(filepath.Join(dir, ".ko.yaml"), text, 0o600)
}

// secret makes the database's credentials, with the namespace where that is missing.
func secret(ctx context.Context, namespace string) error {
	for _, args := range [][]string{
		{"create", "namespace", namespace},
		{"create", "secret", "generic", "postgres-credentials", "-n", namespace, "--from-literal=username=quantumlayer", "--from-literal=password=only-for-tests"},
	} {
		object, err := cluster.Command(ctx, nil, "kubectl", append(args, "--dry-run=client", "-o", "yaml")...)
		if err != nil {
			return err
		}
		if _, err := cluster.Command(ctx, object, "kubectl", "apply", "--server-side", "--force-conflicts", "-f", "-"); err != nil {
			return err
		}
	}
	return nil
}
