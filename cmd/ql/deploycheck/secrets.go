package deploycheck

import (
	"context"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// secret is a Secret that manifests name.
type secret struct {
	namespace, name string
	keys            []string // sorted; empty where the whole of it is taken
	kind            string   // of `kubectl create secret`
	by              []string // who names it
}

// wanted are the Secrets that manifests name and no manifest contains, but for optional ones.
func (c *checker) wanted() []secret {
	var all []secret
	for _, o := range c.all {
		for _, r := range o.secretRefs() {
			if r.Optional || slices.ContainsFunc(c.all, func(s object) bool {
				return s.Kind == "Secret" && s.Metadata.Name == r.Name && s.Metadata.Namespace == o.Metadata.Namespace
			}) {
				continue
			}
			i := slices.IndexFunc(all, func(s secret) bool { return s.name == r.Name && s.namespace == o.Metadata.Namespace })
			if i < 0 {
				i = len(all)
				all = append(all, secret{namespace: o.Metadata.Namespace, name: r.Name, kind: "generic"})
			}
			s := &all[i]
			if o.Kind == "DomainMapping" {
				s.kind = "tls"
			}
			s.by = add(s.by, o.Metadata.Name)
			if r.Key != "" {
				s.keys = add(s.keys, r.Key)
			}
			for _, item := range r.Items {
				s.keys = add(s.keys, item.Key)
			}
		}
	}
	return all
}

func add(sorted []string, s string) []string {
	i, found := slices.BinarySearch(sorted, s)
	if found {
		return sorted
	}
	return slices.Insert(sorted, i, s)
}

// secretRefs are the Secrets that an object names, each with its name in Name.
func (o object) secretRefs() []secretRef {
	var refs []secretRef
	take := func(r *secretRef) {
		if r != nil {
			ref := *r
			if ref.Name == "" {
				ref.Name = ref.SecretName
			}
			refs = append(refs, ref)
		}
	}
	pods := o.pods()
	for _, c := range pods.all() {
		for _, e := range c.Env {
			take(e.ValueFrom.SecretKeyRef)
		}
		for _, e := range c.EnvFrom {
			take(e.SecretRef)
		}
	}
	for _, v := range pods.Volumes {
		take(v.Secret)
		for _, s := range v.Projected.Sources {
			take(s.Secret)
		}
	}
	if o.Kind == "DomainMapping" {
		var spec struct {
			TLS *secretRef `json:"tls"`
		}
		o.spec(&spec)
		take(spec.TLS)
	}
	return refs
}

// create is the command that makes the Secret.
func (s secret) create() string {
	command := "kubectl create secret " + s.kind + " " + s.name + " -n " + s.namespace
	if s.kind == "tls" {
		return command + " --cert=tls.crt --key=tls.key"
	}
	for _, key := range s.keys {
		command += " --from-literal=" + key + "=…"
	}
	return command
}

// secrets looks for the Secrets that have to be made by hand. Of values it tells only whether those of one name differ.
func (c *checker) secrets(ctx context.Context) []Finding {
	wanted := c.wanted()
	found := make([]Finding, len(wanted))
	contents := make([]map[string]string, len(wanted))
	each(len(wanted), func(i int) { found[i], contents[i] = c.secret(ctx, wanted[i]) })
	for i := range wanted {
		for j, s := range wanted {
			if i != j && s.name == wanted[i].name && found[i].State == Missing {
				found[i].Hint += "\nwith the same content in " + s.namespace + " (docs/operations/deploy.md)"
			}
		}
		for j := range i {
			if wanted[i].name != wanted[j].name || found[i].State != OK || found[j].State != OK {
				continue
			}
			for _, key := range wanted[i].keys {
				if contents[i][key] != contents[j][key] && slices.Contains(wanted[j].keys, key) {
					found[i].State = Wrong
					found[i].Why = "its " + key + " is another than in " + wanted[j].namespace + ", and both are for one server"
					found[i].Hint = "make one of them again with the content of the other; pods read it when they start"
				}
			}
		}
	}
	return found
}

// secret looks for one Secret and gives its content, nil where it was not seen.
func (c *checker) secret(ctx context.Context, s secret) (Finding, map[string]string) {
	f := Finding{Group: Secrets, What: s.name + " in " + s.namespace, State: OK}
	var there object
	err := c.api.get(ctx, "/api/v1/namespaces/"+s.namespace+"/secrets/"+s.name, &there)
	switch {
	case apierrors.IsNotFound(err):
		f.State, f.Why, f.Hint = Missing, "it is not there, and "+join(s.by)+" cannot start without it", s.create()
		var namespace object
		if apierrors.IsNotFound(c.api.get(ctx, "/api/v1/namespaces/"+s.namespace, &namespace)) {
			f.Hint = "kubectl create namespace " + s.namespace + "\n" + f.Hint
		}
		return f, nil
	case err != nil:
		f.State, f.Why = Unknown, because(err)
		return f, nil
	}
	var missing []string
	for _, key := range s.keys {
		if _, has := there.Data[key]; !has {
			missing = append(missing, key)
		}
	}
	if len(missing) > 0 {
		has := "nothing"
		if len(there.Data) > 0 {
			has = join(slices.Sorted(maps.Keys(there.Data)))
		}
		f.State, f.Why = Missing, "it has no "+strings.Join(missing, " and no ")+", only "+has
		f.Hint = "kubectl patch secret " + s.name + " -n " + s.namespace + ` -p '{"stringData":{"` + strings.Join(missing, `":"…","`) + `":"…"}}'`
		return f, there.Data
	}
	f.Why = "it is there"
	if len(s.keys) > 0 {
		f.Why = "it has " + join(s.keys)
	}
	return f, there.Data
}
