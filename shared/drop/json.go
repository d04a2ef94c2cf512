package drop

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// Document is the JSON shape of a Drop. Exactly one of Artifact and
// ArtifactBase64 is present, or none where an answer leaves artifacts out.
type Document struct {
	ID             string            `json:"id,omitempty" doc:"Follows from the content; may be left out when storing" example:"drop_0f3a6c1e5d7b9a2c4e6f8091a2b3c4d5"`
	Tenant         string            `json:"tenant,omitempty" maxLength:"64" doc:"Owner; the default tenant when left out"`
	WorkflowID     string            `json:"workflow_id" minLength:"1" maxLength:"255" doc:"Workflow that the artifact belongs to"`
	Stage          string            `json:"stage" minLength:"1" maxLength:"100" doc:"Stage that made the artifact" example:"code-generation"`
	Type           Type              `json:"type" minLength:"1" maxLength:"50" doc:"What the artifact is: result, file, verification, capsule, payload" example:"file"`
	Version        int               `json:"version,omitempty" minimum:"0" doc:"Round in which it was made; the first is zero"`
	Timestamp      time.Time         `json:"timestamp,omitzero" doc:"When it was made; now when left out"`
	Artifact       *string           `json:"artifact,omitempty" doc:"The body, when it is valid UTF-8"`
	ArtifactBase64 *[]byte           `json:"artifact_base64,omitempty" doc:"The body in standard base64, when it is not UTF-8"`
	SHA256         string            `json:"sha256,omitempty" doc:"Digest of the artifact, hexadecimal; may be left out when storing"`
	Size           int64             `json:"size,omitempty" minimum:"0" doc:"Bytes of the artifact; may be left out when storing"`
	Metadata       map[string]string `json:"metadata,omitempty" doc:"Free text by key; \"path\" names a file"`
	Parents        []string          `json:"parents,omitempty" doc:"IDs of the drops that this one was made from"`
	Usage          Usage             `json:"usage,omitzero" doc:"What the calls to models behind it took"`
}

// MarshalJSON writes the drop as a Document: the artifact as text when it is
// valid UTF-8, else in base64, and not at all when it is nil.
func (d Drop) MarshalJSON() ([]byte, error) {
	doc := Document{
		ID: d.ID, Tenant: d.Tenant, WorkflowID: d.WorkflowID, Stage: d.Stage, Type: d.Type,
		Version: d.Version, Timestamp: d.Timestamp, SHA256: d.SHA256, Size: d.Size,
		Metadata: d.Metadata, Parents: d.Parents, Usage: d.Usage,
	}
	switch {
	case d.Artifact == nil:
	case utf8.Valid(d.Artifact):
		text := string(d.Artifact)
		doc.Artifact = &text
	default:
		doc.ArtifactBase64 = &d.Artifact
	}
	return json.Marshal(doc)
}

// UnmarshalJSON reads a Document. It does not validate, Seal does.
func (d *Drop) UnmarshalJSON(raw []byte) error {
	var doc Document
	if err := json.Unmarshal(raw, &doc); err != nil {
		return fmt.Errorf("reading a drop: %w", err)
	}
	if doc.Artifact != nil && doc.ArtifactBase64 != nil {
		return invalid("artifact", "and artifact_base64 exclude each other")
	}
	*d = Drop{
		ID: doc.ID, Tenant: doc.Tenant, WorkflowID: doc.WorkflowID, Stage: doc.Stage, Type: doc.Type,
		Version: doc.Version, Timestamp: doc.Timestamp.UTC(), SHA256: doc.SHA256, Size: doc.Size,
		Metadata: doc.Metadata, Parents: doc.Parents, Usage: doc.Usage,
	}
	switch {
	case doc.Artifact != nil:
		d.Artifact = []byte(*doc.Artifact)
	case doc.ArtifactBase64 != nil:
		d.Artifact = *doc.ArtifactBase64
	}
	return nil
}
