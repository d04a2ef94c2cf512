package deploycheck

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// podStatus is what is read of a pod.
type podStatus struct {
	Phase             string            `json:"phase"`
	Reason            string            `json:"reason"`
	Message           string            `json:"message"`
	Conditions        []condition       `json:"conditions"`
	InitContainers    []containerStatus `json:"initContainerStatuses"`
	ContainerStatuses []containerStatus `json:"containerStatuses"`
}

type containerStatus struct {
	Name         string         `json:"name"`
	Ready        bool           `json:"ready"`
	RestartCount int            `json:"restartCount"`
	State        containerState `json:"state"`
	LastState    containerState `json:"lastState"`
}

type containerState struct {
	Waiting *struct {
		Reason  string `json:"reason"`
		Message string `json:"message"`
	} `json:"waiting"`
	Running    *struct{}   `json:"running"`
	Terminated *terminated `json:"terminated"`
}

type terminated struct {
	Reason   string `json:"reason"`
	Message  string `json:"message"`
	ExitCode int    `json:"exitCode"`
}

func (t *terminated) words() string {
	if t == nil {
		return ""
	}
	s := fmt.Sprintf("it ended with exit code %d", t.ExitCode)
	if t.Reason != "" && t.Reason != "Error" {
		s += ", " + t.Reason
	}
	if t.Message != "" {
		s += ": " + short(t.Message)
	}
	return s
}

// messageLimit is how many bytes of a message a sentence takes.
const messageLimit = 400

// short gives the end of a message that is too long, where the reason stands.
func short(message string) string {
	message = strings.Join(strings.Fields(message), " ")
	if len(message) > messageLimit {
		message = "… " + strings.ToValidUTF8(message[len(message)-messageLimit:], "")
	}
	return message
}

// trouble is why a pod does not get ready.
type trouble struct {
	state     State // Wrong, or Waiting for one that may be on its way
	why, hint string
}

// addTrouble adds to a finding why the pods with these labels are not ready. The worst pod speaks for all.
func (c *checker) addTrouble(ctx context.Context, namespace string, labels map[string]string, f *Finding) {
	pods, err := c.api.list(ctx, "v1", "pods", namespace, "")
	if err != nil {
		f.Why += "; its pods: " + because(err)
		return
	}
	var worst trouble
	log, count := "", 0
	for _, pod := range pods {
		if !matches(pod.Metadata.Labels, labels) {
			continue
		}
		count++
		if t, said := pod.trouble(); t.why != "" && (worst.why == "" || t.state == Wrong && worst.state != Wrong) {
			worst, log = t, said
		}
	}
	if count == 0 {
		f.Why += "; it has no pod"
	}
	if worst.why == "" {
		return
	}
	f.Why += "; " + worst.why
	if said := c.lastSaid(ctx, log); said != "" {
		f.Why += ": " + said
	}
	if worst.state == Wrong {
		f.State = Wrong
	}
	if worst.hint != "" {
		f.Hint = worst.hint
	}
}

// logLimit is for the log of one container.
const logLimit = 3 * time.Second

// lastSaid is the last line of a log; of a line of the platform's functions what it names as the cause. It is empty when this user may
// not read logs, or the node does not answer: the hint of the finding has the command that does.
func (c *checker) lastSaid(ctx context.Context, path string) string {
	if path == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, logLimit)
	defer cancel()
	// Not by api.do, for which a request without an answer ends the check: logs come from the node, which may be away.
	line, err := c.api.client.Get().RequestURI(path).MaxRetries(1).Do(ctx).Raw()
	if err != nil {
		return ""
	}
	var entry struct{ Cause string }
	if json.Unmarshal(line, &entry) == nil && entry.Cause != "" {
		return short(entry.Cause)
	}
	return short(string(line))
}

func matches(labels, wanted map[string]string) bool {
	for key, value := range wanted {
		if labels[key] != value {
			return false
		}
	}
	return len(wanted) > 0
}

