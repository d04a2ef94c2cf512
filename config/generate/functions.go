package main

import "github.com/quantumlayer-dev/quantumlayer/shared/pipeline"

// module is where ko finds the functions.
const module = "github.com/quantumlayer-dev/quantumlayer/"

// function is what differs between the Knative Services.
type function struct {
	Name        string
	Path        string // of its main package, in the module
	Component   string // service or stage; who may call it depends on it
	About       string // what one has to know to change the numbers
	Public      bool   // reachable from outside the cluster
	Concurrency int    // requests that a pod serves at the same time at most
	Target      int    // requests a pod that Knative aims at: with more it starts another one. All of it, without Knative's usual 70 % of it
	MaxScale    int    // pods
	Timeout     int    // seconds that a request may take
	CPU, Memory string // requested
	MaxCPU      string
	MaxMemory   string
	Secrets     []secret
	Env         []variable
	Grace       bool   // keep the last pod for a while: its start is dear
	User        int    // 0: the one that functions share
	Tmp         string // size of /tmp; empty: 64Mi
	Alone       bool   // its pods have no service mesh's sidecar, and are called by Knative's activator only
}

// secret makes a key of a Secret a variable.
type secret struct {
	Variable, Name, Key string
	Optional            bool
}

type variable struct {
	Name, Value string
	Why         string // a comment above it, if it needs one
}

// Sizes of the table in the platform's description.
func (f function) sized(cpu, memory, maxCPU, maxMemory string) function {
	f.CPU, f.Memory, f.MaxCPU, f.MaxMemory = cpu, memory, maxCPU, maxMemory
	return f
}

func (f function) small() function  { return f.sized("100m", "128Mi", "500m", "512Mi") }
func (f function) parser() function { return f.sized("100m", "256Mi", "500m", "1Gi") }
func (f function) router() function { return f.sized("200m", "512Mi", "1000m", "2Gi") }

// longest is Knative's default for the most that a request may take (max-revision-timeout-seconds). A model that needs longer
// for one stage needs that raised, and this with it.
const longest = 600

// broker is where drops are announced. A SinkBinding would write the same into the Service's template. But a new Service then has two
// revisions, the first without it, and each `ko apply`, which replaces lists as a whole, leaves it to a webhook to put it back.
var broker = []variable{{
	Name: "K_SINK", Value: "http://broker-ingress.knative-eventing.svc.cluster.local/quantumlayer/default",
	Why: "The Broker, as a SinkBinding would put it here too, but only after a revision without it.",
}}

// database is where drops are; user and password come from the Secret.
var database = []secret{
	{Variable: "PGUSER", Name: "postgres-credentials", Key: "username"},
	{Variable: "PGPASSWORD", Name: "postgres-credentials", Key: "password"},
}

// model is the key of the model server; without it provider blueprint answers.
var model = []secret{
	{Variable: "QL_LLM_URL", Name: "llm-credentials", Key: "url", Optional: true},
	{Variable: "QL_LLM_MODEL", Name: "llm-credentials", Key: "model", Optional: true},
	{Variable: "QL_LLM_API_KEY", Name: "llm-credentials", Key: "api-key", Optional: true},
}

// sandbox is what one verification may use, each below what its pod has, so that the sandbox says which limit was reached and neither
// Knative nor the kubelet ends the pod for it: fetching and running below timeoutSeconds, memory below the container's limit, and the
// files below /tmp. There are the built standard library (160 MiB), modules, unpacked about four times their archives' size, and
// the job's own files.
var sandbox = []variable{
	{Name: "HOME", Value: "/tmp"}, {Name: "QL_SANDBOX_CACHE", Value: "/tmp/cache"}, {Name: "QL_SANDBOX_MODE", Value: "pod"},
	{Name: "QL_SANDBOX_TIMEOUT", Value: "6m"}, {Name: "QL_SANDBOX_FETCH_TIMEOUT", Value: "3m"},
	{Name: "QL_SANDBOX_MEMORY_MIB", Value: "3072"},
	{Name: "QL_SANDBOX_DISK_MIB", Value: "1024"}, {Name: "QL_SANDBOX_FETCH_MIB", Value: "512"},
}

// functions are the platform's, services first.
func functions() []function {
	all := []function{
		function{Name: "workflow-api", About: "Event streams stay open for as long as a run takes, so many fit into a pod.",
			Public: true, Concurrency: 200, Target: 100, MaxScale: 10, Timeout: longest}.small(),
		function{Name: "llm-router", About: "A request waits for a model and costs next to nothing meanwhile.",
			Concurrency: 100, Target: 70, MaxScale: 10, Timeout: longest, Secrets: model}.router(),
		function{Name: "meta-prompt-engine", About: "Waits for the router.",
			Concurrency: 50, Target: 35, MaxScale: 10, Timeout: longest}.small(),
		function{Name: "parser", About: "A syntax tree takes processor time and many times its file's memory.",
			Concurrency: 8, Target: 4, MaxScale: 10, Timeout: 300}.parser(),
		function{Name: "agent-orchestrator", About: "A request waits for many calls of the router.",
			Concurrency: 20, Target: 14, MaxScale: 10, Timeout: longest}.small(),
		function{Name: "quantum-drops", About: "Short requests; the pool of database connections bounds what is worth having at once.",
			Concurrency: 50, Target: 35, MaxScale: 10, Timeout: 300, Secrets: database, Env: broker}.small(),
		function{Name: "quantum-capsule", About: "Compression takes processor time.",
			Concurrency: 4, Target: 3, MaxScale: 10, Timeout: 300}.small(),
		function{Name: "sandbox-runner", About: "Builds and tests of one project fill a pod, and no two projects share one.",
			Concurrency: 1, Target: 1, MaxScale: 10, Timeout: longest, Grace: true, User: 65533, // Linux counts processes by user
			Tmp: "6Gi", Alone: true, Env: sandbox}.sized("500m", "1Gi", "2000m", "4Gi"),
	}
	for i, f := range all {
		all[i].Path, all[i].Component = "functions/"+f.Name, "service"
	}
	for _, stage := range pipeline.Stages() {
		all = append(all, function{
			Name: string(stage), Path: "functions/stages/" + string(stage), Component: "stage", About: "Waits for the service that it asks.",
			Concurrency: 20, Target: 14, MaxScale: 10, Timeout: longest,
		}.small())
	}
	return all
}
