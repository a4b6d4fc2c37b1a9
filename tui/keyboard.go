package tui

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"secstream/tui/hush"
)

// Bubble Tea asked nothing before main, and may know again where it is.
var _ = hush.Restore()

// groundQuery asks a terminal what colour lies behind the text; an answer begins
// with groundAnswer and ends with BEL or ST (xterm's control sequences, OSC 11).
const (
	groundQuery  = "\x1b]11;?\x1b\\"
	groundAnswer = "\x1b]11;"
	maxAnswer    = 64 // bytes, of which none that is known has half
)

// keyboard is a terminal's input without its answer to groundQuery, which Bubble
// Tea 1 would take for keys. It is for one reader.
type keyboard struct {
	*os.File
	ground chan bool // gets whether it is dark, once, if it answers

	held     []byte // perhaps the beginning of the answer
	answered bool
}

func newKeyboard(f *os.File) *keyboard { return &keyboard{File: f, ground: make(chan bool, 1)} }

// Read is that of the file. It may give nothing, without an error.
func (k *keyboard) Read(p []byte) (int, error) {
	if k.answered && len(k.held) == 0 || len(p) <= maxAnswer {
		return k.File.Read(p)
	}
	n, err := k.File.Read(p[:len(p)-len(k.held)])
	all := append(k.held, p[:n]...)
	k.held = nil
	if err == nil {
		all = k.sift(all)
	}
	return copy(p, all), err
}

// sift takes the answer out of what was read, and holds back what may be the
// beginning of it.
func (k *keyboard) sift(read []byte) []byte {
	at := bytes.Index(read, []byte(groundAnswer))
	if at < 0 {
		for n := min(len(groundAnswer), len(read)); n > 1; n-- { // the first byte alone is the key esc
			if rest := len(read) - n; string(read[rest:]) == groundAnswer[:n] {
				k.held = bytes.Clone(read[rest:])
				return read[:rest]
			}
		}
		return read
	}
	answer := read[at+len(groundAnswer):]
	end := bytes.IndexAny(answer, "\a\x1b")
	switch {
	case end >= 0 && answer[end] == '\a':
		k.answer(string(answer[:end]))
		return append(read[:at:at], answer[end+1:]...)
	case end >= 0 && end+1 < len(answer):
		k.answer(string(answer[:end]))
		return append(read[:at:at], answer[end+2:]...)
	case len(answer) > maxAnswer-len(groundAnswer):
		k.answered = true // that is none
		return read
	}
	k.held = bytes.Clone(read[at:])
	return read[:at]
}

func (k *keyboard) answer(text string) {
	k.answered = true
	if dark, ok := darkGround(text); ok {
		k.ground <- dark
	}
}

// darkGround says whether a colour as X11 writes them, "rgb:" or "rgba:" and
// numbers of one to four hexadecimal digits each, is nearer to black than to
// white.
func darkGround(colour string) (dark, ok bool) {
	kind, numbers, _ := strings.Cut(colour, ":")
	parts := strings.Split(numbers, "/")
	if kind != "rgb" && kind != "rgba" || len(parts) < 3 {
		return false, false
	}
	least, most := 1.0, 0.0
	for _, part := range parts[:3] {
		v, err := strconv.ParseUint(part, 16, 16)
		if err != nil || len(part) > 4 {
			return false, false
		}
		level := float64(v) / float64(uint(1)<<(4*len(part))-1)
		least, most = min(least, level), max(most, level)
	}
	return least+most < 1, true
}
