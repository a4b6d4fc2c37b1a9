package cmd

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"secstream/pkg/player"
	"secstream/pkg/wire"
)

// news is what there is to tell: an event, with Kind "" none, and a wait.
type news struct {
	player.Event
	wait wait
}

// watcher tells what an engine does.
type watcher struct {
	w      io.Writer
	engine *player.Engine
	tracks []wire.LibraryTrack
	waiter waiter
	failed error
}

// watch tells what the engine does until it is done: as JSON, as one status
// line on a terminal, or as plain lines, and what of l is waited for. It returns
// why the first track that failed did, or else why the first slice was left out.
func watch(env Env, o playOptions, engine *player.Engine, tracks []wire.LibraryTrack, l line) (failed error) {
	w, tty := env.Stdout, env.StdoutTTY
	if o.dataOnStdout() {
		w, tty = env.Stderr, env.StderrTTY
	}
	v := &watcher{w: w, engine: engine, tracks: slices.Clone(tracks), waiter: waiter{line: l}}
	switch {
	case o.asJSON:
		v.json()
	case tty && !o.plain:
		v.line(env.Width)
	default:
		v.plain()
	}
	return v.failed
}

// news are all events, and looks at the wait between them.
func (v *watcher) news() iter.Seq[news] {
	return func(yield func(news) bool) {
		left := false
		tick := time.NewTicker(waitLooked)
		defer tick.Stop()
		for {
			n := news{}
			select {
			case e, ok := <-v.engine.Events():
				if !ok {
					return
				}
				e.Text = printable(e.Text)
				learn(v.tracks, e)
				if e.Kind == player.Error && (v.failed == nil || left && !e.Skipped) {
					left = e.Skipped
					v.failed = fmt.Errorf("track %d, %s: %w", e.Track+1, label(v.tracks[e.Track]), e.Err)
				}
				n.Event = e
			case <-tick.C:
			}
			n.wait = v.waiter.look(silent(v.engine.State()))
			if !yield(n) {
				return
			}
		}
	}
}

// learn takes the names of a track from the track itself, once it is open: a
// list may come from where they are not known, or in the clear.
func learn(tracks []wire.LibraryTrack, e player.Event) {
	if e.Kind != player.TrackChange {
		return
	}
	t := &tracks[e.Track].Tags
	own := e.State.Info.Tags
	for _, name := range []struct {
		to  *string
		own string
	}{{&t.Title, own.Title}, {&t.Artist, own.Artist}, {&t.Album, own.Album}} {
		if name.own != "" {
			*name.to = printable(name.own)
		}
	}
}

// plain writes a line for each change, and nothing between: what a log or a
// screen reader wants.
func (v *watcher) plain() {
	paused, told := false, wait{}
	for n := range v.news() {
		if n.Kind != "" {
			if line := plain(n.Event, v.engine, v.tracks, paused); line != "" {
				fmt.Fprintln(v.w, line)
			}
			paused = n.State.Paused
		}
		if told.why != "" && n.wait.why == "" && v.waiter.outage().Tries == 0 {
			fmt.Fprintf(v.w, "%s serves again\n", told.server)
		}
		switch {
		case n.wait == wait{}:
			told = wait{}
		case n.wait.worthTelling(told):
			told = n.wait
			fmt.Fprintln(v.w, told)
		}
	}
}

// plain is what there is to say of an event, "" for nothing. paused is how
// things were before.
func plain(e player.Event, engine *player.Engine, tracks []wire.LibraryTrack, paused bool) string {
	switch e.Kind {
	case player.TrackChange:
		t := tracks[e.Track]
		return fmt.Sprintf("playing %d/%d %s (%s)", e.Track+1, len(tracks), label(t), clock(seconds(t.Duration)))
	case player.Pause:
		return "paused at " + clock(e.At)
	case player.Play:
		if paused {
			return "playing on at " + clock(e.At)
		}
	case player.Buffering:
		return "waiting for sound at " + clock(e.At) + ", gap " + strconv.Itoa(e.State.Underruns)
	case player.Buffered:
		return "playing on at " + clock(e.At)
	case player.Seek:
		return "moved to " + clock(e.At)
	case player.VolumeChange:
		if e.State.Muted {
			return "muted"
		}
		return fmt.Sprintf("volume %.0f dB, replay gain %+.1f dB", player.ToDecibels(e.State.Volume), e.State.Gain)
	case player.QueueChange:
		q := engine.Queue()
		return fmt.Sprintf("%d tracks to come, repeat %v, shuffle %s", len(q.Items)-q.Current-1, q.Repeat, onOff(q.Shuffle))
	case player.Error:
		return trouble(e, tracks)
	case player.Warning:
		return "warning: " + e.Text
	case player.Ended:
		return joined("finished", gaps(e.State))
	case player.Stop:
		return joined("stopped", gaps(e.State))
	}
	return ""
}

