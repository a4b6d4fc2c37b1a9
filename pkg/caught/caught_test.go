package caught_test

import (
	"bytes"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"

	"secstream/pkg/caught"
)

var errBoom = errors.New("boom")

// index panics in the runtime, and not by a call.
func index(s []int, i int) int { return s[i] }

func TestPanicsBecomeErrors(t *testing.T) {
	for name, c := range map[string]struct {
		do   func() error
		says string
		is   error
	}{
		"a text":          {func() error { panic("off the rails") }, "off the rails", nil},
		"an error":        {func() error { panic(errBoom) }, "boom", errBoom},
		"of the runtime":  {func() error { index(nil, 3); return nil }, "index out of range [3]", nil},
		"of the library":  {func() error { (*sync.Mutex)(nil).Lock(); return nil }, "nil pointer", nil},
		"a nil panic":     {func() error { panic(nil) }, "panic called with nil", nil},
		"in another call": {func() error { return caught.Do(nil, func() error { panic("deeper") }) }, "deeper", nil},
	} {
		err := caught.Do(nil, c.do)
		p := new(caught.Panic)
		if !errors.As(err, &p) || !strings.Contains(err.Error(), c.says) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.HasPrefix(p.Where, "caught/caught_test.go:") || !strings.Contains(err.Error(), p.Where) || !bytes.Contains(p.Stack, []byte("caught_test.go")) {
			t.Errorf("%s: at %s\n%s", name, p.Where, p.Stack)
		}
	}
}

func TestWhatDoesNotPanicIsLeftAlone(t *testing.T) {
	if err := caught.Do(nil, func() error { return errBoom }); err != errBoom { //nolint:errorlint // the very error
		t.Error(err)
	}
	if err := caught.Do(nil, func() error { return nil }); err != nil {
		t.Error(err)
	}
	ran := make(chan error, 1)
	go func() { // a goroutine that ends itself is no panic
		err := errBoom
		defer func() { ran <- err }()
		defer caught.Into(&err, nil)
		runtime.Goexit()
	}()
	if err := <-ran; err != errBoom { //nolint:errorlint // the very error
		t.Error(err)
	}
}

func TestTheStackIsLogged(t *testing.T) {
	for level, want := range map[slog.Level]bool{slog.LevelDebug: true, slog.LevelInfo: false} {
		var text bytes.Buffer
		log := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: level}))
		_ = caught.Do(log, func() error { panic("off the rails") })
		if got := strings.Contains(text.String(), "off the rails") && strings.Contains(text.String(), "caught_test.go"); got != want {
			t.Errorf("%v: %s", level, text.String())
		}
	}
}
