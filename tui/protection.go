package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
)

// SliceState is how far a slice of the track that plays has come.
type SliceState uint8

// The states, in the order a slice goes through them. A wiped slice was played
// and is gone from memory.
const (
	SliceWaiting SliceState = iota
	SliceFetching
	SliceOpened
	SlicePlaying
	SliceWiped
	SliceRefused // it came forged or damaged
	sliceStates
)

// sliceSigns tell the states apart without colour as well.
var (
	sliceSigns = [sliceStates]string{"░", "▒", "▓", "█", "·", "✗"}
	sliceNames = [sliceStates]string{"waiting", "fetching", "opened", "playing", "wiped", "refused"}
)

// Protection is what is known of the way the sound comes and how it is sealed.
// The zero Protection knows nothing.
type Protection struct {
	Peer, Fingerprint, Protocol, Cipher, Compression string

	KeySince  time.Time // when the key of now was agreed
	Exchanges int       // of keys, so far

	Verified, Refused, Retried, Fetched int64 // slices
	WireBytes, BufferedBytes            int64
	Latency, MeanLatency                time.Duration // of a slice, from asking to having it

	Slices      []SliceState    // of the track that plays
	SliceStarts []time.Duration // where each begins

	underruns int           // how often there was no sound when there should have been
	silence   time.Duration // played in place of sound
}

// none says that nothing is known.
func (p Protection) none() bool { return p.Protocol == "" && p.Cipher == "" && len(p.Slices) == 0 }

// strip is the protection in a few words.
func (p Protection) strip() string {
	if p.none() {
		return ""
	}
	tally := thousands(int(p.Verified)) + " verified"
	if p.Refused > 0 {
		tally += ", " + thousands(int(p.Refused)) + " refused"
	}
	sign := signGood
	switch {
	case p.Refused > 0:
		sign = signFailed
	case p.Verified == 0:
		sign = signBuffering
	}
	return sign + " " + join(" · ", p.Cipher, tally)
}

// gaps is what was not heard.
func (p Protection) gaps() string {
	if p.underruns == 0 && p.silence == 0 {
		return "none"
	}
	return fmt.Sprintf("%s, %.1f s silent", count(p.underruns, "time"), p.silence.Seconds())
}

// clean makes texts from elsewhere fit for a terminal.
func (p Protection) clean() Protection {
	for _, text := range []*string{&p.Peer, &p.Fingerprint, &p.Protocol, &p.Cipher, &p.Compression} {
		*text = clean(*text)
	}
	return p
}

// field is one line of the list: what, and how it is.
type field struct {
	name, value string
	bad         bool
}

// fields are the facts: those that are long, and the others in two columns.
func (p Protection) fields(now time.Time) (long, left, right []field) {
	age := ""
	if !p.KeySince.IsZero() {
		age = join(", ", clock(now.Sub(p.KeySince)), count(p.Exchanges, "exchange"))
	}
	long = []field{{"peer", p.Peer, false}, {"identity", p.Fingerprint, false}}
	left = []field{
		{"protocol", p.Protocol, false}, {"cipher", p.Cipher, false}, {"key age", age, false},
		{"compression", p.Compression, false}, {"latency", latency(p.Latency, p.MeanLatency), false},
		{"gaps", p.gaps(), p.underruns > 0},
	}
	right = []field{
		{"verified", count(int(p.Verified), "slice"), false},
		{"refused", count(int(p.Refused), "slice"), p.Refused > 0},
		{"retried", count(int(p.Retried), "time"), false},
		{"received", size(p.WireBytes), false},
		{"in memory", size(p.BufferedBytes), false},
	}
	return long, left, right
}

func latency(last, mean time.Duration) string {
	if last <= 0 {
		return ""
	}
	return fmt.Sprintf("%s, mean %s", millis(last), millis(mean))
}

func millis(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
	}
	return fmt.Sprintf("%.0f ms", d.Seconds()*1000)
}

// size is n in the unit that suits it.
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/1e9)
}

// nameWidth is the room for what a field is called.
const nameWidth = 13

func (f field) view(s styles, w int) string {
	value, style := f.value, s.plain
	if value == "" {
		value, style = "–", s.faint
	}
	if f.bad {
		value, style = value+" "+signFailed, s.fail
	}
	value = cut(value, w-nameWidth)
	return s.dim.Render(fit(f.name, nameWidth)) + style.Render(value) + blank(w-nameWidth-width(value))
}

