// Package server is the slice API as an ordinary http.Handler: it mounts
// under any prefix with http.StripPrefix and listens to nothing by itself.
// Requests go in, sealed slices and JSON go out; a file in the clear never
// does. It imports audio, format, handshake, library, limit, pack, seal (for
// uploads on the disk), session and wire.
//
// docs/protocol.md has the routes; openapi.json, which a Server shows at
// /api/openapi.json, has them for programs.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"secstream/pkg/library"
	"secstream/pkg/limit"
	"secstream/pkg/session"
	"secstream/pkg/wire"

	"golang.org/x/sync/semaphore"
)

// Config says what a Server serves. Sessions is required.
type Config struct {
	Sessions *session.Store
	Library  *library.Library // nil serves uploads only
	TempDir  string           // where uploads live, a private directory, as of UploadDir; default the system's
	Decode   Decode           // default DecodeAuto
	// Tokens says whose bearer token it is. nil asks for none; otherwise every
	// route but /health and the one for pairing takes one.
	Tokens  func(token string) (name string, ok bool)
	Pair    Door              // lets players in who have no token yet; nil for none
	Pages   Pages             // what browsers are shown; nil for nothing
	Strict  bool              // over TLS, names of the world are to be asked over TLS alone from then on (RFC 6797)
	Proxies []netip.Prefix    // whose word on the client's address is taken
	Observe func(Observation) // told of every request after its answer, by several at once; must not block
	Logger  *slog.Logger
	Live
}

// Door lets players in who have no token yet: a pair.Door. It is safe for
// concurrent use.
type Door interface {
	// Open says whether it may let somebody in. While it does not, there is no
	// such route.
	Open() bool
	// Answer hands a token to the player whose request deserves one.
	Answer(ctx context.Context, req *wire.PairRequest) (*wire.SealedAnswer, error)
}

// Live is the part of Config that may change while a Server answers.
type Live struct {
	Origins     []string // origins that scripts may call from, "*" for all; none by default
	AllowUpload bool
	MaxUpload   int64   // bytes of the files of one request, together; default 256 MiB
	AddressRate float64 // requests a second from one address in the long run; 0 for no limit
	SessionRate float64 // the same for one session
}

// live is a Live that was checked, as a request finds it.
type live struct {
	Live
	origin *http.CrossOriginProtection
}

// Set replaces what may change. Requests that have begun go on by what was. On
// an error nothing changes.
func (s *Server) Set(l Live) error {
	now := &live{Live: l, origin: http.NewCrossOriginProtection()}
	switch {
	case l.MaxUpload < 0:
		return fmt.Errorf("server: uploads of %d bytes", l.MaxUpload)
	case !(l.AddressRate >= 0) || !(l.SessionRate >= 0): // not a number, too
		return fmt.Errorf("server: rates of %v and %v requests a second", l.AddressRate, l.SessionRate)
	case l.MaxUpload == 0:
		now.MaxUpload = DefaultMaxUpload
	case l.MaxUpload > math.MaxInt64/(2*maxUploads):
		return fmt.Errorf("server: uploads of %d bytes", l.MaxUpload)
	}
	for _, o := range l.Origins {
		if o == "*" {
			now.origin.AddInsecureBypassPattern("/")
		} else if err := now.origin.AddTrustedOrigin(o); err != nil {
			return fmt.Errorf("server: origin %q: %w", o, err)
		}
	}
	s.live.Store(now)
	return nil
}

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
	Route  string // the pattern, as "GET /health"; "/" for what no route was asked for, or reached
	Status int    // 499 when the client went away before there was one
	Took   time.Duration
	Format string // of a slice: what its session was told
	Bytes  int    // of a slice, as far as they went
}

// DefaultMaxUpload is used when Config.MaxUpload is 0.
const DefaultMaxUpload = 256 << 20

