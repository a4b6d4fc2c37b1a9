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

// watch tells what the engine does until it is done: as JSON, as one status
// line on a terminal, or as plain lines. It returns why the first track that
// failed did, or else why the first slice was left out.
func watch(env Env, o playOptions, engine *player.Engine, tracks []wire.LibraryTrack) (failed error) {
	w, tty := env.Stdout, env.StdoutTTY
	if o.dataOnStdout() {
		w, tty = env.Stderr, env.StderrTTY
	}
	tracks, left := slices.Clone(tracks), false
	events := func(yield func(player.Event) bool) {
		for e := range engine.Events() {
			e.Text = printable(e.Text)
			learn(tracks, e)
			if e.Kind == player.Error && (failed == nil || left && !e.Skipped) {
				left = e.Skipped
				failed = fmt.Errorf("track %d, %s: %w", e.Track+1, label(tracks[e.Track]), e.Err)
			}
			if !yield(e) {
				return
			}
		}
	}
	switch {
	case o.asJSON:
		watchJSON(w, engine, tracks, events)
	case tty && !o.plain:
		watchLine(w, engine, tracks, events, env.Width)
	default:
		watchPlain(w, engine, tracks, events)
	}
	return failed
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

// watchPlain writes a line for each change, and nothing between: what a log or
// a screen reader wants.
func watchPlain(w io.Writer, engine *player.Engine, tracks []wire.LibraryTrack, events iter.Seq[player.Event]) {
	paused := false
	for e := range events {
		if line := plain(e, engine, tracks, paused); line != "" {
			fmt.Fprintln(w, line)
		}
		paused = e.State.Paused
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
		return "waiting for sound at " + clock(e.At)
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
		return "finished"
	case player.Stop:
		return "stopped"
	}
	return ""
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

// watchLine keeps one line up to date, and leaves a line behind for whatever
// a person may want to read later.
func watchLine(w io.Writer, engine *player.Engine, tracks []wire.LibraryTrack, events iter.Seq[player.Event], width func() int) {
	const wipe = "\r\x1b[K"
	next := make(chan player.Event)
	go func() {
		defer close(next)
		for e := range events {
			next <- e
		}
	}()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case e, ok := <-next:
			switch {
			case !ok:
				fmt.Fprint(w, wipe)
				return
			case e.Kind == player.Error:
				fmt.Fprintln(w, wipe+trouble(e, tracks))
			case e.Kind == player.Warning:
				fmt.Fprintf(w, wipe+"warning: %s\n", e.Text)
			case e.Kind == player.TrackEnded:
				fmt.Fprintf(w, wipe+"played %d/%d %s\n", e.Track+1, len(tracks), label(tracks[e.Track]))
			}
		case <-tick.C:
		}
		s := engine.State()
		if s.Track < 0 || s.Track >= len(tracks) {
			continue
		}
		line := fmt.Sprintf("%s %s / %s  %s", sign(s), clock(s.Position), clock(s.Duration), label(tracks[s.Track]))
		fmt.Fprint(w, wipe+ansi.Truncate(line, width()-1, "…"))
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
