package tui

import (
	"fmt"
	"math"
	"strings"
	"time"

	"secstream/pkg/player"
)

// nowPlaying is what the engine does, as far as the screen shows it.
type nowPlaying struct {
	tracks []Track
	state  player.State
	failed bool    // the track did not play, and nothing else does yet
	volume float64 // dB, silence to 0
}

// The volume, in dB.
const (
	volumeStep = 2.0
	silence    = -60.0 // and below: no sound at all
)

// track is the one that plays, the zero Track when there is none.
func (n nowPlaying) track() Track {
	if i := n.state.Track; i >= 0 && i < len(n.tracks) {
		return n.tracks[i]
	}
	return Track{}
}

// total is the length of the track, from the engine or else from the list.
func (n nowPlaying) total() time.Duration {
	if n.state.Duration > 0 {
		return n.state.Duration
	}
	return n.track().Duration
}

// left is what is still to be heard of the track.
func (n nowPlaying) left() time.Duration {
	if n.ended() {
		return 0
	}
	return max(n.total()-n.state.Position, 0)
}

// moving says whether the position changes by itself.
func (n nowPlaying) moving() bool {
	return len(n.tracks) > 0 && !n.state.Paused && !n.ended() && !n.failed
}

// ended says that nothing is left to play; the engine waits for orders, or is
// gone.
func (n nowPlaying) ended() bool { return n.state.Ended || n.state.Done }

// gain is what ReplayGain does to the track, "" for nothing.
func (n nowPlaying) gain() string {
	if math.Abs(n.state.Gain) < 0.05 {
		return ""
	}
	return fmt.Sprintf("ReplayGain %+.1f dB", n.state.Gain)
}

// sign and word say what goes on.
func (n nowPlaying) sign() string {
	switch {
	case n.ended():
		return signEnded
	case n.state.Paused:
		return signPaused
	case n.failed:
		return signFailed
	case n.state.Buffering:
		return signBuffering
	}
	return signPlaying
}

func (n nowPlaying) word() string {
	switch n.sign() {
	case signEnded:
		return "finished"
	case signPaused:
		return "paused"
	case signFailed:
		return "not played"
	case signBuffering:
		return "buffering"
	}
	return ""
}

// name is the title, or what stands for one.
func (t Track) name() string {
	if t.Title != "" {
		return t.Title
	}
	return "untitled"
}

// by is artist and album, or the folder.
func (t Track) by() string {
	if by := join(" – ", t.Artist, t.Album); by != "" {
		return by
	}
	return t.Folder
}

// title is the line with the sign and the title, w cells wide, with what
// stands at its end.
func (n nowPlaying) title(s styles, w int, end string) string {
	word := n.word()
	if word != "" {
		end = ""
	}
	sign := s.accent
	if word != "" {
		sign = s.warn
	}
	name := cut(n.track().name(), w-2-width(word)-width(end)-2)
	return sign.Render(n.sign()) + " " + s.title.Render(name) + blank(w-2-width(name)-width(word)-width(end)) +
		s.warn.Render(word) + s.dim.Render(end)
}

// brief is title and artist in one line, with the facts where there is room.
func (n nowPlaying) brief(s styles, w int) string {
	facts := n.facts()
	if w < 72 {
		facts = n.word()
	}
	room := w - 2
	if facts != "" {
		room -= width(facts) + 2
	}
	name := cut(n.track().name(), room)
	by := ""
	if left := room - width(name) - 3; n.track().Artist != "" && left >= 4 {
		by = " – " + cut(n.track().Artist, left)
	}
	sign := s.accent
	if n.word() != "" {
		sign = s.warn
	}
	return sign.Render(n.sign()) + " " + s.title.Render(name) + s.dim.Render(by) +
		blank(w-2-width(name)-width(by)-width(facts)) + s.dim.Render(facts)
}

const (
	volumeCells = 10
	volumeWidth = 3 + 1 + volumeCells + 1 + 6 // "vol", the meter, "-12 dB" or "muted"
)

// briefVolume is the room for the volume beside the bar.
const briefVolume = 8

// meter is the volume, volumeWidth cells wide.
func (n nowPlaying) meter(s styles) string {
	halves := int((n.volume-silence)/-silence*volumeCells*2 + 0.5)
	line := strings.Repeat("━", halves/2)
	if halves%2 > 0 {
		line += "╸"
	}
	filled, text := s.accent, s.dim
	if n.state.Muted {
		filled, text = s.faint, s.warn
	}
	return s.dim.Render("vol ") + filled.Render(line) + s.faint.Render(strings.Repeat("─", volumeCells-width(line))) +
		" " + text.Render(fitRight(n.level(), 6))
}

// level is the volume in at most 6 cells.
func (n nowPlaying) level() string {
	switch {
	case n.state.Muted:
		return "muted"
	case n.volume <= silence:
		return "silent"
	}
	return fmt.Sprintf("%.0f dB", math.Round(n.volume)+0) // + 0: no negative zero
}

// decibels takes what a caller gave for a volume to what there is.
func decibels(v float64) float64 {
	if !(v > silence) { // NaN as well
		return silence
	}
	return min(v, 0)
}

// card is what plays, as large as it gets: at most h lines, each at most w
// cells wide. end is what is known of its protection, next what comes after.
func (n nowPlaying) card(s styles, w, h int, end, next string) []string {
	t := n.track()
	lines := []string{s.title.Render(cut(t.name(), w))}
	for _, text := range []string{t.Artist, t.Album} {
		if text != "" {
			lines = append(lines, s.plain.Render(cut(text, w)))
		}
	}
	if t.Artist == "" && t.Album == "" && t.Folder != "" {
		lines = append(lines, s.plain.Render(cut(t.Folder, w)))
	}
	lines = append(lines, "", s.dim.Render(cut(n.facts(), w)))
	if g := n.gain(); g != "" {
		lines = append(lines, s.dim.Render(cut(g, w)))
	}
	if end != "" {
		style := s.accent
		if strings.HasPrefix(end, signFailed) {
			style = s.fail
		}
		lines = append(lines, style.Render(cut(end, w)))
	}
	if next != "" {
		lines = append(lines, "", s.dim.Render(cut("next  "+next, w)))
	}
	if len(lines) > h { // the blank lines go first, then the end
		tight := lines[:0]
		for _, l := range lines {
			if l != "" {
				tight = append(tight, l)
			}
		}
		lines = tight[:min(len(tight), h)]
	}
	return lines
}