// view is the whole of it in h lines, each at most w cells wide.
func (p Protection) view(s styles, w, h int, now time.Time) []string {
	if p.none() {
		return fill([]string{"", s.dim.Render(cut("  nothing has been fetched yet", w))}, h)[:h]
	}
	facts := p.facts(s, w, now)
	head := []string{}
	room := min(max(h-len(facts)-3, 1), max(h/2, 1))
	cells := p.cells(s, w-2, room)
	head = append(head, cells...)
	if h >= len(facts)+len(cells)+3 {
		head = append([]string{""}, head...)
		head = append(head, p.legend(s, w-2), "")
	} else if h > 4 {
		head = append(head, p.legend(s, w-2))
	}
	lines := append(head, facts...)
	return fill(lines[:min(len(lines), h)], h)
}

// facts are the lines of all fields. Where there is one column, those come first
// that say whether all is well.
func (p Protection) facts(s styles, w int, now time.Time) []string {
	long, left, right := p.fields(now)
	var lines []string
	if w < 64 {
		for _, f := range slices.Concat(right[:2], left[1:3], long, left[:1], left[3:], right[2:]) {
			lines = append(lines, f.whole(s, w-2)...)
		}
		return lines
	}
	for _, f := range long {
		lines = append(lines, f.whole(s, w-2)...)
	}
	column := (w - 2 - 4) * 3 / 5
	for i := range left {
		line := "  " + left[i].view(s, column)
		if i < len(right) {
			line += "    " + right[i].view(s, w-2-4-column)
		}
		lines = append(lines, line)
	}
	return lines
}

// whole is the field in as many lines as it takes: a fingerprint is compared to
// its end.
func (f field) whole(s styles, w int) []string {
	room := w - nameWidth
	if room < 1 || width(f.value) <= room {
		return []string{"  " + f.view(s, w)}
	}
	var lines []string
	for part := range strings.SplitSeq(ansi.Wrap(f.value, room, ":"), "\n") {
		lines = append(lines, "  "+field{f.name, part, f.bad}.view(s, w))
		f.name = ""
	}
	return lines
}

// A cell of the map is as broad as the lines allow, with a gap where there is
// room for one.
var cellSizes = []struct{ wide, gap int }{{3, 1}, {2, 1}, {1, 1}, {1, 0}}

// mapLines is how many lines the map takes before its cells get narrower.
const mapLines = 2

// cells is the map: a cell for each slice, or where they are too many for the
// lines, for each few of them, showing the one that is furthest from played.
func (p Protection) cells(s styles, w, lines int) []string {
	size := cellSizes[len(cellSizes)-1]
	for _, c := range cellSizes {
		if across := w / (c.wide + c.gap); len(p.Slices) <= across*min(lines, mapLines) {
			size = c
			break
		}
	}
	across := max(w/(size.wide+size.gap), 1)
	per := max((len(p.Slices)+across*lines-1)/(across*lines), 1)
	var out []string
	var b strings.Builder
	n := 0
	for i := 0; i < len(p.Slices); i += per {
		state := p.group(i, per)
		b.WriteString(sliceStyle(s, state).Render(strings.Repeat(sliceSigns[state], size.wide)) + blank(size.gap))
		if n++; n == across || i+per >= len(p.Slices) {
			out = append(out, "  "+b.String())
			b.Reset()
			n = 0
		}
	}
	return out
}

// group is the state that the cell of the slices from i on shows: one that was
// refused, or that which plays, or the earliest.
func (p Protection) group(i, per int) SliceState {
	these, least := p.Slices[i:min(i+per, len(p.Slices))], SliceRefused
	if slices.Contains(these, SliceRefused) {
		return SliceRefused
	}
	if slices.Contains(these, SlicePlaying) {
		return SlicePlaying
	}
	for _, st := range these {
		least = min(least, st)
	}
	return least
}

func sliceStyle(s styles, state SliceState) lipgloss.Style {
	return [sliceStates]lipgloss.Style{s.faint, s.warn, s.accent, s.current, s.dim, s.fail}[min(state, SliceRefused)]
}

// legend says what the signs mean and how many slices are in each state.
func (p Protection) legend(s styles, w int) string {
	var n [sliceStates]int
	for _, st := range p.Slices {
		n[min(st, SliceRefused)]++
	}
	line, used := "  ", 0
	for _, st := range []SliceState{SliceRefused, SliceWiped, SlicePlaying, SliceOpened, SliceFetching, SliceWaiting} {
		text := " " + sliceNames[st] + " " + thousands(n[st])
		if (w < 64 || st == SliceRefused) && n[st] == 0 {
			continue
		}
		need := 1 + width(text)
		if used > 0 {
			need += 3
		}
		if used+need > w {
			break
		}
		if used > 0 {
			line += "   "
		}
		line += sliceStyle(s, st).Render(sliceSigns[st]) + s.dim.Render(text)
		used += need
	}
	return line
}
