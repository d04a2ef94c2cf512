package deploycheck_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/deploycheck"
	"github.com/quantumlayer-dev/quantumlayer/config"
)

type object = map[string]any

// scripted is an API server on loopback that answers from a list of objects. A real one is not to be had in a unit test; test/e2e
// asks one. It knows what Check asks for: versions, kinds, objects, and what the user may do.
type scripted struct {
	objects   []object
	kinds     map[string]string // resource of APIVERSION/KIND
	forbidden []string          // parts of paths that this user may not read
	denied    []string          // resources that this user may not create
	logs      map[string]string // last line, by pod

	mu    sync.Mutex
	asked []string
}

// clusterWide are the resources without a namespace.
var clusterWide = []string{"namespaces", "storageclasses", "runtimeclasses", "persistentvolumes"}

// ready is a cluster that has everything but the platform: testdata/cluster.yaml.
func ready(t *testing.T) *scripted {
	t.Helper()
	text, err := os.ReadFile("testdata/cluster.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return &scripted{objects: documents(t, text), kinds: map[string]string{
		"v1/Namespace": "namespaces", "v1/ConfigMap": "configmaps", "v1/Secret": "secrets", "v1/Service": "services", "v1/Pod": "pods",
		"v1/ServiceAccount": "serviceaccounts", "v1/PersistentVolumeClaim": "persistentvolumeclaims", "v1/PersistentVolume": "persistentvolumes",
		"apps/v1/Deployment": "deployments", "apps/v1/StatefulSet": "statefulsets", "batch/v1/Job": "jobs",
		"policy/v1/PodDisruptionBudget": "poddisruptionbudgets", "networking.k8s.io/v1/NetworkPolicy": "networkpolicies",
		"storage.k8s.io/v1/StorageClass": "storageclasses", "node.k8s.io/v1/RuntimeClass": "runtimeclasses",
		"serving.knative.dev/v1/Service": "services", "serving.knative.dev/v1beta1/DomainMapping": "domainmappings",
		"networking.internal.knative.dev/v1alpha1/Ingress": "ingresses",
		"eventing.knative.dev/v1/Broker":                   "brokers", "eventing.knative.dev/v1/Trigger": "triggers",
		"sources.knative.dev/v1/SinkBinding": "sinkbindings", "messaging.knative.dev/v1/InMemoryChannel": "inmemorychannels",
		"messaging.knative.dev/v1/Subscription": "subscriptions",
	}}
}

// deployed is a cluster where everything is well.
func deployed(t *testing.T) *scripted {
	t.Helper()
	s := ready(t)
	for _, o := range documents(t, config.Platform) {
		metadata, spec := o["metadata"].(object), get(o, "spec")
		metadata["generation"] = 1
		switch {
		case o["kind"] == "Deployment" || o["kind"] == "StatefulSet":
			o["status"] = object{"observedGeneration": 1, "availableReplicas": spec["replicas"], "updatedReplicas": spec["replicas"]}
		case strings.Contains(o["apiVersion"].(string), ".knative.dev/"):
			o["status"] = object{"observedGeneration": 1, "conditions": []object{{"type": "Ready", "status": "True"}}}
		}
		if o["kind"] == "Broker" {
			get(o, "status")["annotations"] = object{"knative.dev/channelAPIVersion": "messaging.knative.dev/v1", "knative.dev/channelKind": "InMemoryChannel", "knative.dev/channelName": "default-kne-trigger"}
		}
		text, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		s.objects = append(s.objects, documents(t, []byte(strings.ReplaceAll(string(text), "ko://", "registry.example.com/")))...)
	}
	s.objects = append(s.objects, documents(t, []byte(`{apiVersion: messaging.knative.dev/v1, kind: InMemoryChannel, metadata: {name: default-kne-trigger, namespace: quantumlayer},
spec: {subscribers: [{name: default-stage-documentation, uid: "1"}]}}
---
{apiVersion: messaging.knative.dev/v1, kind: Subscription, metadata: {name: default-stage-documentation, namespace: quantumlayer, uid: "1"}}`))...)
	return s
}

// get gives a part of an object; an empty one where there is none.
func get(o object, path ...string) object {
	for _, key := range path {
		o, _ = o[key].(object)
	}
	return o
}

func documents(t *testing.T, text []byte) []object {
	t.Helper()
	var all []object
	for part := range strings.SplitSeq("\n"+string(text), "\n---\n") {
		var o object
		if err := yaml.Unmarshal([]byte(part), &o); err != nil {
			t.Fatal(err)
		}
		if o != nil {
			all = append(all, o)
		}
	}
	return all
}

