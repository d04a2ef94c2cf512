package deploycheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// object is what is read of an object, of a manifest or of the cluster. In lists of the cluster APIVersion and Kind are empty.
type object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name              string            `json:"name"`
		Namespace         string            `json:"namespace"`
		UID               string            `json:"uid"`
		Labels            map[string]string `json:"labels"`
		Annotations       map[string]string `json:"annotations"`
		Generation        int64             `json:"generation"`
		DeletionTimestamp *time.Time        `json:"deletionTimestamp"`
	} `json:"metadata"`
	Spec   json.RawMessage   `json:"spec"`
	Status json.RawMessage   `json:"status"`
	Data   map[string]string `json:"data"` // of a ConfigMap; of a Secret in base64
}

func (o object) group() string {
	group, _, found := strings.Cut(o.APIVersion, "/")
	if !found {
		return ""
	}
	return group
}

func (o object) knative() bool { return strings.HasSuffix(o.group(), ".knative.dev") }
func (o object) function() bool {
	return o.group() == "serving.knative.dev" && o.Kind == "Service"
}

// spec decodes parts of the spec into v; what is absent, or of another form, stays as it is in v.
func (o object) spec(v any) { _ = json.Unmarshal(o.Spec, v) } // a spec of another form is the API server's to refuse

// podSpec is what is read of the pods that an object makes.
type podSpec struct {
	RuntimeClassName string      `json:"runtimeClassName"`
	TimeoutSeconds   int         `json:"timeoutSeconds"` // of a Knative Service
	Containers       []container `json:"containers"`
	InitContainers   []container `json:"initContainers"`
	Volumes          []struct {
		EmptyDir  *struct{}  `json:"emptyDir"`
		Secret    *secretRef `json:"secret"`
		Projected struct {
			Sources []struct {
				Secret *secretRef `json:"secret"`
			} `json:"sources"`
		} `json:"projected"`
	} `json:"volumes"`
}

type container struct {
	Image string `json:"image"`
	Env   []struct {
		ValueFrom struct {
			SecretKeyRef *secretRef `json:"secretKeyRef"`
		} `json:"valueFrom"`
	} `json:"env"`
	EnvFrom []struct {
		SecretRef *secretRef `json:"secretRef"`
	} `json:"envFrom"`
}

// secretRef is each of the forms in which a Secret is named.
type secretRef struct {
	Name       string `json:"name"`
	SecretName string `json:"secretName"` // of a volume
	Key        string `json:"key"`
	Optional   bool   `json:"optional"`
	Items      []struct {
		Key string `json:"key"`
	} `json:"items"`
}

// pods is the spec of the pods that the object makes; empty for one that makes none.
func (o object) pods() podSpec {
	var spec struct {
		Template struct {
			Spec podSpec `json:"spec"`
		} `json:"template"`
	}
	o.spec(&spec)
	return spec.Template.Spec
}

func (p podSpec) all() []container { return slices.Concat(p.InitContainers, p.Containers) }

// read gives the objects of YAML documents. The error is a *fault.Error, Invalid.
func read(manifests []byte) ([]object, error) {
	var all []object
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096); ; {
		var o object
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && o.Kind == "" && len(o.Spec) == 0 && o.Metadata.Name == "" {
			continue // comments only
		}
		if err == nil && (o.APIVersion == "" || o.Kind == "" || o.Metadata.Name == "") {
			err = fmt.Errorf("document %d has no apiVersion, kind or name", len(all)+1)
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "the manifests cannot be read: %w", err)
		}
		all = append(all, o)
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Invalid, "the manifests are empty")
	}
	return all, nil
}

// selected gives the objects that is holds for.
func selected(all []object, is func(object) bool) []object {
	return slices.DeleteFunc(slices.Clone(all), func(o object) bool { return !is(o) })
}
