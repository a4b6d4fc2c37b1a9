package cmd

import (
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"secstream/pkg/player"
	"secstream/pkg/wire"
)

// watch tells what the engine does until it is done: as JSON, as one status
// line on a terminal, or as plain lines. It returns why the first track that
// failed did.
func watch(env Env, o playOptions, engine *player.Engine, tracks []wire.LibraryTrack) (failed error) {
	w, tty := env.Stdout, env.StdoutTTY
	if o.dataOnStdout() {
		w, tty = env.Stderr, env.StderrTTY
	}
	events := func(yield func(player.Event) bool) {
		for e := range engine.Events() {
			e.Text = printable(e.Text)
			if e.Kind == player.TrackFailed && failed == nil {
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
	case tty:
		watchLine(w, engine, tracks, events, env.Width)
	default:
		watchPlain(w, tracks, events)
	}
	return failed
}

// event is what --json prints, one a line.
type event struct {
	Event    string  `json:"event"`
	Track    int     `json:"track"` // from 1
	ID       string  `json:"id,omitempty"`
	Path     string  `json:"path,omitempty"`
	Title    string  `json:"title,omitempty"`
	Artist   string  `json:"artist,omitempty"`
	Slice    *int    `json:"slice,omitempty"`
	At       float64 `json:"at"` // seconds
	Duration float64 `json:"duration,omitempty"`
	Rate     int     `json:"sampleRate,omitempty"`
	Channels int     `json:"channels,omitempty"`
	Text     string  `json:"text,omitempty"`
}

func watchJSON(w io.Writer, engine *player.Engine, tracks []wire.LibraryTrack, events iter.Seq[player.Event]) {
	enc := newJSON(w)
	for e := range events {
		out := event{Event: strings.ReplaceAll(string(e.Kind), " ", "_"), Track: e.Track + 1, At: e.At.Seconds(), Text: e.Text}
		switch e.Kind {
		case player.TrackStarted:
			t := tracks[e.Track]
			out.ID, out.Path, out.Title, out.Artist = t.ID, t.Path, t.Tags.Title, t.Tags.Artist
			out.Duration, out.Rate, out.Channels = t.Duration, e.Info.SampleRate, e.Info.Channels
		case player.SliceStarted:
			out.Slice = &e.Slice
		case player.TrackFailed:
			out.Text = clean(e.Err)
		}
		if enc.Encode(out) != nil {
			engine.Stop() // nobody reads any more
		}
	}
}

func watchPlain(w io.Writer, tracks []wire.LibraryTrack, events iter.Seq[player.Event]) {
	for e := range events {
		switch e.Kind {
		case player.TrackStarted:
			fmt.Fprintf(w, "playing %d/%d %s (%s)\n", e.Track+1, len(tracks), label(tracks[e.Track]), clock(seconds(tracks[e.Track].Duration)))
		case player.TrackFailed:
			fmt.Fprintf(w, "cannot play %s: %s\n", label(tracks[e.Track]), clean(e.Err))
		case player.Warning:
			fmt.Fprintf(w, "warning: %s\n", e.Text)
		}
	}
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
			case e.Kind == player.TrackFailed:
				fmt.Fprintf(w, wipe+"cannot play %s: %s\n", label(tracks[e.Track]), clean(e.Err))
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
		sign := "▶"
		if s.Paused {
			sign = "⏸"
		} else if s.Buffering {
			sign = "…"
		}
		line := fmt.Sprintf("%s %s / %s  %s", sign, clock(s.Position), clock(s.Duration), label(tracks[s.Track]))
		fmt.Fprint(w, wipe+ansi.Truncate(line, width()-1, "…"))
	}
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
