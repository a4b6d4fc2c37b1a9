package cmd

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"secstream/pkg/caught"
	"secstream/pkg/player"
	"secstream/pkg/wire"
	"secstream/tui"
)

// playScreen shows the full screen at once, connects behind it, and plays until
// the listener quits.
func playScreen(ctx context.Context, env Env, o playOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n := &notes{env: env, c: make(chan tui.Word, maxNotes)}
	defer n.print()
	b := &backstage{o: o, ready: make(chan struct{}), ran: make(chan struct{})}
	go b.work(ctx, env, n.tell)
	shown := tui.Run(ctx, tui.Config{
		Where: whereOf(o.targets), Theme: o.theme, Cover: o.cover, Keys: o.keys, Told: n.c, Waiting: b.waiting,
		Connect: func(ctx context.Context) (tui.Config, error) {
			select {
			case <-b.ready:
				return b.config(), b.err
			case <-ctx.Done():
				return tui.Config{}, ctx.Err()
			}
		},
	})
	<-b.end(cancel)
	err := cmp.Or(b.played, b.err, shown)
	return err
}

// whereOf is what is played, before its server says what it is called.
func whereOf(targets []string) string {
	list := make([]string, len(targets))
	for i, t := range targets {
		list[i] = withoutSecret(t)
	}
	return strings.Join(list, ", ")
}

// backstage is what happens behind the screen.
type backstage struct {
	o     playOptions
	line  atomic.Pointer[line] // to the server, once there is one
	ready chan struct{}        // closed when p and err are there
	p     *playback
	err   error // of connecting

	ran    chan struct{} // closed when all is over
	played error         // of playing
}

// work connects and plays.
func (b *backstage) work(ctx context.Context, env Env, tell teller) {
	defer close(b.ran)
	b.err = caught.Do(nil, func() (err error) {
		b.p, err = newPlayback(ctx, env, b.o, tell, func(l line) { b.line.Store(&l) })
		return err
	})
	close(b.ready)
	if b.err != nil {
		return
	}
	defer b.p.close()
	b.played = caught.Do(nil, func() error { return playError(b.p.engine.Run(ctx)) })
}

// waiting is what is waited for.
func (b *backstage) waiting() tui.Waiting {
	if l := b.line.Load(); l != nil {
		return l.waiting()
	}
	return tui.Waiting{}
}

// end ends what plays, gently, or the wait for it, and returns what is closed
// when that is over.
func (b *backstage) end(cancel func()) <-chan struct{} {
	select {
	case <-b.ready:
		if b.p != nil {
			b.p.resume.close()
			b.p.engine.Stop()
		}
	default:
		cancel() // whoever quits while it connects asks for no error
		<-b.ready
		if b.p != nil {
			b.p.engine.Stop()
		}
		b.err = nil
	}
	return b.ran
}

// config is what the screen shows. Without a playback it is empty.
func (b *backstage) config() tui.Config {
	p := b.p
	if p == nil {
		return tui.Config{}
	}
	return tui.Config{
		Engine: p.engine, Tracks: tuiTracks(p.tracks), Where: p.name, Volume: player.ToDecibels(player.Percent(b.o.volume)), Note: p.note,
		Lyrics:     func(ctx context.Context, i int) (string, error) { return p.client.Lyrics(ctx, p.tracks[i].ID) },
		Art:        func(ctx context.Context, i int) ([]byte, error) { return p.client.Cover(ctx, p.tracks[i].ID) },
		Protection: func() tui.Protection { return p.opened.protection(p.engine.State().Track) },
		Waiting:    b.waiting,
		Save:       func(at tui.Resume) { p.resume.save(p.tracks, at) },
	}
}

// waitingKind is what a teller calls words that matter for the moment alone.
const waitingKind = "waiting"

// maxNotes is how many words wait for the screen.
const maxNotes = 16

// notes are what people are told while the screen is there: on it, and what
// matters later on standard error behind it.
type notes struct {
	env Env
	c   chan tui.Word

	mu   sync.Mutex
	kept [][2]string // kind and text
}

// tell implements teller. It never waits.
func (n *notes) tell(kind, text string) {
	select {
	case n.c <- tui.Word{Text: text, Lasting: kind != waitingKind}:
	default: // the screen is gone, or busy
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if kind != waitingKind && len(n.kept) < maxNotes {
		n.kept = append(n.kept, [2]string{kind, text})
	}
}

func (n *notes) print() {
	n.mu.Lock()
	defer n.mu.Unlock()
	tell := newTeller(n.env, false)
	for _, k := range n.kept {
		tell(k[0], k[1])
	}
}

func tuiTracks(tracks []wire.LibraryTrack) []tui.Track {
	list := make([]tui.Track, len(tracks))
	for i, t := range tracks {
		list[i] = tui.Track{
			Title: title(t), Artist: t.Tags.Artist, Album: t.Tags.Album, Folder: t.Folder, Date: t.Tags.Date,
			Duration: seconds(t.Duration), Format: t.Format,
		}
	}
	return list
}
