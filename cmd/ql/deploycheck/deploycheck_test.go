package deploycheck_test

import (
	"bytes"
	"context"
	"flag"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/quantumlayer-dev/quantumlayer/cmd/ql/deploycheck"
	"github.com/quantumlayer-dev/quantumlayer/config"
	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

var update = flag.Bool("update", false, "write testdata again")

// lacks gives what is lacking, by what.
func lacks(found []deploycheck.Finding) map[string]deploycheck.Finding {
	all := map[string]deploycheck.Finding{}
	for _, f := range found {
		if f.Lacks() {
			all[f.What] = f
		}
	}
	return all
}

func TestAllIsWellOnAScriptedServer(t *testing.T) {
	t.Parallel()
	s := deployed(t)
	found := s.check(t, deploycheck.Options{})
	if l := lacks(found); len(l) > 0 {
		t.Errorf("lacking: %v", l)
	}
	counts := map[deploycheck.Group]int{}
	for _, f := range found {
		counts[f.Group]++
	}
	if counts[deploycheck.Functions] != 20 || counts[deploycheck.Workloads] != 6 || counts[deploycheck.Secrets] != 2 {
		t.Errorf("found in groups: %v", counts)
	}
	if len(s.asked) > 60 {
		t.Errorf("%d requests for %d findings: %v", len(s.asked), len(found), s.asked)
	}
	for i, path := range slices.Sorted(slices.Values(s.asked)) {
		if i > 0 && strings.HasPrefix(path, "GET") && path == slices.Sorted(slices.Values(s.asked))[i-1] && !strings.HasSuffix(path, "/deployments") {
			t.Errorf("asked twice: %s", path)
		}
	}
	var out bytes.Buffer
	if err := deploycheck.Write(&out, found); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"✓ Functions            20 of 20 are ready\n", "? NetworkPolicies", "\nNothing is lacking, as far as it is seen; what has a ? is not.\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "sesame") || strings.Contains(out.String(), "c2VzYW1l") {
		t.Error("a Secret's value is shown")
	}
}

