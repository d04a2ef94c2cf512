// Command fit makes the platform's manifests fit a cluster of one small node for the tests: it reads them from standard input and
// writes them to standard output. What it changes, and nothing else: processor requests become 1m, and 5m of
// Knative's own container beside each function, since a node of two processors has not what the platform asks for; functions go to zero
// after half a minute, sandbox-runner too, so that tests need not wait long for it; each volume claim gets a volume that is a folder of
// the node, below -volumes, since the node has no storage class; Qdrant is left out, since there is no image of it, and similar texts are
// kept in memory; the images there have Temporal under the tag latest only, and in a newer version than the one that is deployed.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"gopkg.in/yaml.v3"
)

type object = map[string]any

func main() {
	volumes := flag.String("volumes", "", "folder of the node for the volumes")
	node := flag.String("node", "", "name of the node")
	flag.Parse()
	if *volumes == "" || *node == "" {
		fmt.Fprintln(os.Stderr, "fit: -volumes and -node are needed")
		os.Exit(2)
	}
	if err := fit(os.Stdin, os.Stdout, *volumes, *node); err != nil {
		fmt.Fprintf(os.Stderr, "fit: %v\n", err)
		os.Exit(1)
	}
}

func fit(in io.Reader, out io.Writer, volumes, node string) error {
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
		for _, o := range append(volumesOf(o, volumes, node), change(o)) {
			if err := encoder.Encode(o); err != nil {
				return err
			}
		}
	}
}

func name(o object) string {
	metadata, _ := o["metadata"].(object)
	n, _ := metadata["name"].(string)
	return n
}

// change changes what has to be.
func change(o object) object {
	if o["kind"] == "ConfigMap" && name(o) == "service-config" {
		o["data"].(object)["QL_VECTORS_URL"] = "memory:"
	}
	spec, _ := o["spec"].(object)
	template, _ := spec["template"].(object)
	pod, _ := template["spec"].(object)
	if o["apiVersion"] == "serving.knative.dev/v1" {
		annotations := template["metadata"].(object)["annotations"].(object)
		annotations["queue.sidecar.serving.knative.dev/cpu-resource-request"] = "5m"
		annotations["autoscaling.knative.dev/window"] = "30s"
		delete(annotations, "autoscaling.knative.dev/scale-to-zero-pod-retention-period")
	}
	containers, _ := pod["containers"].([]any)
	for _, c := range containers {
		if image, _ := c.(object)["image"].(string); strings.HasPrefix(image, "temporalio/auto-setup:") {
			c.(object)["image"] = "temporalio/auto-setup:latest"
		}
		resources, _ := c.(object)["resources"].(object)
		if requests, ok := resources["requests"].(object); ok {
			requests["cpu"] = "1m"
		}
	}
	return o
}

// volumesOf are volumes for the claims of a StatefulSet of one replica.
func volumesOf(o object, dir, node string) []object {
	spec, _ := o["spec"].(object)
	claims, _ := spec["volumeClaimTemplates"].([]any)
	var volumes []object
	for _, c := range claims {
		claim := name(c.(object)) + "-" + name(o) + "-0"
		request := c.(object)["spec"].(object)
		volumes = append(volumes, object{
			"apiVersion": "v1", "kind": "PersistentVolume", "metadata": object{"name": claim},
			"spec": object{
				"capacity":    request["resources"].(object)["requests"],
				"accessModes": request["accessModes"],
				"claimRef":    object{"namespace": o["metadata"].(object)["namespace"], "name": claim},
				"local":       object{"path": dir + "/" + claim},
				"nodeAffinity": object{"required": object{"nodeSelectorTerms": []object{{"matchExpressions": []object{
					{"key": "kubernetes.io/hostname", "operator": "In", "values": []string{node}},
				}}}}},
			},
		})
	}
	return volumes
}
