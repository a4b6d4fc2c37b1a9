// Package web is the player that a server shows to browsers: a page, and a
// library for other pages. Requests for files go in, the files that are part of
// the program come out; nothing in an answer depends on who asks, but for its
// compression. It imports nothing of ours.
//
// The sources are in page/; scripts are made smaller when the program starts. There
// is no build step.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/tdewolff/minify/v2"
	"github.com/tdewolff/minify/v2/js"
)

// Path is where the files are, below the server's address. The page itself is
// at "/".
const Path = "/web/"

const (
	index  = "index.html"
	worker = "sw.js" // it is told what to keep
)

// policy lets the page load what comes from its own server, and nothing else: no
// script, style or image stands in the page or comes from elsewhere. blob: is
// for covers, which take a token to get, and for the silence that keeps media
// keys with the page. Scripts cannot make markup of text, nor start workers but
// by the one rule that app.js and secstream.js share.
const policy = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' blob:; media-src blob:; " +
	"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types secstream"

// types are the media types of what there is, by extension: what a system's own
// tables say must not matter.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".ts": "text/plain; charset=utf-8", ".svg": "image/svg+xml", ".webmanifest": "application/manifest+json",
}

//go:embed page
var page embed.FS

// file is one file as it is sent.
type file struct {
	kind   string
	etag   string
	plain  []byte
	zipped []byte // nil where that would not be shorter
}

// marker has the version on every file: by it the service worker knows that a
// file is ours, and one of those that belong together.
const marker = "Secstream-Web"

// Player answers GET and HEAD for "/" and what is below Path. It is safe for
// concurrent use.
type Player struct {
	files   map[string]file
	version []string
}

// New returns the player.
func New() (*Player, error) {
	p := &Player{files: map[string]file{}}
	names, err := fs.Glob(page, "page/*")
	if err != nil {
		return nil, err
	}
	texts := map[string][]byte{}
	kept, all := []string{"", "../"}, sha256.New()
	for _, name := range names {
		if texts[name], err = page.ReadFile(name); err != nil {
			return nil, err
		}
		_, _ = all.Write(texts[name]) // never fails
		if base := path.Base(name); base != index && base != worker && path.Ext(base) != ".ts" {
			kept = append(kept, base)
		}
	}
	kept[0] = hex.EncodeToString(all.Sum(nil)[:12])
	p.version = kept[:1]
	for name, text := range texts {
		if path.Base(name) == worker {
			text = bytes.Replace(text, []byte("KEPT"), []byte(strings.Join(kept, " ")), 1)
		}
		if p.files[path.Base(name)], err = newFile(path.Ext(name), text); err != nil {
			return nil, fmt.Errorf("web: %s: %w", name, err)
		}
	}
	return p, nil
}

func newFile(ext string, text []byte) (file, error) {
	f := file{kind: types[ext], plain: text}
	if f.kind == "" {
		return f, fmt.Errorf("no media type for %q", ext)
	}
	if ext == ".js" { // without comments and long names it takes half the bytes
		var b bytes.Buffer
		if err := (&js.Minifier{Version: 2022}).Minify(minify.New(), &b, bytes.NewReader(text), nil); err != nil {
			return f, err
		}
		text, f.plain = b.Bytes(), b.Bytes()
	}
	sum := sha256.Sum256(text)
	f.etag = base64.RawURLEncoding.EncodeToString(sum[:18])
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return f, err
	}
	if _, err := z.Write(text); err != nil {
		return f, err
	}
	if err := z.Close(); err != nil {
		return f, err
	}
	if b.Len() < len(text) {
		f.zipped = b.Bytes()
	}
	return f, nil
}

// Has says whether there is such a file; urlPath begins with "/".
func (p *Player) Has(urlPath string) bool {
	_, ok := p.find(urlPath)
	return ok
}

func (p *Player) find(urlPath string) (file, bool) {
	name, below := strings.CutPrefix(urlPath, Path)
	switch {
	case urlPath == "/":
		name = index
	case !below || name == index: // it has one address
		return file{}, false
	}
	f, ok := p.files[name]
	return f, ok
}

// ServeHTTP answers with a file, 304 to those who have it, and 404. Of the
// headers only those that it sets are its own affair.
func (p *Player) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := p.find(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	etag, body := `"`+f.etag+`"`, f.plain
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h[marker] = p.version
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin") // pages that --cors names may, by CORS
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Service-Worker-Allowed", "../") // the page is above its files
	h.Set("Cache-Control", "no-cache")     // ask, every time: the answer is 304 as a rule
	h.Add("Vary", "Accept-Encoding")
	if f.zipped != nil && takesGzip(r.Header.Values("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		etag, body = `"`+f.etag+`-gzip"`, f.zipped
	}
	h.Set("ETag", etag)
	if has(r.Header.Values("If-None-Match"), f.etag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", f.kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that went away is its own affair
	}
}

// takesGzip says whether gzip is in a list of codings (RFC 9110 §12.5.3), and
// not at weight 0.
func takesGzip(values []string) bool {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			coding, params, err := mime.ParseMediaType("x/" + strings.TrimSpace(part))
			if err != nil || coding != "x/gzip" {
				continue
			}
			q, weighed := params["q"]
			weight, err := strconv.ParseFloat(q, 64)
			return !weighed || err == nil && weight > 0
		}
	}
	return false
}

// has says whether a file with this tag, compressed or not, is in a list of
// entity tags (RFC 9110 §13.1.2).
func has(values []string, etag string) bool {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			tag := strings.TrimPrefix(strings.TrimSpace(part), "W/")
			if tag == "*" || tag == `"`+etag+`"` || tag == `"`+etag+`-gzip"` {
				return true
			}
		}
	}
	return false
}
