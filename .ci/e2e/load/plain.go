package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// plain serves the files of folder out of memory until ctx ends: the least that
// a handler of net/http can do. It prints its address.
func plain(ctx context.Context, folder string) error {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var files sync.Map
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := files.Load(r.URL.Path)
		if !ok {
			b, err := os.ReadFile(filepath.Join(folder, filepath.Base(r.URL.Path)))
			if err != nil {
				http.NotFound(w, r)
				return
			}
			body, _ = files.LoadOrStore(r.URL.Path, b)
		}
		w.Header()["Content-Type"] = []string{"application/octet-stream"}
		_, _ = w.Write(body.([]byte)) // a client that left is its own affair
	})}
	fmt.Printf("http://%s\n", ln.Addr())
	context.AfterFunc(ctx, func() { _ = srv.Close() })
	if err := srv.Serve(ln); err != http.ErrServerClosed {
		return err
	}
	return nil
}
