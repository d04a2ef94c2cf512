package workflowclient

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzStream: whatever the bytes, the reader ends, and what it gives has data of whole lines.
func FuzzStream(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "data", "data:\n\n", "data: a\ndata: b\n\n", ": c\nid: 1\nevent: e\ndata: x\r\n\r\n", "id\ndata\n\n",
		"retry: 5\nunknown: z\ndata: x\n\ndata: cut", "\x00\xff\ndata:\x00\n\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := newReader(bytes.NewReader(raw))
		for range len(raw) + 1 {
			m, err := r.next()
			if err != nil {
				return
			}
			if strings.ContainsAny(m.id+m.event, "\n") || len(m.data) > len(raw) {
				t.Fatalf("%q gave %+v", raw, m)
			}
		}
		t.Fatalf("%q gives more messages than it has bytes", raw)
	})
}
