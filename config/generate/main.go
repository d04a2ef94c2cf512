// Command generate writes what is the same for every function under config: a Knative Service each, a Trigger for each stage,
// and config/quantumlayer.yaml, all of the platform in one file. With -check it writes nothing and fails where a file differs.
package main

import (
	"bytes"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"text/template"

	"github.com/quantumlayer-dev/quantumlayer/shared/pipeline"
)

//go:embed service.yaml.tmpl
var serviceText string

//go:embed trigger.yaml.tmpl
var triggerText string

// head marks what nobody should edit.
const head = "# Written by config/generate; change it there and run `make generate`.\n"

// parts are the folders and files that config/quantumlayer.yaml is made of, in the order in which a cluster needs them. Optional
// layers, such as mesh, are not in it.
var parts = []string{"namespaces.yaml", "settings.yaml", "stores", "network", "eventing", "knative", "worker"}

func main() {
	dir := flag.String("dir", "config", "folder of the manifests")
	check := flag.Bool("check", false, "write nothing; fail when a file is not what would be written")
	flag.Parse()
	if err := run(*dir, *check); err != nil {
		fmt.Fprintf(os.Stderr, "generate: %v\n", err)
		os.Exit(1)
	}
}

func run(dir string, check bool) error {
	files, err := perFunction()
	if err != nil {
		return err
	}
	write := writeFile
	if check {
		write = compare
	}
	var errs []error
	for _, name := range sorted(files) {
		errs = append(errs, write(filepath.Join(dir, name), files[name]))
	}
	errs = append(errs, strangers(dir, files))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	all, err := together(dir)
	if err != nil {
		return err
	}
	return write(filepath.Join(dir, "quantumlayer.yaml"), all)
}

// perFunction gives the manifests that differ by function only, by path in config.
func perFunction() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, f := range functions() {
		text, err := render(serviceText, f)
		if err != nil {
			return nil, fmt.Errorf("service %s: %w", f.Name, err)
		}
		files[filepath.Join("knative", f.Name+".yaml")] = text
	}
	for _, stage := range pipeline.Stages() {
		text, err := render(triggerText, stage)
		if err != nil {
			return nil, fmt.Errorf("trigger %s: %w", stage, err)
		}
		files[filepath.Join("eventing", "stage-"+string(stage)+".yaml")] = text
	}
	return files, nil
}

func render(text string, data any) ([]byte, error) {
	t, err := template.New("").Funcs(template.FuncMap{"image": func(path string) string { return "ko://" + module + path }}).Parse(text)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString(head)
	if err := t.Execute(&out, data); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// strangers finds what a function that is gone has left behind.
func strangers(dir string, files map[string][]byte) error {
	var errs []error
	for _, pattern := range []string{"knative/*.yaml", "eventing/stage-*.yaml"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, path := range found {
			name, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			if files[name] == nil {
				errs = append(errs, fmt.Errorf("%s belongs to no function: remove it", path))
			}
		}
	}
	return errors.Join(errs...)
}

// together is all parts in one file.
func together(dir string) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(head + "# The whole platform: what `ko apply -f config/` deploys.\n")
	for _, part := range parts {
		paths := []string{filepath.Join(dir, part)}
		if filepath.Ext(part) == "" {
			var err error
			if paths, err = filepath.Glob(filepath.Join(dir, part, "*.yaml")); err != nil {
				return nil, err
			}
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&out, "---\n# %s\n", part+"/"+filepath.Base(path))
			out.Write(bytes.TrimPrefix(text, []byte(head)))
		}
	}
	return out.Bytes(), nil
}

func writeFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644) //nolint:gosec // manifests are for everyone
}

func compare(path string, text []byte) error {
	there, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(there, text) {
		return fmt.Errorf("%s is not what would be generated: run make generate", path)
	}
	return nil
}

func sorted(files map[string][]byte) []string {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
