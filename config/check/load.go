package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sigs.k8s.io/kustomize/api/krusty"
	kustomize "sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// together is all of the core in one file; config/generate -check says whether it is what its parts are.
const together = "quantumlayer.yaml"

// document is one object in JSON, and the file it stands in.
type document struct {
	file string
	json []byte
}

// load reads all YAML files below dir but those of overlays, which are no objects by themselves.
func load(dir string) ([]document, error) {
	var docs []document
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path != dir && isOverlay(path) {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".yaml" || entry.Name() == together {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		found, err := split(name, text)
		docs = append(docs, found...)
		return err
	})
	return docs, err
}

func split(name string, text []byte) ([]document, error) {
	var docs []document
	for _, part := range bytes.Split(append([]byte("\n"), text...), []byte("\n---\n")) {
		// Strictly: a key that stands twice is an error.
		object, err := yaml.YAMLToJSONStrict(part)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if string(object) != "null" {
			docs = append(docs, document{file: name, json: object})
		}
	}
	return docs, nil
}

// isOverlay tells whether kustomize builds this folder.
func isOverlay(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "kustomization.yaml"))
	return err == nil
}

// overlays builds every overlay as `kubectl kustomize` does and says what is wrong with what comes out: it has to hold alone.
func overlays(dir string) ([]string, error) {
	folders, err := filepath.Glob(filepath.Join(dir, "*", "kustomization.yaml"))
	if err != nil {
		return nil, err
	}
	options := krusty.MakeDefaultOptions()
	options.LoadRestrictions = kustomize.LoadRestrictionsNone // they build on what stands beside them
	var problems []string
	for _, file := range folders {
		name := filepath.Base(filepath.Dir(file))
		built, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), filepath.Dir(file))
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		text, err := built.AsYaml()
		if err != nil {
			return nil, err
		}
		docs, err := split(name, text)
		if err != nil {
			return nil, err
		}
		there, wrong := decodeAll(docs)
		problems = append(problems, wrong...)
		problems = append(problems, there.relations(dir)...)
	}
	return problems, nil
}
