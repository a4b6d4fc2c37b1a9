package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"secstream/pkg/compress"
	"secstream/pkg/decode"
	"secstream/pkg/library"
	"secstream/pkg/server"
	"secstream/pkg/session"
	"secstream/pkg/slicer"
	"secstream/pkg/wire"
)

// defaultListen is loopback only: opening a folder to the network is a
// decision, not a default.
const defaultListen = "127.0.0.1:8420"

const listenExample = "as --listen 127.0.0.1:8420 or --listen :8420"

// defaultIDs names the generator of slice IDs that tell nothing.
const defaultIDs = "nanoid"

type serveOptions struct {
	paths       []string
	listen      string
	slice       time.Duration
	randomize   bool
	variance    float64
	compression int
	sliceIDs    string
	allowUpload bool
	maxUpload   int64
	origins     []string
	logFormat   string
	verbose     bool
	quiet       bool
}

func serveCommand(env Env) *cli.Command {
	return &cli.Command{
		Name:      "serve",
		Usage:     "host a folder of audio as sealed slices",
		ArgsUsage: "PATH...",
		Description: "Serves the WAV, MP3, FLAC and Ogg files under each PATH (folders and files) over the slice\n" +
			"API. The folder is only read. Tracks appear as they are found; changes are noticed.\n" +
			"Ctrl-C lets requests finish and ends with 0.\n\n" +
			"Exit codes: 0 ended on request, 1 failed, 2 wrong usage.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Value: defaultListen, Usage: "`ADDRESS` to listen on, host:port; port 0 takes a free one", EnvVars: []string{"SECSTREAM_LISTEN"}},
			&cli.DurationFlag{Name: "slice", Value: session.DefaultMillis * time.Millisecond, Usage: "slice length, 1s to 30s", EnvVars: []string{"SECSTREAM_SLICE"}},
			&cli.BoolFlag{Name: "randomize", Usage: "vary the slice lengths by session", EnvVars: []string{"SECSTREAM_RANDOMIZE"}},
			&cli.Float64Flag{Name: "variance", Value: session.DefaultVariance, Usage: "how much --randomize varies them, above 0 to 1", EnvVars: []string{"SECSTREAM_VARIANCE"}},
			&cli.IntFlag{Name: "compression", Value: compress.DefaultLevel, Usage: "DEFLATE `LEVEL`, 0 to 9, for WAV; coded audio is never compressed again", EnvVars: []string{"SECSTREAM_COMPRESSION"}},
			&cli.StringFlag{Name: "slice-ids", Value: defaultIDs, Usage: "nanoid, uuid, sequential, timestamp or hash; those after uuid can be guessed by listeners", EnvVars: []string{"SECSTREAM_SLICE_IDS"}},
			&cli.BoolFlag{Name: "allow-upload", Usage: "let clients create sessions from files they send", EnvVars: []string{"SECSTREAM_ALLOW_UPLOAD"}},
			&cli.StringFlag{Name: "max-upload", Value: "256MB", Usage: "largest file a client may send, `SIZE` in bytes or with KB, MB, GB", EnvVars: []string{"SECSTREAM_MAX_UPLOAD"}},
			&cli.StringSliceFlag{Name: "cors", Usage: "`ORIGIN` whose pages may call the API; may be repeated; \"*\" for all", EnvVars: []string{"SECSTREAM_CORS"}},
			&cli.StringFlag{Name: "log-format", Value: "text", Usage: "text or json", EnvVars: []string{"SECSTREAM_LOG_FORMAT"}},
			&cli.BoolFlag{Name: "verbose", Usage: "log every request", EnvVars: []string{"SECSTREAM_VERBOSE"}},
			&cli.BoolFlag{Name: "quiet", Usage: "print nothing but warnings and errors", EnvVars: []string{"SECSTREAM_QUIET"}},
		},
		Action: func(c *cli.Context) error {
			maxUpload, err := parseSize(c.String("max-upload"))
			if err != nil {
				return usageErrorf("as --max-upload 256MB", "--max-upload: %v", err)
			}
			o := serveOptions{
				paths: c.Args().Slice(), listen: c.String("listen"), slice: c.Duration("slice"),
				randomize: c.Bool("randomize"), variance: c.Float64("variance"), compression: c.Int("compression"),
				sliceIDs: c.String("slice-ids"), allowUpload: c.Bool("allow-upload"), maxUpload: maxUpload, origins: c.StringSlice("cors"),
				logFormat: c.String("log-format"), verbose: c.Bool("verbose"), quiet: c.Bool("quiet"),
			}
			if err := o.validate(); err != nil {
				return err
			}
			return runServe(c.Context, env, o)
		},
	}
}

