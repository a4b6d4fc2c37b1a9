package metrics

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// maxRoutes bounds the values of the label route, should a route be told that
// is no pattern.
const maxRoutes = 64

// routes remembers the histogram of each route. Reading takes no lock.
type routes struct {
	vec   *prometheus.HistogramVec
	other prometheus.Observer
	known atomic.Pointer[map[string]prometheus.Observer] // never changed, replaced

	mu sync.Mutex // of those who replace known
}

func newRoutes(vec *prometheus.HistogramVec) *routes {
	r := &routes{vec: vec, other: vec.WithLabelValues(other)}
	r.known.Store(&map[string]prometheus.Observer{})
	return r
}

func (r *routes) of(route string) prometheus.Observer {
	if o, ok := (*r.known.Load())[route]; ok {
		return o
	}
	if !isPattern(route) {
		return r.other
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known := *r.known.Load()
	if o, ok := known[route]; ok {
		return o
	}
	if len(known) >= maxRoutes {
		return r.other
	}
	known = maps.Clone(known)
	known[route] = r.vec.WithLabelValues(route)
	r.known.Store(&known)
	return known[route]
}

// isPattern tells routes from what servers say of requests that reached none,
// which may hold words of the client.
func isPattern(route string) bool {
	method, path, ok := strings.Cut(route, " ")
	if !ok || !strings.HasPrefix(path, "/") {
		return false
	}
	switch method {
	case "GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS":
		return true
	}
	return false
}
