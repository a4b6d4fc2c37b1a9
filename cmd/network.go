package cmd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"secstream/pkg/server"
	"secstream/pkg/wire"
)

// bind listens on an address.
func bind(ctx context.Context, address string) (net.Listener, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, cannotListen(address, err)
	}
	return ln, nil
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

// serveUntil answers requests until ctx ends and those under way are done: by
// HTTP, or with secure by HTTPS and HTTP/2.
func serveUntil(ctx context.Context, ln net.Listener, h http.Handler, secure *tls.Config, log *slog.Logger) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second, // routes that take uploads give themselves more
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		TLSConfig:         secure,
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
	serve := srv.Serve
	if secure != nil {
		serve = func(ln net.Listener) error { return srv.ServeTLS(ln, "", "") }
	}
	err := serve(ln)
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

// warnExposed says what a server beyond this machine lets the network do. A
// server for this machine alone may stand behind a proxy, which is that one's
// affair.
func warnExposed(log *slog.Logger, addr net.Addr, h *host) {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || tcp.IP.IsLoopback() {
		return
	}
	switch {
	case h.tls == nil && h.tokens == nil:
		log.Warn("listening beyond this machine without TLS: slices are sealed, but whoever can reach this address may "+
			"list and play the library, read its titles on the way, and stand between it and listeners", "address", addr.String(),
			"hint", "--tls self, --tls-cert or --acme seals the way, --token-file says who may come")
	case h.tls == nil:
		log.Warn("listening beyond this machine without TLS: whoever is on the way reads tokens and titles, can use those "+
			"tokens, and can stand between the server and listeners", "address", addr.String(), "hint", "--tls self, --tls-cert or --acme seals the way")
	case h.tokens == nil:
		log.Info("whoever can reach this address may list and play the library", "address", addr.String(), "hint", "--token-file says who may come")
	}
}

// warnMetrics is warnExposed for the operator's listener.
func warnMetrics(log *slog.Logger, addr net.Addr) {
	if tcp, ok := addr.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		log.Warn("metrics beyond this machine: whoever can reach this address sees how much is played, of what kind, and how the server fares; "+
			"there is no TLS and no token", "address", addr.String(), "hint", "a port alone, as --metrics 9420, is this machine's only")
	}
}