// gaps is what was not heard because it came too late, "" when there was none.
func gaps(s player.State) string {
	if s.Underruns == 0 {
		return ""
	}
	return fmt.Sprintf("%s, %.1f s of silence", plural(s.Underruns, "gap"), s.Silence.Seconds())
}

// joined joins what there is to say by semicolons.
func joined(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(t string) bool { return t == "" }), "; ")
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// trouble says what an Error event tells.
func trouble(e player.Event, tracks []wire.LibraryTrack) string {
	if e.Skipped {
		return fmt.Sprintf("silence at %s of %s: %s", clock(e.At), label(tracks[e.Track]), clean(e.Err))
	}
	if stranger(e.Err) { // which ends the play, and is told of then
		return "cannot play " + label(tracks[e.Track])
	}
	return fmt.Sprintf("cannot play %s: %s", label(tracks[e.Track]), clean(e.Err))
}

// line keeps one line up to date, and leaves a line behind for whatever a
// person may want to read later.
func (v *watcher) line(width func() int) {
	const wipe = "\r\x1b[K"
	for n := range v.news() {
		switch e := n.Event; e.Kind {
		case player.Error:
			fmt.Fprintln(v.w, wipe+trouble(e, v.tracks))
		case player.Warning:
			fmt.Fprintf(v.w, wipe+"warning: %s\n", e.Text)
		case player.TrackEnded:
			fmt.Fprintf(v.w, wipe+"played %d/%d %s\n", e.Track+1, len(v.tracks), label(v.tracks[e.Track]))
		}
		s := v.engine.State()
		if s.Track < 0 || s.Track >= len(v.tracks) {
			continue
		}
		line := fmt.Sprintf("%s %s / %s", sign(s), clock(s.Position), clock(s.Duration))
		if s.Underruns > 0 {
			line += "  " + plural(s.Underruns, "gap")
		}
		if n.wait != (wait{}) {
			line += "  " + n.wait.String() + "; ctrl+c ends"
		} else {
			line += "  " + label(v.tracks[s.Track])
		}
		fmt.Fprint(v.w, wipe+ansi.Truncate(line, width()-1, "…"))
	}
	fmt.Fprint(v.w, wipe)
	if text := gaps(v.engine.State()); text != "" {
		fmt.Fprintln(v.w, text)
	}
}

// sign is one character for what goes on.
func sign(s player.State) string {
	switch {
	case s.Ended:
		return "■"
	case s.Paused:
		return "⏸"
	case s.Buffering:
		return "…"
	}
	return "▶"
}

func label(t wire.LibraryTrack) string {
	if t.Tags.Artist != "" {
		return t.Tags.Artist + " - " + title(t)
	}
	return title(t)
}

// clock writes d as 3:05 or 1:02:03, in whole seconds that have passed.
func clock(d time.Duration) string {
	s := int(d / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// parseTime reads 1:23, 1:02:03, 83, 83.5 or a duration like 1m23s.
func parseTime(text string) (time.Duration, error) {
	bad := fmt.Errorf("%q is not a time", text)
	if d, err := time.ParseDuration(text); err == nil {
		if d < 0 {
			return 0, bad
		}
		return d, nil
	}
	parts := strings.Split(text, ":")
	if len(parts) > 3 {
		return 0, bad
	}
	var total float64
	for i, p := range parts {
		v, err := strconv.ParseFloat(p, 64)
		if err != nil || !(v >= 0 && v < 1e6) || (i > 0 && v >= 60) || strings.ContainsAny(p, "eExXpP+") {
			return 0, bad
		}
		total = total*60 + v
	}
	return seconds(total), nil
}
