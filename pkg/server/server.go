// Package server is the slice API as an ordinary http.Handler: it mounts
// under any prefix with http.StripPrefix and listens to nothing by itself.
// Requests go in, sealed slices and JSON go out; a file in the clear never
// does. It imports audio, format, handshake, library, pack, seal (for uploads on
// the disk), session and wire.
package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"secstream/pkg/library"
	"secstream/pkg/session"
	"secstream/pkg/wire"

	"golang.org/x/sync/semaphore"
)

// Config says what a Server serves. Sessions is required.
type Config struct {
	Sessions *session.Store
	Library  *library.Library // nil serves uploads only
	TempDir  string           // where uploads live, a private directory; default the system's
	Decode   Decode           // default DecodeAuto
	// Tokens says whose bearer token it is. nil asks for none; otherwise every
	// route but /health takes one.
	Tokens  func(token string) (name string, ok bool)
	Proxies []netip.Prefix    // whose word on the client's address is taken
	Observe func(Observation) // told of every request after its answer; must not block
	Logger  *slog.Logger
	Live
}

// Live is the part of Config that may change while a Server answers.
type Live struct {
	Origins     []string // origins that scripts may call from, "*" for all; none by default
	AllowUpload bool
	MaxUpload   int64   // bytes of one uploaded file; default 256 MiB
	AddressRate float64 // requests a second from one address in the long run; 0 for no limit
	SessionRate float64 // the same for one session
}

// Set replaces what may change. On an error nothing changes.
func (s *Server) Set(Live) error { return nil }

// Decode says which clients get coded audio as PCM, each slice a RIFF WAVE file.
type Decode string

// The kinds of Decode.
const (
	DecodeAuto   Decode = "auto"   // browsers that cannot take the codec
	DecodeAlways Decode = "always" // everybody
	DecodeNever  Decode = "never"
)

// Observation is one answered request.
type Observation struct {
	Route  string // the pattern, as "GET /health"
	Status int
	Took   time.Duration
	Format string // of a slice: what its session was told
	Bytes  int    // of a slice
}

// DefaultMaxUpload is used when Config.MaxUpload is 0.
const DefaultMaxUpload = 256 << 20

// Limits of single requests.
const (
	maxJSON      = 256 << 10 // bytes of a JSON body: a session of 1,000 tracks fits
	requestTime  = 30 * time.Second
	exchangeTime = 2 * time.Minute  // a key exchange, which may have to read a whole file first
	transferTime = 10 * time.Minute // uploads, lists and slices to slow listeners
	answerTime   = 5 * time.Second  // to tell of a request that took too long
)

// Answers are sent at no less than slowest bytes a second, or not at all:
// what waits to be sent takes memory.
const slowest = 16 << 10

// Limits of covers: how many bytes of them may wait to be sent, and how long
// a request waits for its share of that.
const (
	maxCovers = 4 * library.MaxCover
	patience  = 20 * time.Second
)

// Server answers the slice API. It is safe for concurrent use.
type Server struct {
	cfg   Config
	mux   *http.ServeMux
	start time.Time

	endpoints []string // the routes, for those who ask for another

	origin *http.CrossOriginProtection
	list   listing
	covers *semaphore.Weighted

	slices, bytes, refused atomic.Int64
	uploads                atomic.Int64 // bytes of disk set aside
}

// New returns a handler for cfg.
func New(cfg Config) (*Server, error) {
	if cfg.Sessions == nil {
		return nil, errors.New("server: no session store given")
	}
	if cfg.MaxUpload == 0 {
		cfg.MaxUpload = DefaultMaxUpload
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, mux: http.NewServeMux(), start: time.Now(), origin: http.NewCrossOriginProtection(), covers: semaphore.NewWeighted(maxCovers)}
	for _, o := range cfg.Origins {
		if o == "*" {
			s.origin.AddInsecureBypassPattern("/")
		} else if err := s.origin.AddTrustedOrigin(o); err != nil {
			return nil, fmt.Errorf("server: origin %q: %w", o, err)
		}
	}
	for _, r := range s.routes() {
		s.mux.Handle(r.pattern, s.route(r))
		s.endpoints = append(s.endpoints, r.pattern)
	}
	s.mux.Handle(noRoute, s.route(route{noRoute, requestTime, http.StatusOK, s.unknown}))
	return s, nil
}

// route is one entry of the API.
type route struct {
	pattern string
	time    time.Duration // the whole request, body and answer
	status  int           // of an answer without error
	answer  func(http.ResponseWriter, *http.Request) error
}

// noRoute takes what no other route does.
const noRoute = "/"

