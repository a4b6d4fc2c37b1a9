package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"secstream/pkg/wire"
)

// othersFile is what is played while other files change.
const othersFile = "others.wav"

// least is how many slices others get while something goes wrong, and as many
// after it.
const least = 5

// meanwhile does what goes wrong while a listener plays another file on and
// on, whose every slice has to come.
func (c *client) meanwhile(ctx context.Context, wrong func(context.Context) error) error {
	id, err := c.track(ctx, othersFile)
	if err != nil {
		return err
	}
	l, err := c.listen(ctx, id)
	if err != nil {
		return err
	}
	var got atomic.Int64
	var stop atomic.Bool
	others, playing := errgroup.WithContext(ctx)
	others.Go(func() error {
		for i := 0; !stop.Load(); i = (i + 1) % len(l.info.SliceIDs) {
			if err := l.slice(ctx, i); err != nil {
				return fmt.Errorf("another listener: %w", err)
			}
			got.Add(1)
		}
		return nil
	})
	enough := func(from int64) {
		for got.Load() < from+least && playing.Err() == nil {
			pause()
		}
	}
	enough(0)
	before := got.Load()
	err = wrong(ctx)
	enough(before)
	during := got.Load() - before
	enough(got.Load())
	stop.Store(true)
	if err := errors.Join(err, others.Wait()); err != nil {
		return err
	}
	fmt.Printf("; another listener got %d slices meanwhile\n", during)
	return l.end(ctx)
}

// full uploads what does not fit the server's disk, and then what does.
func (c *client) full(ctx context.Context, big, small string) error {
	tooBig, err := os.ReadFile(big)
	if err != nil {
		return err
	}
	fits, err := os.ReadFile(small)
	if err != nil {
		return err
	}
	return c.meanwhile(ctx, func(ctx context.Context) error {
		var told string
		for range 3 { // what is refused must not keep the disk
			_, err := create(ctx, c, upload(tooBig))
			var refused *wire.Error
			if !errors.As(err, &refused) || refused.Code == wire.Internal || refused.Status < http.StatusBadRequest {
				return fmt.Errorf("an upload larger than the disk: not a clear refusal: %w", err)
			}
			told = fmt.Sprintf("%d %s", refused.Status, refused.Code)
		}
		fmt.Print("a full disk: ", told)
		l, err := listen(ctx, c, upload(fits))
		if err != nil {
			return fmt.Errorf("an upload that fits: %w", err)
		}
		for i := range l.info.SliceIDs {
			if err := l.slice(ctx, i); err != nil {
				return err
			}
		}
		return l.end(ctx)
	})
}

// clearly tells whether err is a refusal with this status and code.
func clearly(err error, status int, code wire.Code) error {
	var refused *wire.Error
	switch {
	case err == nil:
		return errors.New("it was not refused")
	case !errors.As(err, &refused):
		return err
	case refused.Status != status || refused.Code != code:
		return fmt.Errorf("refused with %d %q, not %d %q: %w", refused.Status, refused.Code, status, code, err)
	}
	return nil
}

// songSeconds is how long those files are: two slices.
const songSeconds = 10

// damages are what happens to files that are being played.
var damages = map[string]func(name string) error{
	"removed": os.Remove,
	"replaced": func(name string) error {
		return errors.Join(os.WriteFile(name+".new", tone(songSeconds, "quite another song, as long"), 0o600), os.Rename(name+".new", name))
	},
	"cut short":         func(name string) error { return os.Truncate(name, 5*bytesPerSecond) },
	"made longer":       func(name string) error { return appendTo(name, make([]byte, bytesPerSecond)) },
	"written over":      func(name string) error { return writeOver(name, tone(songSeconds, "another song in its place"), 0) },
	"changed in a byte": func(name string) error { return writeOver(name, []byte{'!'}, 7*bytesPerSecond) },
}

func appendTo(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

// writeOver writes into the file as it is.
func writeOver(name string, b []byte, off int64) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, off)
	return errors.Join(err, f.Close())
}

// change does each damage to a file of a live session: the session is told by
// 410 and track_changed, and nobody else notices.
func (c *client) change(ctx context.Context, folder string) error {
	for what, do := range damages {
		if err := os.WriteFile(filepath.Join(folder, what+".wav"), tone(songSeconds, "what it was when it was listed"), 0o600); err != nil {
			return err
		}
		err := c.meanwhile(ctx, func(ctx context.Context) error {
			return c.damage(ctx, what+".wav", func() error { return do(filepath.Join(folder, what+".wav")) })
		})
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

func (c *client) damage(ctx context.Context, file string, do func() error) error {
	id, err := c.track(ctx, file)
	for ; err == nil && id == ""; id, err = c.track(ctx, file) {
		pause()
	}
	if err != nil {
		return err
	}
	l, err := c.listen(ctx, id)
	if err != nil {
		return err
	}
	if err := l.fetch(ctx, 0); err != nil {
		return err
	}
	first := bytes.Clone(l.sealed)
	if err := do(); err != nil {
		return err
	}
	for i := 1; i < len(l.info.SliceIDs); i++ {
		if err := clearly(l.fetch(ctx, i), http.StatusGone, wire.TrackChanged); err != nil {
			return err
		}
	}
	// What was sealed before may be given out again, but only as it was.
	switch err := l.fetch(ctx, 0); {
	case err != nil:
		if err := clearly(err, http.StatusGone, wire.TrackChanged); err != nil {
			return err
		}
	case !bytes.Equal(l.sealed, first):
		return errors.New("the first slice was sealed again")
	}
	fmt.Printf("%s: %d %s", file, http.StatusGone, wire.TrackChanged)
	return l.end(ctx)
}
