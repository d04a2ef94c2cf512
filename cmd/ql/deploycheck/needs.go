package deploycheck

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// claim is a volume that a manifest asks for.
type claim struct {
	namespace, name string
	class           *string // nil: the cluster's default; empty: none, for a volume that is there already
}

// claims are the volumes that manifests ask for and bring no volume for.
func (c *checker) claims() []claim {
	var all []claim
	brought := map[string]bool{} // by NAMESPACE/NAME
	for _, o := range c.all {
		var spec struct {
			ClaimRef         ref     `json:"claimRef"`         // of a PersistentVolume
			StorageClassName *string `json:"storageClassName"` // of a PersistentVolumeClaim
			Replicas         *int    `json:"replicas"`         // of a StatefulSet
			Templates        []struct {
				Metadata struct {
					Name string `json:"name"`
				} `json:"metadata"`
				Spec struct {
					StorageClassName *string `json:"storageClassName"`
				} `json:"spec"`
			} `json:"volumeClaimTemplates"`
		}
		o.spec(&spec)
		switch o.Kind {
		case "PersistentVolume":
			brought[spec.ClaimRef.Namespace+"/"+spec.ClaimRef.Name] = true
		case "PersistentVolumeClaim":
			all = append(all, claim{o.Metadata.Namespace, o.Metadata.Name, spec.StorageClassName})
		case "StatefulSet":
			replicas := 1
			if spec.Replicas != nil {
				replicas = *spec.Replicas
			}
			for _, t := range spec.Templates {
				for i := range replicas {
					all = append(all, claim{o.Metadata.Namespace, fmt.Sprintf("%s-%s-%d", t.Metadata.Name, o.Metadata.Name, i), t.Spec.StorageClassName})
				}
			}
		}
	}
	return slices.DeleteFunc(all, func(v claim) bool { return brought[v.namespace+"/"+v.name] })
}

// volumes looks for the storage classes of the volumes that are not there yet.
func (c *checker) volumes(ctx context.Context) []Finding {
	const what = "Volumes"
	var open []claim
	claims := c.claims()
	for _, v := range claims {
		there, err := c.api.list(ctx, "v1", "persistentvolumeclaims", v.namespace, "")
		bound := err == nil && slices.ContainsFunc(there, func(o object) bool { return o.Metadata.Name == v.name && o.phase() == "Bound" })
		if !bound {
			open = append(open, v)
		}
	}
	if len(open) == 0 {
		if len(claims) == 0 {
			return nil
		}
		return []Finding{ok(what, fmt.Sprintf("%d are bound", len(claims)))}
	}
	classes, err := c.api.list(ctx, "storage.k8s.io/v1", "storageclasses", "", "")
	if err != nil {
		return []Finding{lack(Unknown, what, "storage classes: "+because(err), "")}
	}
	var found []Finding
	var withoutDefault []string
	byDefault := ""
	for _, class := range classes {
		if class.Metadata.Annotations["storageclass.kubernetes.io/is-default-class"] == "true" {
			byDefault = class.Metadata.Name
		}
	}
	for _, v := range open {
		switch {
		case v.class == nil && byDefault == "":
			withoutDefault = append(withoutDefault, v.name)
		case v.class != nil && *v.class != "" && !slices.ContainsFunc(classes, func(o object) bool { return o.Metadata.Name == *v.class }):
			found = append(found, lack(Missing, what, "storage class "+*v.class+", which "+v.name+" asks for, is not there", "make it, or name another"))
		}
	}
	if len(withoutDefault) > 0 {
		hint := "make one the default: kubectl annotate storageclass NAME storageclass.kubernetes.io/is-default-class=true"
		if len(classes) == 0 {
			hint = "install a storage class, or make the volumes by hand"
		}
		get := "get"
		if len(withoutDefault) == 1 {
			get = "gets"
		}
		found = append(found, lack(Missing, what, "no storage class is the default, so "+join(withoutDefault)+" "+get+" no volume", hint))
	}
	if len(found) == 0 {
		why := "storage classes are there"
		if byDefault != "" {
			why = "storage class " + byDefault + " is the default"
		}
		found = append(found, ok(what, why))
	}
	return found
}

// phase is that of a PersistentVolumeClaim, a pod or a Namespace.
func (o object) phase() string {
	var status struct {
		Phase string `json:"phase"`
	}
	_ = json.Unmarshal(o.Status, &status) // no phase is no phase
	return status.Phase
}

// runtimeClasses looks for the runtimes that pods ask for.
func (c *checker) runtimeClasses(ctx context.Context) []Finding {
	const what = "Runtime classes"
	var found []Finding
	var done []string
	for _, o := range c.all {
		name := o.pods().RuntimeClassName
		if name == "" || slices.Contains(done, name) {
			continue
		}
		done = append(done, name)
		var class object
		err := c.api.get(ctx, "/apis/node.k8s.io/v1/runtimeclasses/"+name, &class)
		switch {
		case apierrors.IsNotFound(err):
			found = append(found, lack(Missing, what, name+", which "+o.Metadata.Name+" asks for, is not there", "install it on the nodes and make its RuntimeClass"))
		case err != nil:
			found = append(found, lack(Unknown, what, name+": "+because(err), ""))
		default:
			found = append(found, ok(what, name+" is there"))
		}
	}
	return found
}

// place is where objects of one kind are.
type place struct{ apiVersion, kind, namespace string }

func (o object) place() place { return place{o.APIVersion, o.Kind, o.Metadata.Namespace} }

// places are those of all objects, in the order of the manifests.
func (c *checker) places() []place {
	var all []place
	for _, o := range c.all {
		if !slices.Contains(all, o.place()) {
			all = append(all, o.place())
		}
	}
	return all
}

// access asks whether this user may create what is not there yet.
func (c *checker) access(ctx context.Context) []Finding {
	const what = "Your rights"
	places := c.places()
	answers := make([]struct {
		denied string
		err    error
		asked  bool
	}, len(places))
	each(len(places), func(i int) {
		p, answer := places[i], &answers[i]
		r, there, err := c.there(ctx, p)
		if r.Name == "" {
			return // the API is not served, or not seen, which is said once already
		}
		if err != nil && !c.before {
			return // whether it is there is not seen, so nothing may have to be created
		}
		wanted := selected(c.all, func(o object) bool { return o.place() == p })
		if err == nil && !slices.ContainsFunc(wanted, func(o object) bool { return there[o.Metadata.Name].Metadata.Name == "" }) {
			return
		}
		answer.asked = true
		allowed, err := c.api.may(ctx, "create", wanted[0].group(), r.Name, p.namespace)
		answer.err = err
		if err == nil && !allowed {
			answer.denied = r.Name
			if strings.Contains(wanted[0].group(), ".") { // as kubectl tells Knative's services from Kubernetes' own
				answer.denied += "." + wanted[0].group()
			}
			if p.namespace != "" {
				answer.denied += " in " + p.namespace
			}
		}
	})
	var denied []string
	asked := 0
	for _, a := range answers {
		if a.err != nil {
			return []Finding{lack(Unknown, what, "what you may create: "+because(a.err), "")}
		}
		if a.denied != "" {
			denied = append(denied, a.denied)
		}
		if a.asked {
			asked++
		}
	}
	switch {
	case len(denied) > 0:
		return []Finding{lack(Wrong, what, "you may not create "+some(denied), "ask who runs the cluster for the rights, or to deploy")}
	case asked > 0:
		return []Finding{ok(what, "you may create what is not there yet")}
	}
	return nil
}
