package deploycheck

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// product is what a cluster gets installed before the platform.
type product struct {
	name      string
	namespace string
	groups    []string // of its API
	pods      []string // Deployments without which nothing of it works
	install   string
}

const (
	serving  = "knative-serving"
	eventing = "knative-eventing"
)

var products = []product{
	{
		"Knative Serving", serving, []string{"serving.knative.dev"}, []string{"activator", "autoscaler", "controller", "webhook"},
		"install it: https://knative.dev/docs/install/yaml-install/serving/install-serving-with-yaml/",
	},
	{
		"Knative Eventing", eventing, []string{"eventing.knative.dev", "sources.knative.dev", "messaging.knative.dev", "flows.knative.dev"},
		[]string{"eventing-controller", "eventing-webhook"},
		"install it: https://knative.dev/docs/install/yaml-install/eventing/install-eventing-with-yaml/",
	},
}

// apis looks for the kinds of the manifests, in the versions that they use, and for what runs behind those of the products.
func (c *checker) apis(ctx context.Context) []Finding {
	const kubernetes = "Kubernetes' API"
	kinds := map[string][]object{} // one object for each kind, by API
	for _, o := range c.all {
		name := kubernetes
		if p, is := o.product(); is {
			name = p.name
		} else if strings.Contains(o.group(), ".") && !strings.HasSuffix(o.group(), ".k8s.io") {
			name = "API " + o.group()
		}
		if !slices.ContainsFunc(kinds[name], func(k object) bool { return k.APIVersion == o.APIVersion && k.Kind == o.Kind }) {
			kinds[name] = append(kinds[name], o)
		}
	}
	var found []Finding
	take := func(name string) (state State) {
		if kinds[name] != nil {
			f := c.served(ctx, name, kinds[name])
			found, state = append(found, f), f.State
			delete(kinds, name)
		}
		return state
	}
	take(kubernetes)
	for _, p := range products {
		if take(p.name) == OK {
			found = append(found, c.running(ctx, p.name+"'s pods", p.namespace, p.pods, p.install))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		take(name)
	}
	return found
}

// product is what serves this kind; false for kinds of none.
func (o object) product() (product, bool) {
	i := slices.IndexFunc(products, func(p product) bool { return slices.Contains(p.groups, o.group()) })
	if i < 0 {
		return product{}, false
	}
	return products[i], true
}

// lacking tells whether the cluster knows nothing of what objects are of. That is said once, by apis, and all that follows from it
// is not said.
func (c *checker) lacking(ctx context.Context, all []object) bool {
	for _, o := range all {
		if _, err := c.api.resource(ctx, o.APIVersion, o.Kind); errors.Is(err, errNotServed) {
			return true
		}
	}
	return len(all) == 0
}

func (c *checker) functions() []object { return selected(c.all, object.function) }

func (c *checker) served(ctx context.Context, name string, kinds []object) Finding {
	var missing []string
	versions := map[string]bool{}
	for _, o := range kinds {
		_, err := c.api.resource(ctx, o.APIVersion, o.Kind)
		switch {
		case errors.Is(err, errNotServed):
			missing = append(missing, o.Kind+" ("+o.APIVersion+")")
		case err != nil:
			return lack(Unknown, name, o.APIVersion+": "+because(err), "")
		}
		versions[o.APIVersion] = true
	}
	if len(missing) == 0 {
		return ok(name, join(slices.Sorted(maps.Keys(versions)))+" "+isAre(slices.Collect(maps.Keys(versions)))+" served")
	}
	hint := "install what serves it"
	if p, is := kinds[0].product(); is {
		hint = p.install
	}
	return lack(Missing, name, "the cluster does not know "+join(missing), hint)
}

// running says whether Deployments of a namespace are available.
func (c *checker) running(ctx context.Context, what, namespace string, names []string, install string) Finding {
	there, err := c.api.list(ctx, "apps/v1", "deployments", namespace, "")
	if err != nil {
		return lack(Unknown, what, "Deployments in namespace "+namespace+": "+because(err), "")
	}
	var missing, down []string
	for _, name := range names {
		i := slices.IndexFunc(there, func(o object) bool { return o.Metadata.Name == name })
		switch {
		case i < 0:
			missing = append(missing, name)
		case there[i].replicas().Available == 0:
			down = append(down, name)
		}
	}
	switch {
	case len(missing) == len(names):
		return lack(Missing, what, "none of "+join(names)+" is in namespace "+namespace, install)
	case len(missing) > 0:
		return lack(Missing, what, join(missing)+" "+isAre(missing)+" not in namespace "+namespace, install)
	case len(down) > 0:
		return lack(Wrong, what, join(down)+" in namespace "+namespace+" "+isAre(down)+" not available", "kubectl get pods -n "+namespace+" says why")
	}
	return ok(what, join(names)+" "+isAre(names)+" available")
}

// knativeSetting gives a value of a ConfigMap of Knative Serving, empty where it is not set.
func (c *checker) knativeSetting(ctx context.Context, name string, keys ...string) (string, error) {
	data, err := c.api.configMap(ctx, serving, name)
	for _, key := range keys {
		if data[key] != "" {
			return data[key], err
		}
	}
	return "", err
}

// domain looks for the name under which public functions are reached.
func (c *checker) domain(ctx context.Context) []Finding {
	const what = "Domain"
	public := selected(c.functions(), func(o object) bool { return o.Metadata.Labels["networking.knative.dev/visibility"] != "cluster-local" })
	if c.lacking(ctx, public) {
		return nil
	}
	data, err := c.api.configMap(ctx, serving, "config-domain")
	if err != nil {
		return []Finding{lack(Unknown, what, "ConfigMap config-domain in "+serving+": "+because(err), "")}
	}
	delete(data, "_example")
	delete(data, "svc.cluster.local")
	if len(data) == 0 {
		return []Finding{lack(Missing, what, "config-domain in "+serving+" names none, so "+join(names(public))+" is not reached from outside",
			`kubectl patch configmap config-domain -n knative-serving --type merge -p '{"data":{"YOUR.DOMAIN":""}}'`)}
	}
	return []Finding{ok(what, join(names(public))+" under "+join(slices.Sorted(maps.Keys(data))))}
}

// Settings of Knative Serving that the pods of a Knative Service may need, with Knative's default.
var podFeatures = []struct {
	name    string
	field   string // of the pods' spec
	enabled bool
}{
	{"kubernetes.podspec-affinity", "affinity", false},
	{"kubernetes.podspec-dnsconfig", "dnsConfig", false},
	{"kubernetes.podspec-dnspolicy", "dnsPolicy", false},
	{"kubernetes.podspec-hostaliases", "hostAliases", false},
	{"kubernetes.podspec-init-containers", "initContainers", false},
	{"kubernetes.podspec-nodeselector", "nodeSelector", false},
	{"kubernetes.podspec-priorityclassname", "priorityClassName", false},
	{"kubernetes.podspec-runtimeclassname", "runtimeClassName", false},
	{"kubernetes.podspec-schedulername", "schedulerName", false},
	{"kubernetes.podspec-securitycontext", "securityContext", false},
	{"kubernetes.podspec-shareprocessnamespace", "shareProcessNamespace", false},
	{"kubernetes.podspec-tolerations", "tolerations", false},
	{"kubernetes.podspec-topologyspreadconstraints", "topologySpreadConstraints", false},
	{"kubernetes.podspec-volumes-emptydir", "volumes.emptyDir", true},
}

// features looks at what Knative Serving allows functions.
func (c *checker) features(ctx context.Context) []Finding {
	functions := c.functions()
	if c.lacking(ctx, functions) {
		return nil
	}
	used := map[string]bool{}
	longest := 0
	for _, f := range functions {
		var spec struct {
			Template struct {
				Spec map[string]any `json:"spec"`
			} `json:"template"`
		}
		f.spec(&spec)
		for field := range spec.Template.Spec {
			used[field] = true
		}
		for _, v := range f.pods().Volumes {
			used["volumes.emptyDir"] = used["volumes.emptyDir"] || v.EmptyDir != nil
		}
		longest = max(longest, f.pods().TimeoutSeconds)
	}
	const what = "Features"
	set, err := c.api.configMap(ctx, serving, "config-features")
	if err != nil {
		return []Finding{lack(Unknown, what, "ConfigMap config-features in "+serving+": "+because(err), "")}
	}
	found := []Finding{}
	var fine []string
	for _, f := range podFeatures {
		if !used[f.field] {
			continue
		}
		value := strings.ToLower(set[f.name])
		if value == "enabled" || value == "allowed" || value == "" && f.enabled {
			fine = append(fine, f.name)
			continue
		}
		found = append(found, lack(Wrong, what, f.name+" is not enabled, and functions need it",
			fmt.Sprintf(`kubectl patch configmap config-features -n knative-serving --type merge -p '{"data":{"%s":"enabled"}}'`, f.name)))
	}
	if len(found) == 0 && len(fine) > 0 {
		found = append(found, ok(what, join(fine)+" "+isAre(fine)+" enabled"))
	}
	return append(found, c.timeouts(ctx, longest))
}

// timeouts compares the longest request with what Knative Serving allows, both in seconds.
func (c *checker) timeouts(ctx context.Context, longest int) Finding {
	const what, byDefault = "Timeouts", 600
	value, err := c.knativeSetting(ctx, "config-defaults", "max-revision-timeout-seconds")
	if err != nil && !apierrors.IsNotFound(err) {
		return lack(Unknown, what, "ConfigMap config-defaults in "+serving+": "+because(err), "")
	}
	most, err := strconv.Atoi(value)
	if err != nil {
		most = byDefault
	}
	if longest > most {
		return lack(Wrong, what, fmt.Sprintf("a function takes up to %d s, max-revision-timeout-seconds allows %d", longest, most),
			fmt.Sprintf(`kubectl patch configmap config-defaults -n knative-serving --type merge -p '{"data":{"max-revision-timeout-seconds":"%d"}}'`, longest))
	}
	return ok(what, fmt.Sprintf("max-revision-timeout-seconds is %d, functions take up to %d", most, longest))
}

// unseen are the things that no API shows.
func (c *checker) unseen(context.Context) []Finding {
	var found []Finding
	if slices.ContainsFunc(c.all, func(o object) bool { return o.Kind == "NetworkPolicy" }) {
		found = append(found, lack(Unknown, "NetworkPolicies", "whether they are enforced is not seen through the API", "the documentation of the cluster's network (CNI) plugin says it"))
	}
	return found
}

// names are the names of objects.
func names(all []object) []string {
	var names []string
	for _, o := range all {
		names = append(names, o.Metadata.Name)
	}
	return names
}

// join lists words: a, b and c.
func join(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

func isAre(words []string) string {
	if len(words) == 1 {
		return "is"
	}
	return "are"
}
