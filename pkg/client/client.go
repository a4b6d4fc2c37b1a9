// Package client is the listening end of the slice API: it lists a server's
// library, agrees keys, fetches slices ahead of time, opens them. Addresses
// and track IDs go in, slices in the clear come out, and are wiped when nobody
// will want them. It imports audio, buffer, caught, cert (to know a server by its
// key), compress, decode (for its Params and Unwrap), handshake, pack, seal and wire.
package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"secstream/pkg/buffer"
	"secstream/pkg/compress"
	"secstream/pkg/handshake"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// Errors callers branch on; what the server itself refuses is a *wire.Error.
var (
	// ErrUnreachable: no answer came, after all retries.
	ErrUnreachable = errors.New("the server does not answer")
	// ErrProtocol: an answer came that the protocol does not allow.
	ErrProtocol = errors.New("the server's answer breaks the protocol")
	// ErrTokenOver: a token that was good is so no longer. The *wire.Error is behind it.
	ErrTokenOver = errors.New("the token is no longer good: it has expired, or was taken back")
	// ErrAddress: the address cannot be used.
	ErrAddress = errors.New("not an address of a secstream server")
)

// Client talks to one server. It is safe for concurrent use.
type Client struct {
	base     *url.URL
	name     string // in errors
	token    string // "" for none
	http     *http.Client
	buffer   buffering
	patience atomic.Int64 // time.Duration
	pieces   pieces
	v1       bool
	trust    Trust
	log      *slog.Logger
	leaving  chan struct{} // holds a token for each session that is being ended

	mu       sync.Mutex // guards what follows
	identity ed25519.PublicKey
	outage   Outage
	served   chan struct{} // closed at the next answer; nil for nobody waits for one
	left     error         // of the first session that could not be ended
}

// buffering is what tracks keep.
type buffering struct {
	strategy buffer.Strategy
	prefetch buffer.Prefetch
	budget   int64
	ahead    int
}

// Config tunes a Client; the zero value is what players use.
type Config struct {
	Buffer      buffer.Strategy // which slices of a track are kept
	Prefetch    buffer.Prefetch // which are fetched ahead
	BufferBytes int64           // most bytes of them, in the clear; default 64 MiB. The slice asked for always has room
	// Ahead above 0 fetches exactly so many slices ahead, and keeps none that was
	// released, in place of Buffer and Prefetch.
	Ahead int

	Patience  time.Duration     // how long a request that may yet succeed is tried again while somebody waits; default 8 s, as a restart takes
	Transport http.RoundTripper // default: that of NewTransport
	Name      string            // what errors call the server, when its address is a secret; default the address

	// V1 speaks protocol v1, which does not tell who the server is, instead of v2.
	V1 bool
	// Trust says whether the server is the one that is meant. nil takes whoever
	// answers first, and nobody else afterwards.
	Trust Trust

	// Exchange, of protocol v1: default P-256.
	Exchange handshake.Exchange
	Codecs   []compress.Codec // taken besides those of package compress
	Ciphers  []seal.Cipher    // taken besides those of package seal
	// Token is sent along with every request, as a bearer token (RFC 6750), to
	// the server's own address alone. No error has it.
	Token string
	// Fingerprint is that of the server's TLS key, as package cert writes it: no
	// other key is taken then, and any certificate for it. It is for https
	// addresses and the default Transport.
	Fingerprint string
	// Logger is told, at level debug, of the stacks of panics that were caught:
	// each is a *caught.Panic, the error of what was fetched. Default: nobody.
	Logger *slog.Logger
}

// Time limits of the default transport and of a silent server.
const (
	dialTime     = 5 * time.Second
	pingTime     = 10 * time.Second         // without a byte, until a shared connection is asked whether it lives
	headerTime   = 30 * time.Second         // until an answer begins
	exchangeTime = 2*time.Minute + dialTime // the same for a key exchange: the server may have to read a whole file first
	stallTime    = 20 * time.Second         // without a single byte
	slowest      = 4 << 10                  // bytes a second of an answer, stallTime apart
)

// conns is how many connections to a server are kept: for the slice asked for,
// and for those that are fetched ahead at once.
const conns = 4