// Each case changes a cluster where all is well, on a scripted server, and says what is found then.
func TestWhatIsLackingOnAScriptedServer(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		from   func(*testing.T) *scripted // nil: deployed
		change func(*testing.T, *scripted)
		before bool
		more   string // manifests beside the platform's
		// what is lacking, and nothing else; a part of why and hint
		what, why, hint string
		state           deploycheck.State
	}{
		"nothing is deployed": {
			from: ready, change: func(*testing.T, *scripted) {},
			what: "QuantumLayer", state: deploycheck.Missing, why: "nothing of it is deployed yet", hint: "ko apply -f config/",
		},
		"a Secret is missing": {
			change: func(_ *testing.T, s *scripted) {
				s.remove(func(kind, namespace, _ string) bool { return kind == "Secret" && namespace == "temporal" })
			},
			what: "postgres-credentials in temporal", state: deploycheck.Missing, why: "postgres and temporal cannot start without it",
			hint: "kubectl create secret generic postgres-credentials -n temporal --from-literal=password=… --from-literal=username=…\nwith the same content in quantumlayer",
		},
		"a Secret has a key less": {
			change: func(t *testing.T, s *scripted) {
				delete(get(s.find(t, "Secret", "postgres-credentials"), "data"), "password")
			},
			what: "postgres-credentials in quantumlayer", state: deploycheck.Missing, why: "it has no password, only username",
			hint: `kubectl patch secret postgres-credentials -n quantumlayer -p '{"stringData":{"password":"…"}}'`,
		},
		"two Secrets for one server differ": {
			change: func(t *testing.T, s *scripted) {
				get(s.find(t, "Secret", "postgres-credentials"), "data")["password"] = "b3RoZXI="
			},
			what: "postgres-credentials in quantumlayer", state: deploycheck.Wrong, why: "its password is another than in temporal",
		},
		"a part of Knative is down": {
			change: func(t *testing.T, s *scripted) {
				get(s.find(t, "Deployment", "autoscaler"), "status")["availableReplicas"] = 0
			},
			what: "Knative Serving's pods", state: deploycheck.Wrong, why: "autoscaler in namespace knative-serving is not available", hint: "kubectl get pods -n knative-serving",
		},
		"the channels of the Broker are of an unknown kind": {
			change: func(t *testing.T, s *scripted) {
				get(s.find(t, "ConfigMap", "config-br-default-channel"), "data")["channel-template-spec"] = "{apiVersion: messaging.knative.dev/v1alpha1, kind: NatsJetStreamChannel}"
			},
			what: "Broker's channels", state: deploycheck.Missing, why: "NatsJetStreamChannel (messaging.knative.dev/v1alpha1), which the cluster does not know",
		},
		"nobody serves the Broker's class": {
			change: func(_ *testing.T, s *scripted) {
				s.remove(func(_, _, name string) bool { return strings.HasPrefix(name, "mt-broker-") })
			},
			what: "Broker's class", state: deploycheck.Missing, why: "none of mt-broker-controller, mt-broker-filter and mt-broker-ingress", hint: "mt-channel-broker.yaml",
		},
		"the Broker's channel has a subscriber of old": {
			change: func(t *testing.T, s *scripted) {
				get(s.find(t, "Subscription", "default-stage-documentation"), "metadata")["uid"] = "2"
			},
			what: "Broker default in quantumlayer", state: deploycheck.Wrong, why: "no longer there, so events come twice: default-stage-documentation",
			hint: "kubectl delete inmemorychannel default-kne-trigger -n quantumlayer",
		},
		"a name that Traefik is to serve": {
			change: func(t *testing.T, s *scripted) {
				s.objects = append(s.objects, documents(t, []byte(`{apiVersion: networking.internal.knative.dev/v1alpha1, kind: Ingress,
metadata: {name: quantumlayer.example.com, namespace: quantumlayer, annotations: {networking.knative.dev/ingress.class: traefik.ingress.networking.knative.dev}}}
---
{apiVersion: serving.knative.dev/v1beta1, kind: DomainMapping, metadata: {name: quantumlayer.example.com, namespace: quantumlayer, generation: 1},
status: {observedGeneration: 1, conditions: [{type: Ready, status: "True"}]}}`))...)
			},
			more: "\n---\n{apiVersion: serving.knative.dev/v1beta1, kind: DomainMapping, metadata: {name: quantumlayer.example.com, namespace: quantumlayer}}\n",
			what: "DomainMapping quantumlayer.example.com in quantumlayer", state: deploycheck.Wrong, why: "answers 404 for its name", hint: "HTTPS",
		},
		"no networking layer": {
			change: func(_ *testing.T, s *scripted) {
				s.remove(func(_, _, name string) bool { return name == "net-kourier-controller" })
			},
			what: "Ingress", state: deploycheck.Missing, why: "its controller net-kourier-controller is nowhere",
		},
		"the ingress is where no policy lets it in": {
			change: func(t *testing.T, s *scripted) {
				s.objects = append(s.objects, documents(t, []byte(`{apiVersion: networking.internal.knative.dev/v1alpha1, kind: Ingress,
metadata: {name: workflow-api, namespace: quantumlayer, annotations: {networking.knative.dev/ingress.class: kourier.ingress.networking.knative.dev}},
status: {conditions: [{type: Ready, status: "True"}], privateLoadBalancer: {ingress: [{domainInternal: kourier-internal.my-ingress.svc.cluster.local}]}}}`))...)
			},
			what: "Ingress's namespace", state: deploycheck.Wrong, why: "my-ingress, which no NetworkPolicy knows", hint: "config/network/functions.yaml",
		},
		"no domain": {
			change: func(t *testing.T, s *scripted) {
				delete(get(s.find(t, "ConfigMap", "config-domain"), "data"), "example.org")
			},
			what: "Domain", state: deploycheck.Missing, why: "workflow-api is not reached from outside",
		},
		"a feature is switched off": {
			change: func(t *testing.T, s *scripted) {
				get(s.find(t, "ConfigMap", "config-features"), "data")["kubernetes.podspec-volumes-emptydir"] = "disabled"
			},
			what: "Features", state: deploycheck.Wrong, why: "kubernetes.podspec-volumes-emptydir is not enabled", hint: "kubectl patch configmap config-features",
		},
		"requests may not take long enough": {
			change: func(t *testing.T, s *scripted) {
				s.find(t, "ConfigMap", "config-defaults")["data"] = object{"max-revision-timeout-seconds": "300"}
			},
			what: "Timeouts", state: deploycheck.Wrong, why: "up to 600 s, max-revision-timeout-seconds allows 300",
		},
		"no storage class": {
			change: func(_ *testing.T, s *scripted) {
				s.remove(func(kind, _, _ string) bool { return kind == "StorageClass" })
			},
			what: "Volumes", state: deploycheck.Missing, why: "data-nats-0, data-postgres-0, data-qdrant-0 and data-redis-0 get no volume",
		},
		"the user may not deploy": {
			from:   ready,
			change: func(_ *testing.T, s *scripted) { s.denied = []string{"triggers", "services"} },
			before: true,
			what:   "Your rights", state: deploycheck.Wrong, why: "you may not create services in quantumlayer, services in temporal, triggers.eventing.knative.dev in quantumlayer and services.serving.knative.dev in quantumlayer",
		},
		"a function is not ready": {
			change: func(t *testing.T, s *scripted) {
				for _, o := range s.objects {
					if o["apiVersion"] == "serving.knative.dev/v1" && get(o, "metadata")["name"] == "parser" {
						o["status"] = object{"observedGeneration": 1, "conditions": []object{{"type": "Ready", "status": "False", "reason": "RevisionFailed", "message": `Revision "parser-00001" failed with message: no.`}}}
					}
				}
			},
			what: "parser", state: deploycheck.Wrong, why: `it is not Ready: RevisionFailed: Revision "parser-00001" failed with message: no.; it has no pod`, hint: "kubectl describe ksvc parser -n quantumlayer",
		},
		"an image cannot be pulled": {
			change: func(t *testing.T, s *scripted) {
				get(s.find(t, "StatefulSet", "redis"), "status")["availableReplicas"] = 0
				s.objects = append(s.objects, documents(t, []byte(`{apiVersion: v1, kind: Pod, metadata: {name: redis-0, namespace: quantumlayer, labels: {app.kubernetes.io/name: redis}},
status: {phase: Pending, conditions: [{type: PodScheduled, status: "True"}], containerStatuses: [{name: redis, ready: false, restartCount: 0,
state: {waiting: {reason: ImagePullBackOff, message: 'Back-off pulling image "redis:7"'}}}]}}`))...)
			},
			what: "redis", state: deploycheck.Wrong, why: `0 of 1 available; pod redis-0, container redis: ImagePullBackOff: Back-off pulling image "redis:7"`, hint: "the nodes have to reach the image's registry",
		},
		"a program ends": {
			change: func(t *testing.T, s *scripted) {
				get(s.find(t, "Deployment", "temporal"), "status")["availableReplicas"] = 0
				s.objects = append(s.objects, documents(t, []byte(`{apiVersion: v1, kind: Pod, metadata: {name: temporal-x, namespace: temporal, labels: {app.kubernetes.io/name: temporal}},
status: {phase: Running, containerStatuses: [{name: temporal, ready: false, restartCount: 4,
state: {waiting: {reason: CrashLoopBackOff, message: back-off}}, lastState: {terminated: {exitCode: 1, reason: Error, message: "no such\nhost"}}}]}}`))...)
			},
			what: "temporal", state: deploycheck.Wrong, why: "CrashLoopBackOff; it ended with exit code 1: no such host", hint: "kubectl logs temporal-x -n temporal -c temporal --previous",
		},
		"a pod finds no node": {
			change: func(t *testing.T, s *scripted) {
				get(s.find(t, "StatefulSet", "nats"), "status")["availableReplicas"] = 0
				s.objects = append(s.objects, documents(t, []byte(`{apiVersion: v1, kind: Pod, metadata: {name: nats-0, namespace: quantumlayer, labels: {app.kubernetes.io/name: nats}},
status: {phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: "0/1 nodes are available: 1 Insufficient cpu."}]}}`))...)
			},
			what: "nats", state: deploycheck.Wrong, why: "pod nats-0 finds no node: 0/1 nodes are available: 1 Insufficient cpu.", hint: "add nodes",
		},
		"a function waits for its store": {
			change: func(t *testing.T, s *scripted) {
				get(s.find(t, "Deployment", "temporal"), "status")["availableReplicas"] = 0
				s.logs = map[string]string{"temporal-y": `{"level":"WARN","msg":"waiting for what does not answer yet","cause":"QL_DATABASE_URL: no such host"}` + "\n"}
				s.objects = append(s.objects, documents(t, []byte(`{apiVersion: v1, kind: Pod, metadata: {name: temporal-y, namespace: temporal, labels: {app.kubernetes.io/name: temporal}},
status: {phase: Running, containerStatuses: [{name: temporal, ready: false, restartCount: 0, state: {running: {}}}]}}`))...)
			},
			what: "temporal", state: deploycheck.Waiting, why: "it runs but is not ready: QL_DATABASE_URL: no such host", hint: "kubectl logs temporal-y",
		},
		"a function waits for its store, and its log is not for everybody": {
			change: func(t *testing.T, s *scripted) {
				get(s.find(t, "Deployment", "temporal"), "status")["availableReplicas"] = 0
				s.forbidden = []string{"/log"}
				s.objects = append(s.objects, documents(t, []byte(`{apiVersion: v1, kind: Pod, metadata: {name: temporal-y, namespace: temporal, labels: {app.kubernetes.io/name: temporal}},
status: {phase: Running, containerStatuses: [{name: temporal, ready: false, restartCount: 0, state: {running: {}}}]}}`))...)
			},
			what: "temporal", state: deploycheck.Waiting, why: "it runs but is not ready", hint: "kubectl logs temporal-y",
		},
		"a pod starts": {
			change: func(t *testing.T, s *scripted) {
				get(s.find(t, "Deployment", "worker"), "status")["availableReplicas"] = 1
			},
			what: "worker", state: deploycheck.Waiting, why: "1 of 2 available",
		},
		"kubectl applied what ko should have": {
			change: func(t *testing.T, s *scripted) {
				pod := get(s.find(t, "Deployment", "worker"), "spec", "template", "spec")
				pod["containers"].([]any)[0].(object)["image"] = "ko://github.com/quantumlayer-dev/quantumlayer/worker"
			},
			what: "worker", state: deploycheck.Wrong, why: "its image is still ko://", hint: "ko apply",
		},
		"an object is missing": {
			change: func(_ *testing.T, s *scripted) {
				s.remove(func(kind, _, name string) bool { return kind == "Trigger" && name == "workflow-requested" })
			},
			what: "Trigger workflow-requested in quantumlayer", state: deploycheck.Missing, why: "it is not there",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.from == nil {
				tc.from = deployed
			}
			s := tc.from(t)
			tc.change(t, s)
			found := lacks(s.check(t, deploycheck.Options{Before: tc.before, Manifests: slices.Concat(config.Platform, []byte(tc.more))}))
			f := found[tc.what]
			if f.State != tc.state || !strings.Contains(f.Why, tc.why) || !strings.Contains(f.Hint, tc.hint) {
				t.Errorf("%s: %+v", tc.what, f)
			}
			if len(found) != 1 {
				t.Errorf("%d things are lacking: %v", len(found), found)
			}
		})
	}
}

