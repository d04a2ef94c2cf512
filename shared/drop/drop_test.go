package drop_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quantumlayer-dev/quantumlayer/shared/drop"
)

func sample() drop.Drop {
	return drop.Drop{
		WorkflowID: "wf-1",
		Stage:      "code-generation",
		Type:       drop.TypeFile,
		Version:    2,
		Artifact:   []byte("package main\n"),
		Metadata:   map[string]string{drop.MetadataPath: "cmd/main.go"},
		Usage:      drop.Usage{Provider: "blueprint", Model: "blueprint-1", InputTokens: 10, Calls: 1},
	}
}

func seal(t *testing.T, d drop.Drop) drop.Drop {
	t.Helper()
	sealed, err := drop.Seal(d)
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return sealed
}

// The ID crosses the wire and stays in stores: this value must never change.
func TestIDIsStable(t *testing.T) {
	t.Parallel()
	const want = "drop_b44634e98cb49eb2c85035721a0e57c2"
	if got := seal(t, sample()).ID; got != want {
		t.Errorf("ID = %s, want %s", got, want)
	}
}

func TestIDFollowsFromIdentityAlone(t *testing.T) {
	t.Parallel()
	base := seal(t, sample()).ID
	same := map[string]func(*drop.Drop){
		"timestamp":      func(d *drop.Drop) { d.Timestamp = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) },
		"other metadata": func(d *drop.Drop) { d.Metadata["language"] = "go" },
		"usage":          func(d *drop.Drop) { d.Usage = drop.Usage{} },
		"parents":        func(d *drop.Drop) { d.Parents = []string{"drop_" + strings.Repeat("0", 32)} },
		"tenant":         func(d *drop.Drop) { d.Tenant = drop.DefaultTenant },
	}
	for name, change := range same {
		d := sample()
		change(&d)
		if got := seal(t, d).ID; got != base {
			t.Errorf("%s changed the ID to %s", name, got)
		}
	}
	other := map[string]func(*drop.Drop){
		"tenant":   func(d *drop.Drop) { d.Tenant = "acme" },
		"workflow": func(d *drop.Drop) { d.WorkflowID = "wf-2" },
		"stage":    func(d *drop.Drop) { d.Stage = "documentation" },
		"type":     func(d *drop.Drop) { d.Type = drop.TypeResult },
		"path":     func(d *drop.Drop) { d.Metadata[drop.MetadataPath] = "cmd/other.go" },
		"version":  func(d *drop.Drop) { d.Version = 3 },
		"artifact": func(d *drop.Drop) { d.Artifact = []byte("package other\n") },
		// The border between two fields must count.
		"border": func(d *drop.Drop) { d.WorkflowID, d.Tenant = "1", "defaultwf-" },
	}
	seen := map[string]string{base: "the sample"}
	for name, change := range other {
		d := sample()
		change(&d)
		id := seal(t, d).ID
		if twin, ok := seen[id]; ok {
			t.Errorf("a change of %s gives the same ID as %s", name, twin)
		}
		seen[id] = name
	}
}

func TestSealIsIdempotent(t *testing.T) {
	t.Parallel()
	once := seal(t, sample())
	if diff := cmp.Diff(once, seal(t, once)); diff != "" {
		t.Errorf("sealing twice changed the drop:\n%s", diff)
	}
	if once.Timestamp.Nanosecond()%1000 != 0 || once.Timestamp.Location() != time.UTC {
		t.Errorf("timestamp %v is not UTC in microseconds", once.Timestamp)
	}
}

func TestSealRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*drop.Drop)
		field  string
	}{
		"no workflow":         {func(d *drop.Drop) { d.WorkflowID = "" }, "workflow_id"},
		"long workflow":       {func(d *drop.Drop) { d.WorkflowID = strings.Repeat("w", 256) }, "workflow_id"},
		"line in workflow":    {func(d *drop.Drop) { d.WorkflowID = "a\nb" }, "workflow_id"},
		"long tenant":         {func(d *drop.Drop) { d.Tenant = strings.Repeat("t", 65) }, "tenant"},
		"no stage":            {func(d *drop.Drop) { d.Stage = "" }, "stage"},
		"stage with slash":    {func(d *drop.Drop) { d.Stage = "a/b" }, "stage"},
		"no type":             {func(d *drop.Drop) { d.Type = "" }, "type"},
		"capital type":        {func(d *drop.Drop) { d.Type = "File" }, "type"},
		"negative version":    {func(d *drop.Drop) { d.Version = -1 }, "version"},
		"old timestamp":       {func(d *drop.Drop) { d.Timestamp = time.Date(1492, 1, 1, 0, 0, 0, 0, time.UTC) }, "timestamp"},
		"path not UTF-8":      {func(d *drop.Drop) { d.Metadata[drop.MetadataPath] = "\xff" }, "metadata.path"},
		"path too long":       {func(d *drop.Drop) { d.Metadata[drop.MetadataPath] = strings.Repeat("p", 1025) }, "metadata.path"},
		"NUL in metadata":     {func(d *drop.Drop) { d.Metadata["k"] = "a\x00b" }, "metadata"},
		"empty metadata key":  {func(d *drop.Drop) { d.Metadata[""] = "v" }, "metadata"},
		"large metadata":      {func(d *drop.Drop) { d.Metadata["k"] = strings.Repeat("v", drop.MaxMetadata) }, "metadata"},
		"malformed parent":    {func(d *drop.Drop) { d.Parents = []string{"drop_1"} }, "parents[0]"},
		"too many parents":    {func(d *drop.Drop) { d.Parents = make([]string, drop.MaxParents+1) }, "parents"},
		"negative tokens":     {func(d *drop.Drop) { d.Usage.InputTokens = -1 }, "usage.input_tokens"},
		"large artifact":      {func(d *drop.Drop) { d.Artifact = make([]byte, drop.MaxArtifact+1) }, "artifact"},
		"foreign digest":      {func(d *drop.Drop) { d.SHA256 = strings.Repeat("0", 64) }, "sha256"},
		"foreign size":        {func(d *drop.Drop) { d.Size = 1 }, "size"},
		"foreign ID":          {func(d *drop.Drop) { d.ID = "drop_" + strings.Repeat("0", 32) }, "id"},
		"artifact left out":   {func(d *drop.Drop) { *d = seal(t, *d); d.Artifact = nil }, "artifact"},
		"artifact then field": {func(d *drop.Drop) { *d = seal(t, *d); d.Stage = "other" }, "id"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := sample()
			tt.change(&d)
			_, err := drop.Seal(d)
			if !errors.Is(err, drop.ErrInvalid) {
				t.Fatalf("error = %v, want ErrInvalid", err)
			}
			var field *drop.FieldError
			if !errors.As(err, &field) || field.Field != tt.field {
				t.Errorf("error %q names field %q, want %q", err, field.Field, tt.field)
			}
		})
	}
}

func TestSealNamesEveryProblem(t *testing.T) {
	t.Parallel()
	_, err := drop.Seal(drop.Drop{Artifact: []byte{}})
	for _, field := range []string{"workflow_id", "stage", "type"} {
		if err == nil || !strings.Contains(err.Error(), field+" must not be empty") {
			t.Errorf("error %q does not name %s", err, field)
		}
	}
}

func TestJSONRoundTrip(t *testing.T) {
	t.Parallel()
	for name, body := range map[string][]byte{
		"text":     []byte("héllo <b>&amp;</b>\n"),
		"empty":    {},
		"NUL":      []byte("a\x00b"),
		"binary":   {0xff, 0x00, 0x80},
		"replaced": []byte("\uFFFD"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := sample()
			d.Artifact = body
			want := seal(t, d)
			raw, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			var got drop.Drop
			if err := json.Unmarshal(raw, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("round trip (-want +got):\n%s", diff)
			}
			binary := bytes.Contains(raw, []byte(`"artifact_base64"`))
			if binary != (name == "binary") {
				t.Errorf("base64 = %t in %s", binary, raw)
			}
		})
	}
}