// userAgent is what servers know our players by, as those that decode for
// browsers.
const userAgent = "secstream"

// Bounds on answers, in bytes.
const (
	maxSmall    = 64 << 10        // a few fields, or a refusal
	maxKeys     = 16 << 20        // an answer to a key exchange; 36 hours in slices of 1 s take 12 MB
	maxManifest = maxKeys / 3 * 4 // the same in base64
	maxLibrary  = 128 << 20       // 100,000 tracks take some 60 MB
)

// New returns a client for address: "host:port" or an http or https URL,
// which may have a path. Nothing is sent yet. Errors wrap ErrAddress, ErrToken
// or cert.ErrFingerprint.
func New(address string, cfg Config) (*Client, error) {
	base, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	if err := checkToken(cfg.Token); err != nil {
		return nil, err
	}
	if cfg.Fingerprint != "" && (base.Scheme != "https" || cfg.Transport != nil) {
		return nil, fmt.Errorf("%w: a fingerprint is for an https address, and the default transport", ErrAddress)
	}
	if cfg.BufferBytes == 0 {
		cfg.BufferBytes = 64 << 20
	}
	if cfg.Ahead > 0 {
		cfg.Buffer = buffer.Conservative
	}
	if cfg.Patience == 0 {
		cfg.Patience = 8 * time.Second
	}
	if cfg.Exchange == nil {
		cfg.Exchange = handshake.P256{}
	}
	if cfg.Transport == nil {
		if cfg.Transport, err = NewTransport(cfg.Fingerprint, conns); err != nil {
			return nil, err
		}
	}
	c := &Client{
		base: base, name: cmp.Or(cfg.Name, base.String()), token: cfg.Token,
		buffer: buffering{cfg.Buffer, cfg.Prefetch, cfg.BufferBytes, max(cfg.Ahead, 0)},
		pieces: pieces{cfg.Exchange, cfg.Codecs, cfg.Ciphers}, v1: cfg.V1, trust: cfg.Trust, log: cfg.Logger, leaving: make(chan struct{}, mostLeaves),
		http: &http.Client{Transport: cfg.Transport, CheckRedirect: noRedirect},
	}
	c.SetPatience(cfg.Patience)
	return c, nil
}

// SetPatience changes how long requests, also those under way, are tried again:
// Config.Patience.
func (c *Client) SetPatience(d time.Duration) { c.patience.Store(int64(d)) }

// patient is the patience that is left with what has been waited for since.
func (c *Client) patient(since time.Time) time.Duration {
	return time.Duration(c.patience.Load()) - time.Since(since)
}

// noRedirect refuses to carry a session to another place.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func parseAddress(address string) (*url.URL, error) {
	text := address
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" || u.User != nil {
		shown, _, _ := strings.Cut(address, "?") // what follows may be a secret
		return nil, fmt.Errorf("%w: %q; it looks like http://127.0.0.1:8420", ErrAddress, shown)
	}
	u.Host = strings.ToLower(u.Host) // proxies are told by letters which hosts are not theirs
	u.Path = strings.TrimRight(u.Path, "/")
	u.Fragment = ""
	return u, nil
}

// Address is the server's address as it was understood.
func (c *Client) Address() string { return c.base.String() }

// Library lists the server's tracks.
func (c *Client) Library(ctx context.Context) (*wire.Library, error) {
	list := new(wire.Library)
	if err := c.json(ctx, http.MethodGet, wire.LibraryPath, nil, list, maxLibrary); err != nil {
		return nil, fmt.Errorf("list the library of %s: %w", c.name, err)
	}
	return list, nil
}

// json sends in, when it is not nil, and reads the JSON answer, of at most
// limit bytes, into out.
func (c *Client) json(ctx context.Context, method, path string, in, out any, limit int64) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	return c.retry(ctx, func() error {
		answer, err := c.fetch(ctx, method, path, body, limit)
		if err != nil || out == nil {
			return err
		}
		decode := func(b []byte) error { return json.Unmarshal(b, out) }
		if own, ok := out.(interface{ Decode([]byte) error }); ok {
			decode = own.Decode
		}
		if err := decode(answer); err != nil {
			return fmt.Errorf("%w: %w", ErrProtocol, err)
		}
		return nil
	})
}