// On a cluster with nothing at all everything has its sentence, and nothing is said of what follows from it.
func TestEmptyClusterOnAScriptedServer(t *testing.T) {
	t.Parallel()
	s := ready(t)
	s.objects = nil
	for key := range s.kinds {
		if strings.Contains(key, "knative") {
			delete(s.kinds, key)
		}
	}
	found := lacks(s.check(t, deploycheck.Options{}))
	whats := slices.Sorted(maps.Keys(found))
	if want := []string{"Knative Eventing", "Knative Serving", "QuantumLayer", "Volumes", "postgres-credentials in quantumlayer", "postgres-credentials in temporal"}; !slices.Equal(whats, want) {
		t.Errorf("lacking: %q, want %q", whats, want)
	}
	if f := found["postgres-credentials in temporal"]; !strings.HasPrefix(f.Hint, "kubectl create namespace temporal\n") {
		t.Errorf("hint: %s", f.Hint)
	}
	var out bytes.Buffer
	if err := deploycheck.Write(&out, s.check(t, deploycheck.Options{})); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/empty.txt"
	_, said, _ := strings.Cut(out.String(), "✓ Kubernetes' API") // before it, the server's address
	if *update {
		if err := os.WriteFile(golden, []byte(said), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if said != string(want) {
		t.Errorf("%s does not say:\n%s", golden, said)
	}
}

func TestBrokerOfAnotherClassOnAScriptedServer(t *testing.T) {
	t.Parallel()
	manifests := bytes.ReplaceAll(config.Platform, []byte("broker.class: MTChannelBasedBroker"), []byte("broker.class: Kafka"))
	for _, f := range deployed(t).check(t, deploycheck.Options{Manifests: manifests}) {
		if f.What == "Broker's class" {
			if f.State != deploycheck.Unknown || !strings.Contains(f.Why, "Kafka is none that ql knows") {
				t.Errorf("%+v", f)
			}
			return
		}
	}
	t.Error("nothing is said of the class")
}

// Whoever may read nothing hears what he may not see, and that nothing is lacking as far as he sees.
func TestForbiddenIsUnknownOnAScriptedServer(t *testing.T) {
	t.Parallel()
	s := deployed(t)
	s.forbidden = []string{"/namespaces/", "/storageclasses", "/deployments", "/ingresses", "/selfsubject"}
	found := s.check(t, deploycheck.Options{})
	if l := lacks(found); len(l) > 0 {
		t.Errorf("lacking: %v", l)
	}
	for _, what := range []string{"Knative Serving's pods", "Ingress", "Volumes", "postgres-credentials in temporal", "parser", "redis"} {
		i := slices.IndexFunc(found, func(f deploycheck.Finding) bool { return f.What == what })
		if i < 0 || found[i].State != deploycheck.Unknown || !strings.Contains(found[i].Why, "you may not see it") {
			t.Errorf("%s: %v", what, found[max(i, 0)])
		}
	}
}

// A Broker is Ready by its own word; that nobody saw its channel is said beside it.
func TestForbiddenChannelIsUnknownOnAScriptedServer(t *testing.T) {
	t.Parallel()
	s := deployed(t)
	s.forbidden = []string{"/inmemorychannels/"}
	found := s.check(t, deploycheck.Options{})
	i := slices.IndexFunc(found, func(f deploycheck.Finding) bool { return f.What == "Broker default in quantumlayer" })
	if i < 0 || found[i].State != deploycheck.Unknown || !strings.Contains(found[i].Why, "whom its channel delivers to is not seen") {
		t.Errorf("%v", found[max(i, 0)])
	}
}

// A subscriber whose Subscription goes between two questions is no subscriber of old: the channel is looked at again.
func TestSubscriberThatGoesMeanwhileOnAScriptedServer(t *testing.T) {
	t.Parallel()
	before, after := deployed(t), deployed(t)
	get(before.find(t, "Subscription", "default-stage-documentation"), "metadata")["uid"] = "2"
	var looks atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/subscriptions") && looks.Add(1) == 1:
			before.ServeHTTP(w, r)
		default:
			after.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	found, err := deploycheck.Check(t.Context(), &rest.Config{Host: server.URL}, deploycheck.Options{Manifests: config.Platform})
	if err != nil {
		t.Fatal(err)
	}
	if l := lacks(found); len(l) > 0 || looks.Load() != 2 {
		t.Errorf("after %d looks: %v", looks.Load(), l)
	}
}

func TestServersThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(nil)
	closed.Close()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		refuse(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized")
	}))
	t.Cleanup(refusing.Close)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	t.Cleanup(web.Close)
	for name, tc := range map[string]struct {
		url  string
		code fault.Code
		says string
	}{
		"nobody listens":     {closed.URL, fault.Unavailable, "does not answer: dial tcp"},
		"wrong credentials":  {refusing.URL, fault.Unauthorized, "refuses the credentials"},
		"something else":     {web.URL, fault.Unavailable, "is not the Kubernetes API"},
		"a URL that is none": {"http://[::1", fault.Invalid, "the kubeconfig cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := deploycheck.Check(t.Context(), &rest.Config{Host: tc.url}, deploycheck.Options{Manifests: config.Platform})
			if !fault.Is(err, tc.code) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

// Who may see nothing and create nothing lacks rights before the deployment; afterwards there may be nothing to create.
func TestRightsOfAStrangerOnAScriptedServer(t *testing.T) {
	t.Parallel()
	s := deployed(t)
	s.forbidden, s.denied = []string{"/namespaces/"}, slices.Collect(maps.Values(s.kinds))
	if f := lacks(s.check(t, deploycheck.Options{Before: true}))["Your rights"]; f.State != deploycheck.Wrong || !strings.HasSuffix(f.Why, " more") {
		t.Errorf("before: %+v", f)
	}
	if l := lacks(s.check(t, deploycheck.Options{})); len(l) > 0 {
		t.Errorf("after: %v", l)
	}
}

// A server that takes connections and says nothing holds nobody longer than the context.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(silent.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := deploycheck.Check(ctx, &rest.Config{Host: silent.URL}, deploycheck.Options{Manifests: config.Platform})
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("%v", err)
	}
}

