package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"secstream/pkg/decode"
	"secstream/pkg/identity"
	"secstream/pkg/library"
	"secstream/pkg/metrics"
	"secstream/pkg/pair"
	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/web"
	"secstream/pkg/wire"
)

// host is a server without its listeners: what serve and a local play share.
type host struct {
	lib      *library.Library
	store    *session.Store
	handler  *server.Server
	metrics  *metrics.Metrics // nil: nobody asked for them
	tls      *secured         // nil: plain HTTP
	tokens   *tokens          // nil: none are asked for
	identity *identity.Identity
	entrance *entrance // nil: nobody pairs
	temp     string
	paths    []string
	looking  chan struct{}  // a token for whoever looks whether paths can be read
	denied   []wire.Refusal // named files that may not be read

	removeTemp func() error // nil when there is no temp
}

// permitted parts the paths from files that this user may not read: one of
// them must not keep the others from being served.
func permitted(paths []string) (may []string, denied []wire.Refusal) {
	for _, path := range paths {
		if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() { // opening a pipe would wait
			f, err := os.Open(path)
			if errors.Is(err, fs.ErrPermission) {
				denied = append(denied, wire.Refusal{Path: filepath.Base(path), Reason: syscall.EACCES.Error()})
				continue
			}
			if err == nil {
				_ = f.Close() // nothing was read
			}
		}
		may = append(may, path)
	}
	return may, denied
}

