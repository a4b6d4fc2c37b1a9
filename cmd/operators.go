package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"secstream/pkg/metrics"
)

// Times for one answer to an operator's program.
const (
	operatorTime = 15 * time.Second
	lookTime     = 5 * time.Second
)

func newMetrics(h *host, log *slog.Logger) *metrics.Metrics {
	cfg := metrics.Config{Sessions: h.store.Stats, Version: version(), Logger: log}
	if h.lib != nil {
		cfg.Library = h.lib.Scanned
	}
	return metrics.New(cfg)
}

// operators answers the programs of those who run the server.
func (h *host) operators() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", h.metrics.Handler())
	mux.Handle("GET /health", h.handler)
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if err := h.ready(r.Context()); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			_ = newJSON(w).Encode(map[string]string{"status": "waiting", "reason": err.Error()})
			return
		}
		_, _ = io.WriteString(w, `{"status":"ready"}`+"\n") // a client that went away is its own affair
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctl, limit := http.NewResponseController(w), time.Now().Add(operatorTime)
		_, _ = ctl.SetReadDeadline(limit), ctl.SetWriteDeadline(limit)
		mux.ServeHTTP(w, r)
	})
}

// ready says why listeners should not be sent here yet: folders were not all
// looked at, or cannot be read. One at a time looks at the disk, which may
// never answer.
func (h *host) ready(ctx context.Context) error {
	if h.lib == nil {
		return nil
	}
	if !h.lib.Scanned().Ready {
		return errors.New("the folders are being scanned")
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	slow := errors.New("the disk does not answer")
	select {
	case h.looking <- struct{}{}:
	case <-ctx.Done():
		return slow
	}
	found := make(chan error, 1)
	go func() {
		defer func() { <-h.looking }()
		found <- readable(h.paths)
	}()
	select {
	case err := <-found:
		return err
	case <-ctx.Done():
		return slow
	}
}

// readable opens each path and reads a little of it. Errors number the path
// and do not name it: who asks need not know.
func readable(paths []string) error {
	for i, path := range paths {
		f, err := os.Open(path)
		if err == nil {
			if fi, statErr := f.Stat(); statErr == nil && fi.IsDir() {
				_, err = f.Readdirnames(1)
			} else {
				_, err = f.Read(make([]byte, 1))
			}
			_ = f.Close() // nothing was written
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("path %d of %d cannot be read", i+1, len(paths))
		}
	}
	return nil
}