func (o serveOptions) validate() error {
	switch {
	case len(o.paths) == 0 && !o.allowUpload:
		return usageErrorf("secstream serve FOLDER", "serve needs a folder or files to serve")
	case o.slice < slicer.MinMillis*time.Millisecond || o.slice > slicer.MaxMillis*time.Millisecond:
		return usageErrorf("as --slice 5s", "--slice %v: it must be between 1s and 30s", o.slice)
	case o.slice%time.Millisecond != 0:
		return usageErrorf("as --slice 2500ms", "--slice %v: only whole milliseconds", o.slice)
	case !(o.variance > 0 && o.variance <= 1):
		return usageErrorf("as --variance 0.4", "--variance %v: it must be above 0 and at most 1", o.variance)
	case o.compression < compress.MinLevel || o.compression > compress.MaxLevel:
		return usageErrorf("as --compression 6", "--compression %d: it must be between 0 and 9", o.compression)
	case o.logFormat != "text" && o.logFormat != "json":
		return usageErrorf("--log-format text or --log-format json", "--log-format %q is not known", o.logFormat)
	case o.quiet && o.verbose:
		return usageErrorf("leave one of them out", "--quiet and --verbose contradict each other")
	}
	if _, ok := session.Generators[o.sliceIDs]; !ok {
		return usageErrorf("nanoid, uuid, sequential, timestamp or hash", "--slice-ids %q is not known", o.sliceIDs)
	}
	if slices.Contains(o.paths, "") {
		return usageErrorf("is a variable unset? \".\" serves the folder you are in", "a path is empty")
	}
	_, port, err := net.SplitHostPort(o.listen)
	if n, portErr := strconv.Atoi(port); err != nil || portErr != nil || n < 0 || n > 65535 {
		return usageErrorf(listenExample, "--listen %q is not host:port", o.listen)
	}
	for _, origin := range o.origins {
		if origin != "*" && http.NewCrossOriginProtection().AddTrustedOrigin(origin) != nil {
			return usageErrorf(`scheme and host without a path, as --cors https://player.example, or "*" for all`, "--cors %q is not an origin", origin)
		}
	}
	return nil
}

// runServe serves until ctx ends, then drains.
func runServe(ctx context.Context, env Env, o serveOptions) error {
	log := newLogger(env.Stderr, o)
	h, err := newHost(env, o, log)
	if err != nil {
		return err
	}
	defer h.close()
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return cannotListen(o.listen, err)
	}
	stdout := env.Stdout
	if o.quiet {
		stdout = io.Discard
	}
	h.announce(stdout, ln.Addr())
	warnExposed(log, ln.Addr())
	g, ctx := errgroup.WithContext(ctx)
	if h.lib != nil {
		g.Go(func() error { return h.lib.Run(ctx) })
		g.Go(func() error { h.report(ctx, stdout, log); return nil })
	}
	g.Go(func() error { h.store.Sweep(ctx); return nil })
	g.Go(func() error { return serveUntil(ctx, ln, guardHost(ln.Addr(), h.handler, log), log) })
	return g.Wait()
}

// cannotListen says why an address cannot be listened on, and what can.
func cannotListen(address string, err error) error {
	why, hint := err, listenExample
	if op := new(net.OpError); errors.As(err, &op) {
		why = op.Err
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("cannot listen on %s: %w", address, why) // outcomes has the hint
	case errors.Is(err, fs.ErrPermission):
		hint = "ports below 1024 take special rights; " + hint
	case errors.Is(err, syscall.EADDRNOTAVAIL), as[*net.DNSError](err):
		hint = "it has to be an address of this machine; " + hint
	}
	return withHint(fmt.Errorf("cannot listen on %s: %w", address, why), "%s", hint)
}

// drainTime is how long requests under way may take to finish after the
// first signal.
const drainTime = 10 * time.Second

// silentTime is how long, of that, a connection may take to begin a request.
const silentTime = 200 * time.Millisecond

