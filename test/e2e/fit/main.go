// Command fit makes the platform's manifests fit a cluster of one small node for the tests: it reads them from standard input and
// writes them to standard output. What it changes, and nothing else: processor requests become 10m, since a node of two
// processors has not what the platform asks for; volume claims become empty directories, since the node has no storage class;
// Qdrant is left out, since there is no image of it, and similar texts are kept in memory.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"gopkg.in/yaml.v3"
)

type object = map[string]any

func main() {
	if err := fit(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "fit: %v\n", err)
		os.Exit(1)
	}
}

func fit(in io.Reader, out io.Writer) error {
	decoder, encoder := yaml.NewDecoder(in), yaml.NewEncoder(out)
	for {
		var o object
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return encoder.Close()
		}
		if err != nil {
			return err
		}
		if o == nil || name(o) == "qdrant" {
			continue
		}
		change(o)
		if err := encoder.Encode(o); err != nil {
			return err
		}
	}
}

func name(o object) string {
	metadata, _ := o["metadata"].(object)
	n, _ := metadata["name"].(string)
	return n
}

func change(o object) {
	if o["kind"] == "ConfigMap" && name(o) == "service-config" {
		o["data"].(object)["QL_VECTORS_URL"] = "memory:"
	}
	spec, _ := o["spec"].(object)
	template, _ := spec["template"].(object)
	pod, _ := template["spec"].(object)
	if pod == nil {
		return
	}
	for _, c := range pod["containers"].([]any) {
		resources, _ := c.(object)["resources"].(object)
		if requests, ok := resources["requests"].(object); ok {
			requests["cpu"] = "10m"
		}
	}
	claims, _ := spec["volumeClaimTemplates"].([]any)
	delete(spec, "volumeClaimTemplates")
	for _, c := range claims {
		volumes, _ := pod["volumes"].([]any)
		pod["volumes"] = append(volumes, object{"name": name(c.(object)), "emptyDir": object{}})
	}
}
