package web_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"secstream/pkg/web"
)

func player(t *testing.T) *web.Player {
	t.Helper()
	p, err := web.New()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func get(t *testing.T, h http.Handler, method, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) []byte {
	t.Helper()
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// source is a file as it lies in the repository.
func source(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("page", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// served is a file as browsers get it: scripts without comments and indents.
func served(t *testing.T, name string) []byte {
	t.Helper()
	if !strings.HasSuffix(name, ".js") {
		return source(t, name)
	}
	b := body(t, get(t, player(t), "GET", web.Path+name))
	if n := len(source(t, name)); len(b) > n*9/10 || len(b) < n/5 || bytes.Contains(b, []byte("\n ")) || bytes.Contains(b, []byte("/**")) {
		t.Errorf("%s: %d bytes of %d", name, len(b), n)
	}
	return b
}

// kept is the version, and what the service worker is told to keep.
func kept(t *testing.T, h http.Handler) []string {
	t.Helper()
	m := regexp.MustCompile(`=["']([0-9a-f]{24} \.\./[^"']*)["']\.split`).FindSubmatch(body(t, get(t, h, "GET", web.Path+"sw.js")))
	if m == nil {
		t.Fatal("the service worker is not told what to keep")
	}
	return strings.Split(string(m[1]), " ")
}

func names(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("page")
	if err != nil || len(entries) < 10 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestFiles(t *testing.T) {
	p := player(t)
	for _, name := range names(t) {
		path := web.Path + name
		if name == "index.html" {
			path = "/"
		}
		want := served(t, name)
		plain := get(t, p, "GET", path)
		if plain.StatusCode != http.StatusOK || !p.Has(path) || !bytes.Equal(body(t, plain), want) || plain.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d", path, plain.StatusCode)
		}
		zipped := get(t, p, "GET", path, "Accept-Encoding", "br, gzip;q=0.8")
		z, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if text, err := io.ReadAll(z); err != nil || !bytes.Equal(text, want) {
			t.Errorf("%s, compressed: %v", path, err)
		}
		head := get(t, p, "HEAD", path)
		if len(body(t, head)) != 0 || head.Header.Get("Content-Length") != plain.Header.Get("Content-Length") {
			t.Errorf("HEAD %s: %v", path, head.Header)
		}
		for _, tag := range []string{plain.Header.Get("ETag"), zipped.Header.Get("ETag"), "W/" + plain.Header.Get("ETag"), `"x", ` + plain.Header.Get("ETag"), "*"} {
			if again := get(t, p, "GET", path, "If-None-Match", tag); again.StatusCode != http.StatusNotModified || len(body(t, again)) != 0 {
				t.Errorf("%s with %s: %d", path, tag, again.StatusCode)
			}
		}
		if again := get(t, p, "GET", path, "If-None-Match", `"another"`); again.StatusCode != http.StatusOK {
			t.Errorf("%s with another tag: %d", path, again.StatusCode)
		}
		h := plain.Header
		if !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || strings.Contains(h.Get("Content-Security-Policy"), "unsafe") ||
			h.Get("Secstream-Web") != kept(t, p)[0] || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-cache" || h.Get("Cross-Origin-Resource-Policy") != "same-origin" {
			t.Errorf("%s: %v", path, h)
		}
	}
	for _, path := range []string{"/web/", "/web", "/web/index.html", "/web/../page/app.js", "/web/none.js", "/index.html", "//", ""} {
		if p.Has(path) {
			t.Errorf("there is something at %q", path)
		}
	}
	if r := get(t, p, "GET", "/web/none.js"); r.StatusCode != http.StatusNotFound {
		t.Errorf("what is not there: %d", r.StatusCode)
	}
}

func TestWeightsOfCodings(t *testing.T) {
	p := player(t)
	for coding, want := range map[string]string{
		"gzip": "gzip", "gzip;q=0": "", "gzip;q=0.000": "", "deflate": "", "GZIP": "gzip", " gzip ; q=1": "gzip", "identity, gzip": "gzip", "gzip;q=x": "", "*": "", "": "", "x-gzipped": "",
	} {
		if got := get(t, p, "GET", "/", "Accept-Encoding", coding).Header.Get("Content-Encoding"); got != want {
			t.Errorf("%q: %q", coding, got)
		}
	}
}

// TestThePageIsWholeAndSmall: every file that one refers to is there, nothing
// comes from elsewhere, no script or style stands in markup, the service worker
// keeps all of them, and they are small.
func TestThePageIsWholeAndSmall(t *testing.T) {
	all := names(t)
	html := string(source(t, "index.html"))
	if m := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script[^>]*>[^<]|https?:|javascript:`).FindString(html); m != "" {
		t.Errorf("%q in the page", m)
	}
	for _, m := range regexp.MustCompile(`(?:href|src)="web/([^"]+)"`).FindAllStringSubmatch(html, -1) {
		if !slices.Contains(all, m[1]) {
			t.Errorf("the page wants %s", m[1])
		}
	}
	// What the page's script imports comes beside it, not step by step.
	for _, name := range all {
		if strings.HasSuffix(name, ".js") && !slices.Contains([]string{"app.js", "sw.js", "worker.js", "pins.js", "pcm.js", "flac.js", "length.js"}, name) && !strings.Contains(html, `<link rel="modulepreload" href="web/`+name+`">`) {
			t.Errorf("the page does not ask for %s ahead", name)
		}
	}
	keeps := kept(t, player(t))
	var scripts bytes.Buffer
	z, err := gzip.NewWriterLevel(&scripts, gzip.BestCompression) // as they are sent
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		text := string(source(t, name))
		for _, m := range regexp.MustCompile(`(?m)^(?:import|export) .*from '\./([^']+)'`).FindAllStringSubmatch(text, -1) {
			if !slices.Contains(all, m[1]) {
				t.Errorf("%s imports %s", name, m[1])
			}
		}
		if strings.HasSuffix(name, ".js") {
			_, _ = z.Write(served(t, name)) // to a buffer
			if m := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setTimeout\('`).FindString(text); m != "" {
				t.Errorf("%s: %s", name, m)
			}
			if lines := strings.Count(text, "\n"); lines >= 500 {
				t.Errorf("%s has %d lines", name, lines)
			}
		}
		if !slices.Contains([]string{"index.html", "sw.js", "secstream.d.ts"}, name) && !slices.Contains(keeps, name) {
			t.Errorf("the service worker does not keep %s", name)
		}
	}
	if err := z.Close(); err != nil || scripts.Len() > 40_000 {
		t.Errorf("the scripts take %d bytes compressed, %v", scripts.Len(), err)
	}
	t.Logf("the scripts take %d bytes compressed", scripts.Len())
}

