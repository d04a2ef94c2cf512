package llmrouter

import "time"

// Beat sets the heartbeat of streams.
func (r *Router) Beat(every time.Duration) { r.heartbeat = every }
