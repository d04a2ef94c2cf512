// Package config carries the manifests of the platform inside a program, so that what they demand is written down once.
package config

import _ "embed"

// Platform is all that `ko apply -f config/` deploys, as YAML documents. The images of our own programs are references to import
// paths, ko://…, which ko replaces. Optional layers, such as mesh, are not in it.
//
//go:embed quantumlayer.yaml
var Platform []byte
