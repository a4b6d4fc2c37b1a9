package library

import (
	"errors"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// watch receives the system's notices of changes. It watches by path, outside
// of any os.Root: a notice only asks for a look, which goes through the root.
type watch struct {
	w *fsnotify.Watcher

	mu    sync.Mutex // guards paths
	paths map[string]bool
}

// newWatch returns nil where notices cannot be had. kqueue, on macOS and the
// BSDs, takes an open descriptor for every file and is not used for that.
func newWatch() (*watch, error) {
	if runtime.GOOS != "linux" && runtime.GOOS != "windows" {
		return nil, errors.New("no notices of changes on " + runtime.GOOS)
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	return &watch{w: w, paths: map[string]bool{}}, nil
}

// run passes notices on until close is called.
func (w *watch) run(l *Library) {
	events, errs := w.w.Events, w.w.Errors
	for events != nil || errs != nil {
		select {
		case ev, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			if ev.Name == "" || isHidden(filepath.Base(ev.Name)) && !w.has(ev.Name) {
				continue
			}
			l.touch(filepath.Dir(ev.Name))
			if w.has(ev.Name) {
				l.touch(ev.Name)
			}
		case err, ok := <-errs:
			if !ok {
				errs = nil
				continue
			}
			if err != nil {
				l.log.Debug("notices of changes were lost, looking everywhere", "err", err)
				l.touchAll()
			}
		}
	}
}

func (w *watch) has(path string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.paths[path]
}

// add watches a folder. Watching one twice is harmless.
func (w *watch) add(path string) error {
	w.mu.Lock()
	w.paths[path] = true
	w.mu.Unlock()
	return w.w.Add(path)
}

func (w *watch) remove(path string) {
	w.mu.Lock()
	delete(w.paths, path)
	w.mu.Unlock()
	_ = w.w.Remove(path) // mostly gone by itself already
}

// close ends run. Nil is fine.
func (w *watch) close() {
	if w != nil {
		_ = w.w.Close() // nothing is lost with it
	}
}
