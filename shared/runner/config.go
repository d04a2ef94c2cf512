package runner

import (
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Config reads a configuration struct (tags of caarlos0/env) out of environ. If T has a method Check() error it is called.
// The error names every wrong variable, never a value that may be a secret.
func Config[T any](environ Environ) (T, error) {
	cfg, err := env.ParseAsWithOptions[T](env.Options{Environment: environ})
	var problems []string
	var all env.AggregateError
	switch {
	case errors.As(err, &all):
		for _, e := range all.Errors {
			problems = append(problems, describe(e, reflect.TypeFor[T]()))
		}
	case err != nil:
		problems = append(problems, err.Error())
	default:
		if c, ok := any(&cfg).(interface{ Check() error }); ok {
			if err := c.Check(); err != nil {
				problems = append(problems, strings.Split(err.Error(), "\n")...)
			}
		}
	}
	if problems != nil {
		return cfg, fmt.Errorf("wrong configuration:\n  %s", strings.Join(problems, "\n  "))
	}
	return cfg, nil
}

func describe(err error, config reflect.Type) string {
	var missing env.VarIsNotSetError
	var empty env.EmptyVarError
	var parse env.ParseError
	switch {
	case errors.As(err, &missing):
		return missing.Key + " is not set"
	case errors.As(err, &empty):
		return empty.Key + " is empty"
	case errors.As(err, &parse):
		name := parse.Name
		if field, ok := config.FieldByName(parse.Name); ok {
			name, _, _ = strings.Cut(field.Tag.Get("env"), ",")
		}
		return fmt.Sprintf("%s is no %s: %v", name, parse.Type, parse.Err)
	}
	return err.Error()
}

func stack() string { return string(debug.Stack()) }
