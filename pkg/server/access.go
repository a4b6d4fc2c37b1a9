package server

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/browser"
	"secstream/pkg/wire"
)

// cors adds what browsers ask for and answers preflights.
func (w *reply) cors(r *http.Request) (done bool) {
	origin := r.Header.Get("Origin")
	if len(w.live.Origins) == 0 || origin == "" {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	if !slices.Contains(w.live.Origins, "*") && !slices.Contains(w.live.Origins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", strings.Join(wire.SliceHeaders[:], ", ")+", Retry-After")
	if r.Method != http.MethodOptions {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
	h.Set("Access-Control-Allow-Headers", "Content-Type, Authorization")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// admit says whether a request is to be looked at, before anything else is
// done for it and before its body is read.
func (s *Server) admit(w *reply, r *http.Request) error {
	if n := len(r.URL.Path) + len(r.URL.RawPath) + len(r.URL.RawQuery); n > maxTarget {
		w.name = r.Method + " with a long address"
		return wire.Errorf(wire.BadRequest, "The address is longer than %d bytes", maxTarget)
	}
	// A page of another site may make a browser send a POST without asking.
	if err := w.live.origin.Check(r); err != nil {
		w.name = r.Method + " from another site"
		return wire.Errorf(wire.Forbidden, "Requests from pages of other sites are not taken")
	}
	if r.URL.Path == health {
		return nil
	}
	if wait := s.addresses.Take(w.share, w.live.AddressRate); wait > 0 {
		w.name = r.Method + " over the address's rate"
		return tooMany(wait)
	}
	if s.cfg.Tokens == nil || r.Method == http.MethodPost && r.URL.Path == wire.PairPath || s.shown(r) {
		return nil
	}
	if token, ok := bearer(r); ok {
		if w.who, ok = s.cfg.Tokens(token); ok {
			return nil
		}
	}
	w.name, w.who = r.Method+" without a token", ""
	return wire.Errorf(wire.Unauthorized, "This server asks for a token it knows")
}

// admitSession holds a session to its rate, whoever asks for it.
func (s *Server) admitSession(w *reply, r *http.Request) error {
	if id := r.PathValue("id"); id != "" {
		if wait := s.sessions.Take(id, w.live.SessionRate); wait > 0 {
			return tooMany(wait)
		}
	}
	return nil
}

// maxToken is the longest token that is looked at, in bytes.
const maxToken = 512

// bearer is the token a request came with (RFC 6750 section 2.1).
func bearer(r *http.Request) (token string, ok bool) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.Trim(token, " ")
	return token, strings.EqualFold(scheme, "Bearer") && token != "" && len(token) <= maxToken
}

// later is a refusal that ends by waiting.
type later struct {
	error
	after time.Duration
}

func (l later) Unwrap() error { return l.error }

func tooMany(wait time.Duration) error {
	return later{wire.Errorf(wire.TooMany, "Too many requests; try again later"), wait}
}

// maxForwarded bounds what is read of X-Forwarded-For, from its end, in bytes.
const maxForwarded = 1 << 10

// locate finds out whose request it is.
func (w *reply) locate(s *Server, r *http.Request) {
	at := address(r.RemoteAddr)
	client := at
	if s.trusts(at) {
		client = s.forwarded(at, strings.Join(r.Header.Values("X-Forwarded-For"), ","))
	}
	w.from, w.share = r.RemoteAddr, share(client)
	if client != at {
		w.from = client.String()
	}
}

// forwarded is the client that proxies tell of, each of which has added whom it
// heard from to the end of list: the last one that is no proxy of ours, for
// whatever stands before it is that one's own word. What is no address ends the
// search where it has come to.
func (s *Server) forwarded(at netip.Addr, list string) netip.Addr {
	if over := len(list) - maxForwarded; over > 0 {
		_, list, _ = strings.Cut(list[over:], ",") // what is cut through is none
	}
	hops := strings.Split(list, ",")
	for i := len(hops) - 1; i >= 0 && s.trusts(at); i-- {
		next := address(strings.TrimSpace(hops[i]))
		if !next.IsValid() {
			break
		}
		at = next
	}
	return at
}

func (s *Server) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(s.cfg.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// address reads an address with or without a port; the zero Addr is none.
func address(text string) netip.Addr {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.Addr().Unmap().WithZone("")
	}
	a, _ := netip.ParseAddr(strings.Trim(text, "[]"))
	return a.Unmap().WithZone("")
}

// share is what limits count an address for. Whoever has one address of IPv6
// has at least 2^64 of them (RFC 6177), so those of a /64 count as one.
// Connections without addresses, as of a Unix socket, count as one too.
func share(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// decodes says what the client of r takes, nil for everything (session.Ask).
func (s *Server) decodes(r *http.Request) func(audio.Codec) bool {
	switch s.cfg.Decode {
	case DecodeAlways:
		return func(c audio.Codec) bool { return c == audio.PCM }
	case DecodeNever:
		return nil
	}
	return browser.Of(browser.Hints{
		UserAgent: r.UserAgent(), Brands: strings.Join(r.Header.Values("Sec-CH-UA"), ","), Platform: r.Header.Get("Sec-CH-UA-Platform"),
	}).Decodes
}