// serveUntil answers requests until ctx ends and those under way are done.
func serveUntil(ctx context.Context, ln net.Listener, h http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second, // routes that take uploads give themselves more
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	var silent sync.Map // connections that have not sent a byte: nothing is lost by closing them
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			silent.Store(c, nil)
		} else {
			silent.Delete(c)
		}
	}
	drained := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		limit, cancel := context.WithTimeout(context.Background(), drainTime)
		defer cancel()
		time.AfterFunc(silentTime, func() {
			silent.Range(func(c, _ any) bool { _ = c.(net.Conn).Close(); return true })
		})
		drained <- srv.Shutdown(limit)
	})
	err := srv.Serve(ln)
	if !stop() && errors.Is(err, http.ErrServerClosed) {
		err = <-drained
		if errors.Is(err, context.DeadlineExceeded) {
			log.Warn("some requests were cut off", "after", drainTime)
			err = srv.Close()
		}
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// host is a server without its listener: what serve and a local play share.
type host struct {
	lib     *library.Library
	store   *session.Store
	handler http.Handler
	temp    string
	denied  []wire.Refusal // named files that may not be read

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
	h := new(host)
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if len(o.paths) > 0 {
		var paths []string
		if paths, h.denied = permitted(o.paths); len(paths) == 0 {
			paths = o.paths // the library says what is wrong
		}
		for _, r := range h.denied {
			log.Warn("file is not served", "path", r.Path, "reason", r.Reason)
		}
		if h.lib, err = library.New(library.Config{Roots: paths, IDKey: libraryKey(env, log), Logger: log, Open: openFormat}); err != nil {
			return nil, err
		}
	}
	h.store, err = session.NewStore(session.Config{
		Millis: int(o.slice.Milliseconds()), Randomize: o.randomize, Variance: o.variance,
		Deflate: o.compression, SliceIDs: session.Generators[o.sliceIDs], Logger: log, PCM: decode.AsWAV,
	})
	if err != nil {
		return nil, err
	}
	if o.allowUpload {
		if h.temp, h.removeTemp, err = server.UploadDir(""); err != nil {
			return nil, err
		}
	}
	h.handler, err = server.New(server.Config{
		Sessions: h.store, Library: h.lib, TempDir: h.temp, Logger: log,
		Live: server.Live{AllowUpload: o.allowUpload, MaxUpload: o.maxUpload, Origins: o.origins},
	})
	return h, err
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

func (h *host) announce(w io.Writer, addr net.Addr) {
	url := "http://" + dialable(addr)
	fmt.Fprintf(w, "listening on %s\n", url)
	fmt.Fprintf(w, "play it with: secstream play %s\n", url)
}

// report says how many tracks there are once the first scan is complete. That
// there are none is a warning.
func (h *host) report(ctx context.Context, w io.Writer, log *slog.Logger) {
	select {
	case <-ctx.Done():
	case <-h.lib.Ready():
		p := h.lib.Scanned()
		fmt.Fprintf(w, "serving %s\n", plural(p.Tracks, "track"))
		_, n := h.lib.Refused()
		n += len(h.denied)
		if n > 0 {
			fmt.Fprintf(w, "%s could not be read; the log says why\n", plural(n, "file"))
		}
		if p.Tracks == 0 {
			log.Warn("nothing to serve: no WAV, MP3, FLAC or Ogg file was found that can be read",
				"hint", "put some into the folder: the server goes on watching it", "unreadable", n)
		}
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// dialable is addr as a client on this machine can use it.
func dialable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr.String()
}

// guardHost lets only requests through that name this machine, when the
// server listens to it alone. A page on the web that has its own name resolve
// to 127.0.0.1 (DNS rebinding) could otherwise read the library through the
// browser of whoever opens it.
func guardHost(addr net.Addr, h http.Handler, log *slog.Logger) http.Handler {
	if tcp, ok := addr.(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = strings.Trim(r.Host, "[]")
		}
		if ip := net.ParseIP(host); !strings.EqualFold(host, "localhost") && (ip == nil || !ip.IsLoopback()) {
			server.Refuse(w, wire.Errorf(wire.Forbidden, "This server answers to localhost only"))
			log.Debug("request", "route", r.Method+" for another host", "status", http.StatusForbidden, "from", r.RemoteAddr)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func warnExposed(log *slog.Logger, addr net.Addr) {
	if tcp, ok := addr.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		log.Warn("listening beyond this machine without TLS: slices are sealed, but whoever can reach this address may "+
			"list and play the library, read its titles on the way, and stand between it and listeners", "address", addr.String())
	}
}

func newLogger(w io.Writer, o serveOptions) *slog.Logger {
	opts := &slog.HandlerOptions{Level: slog.LevelInfo}
	switch {
	case o.verbose:
		opts.Level = slog.LevelDebug
	case o.quiet:
		opts.Level = slog.LevelWarn
	}
	if o.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(escaper{w}, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// parseSize reads a number of bytes with an optional unit.
func parseSize(text string) (int64, error) {
	units := []struct {
		suffix string
		bytes  int64
	}{{"KB", 1 << 10}, {"MB", 1 << 20}, {"GB", 1 << 30}, {"B", 1}, {"", 1}}
	upper := strings.ToUpper(strings.TrimSpace(text))
	for _, u := range units {
		digits, ok := strings.CutSuffix(upper, u.suffix)
		if !ok {
			continue
		}
		var n int64
		if _, err := fmt.Sscanf(digits+"\n", "%d\n", &n); err != nil || n < 1 || n > 1<<40/u.bytes {
			break
		}
		return n * u.bytes, nil
	}
	return 0, fmt.Errorf("%q is not a size", text)
}
