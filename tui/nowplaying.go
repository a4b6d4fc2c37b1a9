package tui

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/player"
)

// nowPlaying is what the engine does, as far as the screen shows it.
type nowPlaying struct {
	tracks []Track
	state  player.State
	ended  bool    // the last track is over; the engine waits for orders
	failed bool    // the track did not play, and nothing else does yet
	volume float64 // the control's position, 0 to 1
}

// volumeStep is what one press of a volume key changes, in control positions.
const volumeStep = 0.05

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

// moving says whether the position changes by itself.
func (n nowPlaying) moving() bool { return !n.state.Paused && !n.state.Done && !n.ended }

// sign and word say what goes on.
func (n nowPlaying) sign() string {
	switch {
	case n.ended || n.state.Done:
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

// title is the line with the sign and the title, w cells wide.
func (n nowPlaying) title(s styles, w int) string {
	word := n.word()
	name := cut(n.track().name(), w-2-width(word)-2)
	sign := s.accent
	if word != "" {
		sign = s.warn
	}
	return sign.Render(n.sign()) + " " + s.bold.Render(name) + blank(w-2-width(name)-width(word)) + s.warn.Render(word)
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
	return sign.Render(n.sign()) + " " + s.bold.Render(name) + s.dim.Render(by) +
		blank(w-2-width(name)-width(by)-width(facts)) + s.dim.Render(facts)
}

// credits is the line with artist and album, and where in the list we are.
func (n nowPlaying) credits(s styles, w int) string {
	place := ""
	if i := n.state.Track; i >= 0 && i < len(n.tracks) {
		place = thousands(i+1) + " of " + thousands(len(n.tracks))
	}
	by := cut(n.track().by(), w-2-2-width(place))
	return "  " + s.dim.Render(by) + blank(w-2-width(by)-width(place)) + s.dim.Render(place)
}

// about is the line with the facts and the volume, w cells wide.
func (n nowPlaying) about(s styles, w int) string {
	vol := n.meter(s)
	facts := cut(n.facts(), w-2-volumeWidth-2)
	return "  " + s.dim.Render(facts) + blank(w-2-width(facts)-volumeWidth) + vol
}

const (
	volumeCells = 10
	volumeWidth = 3 + 1 + volumeCells + 1 + 5 // "vol", the meter, "100 %" or "muted"
)

// briefVolume is the room for the volume beside the bar.
const briefVolume = 7

// meter is the volume, volumeWidth cells wide. Half a cell is volumeStep, so
// each press of a key shows.
func (n nowPlaying) meter(s styles) string {
	halves := int(n.volume*volumeCells*2 + 0.5)
	line := strings.Repeat("━", halves/2)
	if halves%2 > 0 {
		line += "╸"
	}
	filled, text := s.accent, s.dim
	if n.state.Muted {
		filled, text = s.faint, s.warn
	}
	return s.dim.Render("vol ") + filled.Render(line) + s.faint.Render(strings.Repeat("─", volumeCells-width(line))) +
		" " + text.Render(fitRight(n.level(), 5))
}

// level is the volume in at most 5 cells.
func (n nowPlaying) level() string {
	if n.state.Muted {
		return "muted"
	}
	return fmt.Sprintf("%.0f %%", n.volume*100)
}

// facts says how the sound is stored: "FLAC · 44.1 kHz · 2 ch · 16 bit".
func (n nowPlaying) facts() string {
	i := n.state.Info
	if i.SampleRate <= 0 {
		return strings.ToUpper(n.track().Format)
	}
	last := ""
	switch {
	case i.Codec == audio.PCM && (i.Sample == audio.F32 || i.Sample == audio.F64):
		last = fmt.Sprintf("%d bit float", i.Sample.Bytes()*8)
	case i.Codec == audio.PCM && i.Sample == audio.ALaw:
		last = "A-law"
	case i.Codec == audio.PCM && i.Sample == audio.ULaw:
		last = "mu-law"
	case (i.Codec == audio.PCM || i.Codec == audio.Flac) && i.BitDepth > 0:
		last = fmt.Sprintf("%d bit", i.BitDepth)
	case i.BitRate > 0:
		last = fmt.Sprintf("%d kbit/s", (i.BitRate+500)/1000)
	}
	rate := strconv.FormatFloat(float64(i.SampleRate)/1000, 'f', -1, 64) + " kHz"
	return join(" · ", codecName(i), rate, fmt.Sprintf("%d ch", i.Channels), last)
}

// codecName is what people call the format.
func codecName(i audio.Info) string {
	switch i.Codec {
	case audio.Vorbis:
		return "Ogg Vorbis"
	case audio.Opus:
		return "Ogg Opus"
	case audio.PCM:
		return strings.ToUpper(clean(string(i.Container)))
	}
	return strings.ToUpper(clean(string(i.Codec)))
}