// FuzzHeaders: whatever a client sends, it gets the whole file, the whole file
// compressed, or nothing because it has it.
func FuzzHeaders(f *testing.F) {
	p, err := web.New()
	if err != nil {
		f.Fatal(err)
	}
	first := httptest.NewRecorder()
	p.ServeHTTP(first, httptest.NewRequest(http.MethodGet, "/", nil))
	for _, seed := range [][2]string{{"gzip", ""}, {"gzip;q=0, *", first.Header().Get("ETag")}, {"x;;;q=\"", "W/\"\",*"}, {",,gzip; q = 1", "\"" + strings.Repeat("a,", 100)}} {
		f.Add("/", seed[0], seed[1])
		f.Add("/web/app.js", seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, path, coding, tag string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = path
		r.Header["Accept-Encoding"], r.Header["If-None-Match"] = []string{coding}, []string{tag}
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		switch {
		case !p.Has(path):
			if w.Code != http.StatusNotFound {
				t.Fatalf("%q: %d", path, w.Code)
			}
		case w.Code == http.StatusNotModified:
			if w.Body.Len() != 0 {
				t.Fatal("304 with a body")
			}
		case w.Code != http.StatusOK || w.Header().Get("Content-Length") != strconv.Itoa(w.Body.Len()) || w.Body.Len() == 0:
			t.Fatalf("%q: %d, %v", path, w.Code, w.Header())
		}
	})
}