func (s *Server) routes() []route {
	return []route{
		{"POST /api/sessions", transferTime, http.StatusOK, s.createSession},
		{"DELETE /api/sessions/{id}", requestTime, http.StatusNoContent, s.endSession},
		{"POST /api/sessions/{id}/key-exchange", exchangeTime, http.StatusOK, s.exchangeKey},
		{"GET /api/sessions/{id}/info", requestTime, http.StatusOK, s.sessionInfo},
		{"GET /api/sessions/{id}/slices/{slice}", transferTime, http.StatusOK, s.slice},
		{"GET " + wire.LibraryPath, transferTime, http.StatusOK, s.listLibrary},
		{"GET " + wire.LibraryPath + "/{track}/cover", transferTime, http.StatusOK, s.cover},
		{"GET /api/stats", requestTime, http.StatusOK, s.stats},
		{"GET /health", requestTime, http.StatusOK, s.health},
	}
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	// Until a route says otherwise: a body that is announced and never comes
	// must not hold the connection.
	_ = http.NewResponseController(w).SetReadDeadline(begin.Add(requestTime)) // not every ResponseWriter can
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if s.cors(w, r) {
		s.note(r, r.Method+" before a request from another site", http.StatusNoContent, begin)
		return
	}
	// A page of another site may make a browser send a POST without asking.
	if err := s.origin.Check(r); err != nil {
		status := s.refuse(w, r, wire.Errorf(wire.Forbidden, "Requests from pages of other sites are not taken"))
		s.note(r, r.Method+" from another site", status, begin)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// cors adds what browsers ask for and answers preflights.
func (s *Server) cors(w http.ResponseWriter, r *http.Request) (done bool) {
	origin := r.Header.Get("Origin")
	if len(s.cfg.Origins) == 0 || origin == "" {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	if !slices.Contains(s.cfg.Origins, "*") && !slices.Contains(s.cfg.Origins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", strings.Join(wire.SliceHeaders[:], ", "))
	if r.Method != http.MethodOptions {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
	h.Set("Access-Control-Allow-Headers", "Content-Type")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// route wraps a handler with its time limit, its error answer and its log
// line.
func (s *Server) route(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		begin := time.Now()
		ctl := http.NewResponseController(w)
		_ = ctl.SetReadDeadline(begin.Add(r.time)) // not every ResponseWriter can
		_ = ctl.SetWriteDeadline(begin.Add(r.time + answerTime))
		ctx, cancel := context.WithTimeout(req.Context(), r.time)
		defer cancel()
		err := guard(r.answer, w, req.WithContext(ctx))
		status, name := r.status, r.pattern
		if err != nil {
			status = s.refuse(w, req, err)
		}
		if name == noRoute {
			name = req.Method + " without a route"
		}
		s.note(req, name, status, begin)
	})
}

// note writes the log line of a request. It has the route's pattern, never the
// path: the path holds the session ID, which is a secret.
func (s *Server) note(r *http.Request, route string, status int, begin time.Time) {
	s.cfg.Logger.Debug("request", "route", route, "session", session.Short(r.PathValue("id")),
		"status", status, "took", time.Since(begin), "from", r.RemoteAddr)
}

// guard turns a panic in one request, as by a parser, into its failure.
func guard(answer func(http.ResponseWriter, *http.Request) error, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return answer(w, r)
}

// unknown answers what no route takes: a path there is none for, or a method
// its path does not know.
func (s *Server) unknown(w http.ResponseWriter, r *http.Request) error {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		other := http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := s.mux.Handler(&other); pattern != noRoute {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		return wire.Errorf(wire.NotFound, "Not found")
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return wire.Errorf(wire.MethodNot, "The route takes %s", strings.Join(allowed, ", "))
}

// notFound is the answer to a path there is no route for, as protocol v1 has
// it.
type notFound struct {
	*wire.Error
	Endpoints []string `json:"available_endpoints"`
}

// Refuse answers with e, for handlers around a Server that answer themselves.
func Refuse(w http.ResponseWriter, e *wire.Error) { writeJSON(w, e.Status, e) }

// refuse answers with an error and returns its status.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) int {
	if r.Context().Err() != nil {
		return 499 // the client went away; nobody reads an answer
	}
	s.refused.Add(1)
	e := refusal(err)
	if e.Code == wire.Internal {
		s.cfg.Logger.Error("request failed", "route", r.Pattern, "session", session.Short(r.PathValue("id")), "err", err)
	}
	if e.Code == wire.Busy {
		w.Header().Set("Retry-After", "5")
	}
	if e.Code == wire.NotFound {
		writeJSON(w, e.Status, notFound{e, s.endpoints})
	} else {
		writeJSON(w, e.Status, e)
	}
	return e.Status
}

// answers holds buffers for JSON: a long track's list of slices takes 160 kB.
var answers = sync.Pool{New: func() any { return new([]byte) }}

// maxPooled is the largest buffer kept: a library of a size seldom asked for
// must not stay in memory.
const maxPooled = 1 << 20

func writeJSON(w http.ResponseWriter, status int, v any) {
	buf := answers.Get().(*[]byte)
	b, err := appendJSON((*buf)[:0], v)
	if err != nil {
		panic(err) // the types are ours and marshal
	}
	b = append(b, '\n')
	writeText(w, status, b)
	if cap(b) <= maxPooled {
		clear(b) // session IDs are secrets
		*buf = b
		answers.Put(buf)
	}
}

// writeText writes JSON that is text already.
func writeText(w http.ResponseWriter, status int, text []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	limitWrite(w, len(text))
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that went away is its own affair
}

// limitWrite gives an answer of n bytes the time a slow line takes.
func limitWrite(w http.ResponseWriter, n int) {
	limit := time.Now().Add(requestTime + answerTime + time.Duration(n/slowest)*time.Second)
	_ = http.NewResponseController(w).SetWriteDeadline(limit) // not every ResponseWriter can
}

// mustJSON is v, a type of ours that marshals, and a newline.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return append(b, '\n')
}

// appendJSON lets types with long lists write themselves.
func appendJSON(b []byte, v any) ([]byte, error) {
	if own, ok := v.(interface{ Append([]byte) ([]byte, error) }); ok {
		return own.Append(b)
	}
	text, err := json.Marshal(v)
	return append(b, text...), err
}

// readJSON reads a bounded JSON body.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	body := http.MaxBytesReader(w, r.Body, maxJSON)
	if err := json.NewDecoder(body).Decode(v); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return wire.Errorf(wire.TooLarge, "The request is larger than %d bytes", tooLarge.Limit)
		}
		return wire.Errorf(wire.BadRequest, "The request is not the JSON this route takes")
	}
	return nil
}
