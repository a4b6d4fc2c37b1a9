// Package metrics counts what a server does, for Prometheus. Observations of
// answered requests come in; at each scrape the session store and the library
// are asked as well. Out goes an http.Handler with the text Prometheus reads.
// Label values come from short lists, never from clients: routes are patterns,
// formats are those that are served. It imports library, server and session.
package metrics

import (
	"log/slog"
	"net/http"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"secstream/pkg/library"
	"secstream/pkg/server"
	"secstream/pkg/session"
)

// Config says what is asked at a scrape.
type Config struct {
	Sessions func() session.Stats
	Library  func() library.Progress // nil: there is none
	Version  string                  // of the program
	Logger   *slog.Logger            // told of failed scrapes; default: discard
}

// Metrics is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	log      *slog.Logger

	requests *routes
	answers  *prometheus.CounterVec
	byStatus [maxStatus]atomic.Pointer[prometheus.Counter] // of answers, once seen

	slices [outcomes]map[string]prometheus.Counter
	bytes  map[string]prometheus.Counter
	took   map[string]prometheus.Observer
}

// maxStatus bounds the values of the label status.
const maxStatus = 600

// seconds are the buckets: from a slice out of a cache to a key exchange that
// has to read a long file first.
var seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// formats are what sessions are told of their slices. other stands for what is
// not known here, none for a request that got no slice.
var formats = [...]string{"wav", "mp3", "flac", "ogg", "riff", other, none}

const (
	other = "other"
	none  = "none"
)

// What becomes of a request for a slice.
const (
	sent = iota
	refused
	failed
	left
	outcomes
)

var outcomeNames = [outcomes]string{"sent", "refused", "failed", "left"}

// sliceRoute is the pattern of the server's route for slices.
const sliceRoute = "GET /api/sessions/{id}/slices/{slice}"

// statusLeft is what a server notes of a client that went away.
const statusLeft = 499

// New returns Metrics with their own registry.
func New(cfg Config) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), log: cfg.Logger}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	m.observed()
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		build(cfg.Version), &collector[session.Stats]{sessionFigures, cfg.Sessions},
	)
	if cfg.Library != nil {
		m.registry.MustRegister(&collector[library.Progress]{libraryFigures, cfg.Library})
	}
	return m
}

// observed makes what Observe counts, with every label value that is known
// before.
func (m *Metrics) observed() {
	requests := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "secstream_http_request_duration_seconds", Help: "Time to answer a request, by route.", Buckets: seconds,
	}, []string{"route"})
	m.requests = newRoutes(requests)
	m.answers = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "secstream_http_responses_total", Help: "Answered requests, by HTTP status; those from 400 are refusals, 499 is a client that went away.",
	}, []string{"status"})
	slices := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "secstream_slices_total", Help: "Requests for a slice, by the format of the slice and by what became of them.",
	}, []string{"format", "outcome"})
	bytes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "secstream_slice_bytes_total", Help: "Bytes of the sealed slices that were sent, by format.",
	}, []string{"format"})
	took := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "secstream_slice_duration_seconds", Help: "Time to make and send a slice, by format.", Buckets: seconds,
	}, []string{"format"})
	m.bytes, m.took = map[string]prometheus.Counter{}, map[string]prometheus.Observer{}
	for o := range m.slices {
		m.slices[o] = map[string]prometheus.Counter{}
	}
	for _, f := range formats {
		for o := range m.slices {
			if f != none || o != sent {
				m.slices[o][f] = slices.WithLabelValues(f, outcomeNames[o])
			}
		}
		if f != none {
			m.bytes[f], m.took[f] = bytes.WithLabelValues(f), took.WithLabelValues(f)
		}
	}
	m.registry.MustRegister(requests, m.answers, slices, bytes, took)
}

// Observe counts one answered request. It does not block and, for a route and
// status seen before, allocates nothing.
func (m *Metrics) Observe(o server.Observation) {
	took := o.Took.Seconds()
	m.requests.of(o.Route).Observe(took)
	m.answered(o.Status).Inc()
	if o.Route != sliceRoute {
		return
	}
	what, f := outcome(o.Status), o.Format
	switch _, known := m.bytes[f]; {
	case f == "" && what != sent:
		f = none
	case !known:
		f = other
	}
	m.slices[what][f].Inc()
	if what == sent {
		m.bytes[f].Add(float64(o.Bytes))
		m.took[f].Observe(took)
	}
}

func outcome(status int) int {
	switch {
	case status < 400:
		return sent
	case status == statusLeft:
		return left
	case status < 500:
		return refused
	}
	return failed
}

// answered is the counter of a status.
func (m *Metrics) answered(status int) prometheus.Counter {
	if status < 100 || status >= maxStatus {
		status = http.StatusInternalServerError
	}
	at := &m.byStatus[status]
	if c := at.Load(); c != nil {
		return *c
	}
	c := m.answers.WithLabelValues(strconv.Itoa(status))
	at.Store(&c) // two who come first store the same
	return c
}

// Handler answers scrapes: a few at a time, the others get 503.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(m.log.Handler(), slog.LevelWarn), MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	})
}

func build(version string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "secstream_build_info", Help: "1, labelled with the program's version and Go's.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	}, func() float64 { return 1 })
}