// times are the limits of single requests.
type times struct {
	request  time.Duration // most of them; of any, until a body of JSON is there
	exchange time.Duration // a key exchange, which may have to read a whole file first
	transfer time.Duration // uploads, lists and slices to slow listeners
	answer   time.Duration // to tell of a request that took too long
	// slowest is how many bytes a second have to come of uploads and go of
	// answers, or they are broken off: what waits takes memory, or disk.
	slowest int64
}

var usual = times{
	request: 30 * time.Second, exchange: 2 * time.Minute, transfer: 10 * time.Minute, answer: 5 * time.Second, slowest: 16 << 10,
}

// slow is how long n bytes may take.
func (t times) slow(n int64) time.Duration { return time.Duration(n/t.slowest) * time.Second }

// Limits of single requests.
const (
	maxJSON    = 256 << 10 // bytes of a JSON body: a session of 1,000 tracks fits
	smallJSON  = 4 << 10   // of one that is read without asking whether there is room
	maxBodies  = 64        // longer ones that are read at the same time
	maxParsing = 4         // uploads that are read as audio at the same time
	maxTarget  = 2 << 10   // bytes of a path and its query
)

// Limits of covers, and of lyrics with them: how many bytes may wait to be sent,
// and how long a request waits for its share of that.
const (
	maxCovers = 4 * library.MaxCover
	patience  = 20 * time.Second
)

// Server answers the slice API. It is safe for concurrent use.
type Server struct {
	cfg   Config // but for its Live
	live  atomic.Pointer[live]
	times times
	mux   *http.ServeMux
	none  http.Handler // for what mux has nothing for, and must not see
	start time.Time

	endpoints []string // the routes, for those who ask for another

	addresses, sessions *limit.Table

	list    listing
	covers  *semaphore.Weighted
	bodies  *semaphore.Weighted
	parsing *semaphore.Weighted // uploads
	disk    disk

	slices, bytes               atomic.Int64
	refused, limited, strangers atomic.Int64
	uploads                     hoard
}

// New returns a handler for cfg.
func New(cfg Config) (*Server, error) { return newServer(cfg, usual) }

func newServer(cfg Config, t times) (*Server, error) {
	if cfg.Sessions == nil {
		return nil, errors.New("server: no session store given")
	}
	switch cfg.Decode {
	case "":
		cfg.Decode = DecodeAuto
	case DecodeAuto, DecodeAlways, DecodeNever:
	default:
		return nil, fmt.Errorf("server: no such way of decoding: %q", cfg.Decode)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		cfg: cfg, times: t, mux: http.NewServeMux(), start: time.Now(),
		addresses: limit.New(), sessions: limit.New(), covers: semaphore.NewWeighted(maxCovers),
		bodies: semaphore.NewWeighted(maxBodies * maxJSON), parsing: semaphore.NewWeighted(maxParsing),
	}
	if err := s.Set(cfg.Live); err != nil {
		return nil, err
	}
	for _, r := range s.routes() {
		s.mux.Handle(r.pattern, s.route(r))
		s.endpoints = append(s.endpoints, r.pattern)
	}
	for _, pattern := range pageRoutes {
		if cfg.Pages != nil {
			s.mux.Handle(pattern, s.route(route{pattern, t.request, s.page}))
		}
	}
	s.none = s.route(route{noRoute, t.request, s.unknown})
	s.mux.Handle(noRoute, s.none)
	return s, nil
}

// route is one entry of the API.
type route struct {
	pattern string
	time    time.Duration // the whole request, body and answer
	answer  func(*reply, *http.Request) error
}

const (
	noRoute = "/" // takes what no other route does
	// health is the route that asks for no token and counts no requests: those
	// who look after a server have neither.
	health = "/health"
	ready  = "/ready"
)

