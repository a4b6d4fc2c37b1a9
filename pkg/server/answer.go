package server

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// reply is the answer to one request, and what is to be told of it when it is
// done.
type reply struct {
	http.ResponseWriter
	req     *http.Request // as it came
	live    *live
	times   times
	begin   time.Time
	until   time.Time // when the request has to be over
	from    string    // the client's address
	share   string    // what limits by address count it for
	who     string    // whose token it came with
	route   string    // its pattern; noRoute until one takes it
	name    string    // for the log; the route's pattern if it has none
	status  int       // as sent, 0 before
	timed   bool      // the answer has its time
	unread  bool      // the body was not read to its end
	started bool      // the answer has begun
	format  string    // of a slice
	bytes   int       // of a slice
}

// Unwrap is for http.ResponseController.
func (w *reply) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *reply) WriteHeader(status int) {
	w.starts(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *reply) Write(p []byte) (int, error) {
	w.starts(http.StatusOK)
	return w.ResponseWriter.Write(p)
}

// starts notes the status that is sent, once for each answer. One that was
// given no time has that of a short one.
func (w *reply) starts(status int) {
	if w.started {
		return
	}
	w.started = true
	if w.status == 0 {
		w.status = status
	}
	if !w.timed {
		w.limit(0)
	}
	if w.unread { // what is still to come is of no use, and had its time if that is over
		w.readUntil(w.begin.Add(min(time.Since(w.begin)+w.times.answer, w.times.request)))
	}
	if w.req.Context().Err() != nil && w.req.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // net/http would answer later requests as this one
	}
}

// readUntil bounds the time until the body is there.
func (w *reply) readUntil(t time.Time) {
	_ = http.NewResponseController(w.ResponseWriter).SetReadDeadline(t) // not every ResponseWriter can
}

// wasRead says that the body is there. From now on nothing is read that could
// be late: a deadline that passes would cancel the connection's requests.
func (w *reply) wasRead() {
	w.unread = false
	w.readUntil(time.Time{})
}

// limit gives an answer of n bytes the time a slow line takes.
func (w *reply) limit(n int) {
	w.timed = true
	until := time.Now().Add(w.times.request + w.times.answer + w.times.slow(int64(n)))
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(until) // not every ResponseWriter can
}

// step is how much of a long answer has a time limit of its own, in bytes: who
// reads nothing holds what waits for a minute and a half, however long it is.
const step = 1 << 20

// send writes body, and gives each step of it the time a slow line takes.
func (w *reply) send(body []byte) (n int, err error) {
	for len(body) > 0 && err == nil {
		part := body[:min(step, len(body))]
		w.limit(len(part))
		var k int
		k, err = w.Write(part)
		n += k
		body = body[k:]
	}
	return n, err
}

// done writes the log line of a request and tells of it. Both have the route's
// pattern, never the path: the path holds the session ID, which is a secret.
func (s *Server) done(w *reply, r *http.Request) {
	took := time.Since(w.begin)
	if s.cfg.Logger.Enabled(r.Context(), slog.LevelDebug) {
		s.cfg.Logger.Debug("request", "route", cmp.Or(w.name, w.route), "session", session.Short(r.PathValue("id")),
			"status", w.status, "took", took, "from", w.from, "client", w.who)
	}
	if s.cfg.Observe != nil {
		s.cfg.Observe(Observation{Route: w.route, Status: w.status, Took: took, Format: w.format, Bytes: w.bytes})
	}
}

// Refuse answers with e, for handlers around a Server that answer themselves.
func Refuse(w http.ResponseWriter, e *wire.Error) { writeJSON(w, e.Status, e) }

// notFound is the answer to a path there is no route for, as protocol v1 has
// it.
type notFound struct {
	*wire.Error
	Endpoints []string `json:"available_endpoints"`
}

// gone is the status in logs of requests whose client went away before it was
// answered.
const gone = 499

// refuse answers with an error. A client that went away is answered too, and
// its connection ends: it may be there after all.
func (s *Server) refuse(w *reply, r *http.Request, err error) {
	e := refusal(err)
	if e.Code == wire.Internal && !errors.Is(err, context.Canceled) {
		s.cfg.Logger.Error("request failed", "route", w.route, "session", session.Short(r.PathValue("id")), "err", err)
	}
	h := w.Header()
	if r.Context().Err() != nil {
		w.status = gone
	} else {
		s.count(e.Code)
	}
	if after := retryAfter(err, e.Code); after > 0 {
		h.Set("Retry-After", strconv.Itoa(int((after+time.Second-1)/time.Second)))
	}
	if e.Code == wire.Unauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="secstream"`)
	}
	if e.Code == wire.NotFound {
		writeJSON(w, e.Status, notFound{e, s.endpoints})
	} else {
		writeJSON(w, e.Status, e)
	}
}

func (s *Server) count(c wire.Code) {
	s.refused.Add(1)
	switch c {
	case wire.TooMany:
		s.limited.Add(1)
	case wire.Unauthorized:
		s.strangers.Add(1)
	}
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
	if own, ok := w.(*reply); ok {
		own.limit(len(text))
	}
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that went away is its own affair
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

// readJSON reads a bounded JSON body: one object in UTF-8, no field twice.
// The rest of the request has its route's time again.
func (s *Server) readJSON(w *reply, r *http.Request, v any) error {
	if r.ContentLength > maxJSON {
		return tooLong(maxJSON)
	}
	w.readUntil(w.begin.Add(w.times.request))
	from := http.MaxBytesReader(w.ResponseWriter, r.Body, maxJSON)
	body, err := io.ReadAll(io.LimitReader(from, smallJSON))
	if err == nil && len(body) == smallJSON {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		if err := s.bodies.Acquire(ctx, maxJSON); err != nil {
			return err
		}
		defer s.bodies.Release(maxJSON)
		var rest []byte
		rest, err = io.ReadAll(from)
		body = append(body, rest...)
	}
	if err != nil {
		return bodyError(err)
	}
	w.wasRead()
	if !utf8.Valid(body) || repeats(body) || json.Unmarshal(body, v) != nil {
		return wire.Errorf(wire.BadRequest, "The request is not the JSON this route takes")
	}
	return nil
}

func tooLong(limit int64) error {
	return wire.Errorf(wire.TooLarge, "The request is larger than %d bytes", limit)
}

// bodyError is the answer to a body that could not be read.
func bodyError(err error) error {
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return tooLong(over.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return wire.Errorf(wire.BadRequest, "The request did not come in time")
	}
	return wire.Errorf(wire.BadRequest, "The request cannot be read")
}

// repeats says whether the object in b, if it is one, has a field twice:
// encoding/json would take the last, others the first.
func repeats(b []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(b))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return false
	}
	seen := map[string]bool{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return false // not JSON, as will be found
		}
		field := strings.ToLower(strings.ToUpper(name.(string))) // encoding/json does not tell cases apart
		var value json.RawMessage
		if seen[field] || dec.Decode(&value) != nil {
			return seen[field]
		}
		seen[field] = true
	}
	return false
}
