package drop

import (
	"slices"
	"strings"
)

// Usage is what the calls to models behind an artifact took. The zero value
// means that none was asked.
type Usage struct {
	// Provider and Model that answered; several are joined by commas.
	Provider string `json:"provider,omitempty"`
	Model    string `json:"model,omitempty"`
	// InputTokens counts every token sent, those in CachedTokens included.
	InputTokens  int64 `json:"input_tokens" required:"false"`
	OutputTokens int64 `json:"output_tokens" required:"false"`
	// CachedTokens are the input tokens that the provider had in its cache.
	CachedTokens int64 `json:"cached_tokens" required:"false"`
	// CostMicros is the price in millionths of a US dollar; zero when unknown.
	CostMicros int64 `json:"cost_micros" required:"false"`
	// Calls to a model, repeated ones included.
	Calls int64 `json:"calls" required:"false"`
}

// Plus is the sum of two usages, with the union of their providers and models.
func (u Usage) Plus(v Usage) Usage {
	return Usage{
		Provider:     union(u.Provider, v.Provider),
		Model:        union(u.Model, v.Model),
		InputTokens:  u.InputTokens + v.InputTokens,
		OutputTokens: u.OutputTokens + v.OutputTokens,
		CachedTokens: u.CachedTokens + v.CachedTokens,
		CostMicros:   u.CostMicros + v.CostMicros,
		Calls:        u.Calls + v.Calls,
	}
}

// union merges two comma-separated lists into a sorted one without repeats.
func union(a, b string) string {
	if a == b || b == "" {
		return a
	}
	if a == "" {
		return b
	}
	names := append(strings.Split(a, ","), strings.Split(b, ",")...)
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ",")
}