func (s *Server) routes() []route {
	t := s.times
	return []route{
		{"POST /api/sessions", t.transfer, s.createSession},
		{"DELETE /api/sessions/{id}", t.request, s.endSession},
		{"POST /api/sessions/{id}/key-exchange", t.exchange, s.exchangeKey},
		{"GET /api/sessions/{id}/info", t.request, s.sessionInfo},
		{"GET /api/sessions/{id}/slices/{slice}", t.transfer, s.slice},
		{"POST /api/sessions/{id}/tracks", t.transfer, s.addTracks},
		{"DELETE /api/sessions/{id}/tracks/{track}", t.request, s.removeTrack},
		{"GET " + wire.LibraryPath, t.transfer, s.listLibrary},
		{"GET " + wire.LibraryPath + "/{track}/cover", t.transfer, s.cover},
		{"GET " + wire.LibraryPath + "/{track}/lyrics", t.transfer, s.lyrics},
		{"POST " + wire.PairPath, t.request, s.pair},
		{"GET /api/stats", t.request, s.stats},
		{"GET /api/openapi.json", t.request, s.openapi},
		{"GET " + health, t.request, s.health},
		{"GET " + ready, t.request, s.ready},
	}
}

// Headers of every answer. Nobody writes into them.
var nosniff, noStore = []string{"nosniff"}, []string{"no-store"}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w := &reply{ResponseWriter: out, req: r, live: s.live.Load(), times: s.times, begin: time.Now(), route: noRoute, unread: r.Body != http.NoBody}
	w.locate(s, r)
	defer s.done(w, r)
	if w.unread {
		// Until a route says otherwise: a body that is announced and never comes
		// must not hold the connection.
		w.readUntil(w.begin.Add(s.times.request))
	}
	h := w.Header()
	h["X-Content-Type-Options"], h["Cache-Control"] = nosniff, noStore
	s.defend(w, r)
	if w.cors(r) {
		w.name = "OPTIONS before a request from another site"
		return
	}
	if s.strange(r) {
		s.retire(w)
		return
	}
	if err := s.admit(w, r); err != nil {
		s.refuse(w, r, err)
		return
	}
	if !clean(r) {
		s.none.ServeHTTP(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// clean says whether the path is one that mux takes as it is. Others it would
// answer by itself, with a redirection that knows nothing of a prefix.
func clean(r *http.Request) bool {
	path := r.URL.EscapedPath()
	if !strings.HasPrefix(path, "/") || r.RequestURI == "*" {
		return false
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(path[1:], "/"), "/") {
		if segment == "." || segment == ".." || segment == "" && path != "/" {
			return false
		}
	}
	return true
}

// route wraps a handler with its time limit and its error answer.
func (s *Server) route(r route) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, req *http.Request) {
		w := out.(*reply) // ServeHTTP's
		w.route = r.pattern
		if r.pattern == noRoute {
			w.name = req.Method + " without a route"
		}
		w.until = w.begin.Add(r.time)
		if w.unread {
			// Later than the context: a connection that cannot be read any more
			// counts as one whose client is gone.
			w.readUntil(w.until.Add(s.times.answer))
		} else {
			w.wasRead()
		}
		ctx, cancel := context.WithDeadline(req.Context(), w.until)
		defer cancel()
		err := s.admitSession(w, req)
		if err == nil {
			err = guard(r.answer, w, req.WithContext(ctx))
		}
		if err != nil {
			s.refuse(w, req, err)
		}
	})
}

// guard turns a panic in one request, as by a parser, into its failure.
func guard(answer func(*reply, *http.Request) error, w *reply, r *http.Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return answer(w, r)
}

// unknown answers what no route takes: a path there is none for, or a method
// its path does not know.
func (s *Server) unknown(w *reply, r *http.Request) error {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		other := http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := s.mux.Handler(&other); clean(r) && pattern != noRoute {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		return wire.Errorf(wire.NotFound, "Not found")
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return wire.Errorf(wire.MethodNot, "The route takes %s", strings.Join(allowed, ", "))
}
