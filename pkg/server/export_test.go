package server

import "time"

// NewTimed is New with time limits that tests can wait for: request for all
// that does not say otherwise, the others in proportion, and next to nothing for
// the length of a body.
func NewTimed(cfg Config, request time.Duration) (*Server, error) {
	return newServer(cfg, times{request: request, exchange: 2 * request, transfer: 10 * request, answer: request / 2, slowest: 1 << 30})
}
