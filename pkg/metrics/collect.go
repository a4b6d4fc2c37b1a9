package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"secstream/pkg/library"
	"secstream/pkg/session"
)

// figure is one number that is read at a scrape.
type figure[T any] struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(T) float64
}

func gauge[T any](name, help string, of func(T) float64) figure[T] {
	return figure[T]{prometheus.NewDesc("secstream_"+name, help, nil, nil), prometheus.GaugeValue, of}
}

func counter[T any](name, help string, of func(T) float64) figure[T] {
	return figure[T]{prometheus.NewDesc("secstream_"+name, help, nil, nil), prometheus.CounterValue, of}
}

// collector takes figures out of what ask returns, when it is asked.
type collector[T any] struct {
	figures []figure[T]
	ask     func() T
}

func (c *collector[T]) Describe(out chan<- *prometheus.Desc) {
	for _, f := range c.figures {
		out <- f.desc
	}
}

func (c *collector[T]) Collect(out chan<- prometheus.Metric) {
	now := c.ask()
	for _, f := range c.figures {
		out <- prometheus.MustNewConstMetric(f.desc, f.kind, f.of(now))
	}
}

var sessionFigures = []figure[session.Stats]{
	gauge("sessions", "Live sessions.", func(s session.Stats) float64 { return float64(s.Live) }),
	gauge("session_tracks", "Tracks in live sessions.", func(s session.Stats) float64 { return float64(s.Tracks) }),
	counter("sessions_created_total", "Sessions that were created.", func(s session.Stats) float64 { return float64(s.Created) }),
	counter("sessions_expired_total", "Sessions that ended because nobody used them.", func(s session.Stats) float64 { return float64(s.Expired) }),
	counter("key_exchanges_total", "Key exchanges that succeeded.", func(s session.Stats) float64 { return float64(s.Exchanges) }),
	counter("cache_hits_total", "Slices that were found in the cache.", func(s session.Stats) float64 { return float64(s.CacheHits) }),
	counter("cache_misses_total", "Slices that had to be made.", func(s session.Stats) float64 { return float64(s.CacheMisses) }),
	gauge("cache_bytes", "Bytes of sealed slices in the cache.", func(s session.Stats) float64 { return float64(s.CacheBytes) }),
	gauge("cache_slices", "Sealed slices in the cache.", func(s session.Stats) float64 { return float64(s.CacheSlices) }),
	counter("prewarmed_slices_total", "Slices that were made ahead.", func(s session.Stats) float64 { return float64(s.Prewarmed) }),
	counter("prewarm_dropped_slices_total", "Slices that were not made ahead because there was too much to do.", func(s session.Stats) float64 { return float64(s.PrewarmMisses) }),
}

var libraryFigures = []figure[library.Progress]{
	gauge("library_tracks", "Tracks in the library.", func(p library.Progress) float64 { return float64(p.Tracks) }),
	gauge("library_files", "Files found, by the look of their names.", func(p library.Progress) float64 { return float64(p.Files) }),
	gauge("library_refused_files", "Files that were found unreadable.", func(p library.Progress) float64 { return float64(p.Refused) }),
	gauge("library_waiting_files", "Files that were found and not examined yet.", func(p library.Progress) float64 { return float64(p.Waiting) }),
	gauge("library_ready", "1 once every folder was looked at, 0 before.", func(p library.Progress) float64 { return truth(p.Ready) }),
	gauge("library_polling", "1 when changes are found by looking, 0 when the system gives notice of them.", func(p library.Progress) float64 { return truth(p.Polling) }),
	gauge("library_last_scan_timestamp_seconds", "When the last look at every folder ended; 0 before.", func(p library.Progress) float64 { return unix(p.Last) }),
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