func TestJSONKeepsALeftOutArtifactApart(t *testing.T) {
	t.Parallel()
	d := seal(t, sample())
	d.Artifact = nil
	raw, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("artifact")) {
		t.Errorf("an artifact that was left out is in %s", raw)
	}
	if err := json.Unmarshal([]byte(`{"artifact":"a","artifact_base64":"YQ=="}`), new(drop.Drop)); !errors.Is(err, drop.ErrInvalid) {
		t.Errorf("both artifacts at once: error %v, want ErrInvalid", err)
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	digest := drop.Digest([]byte("package main\n"))
	for _, tt := range []struct{ name, want string }{
		{"cmd/main.go", "code-generation/file/cmd/main.go@sha256:" + digest},
		{"", "code-generation/file@sha256:" + digest},
		{"odd@sha256:name", "code-generation/file/odd@sha256:name@sha256:" + digest},
	} {
		d := sample()
		d.Metadata[drop.MetadataPath] = tt.name
		d = seal(t, d)
		if got := d.Address(); got != tt.want {
			t.Errorf("Address = %s, want %s", got, tt.want)
		}
		got, err := drop.ParseAddress(tt.want)
		want := drop.Address{Stage: d.Stage, Type: d.Type, Name: tt.name, SHA256: digest}
		if err != nil || got != want {
			t.Errorf("ParseAddress(%s) = %+v, %v", tt.want, got, err)
		}
	}
	for _, s := range []string{
		"", "a", "@sha256:" + digest, "stage@sha256:" + digest, "stage/file/@sha256:" + digest,
		"stage/file/x@sha256:12", "Stage/file/x@sha256:" + digest, "stage/file/a\nb@sha256:" + digest,
	} {
		if _, err := drop.ParseAddress(s); !errors.Is(err, drop.ErrInvalid) {
			t.Errorf("ParseAddress(%q) = %v, want ErrInvalid", s, err)
		}
	}
}

func TestUsagePlus(t *testing.T) {
	t.Parallel()
	a := drop.Usage{Provider: "openai", Model: "m2", InputTokens: 1, OutputTokens: 2, CachedTokens: 1, CostMicros: 3, Calls: 1}
	b := drop.Usage{Provider: "openai", Model: "m1,m2", InputTokens: 10, OutputTokens: 20, CostMicros: 30, Calls: 2}
	want := drop.Usage{Provider: "openai", Model: "m1,m2", InputTokens: 11, OutputTokens: 22, CachedTokens: 1, CostMicros: 33, Calls: 3}
	if diff := cmp.Diff(want, a.Plus(b)); diff != "" {
		t.Errorf("Plus (-want +got):\n%s", diff)
	}
	if got := a.Plus(drop.Usage{}); got != a {
		t.Errorf("adding nothing gave %+v", got)
	}
}

func TestQueryNormalise(t *testing.T) {
	t.Parallel()
	got, err := drop.Query{}.Normalise()
	if err != nil || got.Tenant != drop.DefaultTenant || got.Limit != drop.DefaultLimit {
		t.Errorf("the empty query became %+v, %v", got, err)
	}
	minus := -1
	for name, q := range map[string]drop.Query{
		"limit":   {Limit: drop.MaxLimit + 1},
		"minus":   {Limit: -1},
		"stage":   {Stage: "A B"},
		"type":    {Type: "?"},
		"version": {Version: &minus},
		"cursor":  {Cursor: "!"},
		"text":    {Text: strings.Repeat("x", drop.MaxText+1)},
	} {
		if _, err := q.Normalise(); !errors.Is(err, drop.ErrInvalid) {
			t.Errorf("%s: error %v, want ErrInvalid", name, err)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add(drop.Cursor{Timestamp: time.UnixMicro(1_700_000_000_000_000), ID: "drop_" + strings.Repeat("a", 32)}.String())
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := drop.ParseCursor(s)
		if err != nil {
			return
		}
		again, err := drop.ParseCursor(c.String())
		if err != nil || again != c {
			t.Errorf("%q reads as %+v, then as %+v, %v", s, c, again, err)
		}
	})
}

func FuzzDropJSON(f *testing.F) {
	f.Add([]byte(`{"workflow_id":"w","stage":"s","type":"file","artifact":"a","metadata":{"path":"p"}}`))
	f.Add([]byte(`{"workflow_id":"w","stage":"s","type":"result","artifact_base64":"/w=="}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var d drop.Drop
		if json.Unmarshal(raw, &d) != nil {
			return
		}
		sealed, err := drop.Seal(d)
		if err != nil {
			return
		}
		wire, err := json.Marshal(sealed)
		if err != nil {
			t.Fatalf("a sealed drop does not marshal: %v", err)
		}
		var got drop.Drop
		if err := json.Unmarshal(wire, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sealed, got); diff != "" {
			t.Errorf("round trip:\n%s", diff)
		}
	})
}
