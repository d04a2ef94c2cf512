package sandbox

import (
	"testing"
	"time"
)

// BenchmarkEmptyJob is a job of one program that ends at once, in each mode that
// needs nothing around it. x-namespaces is the ratio to mode Namespaces, and MiB
// what the job is said to have held in memory.
func BenchmarkEmptyJob(b *testing.B) {
	var first time.Duration
	for _, mode := range []Mode{Namespaces, Gvisor} {
		b.Run(string(mode), func(b *testing.B) {
			s, err := Detect(b.Context(), mode)
			if err != nil {
				b.Fatal(err)
			}
			if s.Mode != mode {
				b.Skip(s.Detail)
			}
			var peak int64
			for b.Loop() {
				r, err := s.Run(b.Context(), Job{Mounts: System(), Commands: []Command{{Argv: []string{"/bin/true"}}}})
				if err != nil || !r.Commands[0].OK() {
					b.Fatalf("%+v, %v", r, err)
				}
				peak = max(peak, r.PeakMemory)
			}
			took := b.Elapsed() / time.Duration(b.N)
			if mode == Namespaces {
				first = took
			}
			if first > 0 { // it may not have been asked for
				b.ReportMetric(float64(took)/float64(first), "x-namespaces")
			}
			b.ReportMetric(float64(peak)/(1<<20), "MiB")
		})
	}
}
