package deploycheck

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// classes are the networking layers that run as a Deployment of a known name.
var classes = map[string]string{
	"kourier.ingress.networking.knative.dev":     "net-kourier-controller",
	"istio.ingress.networking.knative.dev":       "net-istio-controller",
	"contour.ingress.networking.knative.dev":     "net-contour-controller",
	"gateway-api.ingress.networking.knative.dev": "net-gateway-api-controller",
}

// defaultClass is Knative Serving's where none is set.
const defaultClass = "istio.ingress.networking.knative.dev"

// ingress looks for who serves Knative's networking layer. A route that it has made Ready shows it best; before there is one, the
// layer's controller does.
func (c *checker) ingress(ctx context.Context) []Finding {
	const what = "Ingress"
	if c.lacking(ctx, c.functions()) {
		return nil
	}
	class, err := c.knativeSetting(ctx, "config-network", "ingress-class", "ingress.class")
	if apierrors.IsNotFound(err) {
		return []Finding{lack(Missing, what, "Knative Serving has no ConfigMap config-network in "+serving, products[0].install)}
	}
	if err != nil {
		return []Finding{lack(Unknown, what, "ConfigMap config-network in "+serving+": "+because(err), "")}
	}
	if class == "" {
		class = defaultClass
	}
	routes, err := c.api.list(ctx, "networking.internal.knative.dev/v1alpha1", "ingresses", "", "")
	if apierrors.IsForbidden(err) {
		routes = nil // the controller may still be seen
	}
	if i := slices.IndexFunc(routes, func(o object) bool { return o.class() == class && o.condition("Ready").Status == "True" }); i >= 0 {
		return append([]Finding{ok(what, class+" serves routes")}, c.ingressNamespace(routes[i])...)
	}
	name, known := classes[class]
	if !known {
		return []Finding{lack(Unknown, what, "config-network names "+class+"; no route has been served by it yet", "")}
	}
	there, err := c.api.list(ctx, "apps/v1", "deployments", "", "fieldSelector=metadata.name%3D"+name)
	switch {
	case err != nil:
		return []Finding{lack(Unknown, what, "config-network names "+class+"; its controller "+name+": "+because(err), "")}
	case len(there) == 0:
		return []Finding{lack(Missing, what, "config-network names "+class+", and its controller "+name+" is nowhere",
			"install a networking layer, or name yours as ingress-class in ConfigMap config-network of "+serving)}
	case there[0].replicas().Available == 0:
		return []Finding{lack(Wrong, what, name+" in namespace "+there[0].Metadata.Namespace+" is not available", "kubectl get pods -n "+there[0].Metadata.Namespace+" says why")}
	}
	return []Finding{ok(what, class+": "+name+" is available")}
}

// judgeMapping says of a DomainMapping that is Ready whether its name is served: Traefik, up to 3.7, takes no backend without a cluster
// IP, and that of a DomainMapping is an ExternalName.
func (c *checker) judgeMapping(ctx context.Context, o object, f *Finding) {
	routes, err := c.api.list(ctx, "networking.internal.knative.dev/v1alpha1", "ingresses", "", "")
	if err != nil {
		f.State, f.Why = Unknown, "it is Ready; which ingress serves it is not seen: "+because(err)
		return
	}
	i := slices.IndexFunc(routes, func(r object) bool {
		return r.Metadata.Namespace == o.Metadata.Namespace && r.Metadata.Name == o.Metadata.Name
	})
	if i >= 0 && routes[i].class() == "traefik.ingress.networking.knative.dev" {
		f.State, f.Why = Wrong, "it is Ready, and yet Traefik, up to 3.7 at least, answers 404 for its name"
		f.Hint = "another ingress can serve this one name: docs/operations/deploy.md, HTTPS"
	}
}

// class is the networking layer that a route asks for.
func (o object) class() string {
	for _, key := range []string{"networking.knative.dev/ingress.class", "networking.knative.dev/ingress-class"} {
		if class := o.Metadata.Annotations[key]; class != "" {
			return class
		}
	}
	return defaultClass
}

// ingressNamespace compares where the ingress runs, as a route says it, with the namespaces that the NetworkPolicies of functions
// let in. Nothing is found where the route does not say it.
func (c *checker) ingressNamespace(route object) []Finding {
	const what = "Ingress's namespace"
	type balancer struct {
		Ingress []struct {
			DomainInternal string `json:"domainInternal"`
		} `json:"ingress"`
	}
	var status struct {
		Public  balancer `json:"publicLoadBalancer"`
		Private balancer `json:"privateLoadBalancer"`
	}
	if json.Unmarshal(route.Status, &status) != nil {
		return nil
	}
	known := c.policyNamespaces()
	for _, at := range slices.Concat(status.Private.Ingress, status.Public.Ingress) {
		parts := strings.Split(at.DomainInternal, ".") // SERVICE.NAMESPACE.svc.cluster.local
		if len(parts) < 3 || parts[2] != "svc" || len(known) == 0 {
			continue
		}
		if !slices.Contains(known, parts[1]) {
			return []Finding{lack(Wrong, what, "the ingress runs in "+parts[1]+", which no NetworkPolicy knows, so functions answer nobody",
				"add it to the namespaces in config/network/functions.yaml and worker.yaml, then make generate deploy")}
		}
		return []Finding{ok(what, parts[1]+", as the NetworkPolicies expect")}
	}
	return nil
}

// policyNamespaces are the namespaces that NetworkPolicies let in by name.
func (c *checker) policyNamespaces() []string {
	const label = "kubernetes.io/metadata.name"
	var names []string
	for _, o := range c.all {
		var spec struct {
			Ingress []struct {
				From []struct {
					NamespaceSelector struct {
						MatchLabels      map[string]string `json:"matchLabels"`
						MatchExpressions []struct {
							Key    string   `json:"key"`
							Values []string `json:"values"`
						} `json:"matchExpressions"`
					} `json:"namespaceSelector"`
				} `json:"from"`
			} `json:"ingress"`
		}
		if o.Kind != "NetworkPolicy" {
			continue
		}
		o.spec(&spec)
		for _, rule := range spec.Ingress {
			for _, from := range rule.From {
				if name := from.NamespaceSelector.MatchLabels[label]; name != "" {
					names = append(names, name)
				}
				for _, e := range from.NamespaceSelector.MatchExpressions {
					if e.Key == label {
						names = append(names, e.Values...)
					}
				}
			}
		}
	}
	return names
}