// answer is what a server answered.
type answer struct {
	body   []byte
	header http.Header
	first  time.Duration // until it began
}

// fetch does one request and returns the answer's body.
func (c *Client) fetch(ctx context.Context, method, path string, body []byte, limit int64) ([]byte, error) {
	a, err := c.ask(ctx, method, path, body, nil, limit)
	return a.body, err
}

// ask does one request and appends the answer's body to dst. Answers other than
// 2xx are a *wire.Error, read up to maxSmall. More than limit bytes are refused.
func (c *Client) ask(ctx context.Context, method, path string, body, dst []byte, limit int64) (a answer, err error) {
	a.body = dst
	defer func(begin time.Time) { c.told(begin, err) }(time.Now())
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, method, c.base.String()+path, bytes.NewReader(body))
	if err != nil {
		return a, bare(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("User-Agent", userAgent)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	wait := headerTime
	if strings.HasSuffix(path, exchangePath) {
		wait = exchangeTime
	}
	stall := time.AfterFunc(wait, func() { cancel(errStalled) })
	defer stall.Stop()
	begin := time.Now()
	resp, err := c.http.Do(req)
	if err != nil {
		return a, unreachable(ctx, err)
	}
	defer resp.Body.Close()
	a.header, a.first = resp.Header, time.Since(begin)
	stall.Reset(stallTime)
	alive := func() { stall.Reset(stallTime) }
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return a, c.refusal(ctx, resp, alive)
	}
	if resp.ContentLength > limit {
		return a, fmt.Errorf("%w: an answer of %d bytes", ErrProtocol, resp.ContentLength)
	}
	if n := min(resp.ContentLength, 4<<20); n >= int64(cap(dst)) {
		dst = make([]byte, 0, n+1) // one more, so that the end shows without growing
	}
	// Nor may all of it take for ever, which a byte now and then would make it.
	size := limit
	if resp.ContentLength >= 0 {
		size = resp.ContentLength
	}
	whole := time.AfterFunc(stallTime+time.Duration(size/slowest)*time.Second, func() { cancel(errStalled) })
	defer whole.Stop()
	if a.body, err = readAll(dst, resp.Body, limit, alive); err != nil {
		return a, unreachable(ctx, err)
	}
	return a, nil
}

// refusal is the error that an answer other than 2xx stands for.
func (c *Client) refusal(ctx context.Context, resp *http.Response, alive func()) error {
	text, err := readAll(nil, io.LimitReader(resp.Body, maxSmall), maxSmall, alive)
	if err != nil {
		return unreachable(ctx, err)
	}
	if resp.StatusCode == http.StatusBadRequest && c.base.Scheme == "http" && bytes.Contains(text, []byte("HTTPS")) {
		return fmt.Errorf("%w: %w", ErrProtocol, ErrNeedsTLS) // as Go's server and others say it
	}
	return comingBack(wire.ReadError(resp.StatusCode, text), resp.Header)
}

var errStalled = errors.New("it is silent for too long")

// unreachable makes err an ErrUnreachable, unless it is one of ours, tells of
// the server after all, or ctx was cancelled by the caller.
func unreachable(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(err, ErrProtocol):
		return err
	case errors.Is(cause, errStalled):
		return fmt.Errorf("%w: %w", ErrUnreachable, errStalled)
	case cause != nil:
		return cause
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("%w: it does not speak HTTPS: %w", ErrProtocol, http.ErrSchemeMismatch)
	}
	if u := untrusted(err); u != nil {
		return u
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, bare(err))
}

// bare is err without the URL, which holds the session ID and may be secret
// as a whole.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// readAll appends r to dst and calls alive whenever bytes came.
func readAll(dst []byte, r io.Reader, limit int64, alive func()) ([]byte, error) {
	start := len(dst)
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if n > 0 {
			alive()
		}
		if int64(len(dst)-start) > limit {
			return dst, fmt.Errorf("%w: an answer of more than %d bytes", ErrProtocol, limit)
		}
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return dst, err
		}
	}
}
