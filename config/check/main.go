// Command check holds the manifests under config against the APIs they are for, without a cluster: each object is decoded strictly
// into the API's own type and validated by the API's own code where that can be imported, and what refers to something by name
// has to find it. It is a module of its own, so that none of these APIs is among the product's dependencies.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
)

func main() {
	dir := flag.String("dir", "..", "folder of the manifests, in a checkout")
	flag.Parse()
	problems, err := check(*dir)
	if err != nil {
		fmt.Fprintf(os.Stderr, "check: %v\n", err)
		os.Exit(1)
	}
	for _, p := range problems {
		fmt.Fprintln(os.Stderr, p)
	}
	if len(problems) > 0 {
		os.Exit(1)
	}
}

// check gives what is wrong with the manifests in dir, which is config in a checkout, a sentence each; an error when they cannot
// be read.
func check(dir string) ([]string, error) {
	docs, err := load(dir)
	if err != nil {
		return nil, err
	}
	there, problems := decodeAll(docs)
	problems = append(problems, there.relations(dir)...)
	problems = append(problems, there.mesh(dir)...)
	built, err := overlays(dir)
	if err != nil {
		return nil, err
	}
	return append(problems, built...), nil
}

// decodeAll gives the objects, and what is wrong with each by itself.
func decodeAll(docs []document) (there objects, problems []string) {
	for _, d := range docs {
		object, err := decode(d)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", d.file, err))
			continue
		}
		there = append(there, object)
		for _, p := range object.validate() {
			problems = append(problems, fmt.Sprintf("%s: %s: %s", d.file, object, p))
		}
	}
	return there, problems
}

// relations says what is wrong with the objects together.
func (all objects) relations(dir string) []string {
	return slices.Concat(all.names(), all.pods(dir), all.policies())
}