// remove takes objects away: kind and name, or a kind in a namespace.
func (s *scripted) remove(is func(kind, namespace, name string) bool) {
	s.objects = slices.DeleteFunc(s.objects, func(o object) bool {
		namespace, _ := get(o, "metadata")["namespace"].(string)
		return is(o["kind"].(string), namespace, get(o, "metadata")["name"].(string))
	})
}

// find gives an object to change.
func (s *scripted) find(t *testing.T, kind, name string) object {
	t.Helper()
	for _, o := range s.objects {
		if o["kind"] == kind && get(o, "metadata")["name"] == name {
			return o
		}
	}
	t.Fatalf("no %s %s", kind, name)
	return nil
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/version" {
		answer(w, object{"major": "1", "minor": "34", "gitVersion": "v1.34.3"})
		return
	}
	if slices.ContainsFunc(s.forbidden, func(part string) bool { return strings.Contains(r.URL.Path, part) }) {
		refuse(w, http.StatusForbidden, "Forbidden", "you are a test that may not read "+r.URL.Path)
		return
	}
	if r.Method == http.MethodPost {
		s.review(w, r)
		return
	}
	if pod, ok := strings.CutSuffix(r.URL.Path, "/log"); ok {
		_, _ = io.WriteString(w, s.logs[pod[strings.LastIndex(pod, "/")+1:]])
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	version, rest := parts[1], parts[2:] // below /api
	if parts[0] == "apis" {
		version, rest = parts[1]+"/"+parts[2], parts[3:]
	}
	if len(rest) == 0 {
		s.discover(w, version)
		return
	}
	namespace := ""
	if len(rest) > 2 && rest[0] == "namespaces" {
		namespace, rest = rest[1], rest[2:]
	}
	items := []object{}
	for _, o := range s.objects {
		metadata := get(o, "metadata")
		in, _ := metadata["namespace"].(string)
		if o["apiVersion"] != version || s.kinds[version+"/"+o["kind"].(string)] != rest[0] || namespace != "" && in != namespace {
			continue
		}
		if name := strings.TrimPrefix(r.URL.Query().Get("fieldSelector"), "metadata.name="); name != "" && metadata["name"] != name {
			continue
		}
		if len(rest) == 2 && metadata["name"] == rest[1] {
			answer(w, o)
			return
		}
		item := maps.Clone(o) // in lists items have no kind
		delete(item, "apiVersion")
		delete(item, "kind")
		items = append(items, item)
	}
	if len(rest) == 2 || !slices.Contains(slices.Collect(maps.Values(s.kinds)), rest[0]) {
		refuse(w, http.StatusNotFound, "NotFound", r.URL.Path+" not found")
		return
	}
	answer(w, object{"kind": "List", "apiVersion": version, "items": items})
}

func (s *scripted) discover(w http.ResponseWriter, version string) {
	var resources []object
	for key, name := range s.kinds {
		if kind := key[strings.LastIndex(key, "/")+1:]; key == version+"/"+kind {
			resources = append(resources, object{"name": name, "kind": kind, "namespaced": !slices.Contains(clusterWide, name)},
				object{"name": name + "/status", "kind": kind, "namespaced": true})
		}
	}
	if resources == nil {
		refuse(w, http.StatusNotFound, "NotFound", "the server could not find the requested resource")
		return
	}
	answer(w, object{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources})
}

func (s *scripted) review(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var review object
	if err := json.Unmarshal(body, &review); err != nil {
		refuse(w, http.StatusBadRequest, "BadRequest", err.Error())
		return
	}
	asked := get(review, "spec", "resourceAttributes")
	review["status"] = object{"allowed": !slices.Contains(s.denied, asked["resource"].(string))}
	w.WriteHeader(http.StatusCreated)
	answer(w, review)
}

func answer(w io.Writer, v any) { _ = json.NewEncoder(w).Encode(v) }

func refuse(w http.ResponseWriter, code int, reason, message string) {
	w.WriteHeader(code)
	answer(w, object{"kind": "Status", "apiVersion": "v1", "metadata": object{}, "status": "Failure", "reason": reason, "message": message, "code": code})
}

// check asks the scripted server.
func (s *scripted) check(t *testing.T, o deploycheck.Options) []deploycheck.Finding {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	if o.Manifests == nil {
		o.Manifests = config.Platform
	}
	found, err := deploycheck.Check(t.Context(), &rest.Config{Host: server.URL}, o)
	if err != nil {
		t.Fatal(err)
	}
	return found
}