// A server that goes away in the middle gives no findings that look like a cluster's.
func TestServerThatGoesAwayInTheMiddle(t *testing.T) {
	t.Parallel()
	s := deployed(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/secrets/") {
			panic(http.ErrAbortHandler)
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	_, err := deploycheck.Check(t.Context(), &rest.Config{Host: server.URL}, deploycheck.Options{Manifests: config.Platform})
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("%v", err)
	}
}

func TestManifestsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"nothing": "", "no YAML": "\tx: [", "no object": "a: b"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := deploycheck.Check(t.Context(), &rest.Config{Host: "http://127.0.0.1:1"}, deploycheck.Options{Manifests: []byte(text)}); !fault.Is(err, fault.Invalid) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	const kubeconfig = `{apiVersion: v1, kind: Config, current-context: a, users: [{name: u, user: {token: t}}],
clusters: [{name: c, cluster: {server: "https://a.example"}}, {name: d, cluster: {server: "https://b.example"}}],
contexts: [{name: a, context: {cluster: c, user: u}}, {name: b, context: {cluster: d, user: u}}]}`
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ file, environ, context, host string }{
		{path, "", "", "https://a.example"},
		{path, "", "b", "https://b.example"},
		{"", path, "", "https://a.example"},
		{path, "", "z", ""},
		{path + "x", "", "", ""},
		{"", path + "x", "", ""},
	} {
		t.Setenv("KUBECONFIG", tc.environ)
		t.Setenv("KUBERNETES_SERVICE_HOST", "")
		got, err := deploycheck.Config(tc.file, tc.context)
		if tc.host == "" {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%v: %v", tc, err)
			}
			continue
		}
		if err != nil || got.Host != tc.host {
			t.Errorf("%v: %v, %v", tc, got, err)
		}
	}
	if got := deploycheck.Contexts(path); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("contexts %v", got)
	}
}