// trouble says why a pod is not ready; it is empty for one that is. The log is the path of that of a container that runs: its last line
// may say what it waits for.
func (o object) trouble() (_ trouble, log string) {
	var status podStatus
	if json.Unmarshal(o.Status, &status) != nil || status.Phase == "Succeeded" {
		return trouble{}, ""
	}
	pod := "pod " + o.Metadata.Name
	inNamespace := o.Metadata.Name + " -n " + o.Metadata.Namespace
	if i := slices.IndexFunc(status.Conditions, func(c condition) bool { return c.Type == "PodScheduled" && c.Status == "False" }); i >= 0 {
		return trouble{Wrong, pod + " finds no node: " + short(status.Conditions[i].Message), schedulingHint(status.Conditions[i].Message)}, ""
	}
	if status.Phase == "Failed" {
		return trouble{Wrong, pod + " failed: " + short(strings.TrimPrefix(status.Reason+": "+status.Message, ": ")), "kubectl describe pod " + inNamespace}, ""
	}
	var last trouble
	for _, c := range slices.Concat(status.InitContainers, status.ContainerStatuses) {
		if t := c.trouble(pod, inNamespace); t.state == Wrong || last.why == "" {
			last, log = t, ""
			if t.why != "" && c.State.Waiting == nil && c.State.Terminated == nil {
				log = fmt.Sprintf("/api/v1/namespaces/%s/pods/%s/log?container=%s&tailLines=1&limitBytes=4096", o.Metadata.Namespace, o.Metadata.Name, c.Name)
			}
		}
		if last.state == Wrong {
			return last, log
		}
	}
	return last, log
}

// trouble says why a container is not ready. Pod is how its pod is called in a sentence, inNamespace on a command line.
func (c containerStatus) trouble(pod, inNamespace string) trouble {
	logs := "kubectl logs " + inNamespace + " -c " + c.Name
	at := pod + ", container " + c.Name + ": "
	switch w := c.State.Waiting; {
	case c.Ready, c.State.Terminated != nil && c.State.Terminated.ExitCode == 0:
		return trouble{}
	case w == nil && c.State.Terminated != nil:
		return trouble{Wrong, at + c.State.Terminated.words(), logs}
	case w == nil && c.RestartCount > 0:
		return trouble{Wrong, fmt.Sprintf("%sit runs but is not ready, after %d restarts", at, c.RestartCount), logs}
	case w == nil:
		return trouble{Waiting, at + "it runs but is not ready", logs}
	default:
		return waiting(at, logs, inNamespace, w.Reason, w.Message, c.LastState.Terminated)
	}
}

func waiting(at, logs, inNamespace, reason, message string, last *terminated) trouble {
	why := at + reason
	if message != "" {
		why += ": " + short(message)
	}
	switch reason {
	case "ContainerCreating", "PodInitializing", "":
		return trouble{Waiting, at + "it is being made", "kubectl describe pod " + inNamespace}
	case "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable":
		return trouble{Wrong, why, "the nodes have to reach the image's registry, and an imagePullSecrets in the ServiceAccount where it asks for credentials"}
	case "CrashLoopBackOff":
		if said := last.words(); said != "" {
			why = at + reason + "; " + said
		}
		return trouble{Wrong, why, logs + " --previous"}
	case "CreateContainerConfigError":
		return trouble{Wrong, why, "make the Secret or ConfigMap that it names"}
	}
	return trouble{Wrong, why, "kubectl describe pod " + inNamespace}
}

func schedulingHint(message string) string {
	switch {
	case strings.Contains(message, "PersistentVolumeClaim") || strings.Contains(message, "persistent volume"):
		return "kubectl get pvc --all-namespaces shows which volumes wait; a default storage class makes them"
	case strings.Contains(message, "Insufficient"):
		return "add nodes, or lower the requests of what runs"
	}
	return "kubectl get nodes shows which nodes there are"
}
