package server

import (
	"net/http"

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
