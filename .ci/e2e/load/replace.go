package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// ledger has every key and every nonce that was seen, and what it was used
// for.
type ledger struct {
	mu     sync.Mutex
	keys   map[string]bool
	nonces map[[seal.NonceSize]byte]use
	slices int // all
	again  int // given out before, and the same to the byte
	told   int // sessions that were told of a change in their midst
}

type use struct {
	key  string
	hash [sha256.Size]byte
}

// key notes the server's half of an exchange. One that came before would make
// the same key for whoever asked with the same half.
func (b *ledger) key(l *listener) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.keys[l.key] {
		return errors.New("the server used its half of a key exchange twice")
	}
	b.keys[l.key] = true
	return nil
}

// slice notes a slice as it travels. Nonces are random, so that one must not
// come twice even under different keys.
func (b *ledger) slice(l *listener) error {
	if len(l.sealed) < seal.Overhead {
		return fmt.Errorf("a slice of %d bytes", len(l.sealed))
	}
	nonce := [seal.NonceSize]byte(l.sealed[len(l.sealed)-seal.NonceSize:])
	now := use{l.key, sha256.Sum256(l.sealed)}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.slices++
	before, ok := b.nonces[nonce]
	if !ok {
		b.nonces[nonce] = now
		return nil
	}
	if before != now {
		return fmt.Errorf("nonce %x was used for two different slices", nonce)
	}
	b.again++
	return nil
}

// count is how many keys and slices there were.
func (b *ledger) count() (keys, slices int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.keys), b.slices
}

// The two songs of a file that is replaced all the time, equally long.
var songs = [2][]byte{tone(10, "the one song"), tone(10, "quite other!")}

// replacing is a file that changes under its listeners.
type replacing struct {
	c       *client
	book    ledger
	folder  string
	done    atomic.Bool
	changes int
}

// listenersEach is how many play each of the files.
const listenersEach = 4

// turns is how often the files change. The library looks at them about a second
// after each.
const turns = 4

// replace changes two files under live sessions, one by a new file under its
// name and one in its place, again and again while n slices are fetched.
func (c *client) replace(ctx context.Context, folder string, n int) error {
	r := &replacing{c: c, folder: folder, book: ledger{keys: map[string]bool{}, nonces: map[[seal.NonceSize]byte]use{}}}
	if err := r.turn("renamed.wav", "written.wav"); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, file := range []string{"renamed.wav", "written.wav"} {
		for k := range listenersEach {
			g.Go(func() error { return r.listen(ctx, file, k) })
		}
	}
	keys, slices := 0, 0
	for r.changes <= turns && ctx.Err() == nil {
		r.played(ctx, keys, slices+n/turns)
		keys, slices = r.book.count()
		if err := r.turn("renamed.wav", "written.wav"); err != nil {
			return err
		}
	}
	r.played(ctx, keys, slices+n/turns)
	r.done.Store(true)
	if err := g.Wait(); err != nil {
		return err
	}
	b := &r.book
	fmt.Printf("%d slices under %d keys while the files changed %d times: %d nonces, none for two contents; %d slices were given out again as they were, %d sessions were told\n",
		b.slices, len(b.keys), turns, len(b.nonces), b.again, b.told)
	if b.told < turns*listenersEach {
		return errors.New("too little happened to tell")
	}
	return nil
}

// played waits until there were so many slices, and a new key for every listener
// since there were so many keys: all are in the midst of it then.
func (r *replacing) played(ctx context.Context, keys, slices int) {
	for ctx.Err() == nil {
		if k, s := r.book.count(); k >= keys+2*listenersEach && s >= slices {
			return
		}
		pause()
	}
}

func (r *replacing) turn(renamed, written string) error {
	r.changes++
	song := songs[r.changes%2]
	fresh := filepath.Join(r.folder, ".new")
	if err := errors.Join(os.WriteFile(fresh, song, 0o600), os.Rename(fresh, filepath.Join(r.folder, renamed))); err != nil {
		return err
	}
	name := filepath.Join(r.folder, written)
	if r.changes == 1 {
		return os.WriteFile(name, song, 0o600)
	}
	return writeOver(name, song, 0)
}

// listen opens session after session, and in each asks for slices, often for
// the same ones, until the session is told that the file changed.
func (r *replacing) listen(ctx context.Context, file string, seed int) error {
	for ctx.Err() == nil && !r.done.Load() {
		id, err := r.c.track(ctx, file)
		if err != nil {
			return err
		}
		if id == "" {
			pause()
			continue
		}
		err = r.session(ctx, id, seed)
		if err != nil && !refusedAs(err, wire.TrackChanged, wire.TrackNotFound) {
			return fmt.Errorf("%s: %w", file, err)
		}
		pause()
	}
	return ctx.Err()
}

func (r *replacing) session(ctx context.Context, id string, seed int) error {
	l, err := create(ctx, r.c, wire.CreateRequest{Tracks: []string{id}})
	if err != nil {
		return err
	}
	defer func() { _ = l.end(context.WithoutCancel(ctx)) }() // what came before it tells more
	if err := l.agree(ctx); err != nil {
		return err
	}
	if err := r.book.key(l); err != nil {
		return err
	}
	song := -1
	for k := 0; !r.done.Load(); k++ {
		i := (k*(seed+3) + k/5) % len(l.info.SliceIDs)
		if err := l.fetch(ctx, i); err != nil {
			r.book.tell(k, err)
			return err
		}
		if err := r.book.slice(l); err != nil {
			return err
		}
		if err := l.open(i); err != nil {
			return err
		}
		now := sung(l.clear)
		if song < 0 {
			song = now
		}
		if now < 0 || now != song {
			return fmt.Errorf("slice %d has song %d, the session began with %d", i, now, song)
		}
	}
	return nil
}

// tell notes that a session was told of a change after n slices.
func (b *ledger) tell(n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > 0 && refusedAs(err, wire.TrackChanged) {
		b.told++
	}
}

// sung is which of the songs a slice is of, -1 if it is of both.
func sung(slice []byte) int {
	for k, text := range []string{"the one song", "quite other!"} {
		if bytes.Count(slice, []byte(text)) >= len(slice)/len(text)-2 {
			return k
		}
	}
	return -1
}
