package main

import (
	"fmt"
	"strconv"
	"time"

	core "k8s.io/api/core/v1"
	serving "knative.dev/serving/pkg/apis/serving/v1"
)

// sandboxProblems says which of the sandbox's limits are not below those of the pod that it runs in: there Knative or the kubelet
// would end the pod before the sandbox can say what was too much.
func sandboxProblems(p pod) []string {
	service, ok := p.body.(*serving.Service)
	if !ok || len(p.spec.Containers) != 1 {
		return nil
	}
	container := p.spec.Containers[0]
	values := map[string]string{}
	for _, e := range container.Env {
		values[e.Name] = e.Value
	}
	var problems []string
	gvisor := values["QL_SANDBOX_MODE"] == "gvisor" // in memory there, with a job's files
	if gvisor != (service.Spec.Template.Spec.RuntimeClassName != nil) {
		problems = append(problems, "mode gvisor and a runtimeClassName go together: the image has no runsc, and mode pod no Landlock on gVisor's kernel")
	}
	if values["QL_SANDBOX_MODE"] != "pod" && !gvisor {
		return problems
	}
	below := func(what string, sum, limit int64) {
		if sum >= limit {
			problems = append(problems, fmt.Sprintf("%s: %d is not below %d", what, sum, limit))
		}
	}
	mib := func(name string) int64 {
		n, err := strconv.ParseInt(values[name], 10, 64)
		if err != nil || n <= 0 {
			problems = append(problems, fmt.Sprintf("%s: %q is no number of MiB", name, values[name]))
		}
		return n << 20
	}
	seconds := func(name string) int64 {
		d, err := time.ParseDuration(values[name])
		if err != nil || d <= 0 {
			problems = append(problems, fmt.Sprintf("%s: %q is no duration", name, values[name]))
		}
		return int64(d / time.Second)
	}
	if limit := service.Spec.Template.Spec.TimeoutSeconds; limit != nil {
		below("seconds of fetching and running, of timeoutSeconds", seconds("QL_SANDBOX_FETCH_TIMEOUT")+seconds("QL_SANDBOX_TIMEOUT"), *limit)
	}
	memory, disk := mib("QL_SANDBOX_MEMORY_MIB"), mib("QL_SANDBOX_DISK_MIB")
	if gvisor {
		memory += disk
	}
	below("bytes of the sandbox's memory, of the container's", memory, container.Resources.Limits.Memory().Value())
	below("bytes of modules and of the job, of /tmp", mib("QL_SANDBOX_FETCH_MIB")+disk, tmpSize(p.spec, container))
	return problems
}

// tmpSize is the most that may be in /tmp, in bytes; 0 when nothing bounds it.
func tmpSize(spec core.PodSpec, c core.Container) int64 {
	for _, mount := range c.VolumeMounts {
		for _, volume := range spec.Volumes {
			if mount.MountPath == "/tmp" && volume.Name == mount.Name && volume.EmptyDir != nil && volume.EmptyDir.SizeLimit != nil {
				return volume.EmptyDir.SizeLimit.Value()
			}
		}
	}
	return 0
}
