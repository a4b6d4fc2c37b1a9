package server

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"secstream/pkg/wire"
)

// Pages is what a server shows besides its API, as to browsers: a web.Player. It
// is safe for concurrent use.
type Pages interface {
	// Has says whether there is something at a path. Requests for it take no
	// token: what is there is part of the program.
	Has(path string) bool
	http.Handler
}

// pageRoutes are those of Pages. They are not in the API's description, and
// not in its list of endpoints.
var pageRoutes = [...]string{"GET /{$}", "GET /web/{file}"}

// worker is the one service worker that Pages have.
const worker = "/web/sw.js"

// retire is a service worker that goes, and has the pages that were its reload.
const retire = "oninstall=()=>skipWaiting();onactivate=e=>e.waitUntil((async()=>{await registration.unregister();" +
	"for(const c of await clients.matchAll({type:'window',includeUncontrolled:true}))c.navigate(c.url)})())\n"

// strange says whether a browser asks for a newer service worker that is none of
// ours. Another program made it, which had the server's address while the server
// was down: until it goes, it has the pages, tokens and pins of that address.
func (s *Server) strange(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Service-Worker") == "script" && (r.URL.Path != worker || !s.shown(r))
}

// retire answers such a request. It needs no token: browsers send none.
func (*Server) retire(w *reply) {
	w.name = "GET of a strange service worker"
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Service-Worker-Allowed", "/") // it may have been let out of its folder
	_, _ = io.WriteString(w, retire)     // a client that went away is its own affair
}

// Headers of every answer that are not for all servers.
var sameOrigin, strictly = []string{"same-origin"}, []string{"max-age=15552000"} // 180 days

// defend sets headers that keep pages of others out, but where --cors lets them
// in, and browsers with HTTPS. Names of one machine have other servers, too.
func (s *Server) defend(w *reply, r *http.Request) {
	if len(w.live.Origins) == 0 {
		w.Header()["Cross-Origin-Resource-Policy"] = sameOrigin
	}
	if s.cfg.Strict && r.TLS != nil && public(r.Host) {
		w.Header()["Strict-Transport-Security"] = strictly
	}
}

// public says whether host, with or without a port, is a name that the world has.
func public(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err != nil && strings.Contains(host, ".") && !strings.HasSuffix(host, ".localhost")
}

// shown says whether r asks for a page.
func (s *Server) shown(r *http.Request) bool {
	return s.cfg.Pages != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) && s.cfg.Pages.Has(r.URL.Path)
}

func (s *Server) page(w *reply, r *http.Request) error {
	if !s.shown(r) {
		return wire.Errorf(wire.NotFound, "Not found")
	}
	s.cfg.Pages.ServeHTTP(w, r)
	return nil
}
