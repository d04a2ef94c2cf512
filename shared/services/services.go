// Package services is where the functions find each other: one URL each from the environment, with the cluster's as default.
package services

import (
	"errors"
	"fmt"

	"github.com/quantumlayer-dev/quantumlayer/shared/httpclient"
)

// URLs are the base URLs of the services. Configuration structs embed it.
type URLs struct {
	Router       string `env:"QL_LLM_ROUTER_URL" envDefault:"http://llm-router.quantumlayer.svc.cluster.local"`
	MetaPrompt   string `env:"QL_META_PROMPT_ENGINE_URL" envDefault:"http://meta-prompt-engine.quantumlayer.svc.cluster.local"`
	Parser       string `env:"QL_PARSER_URL" envDefault:"http://parser.quantumlayer.svc.cluster.local"`
	Orchestrator string `env:"QL_AGENT_ORCHESTRATOR_URL" envDefault:"http://agent-orchestrator.quantumlayer.svc.cluster.local"`
	Drops        string `env:"QL_QUANTUM_DROPS_URL" envDefault:"http://quantum-drops.quantumlayer.svc.cluster.local"`
	Capsule      string `env:"QL_QUANTUM_CAPSULE_URL" envDefault:"http://quantum-capsule.quantumlayer.svc.cluster.local"`
	Sandbox      string `env:"QL_SANDBOX_RUNNER_URL" envDefault:"http://sandbox-runner.quantumlayer.svc.cluster.local"`
}

// Check names every variable that holds no URL; runner.Config calls it.
func (u *URLs) Check() error {
	var errs []error
	for _, v := range []struct{ name, url string }{
		{"QL_LLM_ROUTER_URL", u.Router}, {"QL_META_PROMPT_ENGINE_URL", u.MetaPrompt}, {"QL_PARSER_URL", u.Parser},
		{"QL_AGENT_ORCHESTRATOR_URL", u.Orchestrator}, {"QL_QUANTUM_DROPS_URL", u.Drops}, {"QL_QUANTUM_CAPSULE_URL", u.Capsule},
		{"QL_SANDBOX_RUNNER_URL", u.Sandbox},
	} {
		if err := httpclient.CheckURL(v.url); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", v.name, err))
		}
	}
	return errors.Join(errs...)
}
