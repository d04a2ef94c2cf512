package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// checkout makes a folder like a checkout whose config is a copy, and gives config's path.
func checkout(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	config := filepath.Join(root, "config")
	if err := os.CopyFS(config, os.DirFS("..")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"functions", "worker"} {
		there, err := filepath.Abs(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(there, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	return config
}

func TestTheManifestsHold(t *testing.T) {
	t.Parallel()
	problems, err := check("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
}

// Every rule has an edit that it finds; what is checked is the whole sentence's part that names the cause.
func TestEditsThatAreFound(t *testing.T) {
	t.Parallel()
	const parser, drops, sandbox = "knative/parser.yaml", "knative/quantum-drops.yaml", "knative/sandbox-runner.yaml"
	for name, edit := range map[string]struct{ file, old, new, want string }{
		"unknown field":               {parser, "containerConcurrency:", "containerConcurency:", `unknown field "spec.template.spec.containerConcurency"`},
		"field in the wrong case":     {parser, "timeoutSeconds:", "timeoutseconds:", "unknown field"},
		"field twice":                 {"settings.yaml", "\ndata:\n", "\ndata:\n  QL_CACHE_URL: x\n", `key "QL_CACHE_URL" already set`},
		"Knative's error":             {parser, "timeoutSeconds: 300", "timeoutSeconds: 3000", "expected 0 <= 3000 <= 600"},
		"Knative's warning":           {parser, "            runAsNonRoot: true\n", "", "Kubernetes default value is insecure"},
		"Knative's annotation":        {parser, `max-scale: "10"`, `max-scale: "ten"`, "invalid value: ten"},
		"Knative Eventing's error":    {"eventing/broker.yaml", "PT1S", "1s", "spec.delivery.backoffDelay"},
		"a delivery that never was":   {"eventing/stage-documentation.yaml", "timeout: PT10M", "timeout: 10m", "spec.delivery.timeout"},
		"a delivery without retries":  {"eventing/stage-documentation.yaml", ", retry: 5", "", "states a delivery without retries"},
		"root":                        {"stores/redis.yaml", "runAsNonRoot: true, ", "", "runAsNonRoot != true"},
		"capabilities":                {"worker/worker.yaml", "drop: [ALL]", "drop: [KILL]", "unrestricted capabilities"},
		"no limits":                   {"stores/redis.yaml", "limits: {cpu: 500m, memory: 512Mi}", "limits: {cpu: 500m}", "memory: requests 128Mi of at most 0"},
		"more requested than allowed": {"stores/redis.yaml", "requests: {cpu: 100m,", "requests: {cpu: 2,", "cpu: requests 2 of at most 500m"},
		"no probe":                    {"stores/nats.yaml", "livenessProbe:", "startupProbe:", "no livenessProbe"},
		"token":                       {"stores/redis.yaml", "automountServiceAccountToken: false", "automountServiceAccountToken: true", "mounts the token"},
		"image without tag":           {"stores/redis.yaml", "redis:7", "redis", "image redis has no tag"},
		"latest":                      {"stores/redis.yaml", "redis:7", "redis:latest", "image redis:latest has no tag"},
		"function that is not there":  {parser, "functions/parser", "functions/parsers", "no such file"},
		"key of a Secret":             {drops, "key: password", "key: passwd", "no key passwd of a Secret postgres-credentials"},
		"another Secret":              {drops, "name: postgres-credentials, key: username", "name: pg, key: username", "no key username of a Secret pg"},
		"Secret checked in":           {"settings.yaml", "kind: ConfigMap", "kind: Secret", "v1 Secret: no kind that is deployed here"},
		"public":                      {parser, "    networking.knative.dev/visibility: cluster-local\n", "", "workflow-api alone may be public"},
		"node port":                   {"stores/redis.yaml", "spec:\n  selector: {app.kubernetes.io/name: redis}", "spec:\n  type: NodePort\n  selector: {app.kubernetes.io/name: redis}", "type NodePort"},
		"sandbox's time":              {sandbox, `QL_SANDBOX_TIMEOUT, value: "6m"`, `QL_SANDBOX_TIMEOUT, value: "7m"`, "fetching and running, of timeoutSeconds: 600 is not below 600"},
		"sandbox's memory":            {sandbox, `value: "3072"`, `value: "4096"`, "the sandbox's memory, of the container's"},
		"sandbox's files":             {sandbox, "sizeLimit: 6Gi", "sizeLimit: 1Gi", "of modules and of the job, of /tmp"},
		"sandbox without a limit":     {sandbox, `            - {name: QL_SANDBOX_DISK_MIB, value: "1024"}` + "\n", "", "QL_SANDBOX_DISK_MIB: \"\" is no number"},
		"selector of a workload":      {"stores/redis.yaml", "selector: {matchLabels: {app.kubernetes.io/name: redis}}\n  template", "selector: {matchLabels: {app.kubernetes.io/name: radish}}\n  template", "does not match its own pods"},
		"selector of a Service":       {"stores/redis.yaml", "selector: {app.kubernetes.io/name: redis}", "selector: {app.kubernetes.io/name: radish}", "selects 0 workloads"},
		"port of a Service":           {"stores/redis.yaml", "port: 6379", "port: 6380", "no container has port 6380"},
		"budget":                      {"worker/worker.yaml", "minAvailable: 1\n  selector: {matchLabels: {app.kubernetes.io/name: worker}}", "minAvailable: 1\n  selector: {matchLabels: {app.kubernetes.io/name: wroker}}", "selects no pods"},
		"account":                     {"worker/worker.yaml", "serviceAccountName: worker", "serviceAccountName: wroker", "there is no ServiceAccount wroker"},
		"settings":                    {parser, "name: service-config", "name: config", "there is no ConfigMap config"},
		"subscriber":                  {"eventing/workflow-requested.yaml", "name: workflow-api", "name: workflows", "there is no Service quantumlayer/workflows"},
		"broker":                      {"eventing/workflow-requested.yaml", "broker: default", "broker: main", "there is no Broker quantumlayer/main"},
		"dead letters":                {"eventing/broker.yaml", "name: quantum-drops", "name: drops", "there is no Service quantumlayer/drops"},
		"subject of a binding":        {"eventing/worker-sink.yaml", "namespace: temporal, name: worker", "namespace: temporal, name: wroker", "there is no Deployment temporal/wroker"},
		"namespace":                   {"stores/redis.yaml", "namespace: quantumlayer", "namespace: quantum", "there is no Namespace /quantum"},
		"twice":                       {"worker/worker.yaml", "kind: ServiceAccount\nmetadata:\n  name: worker\n", "kind: ServiceAccount\nmetadata:\n  name: temporal\n", "stands there twice"},
		"policy of nobody":            {"network/stores.yaml", "podSelector: {matchLabels: {app.kubernetes.io/name: nats}}", "podSelector: {matchLabels: {app.kubernetes.io/name: gnats}}", "podSelector: selects no pods"},
		"peer of nobody":              {"network/stores.yaml", "values: [workflow-api, agent-orchestrator]", "values: [workflow-api, agents]", "app.kubernetes.io/name agents is nobody's"},
		"namespace of a peer":         {"network/stores.yaml", "kubernetes.io/metadata.name: temporal", "kubernetes.io/metadata.name: temporary", `there is no namespace "temporary"`},
		"open namespace":              {"network/default-deny.yaml", "policyTypes: [Ingress, Egress]", "policyTypes: [Ingress]", "has no default-deny"},
		"rule without its type":       {"network/worker.yaml", "policyTypes: [Egress]", "policyTypes: [Ingress]", "policyTypes do not name"},
		"addresses":                   {"network/functions.yaml", "cidr: 0.0.0.0/0", "cidr: 11.0.0.0/8", "10.0.0.0/8 is no part of 11.0.0.0/8"},
		"Istio's unknown field":       {"mesh/mtls.yaml", "mtls: {mode", "mtls: {modus", `unknown field "modus"`},
		"Istio's values":              {"mesh/mtls.yaml", "mode: STRICT", "mode: STRCIT", "invalid value"},
		"Istio's validation":          {"mesh/gateway.yaml", "credentialName: quantumlayer-tls", "", "requires a private key"},
		"Istio's warning":             {"mesh/gateway.yaml", "  http:\n", "  http:\n    - route: [{destination: {host: elsewhere.example.com}}]\n", "not used"},
		"caller missing":              {"mesh/authorization.yaml", "              - cluster.local/ns/quantumlayer/sa/project-structure\n", "", "functions/README.md says"},
		"caller unknown":              {"mesh/authorization.yaml", "sa/project-structure", "sa/structure", "there is no ServiceAccount quantumlayer/structure"},
		"a policy without a sidecar":  {"mesh/authorization.yaml", "{app.kubernetes.io/name: parser}", "{app.kubernetes.io/name: sandbox-runner}", "nobody enforces it"},
		"way to istiod":               {"mesh/network.yaml", "port: 15012", "port: 15010", "policies keep quantumlayer/redis from istio-system/istiod:15012"},
		"way into a function":         {"mesh/network.yaml", "name: worker}}\n      ports: [{port: 8012}", "name: postgres}}\n      ports: [{port: 8012}", "policies keep temporal/worker from quantumlayer/parser:8012"},
		"way to the activator":        {"mesh/network.yaml", "app: activator", "app: aktivator", "policies keep quantumlayer/code-generation from knative-serving/activator:8012"},
		"without a sidecar, called":   {sandbox, `target-burst-capacity: "-1"`, `target-burst-capacity: "0"`, "has to have target-burst-capacity -1"},
		"gateway":                     {"mesh/gateway.yaml", "gateways: [quantumlayer]", "gateways: [main]", "there is no Gateway main"},
		"domain":                      {"https/domain.yaml", "name: workflow-api", "name: workflows", "there is no Service quantumlayer/workflows"},
		"channel":                     {"eventing-jetstream/channel.yaml", "    kind: NatsJetStreamChannel\n", "", "kind"},
		"overlay":                     {"eventing-jetstream/kustomization.yaml", "name: config-br-default-channel", "name: channel", "there is no ConfigMap quantumlayer/channel"},
		"gVisor's memory":             {"gvisor/kustomization.yaml", "value: 6Gi", "value: 4Gi", "the sandbox's memory, of the container's: 4294967296 is not below 4294967296"},
		"gVisor's runtime":            {"gvisor/kustomization.yaml", "      - {op: add, path: /spec/template/spec/runtimeClassName, value: gvisor}\n", "", "mode gvisor and a runtimeClassName go together"},
		"gVisor's mode":               {"gvisor/kustomization.yaml", "      - {op: replace, path: /spec/template/spec/containers/0/env/2/value, value: gvisor}\n", "", "mode gvisor and a runtimeClassName go together"},
		"gVisor's variable":           {"gvisor/kustomization.yaml", "env/2/name", "env/1/name", "env/1/name failed"},
		"overlay's field":             {"eventing-jetstream/kustomization.yaml", "resources:", "resource:", `unknown field "resource"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := checkout(t)
			path := filepath.Join(config, edit.file)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			edited := strings.Replace(string(text), edit.old, edit.new, 1)
			if edited == string(text) {
				t.Fatalf("%s has no %q", edit.file, edit.old)
			}
			if err := os.WriteFile(path, []byte(edited), 0o600); err != nil {
				t.Fatal(err)
			}
			problems, err := check(config)
			if err != nil { // YAML that cannot be read
				problems = append(problems, err.Error())
			}
			if all := strings.Join(problems, "\n"); !strings.Contains(all, edit.want) {
				t.Errorf("wanted %q, got:\n%s", edit.want, all)
			}
		})
	}
}
