package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/quantumlayer-dev/quantumlayer/shared/fault"
)

// Schema is the JSON Schema (2020-12) of a payload, made from its Go struct; docs/api holds the same text.
type Schema[T any] struct {
	registry huma.Registry
	root     *huma.Schema
}

// NewSchema makes the schema of T, which must be a struct.
func NewSchema[T any]() *Schema[T] {
	r := huma.NewMapRegistry("#/$defs/", huma.DefaultSchemaNamer)
	return &Schema[T]{registry: r, root: r.Schema(reflect.TypeFor[T](), true, "")}
}

// Decode checks data against the schema and decodes it. Errors are faults: Invalid for text that is no JSON, Unprocessable
// with every wrong field otherwise.
func (s *Schema[T]) Decode(data []byte) (T, error) {
	var value T
	var loose any
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&loose); err != nil {
		return value, fault.New(fault.Invalid, "the data is no JSON: %w", err)
	}
	if dec.More() {
		return value, fault.New(fault.Invalid, "the data is more than one JSON value")
	}
	var found huma.ValidateResult
	huma.Validate(s.registry, s.root, huma.NewPathBuffer([]byte("data"), 4), huma.ModeWriteToServer, loose, &found)
	if len(found.Errors) > 0 {
		e := fault.New(fault.Unprocessable, "the data does not fit its schema")
		for _, err := range found.Errors {
			var d *huma.ErrorDetail
			if errors.As(err, &d) {
				e = e.WithFields(fault.Field{Location: d.Location, Message: d.Message})
			} else {
				e = e.WithFields(fault.Field{Location: "data", Message: err.Error()})
			}
		}
		return value, e
	}
	if err := json.Unmarshal(data, &value); err != nil {
		return value, fault.New(fault.Unprocessable, "the data does not fit its schema: %w", err)
	}
	return value, nil
}

// MarshalJSON gives the schema document.
func (s *Schema[T]) MarshalJSON() ([]byte, error) {
	doc, err := json.Marshal(s.root)
	if err != nil {
		return nil, fmt.Errorf("encoding the schema: %w", err)
	}
	var m map[string]any
	if err := json.Unmarshal(doc, &m); err != nil {
		return nil, fmt.Errorf("encoding the schema: %w", err)
	}
	m["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	m["$defs"] = s.registry.Map()
	return json.Marshal(m)
}

// schemaPrefixes tell types apart that have one name in several packages; huma wants schema names that differ.
var schemaPrefixes = map[string]string{"fault": "Problem", "drop": "Drop", "analysis": "Analysed"}

// SchemaRegistry is the registry that every API document of the platform is made with.
func SchemaRegistry() huma.Registry {
	return huma.NewMapRegistry("#/components/schemas/", func(t reflect.Type, hint string) string {
		name := huma.DefaultSchemaNamer(t, hint)
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if prefix := schemaPrefixes[path.Base(t.PkgPath())]; prefix != "" && !strings.HasPrefix(name, prefix) {
			return prefix + name
		}
		return name
	})
}
