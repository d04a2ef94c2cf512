package drop

import "time"

// Announcement is the data of the event dev.quantumlayer.drop.stored: which drop there is now, and how to ask for it. It never
// holds the artifact, which may be large and is not for every subscriber.
type Announcement struct {
	ID         string    `json:"id" doc:"ID of the drop, and of the event: GET /v1/drops/{id} has the artifact"`
	WorkflowID string    `json:"workflow_id"`
	Stage      string    `json:"stage" doc:"Stage that made it; the extension stage too"`
	Type       Type      `json:"type" doc:"What it is; the extension droptype too"`
	Name       string    `json:"name,omitempty" doc:"Tells it from the others of its stage and type: the path of a file"`
	Address    string    `json:"address" doc:"Names the artifact whatever workflow made it: stage/type/name@sha256:…"`
	SHA256     string    `json:"sha256" doc:"Digest of the artifact, hexadecimal"`
	Size       int64     `json:"size" doc:"Bytes of the artifact"`
	Timestamp  time.Time `json:"timestamp" doc:"When it was made"`
}

// Announcement is what the event about the drop says.
func (d Drop) Announcement() Announcement {
	return Announcement{ID: d.ID, WorkflowID: d.WorkflowID, Stage: d.Stage, Type: d.Type, Name: d.Name(), Address: d.Address(),
		SHA256: d.SHA256, Size: d.Size, Timestamp: d.Timestamp}
}
