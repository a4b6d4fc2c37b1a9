package metrics

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"secstream/pkg/library"
	"secstream/pkg/server"
	"secstream/pkg/session"
)

func fresh(t testing.TB) *Metrics {
	t.Helper()
	return New(Config{
		Sessions: func() session.Stats {
			return session.Stats{Live: 3, Tracks: 4, Created: 5, Expired: 2, Exchanges: 6, CacheHits: 7, CacheMisses: 8, CacheBytes: 9, CacheSlices: 10, Prewarmed: 11, PrewarmMisses: 12}
		},
		Library: func() library.Progress {
			return library.Progress{Files: 20, Tracks: 18, Refused: 1, Waiting: 1, Ready: true, Last: time.UnixMilli(1_700_000_000_500)}
		},
		Version: "1.2.3",
	})
}

// scrape is what Prometheus gets.
func scrape(t testing.TB, m *Metrics) string {
	t.Helper()
	srv := httptest.NewServer(m.Handler())
	defer srv.Close()
	res, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v", res.StatusCode, err)
	}
	return string(text)
}

func TestScrape(t *testing.T) {
	m := fresh(t)
	for _, o := range []server.Observation{
		{Route: sliceRoute, Status: 200, Took: 3 * time.Millisecond, Format: "flac", Bytes: 1000},
		{Route: sliceRoute, Status: 200, Took: 3 * time.Millisecond, Format: "flac", Bytes: 24},
		{Route: sliceRoute, Status: 200, Took: time.Minute, Format: "aiff", Bytes: 1},
		{Route: sliceRoute, Status: 404}, {Route: sliceRoute, Status: 429, Format: "wav"}, {Route: sliceRoute, Status: 500}, {Route: sliceRoute, Status: 499},
		{Route: "GET /health", Status: 200, Took: time.Millisecond},
		{Route: "BREW without a route", Status: 404}, {Route: "", Status: 7}, {Route: "GET /x", Status: 1 << 30},
	} {
		m.Observe(o)
	}
	text := scrape(t, m)
	for _, line := range []string{
		`secstream_slices_total{format="flac",outcome="sent"} 2`,
		`secstream_slices_total{format="other",outcome="sent"} 1`,
		`secstream_slices_total{format="none",outcome="refused"} 1`,
		`secstream_slices_total{format="wav",outcome="refused"} 1`,
		`secstream_slices_total{format="none",outcome="failed"} 1`,
		`secstream_slices_total{format="none",outcome="left"} 1`,
		`secstream_slices_total{format="mp3",outcome="sent"} 0`,
		`secstream_slice_bytes_total{format="flac"} 1024`,
		`secstream_slice_duration_seconds_bucket{format="flac",le="0.0025"} 0`,
		`secstream_slice_duration_seconds_bucket{format="flac",le="0.005"} 2`,
		`secstream_slice_duration_seconds_count{format="other"} 1`,
		`secstream_http_request_duration_seconds_count{route="GET /api/sessions/{id}/slices/{slice}"} 7`,
		`secstream_http_request_duration_seconds_count{route="GET /health"} 1`,
		`secstream_http_request_duration_seconds_count{route="other"} 2`,
		`secstream_http_responses_total{status="200"} 4`,
		`secstream_http_responses_total{status="404"} 2`,
		`secstream_http_responses_total{status="429"} 1`,
		`secstream_http_responses_total{status="500"} 3`,
		`secstream_sessions 3`, `secstream_session_tracks 4`, `secstream_sessions_created_total 5`, `secstream_sessions_expired_total 2`,
		`secstream_key_exchanges_total 6`, `secstream_cache_hits_total 7`, `secstream_cache_misses_total 8`, `secstream_cache_bytes 9`,
		`secstream_cache_slices 10`, `secstream_prewarmed_slices_total 11`, `secstream_prewarm_dropped_slices_total 12`,
		`secstream_library_tracks 18`, `secstream_library_files 20`, `secstream_library_refused_files 1`, `secstream_library_waiting_files 1`,
		`secstream_library_ready 1`, `secstream_library_polling 0`, `secstream_library_last_scan_timestamp_seconds 1.7000000005e+09`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	for _, part := range []string{"\nsecstream_build_info{", `version="1.2.3"`, "\ngo_goroutines ", "BREW"} {
		if strings.Contains(text, part) == (part == "BREW") {
			t.Errorf("%q: %v", part, part == "BREW")
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// TestLint holds the names against Prometheus's conventions.
func TestLint(t *testing.T) {
	m := fresh(t)
	m.Observe(server.Observation{Route: sliceRoute, Status: 200, Format: "wav"})
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestLabelsAreBounded: no client makes the server remember ever more.
func TestLabelsAreBounded(t *testing.T) {
	m := fresh(t)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				m.Observe(server.Observation{Route: fmt.Sprintf("GET /%d", i), Status: 200 + i%2})
				m.Observe(server.Observation{Route: fmt.Sprintf("M%d-%d without a route", w, i), Status: i})
				m.Observe(server.Observation{Route: sliceRoute, Status: 200, Format: fmt.Sprint(i)})
			}
		})
	}
	wg.Wait()
	if n := testutil.CollectAndCount(m.requests.vec); n > maxRoutes+1 {
		t.Errorf("%d routes", n)
	}
	if n := testutil.CollectAndCount(m.answers); n > maxStatus-100 {
		t.Errorf("%d statuses", n)
	}
	if got := testutil.ToFloat64(m.slices[sent][other]); got != 4000 {
		t.Errorf("%v slices of formats not known", got)
	}
}

// TestSliceRoute: the route counted as the one of slices is a real server's.
func TestSliceRoute(t *testing.T) {
	store, err := session.NewStore(session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	h, err := server.New(server.Config{Sessions: store, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/nowhere", nil))
	var answer struct {
		Endpoints []string `json:"available_endpoints"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || !slices.Contains(answer.Endpoints, sliceRoute) {
		t.Errorf("%v: %s", err, w.Body)
	}
}

// Without a library there is nothing to tell of it.
func TestWithoutLibrary(t *testing.T) {
	m := New(Config{Sessions: func() session.Stats { return session.Stats{} }})
	if text := scrape(t, m); strings.Contains(text, "secstream_library") || !strings.Contains(text, "secstream_sessions 0") {
		t.Error(text)
	}
}

var observed = server.Observation{Route: sliceRoute, Status: 200, Took: 3 * time.Millisecond, Format: "flac", Bytes: 100_000}

func TestObserveAllocatesNothing(t *testing.T) {
	m := fresh(t)
	if n := testing.AllocsPerRun(1000, func() { m.Observe(observed) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	m := fresh(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Observe(observed)
		}
	})
}