func newHost(env Env, o serveOptions, log *slog.Logger) (_ *host, err error) {
	h := &host{looking: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if h.tls, err = secure(env, o, log); err != nil {
		return nil, err
	}
	if h.tokens, err = openTokens(o, log); err != nil {
		return nil, err
	}
	if err = h.openLibrary(env, o, log); err != nil {
		return nil, err
	}
	if h.identity, err = serverIdentity(context.Background(), env, log); err != nil {
		return nil, err
	}
	if o.pair {
		if h.entrance, err = openEntrance(o, h.identity, h.tokens.reload, log); err != nil {
			return nil, err
		}
	}
	h.store, err = session.NewStore(session.Config{
		Identity: h.identity, Rekey: o.rekey, Pad: o.pad,
		Millis: int(o.slice.Milliseconds()), Randomize: o.randomize, Variance: o.variance,
		Deflate: o.compression, SliceIDs: session.Generators[o.sliceIDs],
		Limits: o.limits, Cache: o.cache, Prewarm: o.prewarm, Workers: o.workers, Logger: log,
		PCM: decode.AsWAV,
	})
	if err != nil {
		return nil, err
	}
	if o.live.AllowUpload || o.reloads {
		if h.temp, h.removeTemp, err = server.UploadDir(""); err != nil && o.live.AllowUpload {
			return nil, err
		}
	}
	return h, h.openServer(o, log)
}

func (h *host) openLibrary(env Env, o serveOptions, log *slog.Logger) (err error) {
	if len(o.paths) == 0 {
		return nil
	}
	if h.paths, h.denied = permitted(o.paths); len(h.paths) == 0 {
		h.paths = o.paths // the library says what is wrong
	}
	for _, r := range h.denied {
		log.Warn("file is not served", "path", r.Path, "reason", r.Reason)
	}
	h.lib, err = library.New(library.Config{Roots: h.paths, IDKey: libraryKey(env, log), Logger: log, Open: openFormat})
	return err
}

func (h *host) openServer(o serveOptions, log *slog.Logger) (err error) {
	cfg := server.Config{
		Sessions: h.store, Library: h.lib, TempDir: h.temp, Decode: o.decode, Proxies: o.proxies, Logger: log, Live: o.live,
	}
	cfg.Strict = h.tls != nil && h.tls.fingerprint == "" // one that nobody vouches for takes an exception, which this would forbid
	if h.tokens != nil {
		cfg.Tokens = h.tokens.check
	}
	if h.entrance != nil {
		cfg.Pair = h.entrance
	}
	if o.web {
		if cfg.Pages, err = web.New(); err != nil {
			return err
		}
	}
	if o.metrics != "" {
		h.metrics = newMetrics(h, log)
		cfg.Observe = h.metrics.Observe
	}
	h.handler, err = server.New(cfg)
	return err
}

func (h *host) close() {
	if h.store != nil {
		h.store.Close()
	}
	if h.lib != nil {
		_ = h.lib.Close() // only read from
	}
	if h.removeTemp != nil {
		_ = h.removeTemp() // what stays goes when the next server starts
	}
}

// set changes what may change while the host serves. On an error nothing does.
func (h *host) set(o serveOptions) error {
	if o.live.AllowUpload && h.temp == "" {
		return errors.New("there is no folder for uploads: allow-upload takes a restart")
	}
	if err := h.handler.Set(o.live); err != nil {
		return err
	}
	h.store.SetLimits(o.limits)
	return nil
}

// refresh reads again what lies in files of its own.
func (h *host) refresh() error {
	var errs []error
	if h.tokens != nil {
		errs = append(errs, h.tokens.reload())
	}
	if h.tls != nil && h.tls.reload != nil {
		errs = append(errs, h.tls.reload())
	}
	if h.lib != nil {
		h.lib.Rescan()
	}
	return errors.Join(errs...)
}

// announce says where the server is and how it is played.
func (h *host) announce(w io.Writer, addr net.Addr) {
	url, options := "http://"+dialable(addr), ""
	if h.tls != nil {
		url = "https://" + dialable(addr)
		if h.tls.domain != "" {
			url = "https://" + h.tls.domain
		}
	}
	fmt.Fprintf(w, "listening on %s\n", url)
	if h.tls != nil && h.tls.fingerprint != "" {
		fmt.Fprintf(w, "certificate %s\n", h.tls.fingerprint)
		options += " --tls-fingerprint " + h.tls.fingerprint
	}
	fmt.Fprintf(w, "identity %s\n", h.identity.Fingerprint())
	known, err := identity.Canonical(url)
	address := identity.Address{URL: known, Fingerprint: h.identity.Fingerprint()}
	if err == nil {
		url = address.String()
	}
	play := options
	if h.tokens != nil {
		play += " --token TOKEN"
	}
	fmt.Fprintf(w, "play it with: secstream play%s %s\n", play, url)
	if h.entrance != nil && err == nil {
		address.Pair = h.entrance.secret
		if _, open := inTheOpen(known); open {
			options += " --token-in-clear"
		}
		fmt.Fprintf(w, "let one player in with, within %d minutes and once, for nobody else to see:\n  secstream play%s %s\n",
			int(pair.Time.Minutes()), options, quoteAll([]string{address.Reveal()}))
		if dialable(addr) != addr.String() && (h.tls == nil || h.tls.domain == "") {
			fmt.Fprintln(w, "  where 127.0.0.1 is this machine: for a player elsewhere put its own address there")
			if h.tls == nil {
				fmt.Fprintln(w, "  and --token-in-clear in front of it: its token crosses the network unencrypted; with --tls self it does not")
			}
		}
	}
}

// scanned waits until the first scan is complete and says how many tracks
// there are. That there are none is a warning. ok is false when ctx ended first.
func (h *host) scanned(ctx context.Context, w io.Writer, log *slog.Logger) (text string, ok bool) {
	select {
	case <-ctx.Done():
		return "", false
	case <-h.lib.Ready():
	}
	p := h.lib.Scanned()
	text = "serving " + plural(p.Tracks, "track")
	fmt.Fprintln(w, text)
	_, n := h.lib.Refused()
	n += len(h.denied)
	if n > 0 {
		fmt.Fprintf(w, "%s could not be read; the log says why\n", plural(n, "file"))
	}
	if p.Tracks == 0 {
		log.Warn("nothing to serve: no WAV, MP3, FLAC or Ogg file was found that can be read",
			"hint", "put some into the folder: the server goes on watching it", "unreadable", n)
	}
	return text, true
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
