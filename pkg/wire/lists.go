package wire

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"

	"secstream/pkg/audio"
)

// The lists of slices are nearly all of the answer to a key exchange, 160 kB
// for three hours, and encoding/json takes longer over them than all else
// that lies between a listener's wish and the first sound. So this file
// writes and reads the lists by hand, and leaves the rest to encoding/json.

// noIDs is how encoding/json writes SliceIDs with nothing in it. These bytes
// stand nowhere else: in a string the quotes would be escaped.
const noIDs = `"sliceIds":[]`

// Append appends the answer as JSON to b, the caller's buffer.
func (a *KeyAnswer) Append(b []byte) ([]byte, error) {
	if a.SessionInfo == nil {
		return splice(b, a, nil)
	}
	short, lists := a.SessionInfo.detach()
	return splice(b, &KeyAnswer{PublicKey: a.PublicKey, SessionInfo: short, Metadata: a.Metadata}, lists)
}

// Append appends the description as JSON, byte for byte as in a KeyAnswer.
func (s *SessionInfo) Append(b []byte) ([]byte, error) {
	short, lists := s.detach()
	return splice(b, short, lists)
}

// Append appends the manifest as JSON to b, the caller's buffer.
func (m *Manifest) Append(b []byte) ([]byte, error) {
	short, lists := m.SessionInfo.detach()
	other := *m
	other.SessionInfo = short
	return splice(b, &other, lists)
}

// lists are the two lists of one track.
type lists struct {
	ids     []string
	slices  []Slice
	written string
}

// detach copies s without its lists and returns those in the order in which
// they are written.
func (s *SessionInfo) detach() (*SessionInfo, []lists) {
	short := *s
	var all []lists
	short.Tracks = append([]TrackInfo(nil), s.Tracks...)
	for i := range short.Tracks {
		all = append(all, short.Tracks[i].detach())
	}
	return &short, append(all, short.TrackFacts.detach())
}

func (f *TrackFacts) detach() lists {
	l := lists{f.SliceIDs, f.Slices, f.Written}
	if l.written == "" {
		l.written = EncodeSlices(l.slices)
	}
	f.SliceIDs, f.Slices = []string{}, nil
	return l
}

// splice appends v, which was detached from the lists, with them in place.
func splice(b []byte, v any, all []lists) ([]byte, error) {
	short, err := json.Marshal(v)
	if err != nil {
		return b, err
	}
	size := len(short) + 1 // and a newline
	for _, l := range all {
		size += len(l.written)
		if len(l.ids) > 0 {
			size += len(l.ids) * (len(l.ids[0]) + 3)
		}
	}
	b = slices.Grow(b, size)
	for _, l := range all {
		at := bytes.Index(short, []byte(noIDs)) + len(noIDs)
		b = append(b, short[:at-1]...)
		b = l.append(b)
		short = short[at:]
	}
	return append(b, short...), nil
}

// append writes what follows `"sliceIds":[`.
func (l lists) append(b []byte) []byte {
	for i, id := range l.ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, id...) // made by session of letters, digits, - and _
		b = append(b, '"')
	}
	return append(append(b, ']'), l.written...)
}

// EncodeSlices is a list as it stands in an answer, with its name. It depends
// on how a track is cut alone, so one text does for many sessions.
func EncodeSlices(list []Slice) string {
	if len(list) == 0 {
		return ""
	}
	b := make([]byte, 0, len(list)*64)
	for i, s := range list {
		if i == 0 {
			b = append(b, `,"slices":[`...)
		} else {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, startField...), int64(s.Start), 10)
		b = strconv.AppendInt(append(b, samplesField...), int64(s.Samples), 10)
		b = strconv.AppendInt(append(b, prerollField...), int64(s.Preroll), 10)
		b = append(b, '}')
	}
	return string(append(b, ']'))
}

// heard is an answer as listeners need it. The tracks of a session of several
// are not kept: a listener asks for one, and the shortest entry, two bytes,
// would take some 300 in memory.
type heard struct {
	*KeyAnswer
	SessionInfo *heardInfo `json:"sessionInfo"`
}

type heardInfo struct {
	*SessionInfo
	Tracks   ignored         `json:"tracks"`
	SliceIDs bounded[string] `json:"sliceIds"`
	Slices   bounded[Slice]  `json:"slices"`
}

// Decode reads an answer from any server, but for Tracks: lists as this
// package writes them quickly, everything else as encoding/json does. Lists of
// entries too short to be any are an error; other errors are those of
// encoding/json.
func (a *KeyAnswer) Decode(b []byte) error {
	h := heard{KeyAnswer: a}
	info, err := hear(b, &h, &h.SessionInfo)
	if info != nil {
		a.SessionInfo = info
	}
	return err
}

// heardManifest is a manifest as listeners need it.
type heardManifest struct {
	*Manifest
	SessionInfo *heardInfo `json:"sessionInfo"`
}

// Decode reads a manifest, as KeyAnswer.Decode reads an answer.
func (m *Manifest) Decode(b []byte) error {
	h := heardManifest{Manifest: m}
	info, err := hear(b, &h, &h.SessionInfo)
	if info != nil {
		m.SessionInfo = info
	}
	return err
}

// hear reads b into what, whose session info is at described, and returns that,
// nil if there is none.
func hear(b []byte, what any, described **heardInfo) (*SessionInfo, error) {
	rest, l, quick := takeLists(b)
	if !quick {
		rest = b
	}
	err := json.Unmarshal(rest, what)
	if *described == nil {
		return nil, err
	}
	h := *described
	info := h.SessionInfo
	if info == nil {
		info = new(SessionInfo)
	}
	info.SliceIDs, info.Slices = h.SliceIDs, h.Slices
	if quick {
		info.SliceIDs, info.Slices = l.ids, l.slices
	}
	if info.Damage != nil {
		cutAll(&info.Damage.What)
	}
	return info, err
}

var startIDs, startSlices = []byte(`"sliceIds":[`), []byte(`"slices":[`)

// takeLists takes the lists out of the description of a session of one track,
// and returns the rest of it. It says no to whatever looks unusual.
func takeLists(b []byte) (rest []byte, l lists, ok bool) {
	before, after, ok := bytes.Cut(b, startIDs)
	if !ok || bytes.Contains(before, []byte(`"tracks"`)) {
		return nil, l, false
	}
	if after, ok = l.readIDs(after); !ok {
		return nil, l, false
	}
	between, after, ok := bytes.Cut(after, startSlices)
	if !ok || bytes.Contains(between, startIDs) {
		return nil, l, false
	}
	if after, ok = l.readSlices(after); !ok || bytes.Contains(after, startIDs) || bytes.Contains(after, startSlices) {
		return nil, l, false
	}
	rest = append(append([]byte(nil), before...), noIDs...)
	rest = append(append(append(rest, between...), startSlices...), ']')
	return append(rest, after...), l, true
}

// readIDs reads a list of plain strings, up to and with its bracket, and
// returns what follows.
func (l *lists) readIDs(b []byte) (rest []byte, ok bool) {
	end := bytes.IndexByte(b, ']')
	if end < 0 {
		return nil, false
	}
	text := string(b[:end+1]) // all IDs share it
	l.ids = make([]string, 0, min(len(text)/24, MaxListed))
	for len(l.ids) < MaxListed && len(text) > 0 && text[0] == '"' {
		n := 1
		for n < len(text) && plain[text[n]] {
			n++
		}
		if n+1 >= len(text) || text[n] != '"' {
			break
		}
		l.ids = append(l.ids, text[1:n])
		switch text[n+1] {
		case ']':
			return b[end+1:], true
		case ',':
			text = text[n+2:]
		default:
			return nil, false
		}
	}
	return nil, false
}

// plain are the characters of IDs that are read quickly.
var plain = func() (set [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-" {
		set[c] = true
	}
	return set
}()

// What stands before the numbers of a Slice.
const (
	startField   = `{"start":`
	samplesField = `,"samples":`
	prerollField = `,"preroll":`
)

// readSlices reads a list of slices likewise.
func (l *lists) readSlices(b []byte) (rest []byte, ok bool) {
	l.slices = make([]Slice, 0, len(l.ids))
	for len(l.slices) < MaxListed {
		var s Slice
		// Fields of constant length are compared in a few instructions.
		if len(b) < len(startField) || string(b[:len(startField)]) != startField {
			return nil, false
		}
		if s.Start, b = readFrames(b[len(startField):]); len(b) < len(samplesField) || string(b[:len(samplesField)]) != samplesField {
			return nil, false
		}
		if s.Samples, b = readFrames(b[len(samplesField):]); len(b) < len(prerollField) || string(b[:len(prerollField)]) != prerollField {
			return nil, false
		}
		if s.Preroll, b = readFrames(b[len(prerollField):]); len(b) < 2 || b[0] != '}' {
			return nil, false
		}
		l.slices = append(l.slices, s)
		switch b[1] {
		case ']':
			return b[2:], true
		case ',':
			b = b[2:]
		default:
			return nil, false
		}
	}
	return nil, false
}

// readFrames reads a number of at most 15 digits, as JSON has them, and
// returns what follows: nothing when there is no such number.
func readFrames(b []byte) (n audio.Frames, rest []byte) {
	digits := 0
	for digits < len(b) && digits < 15 && b[digits]-'0' < 10 {
		n = n*10 + audio.Frames(b[digits]-'0')
		digits++
	}
	if digits == 0 || digits > 1 && b[0] == '0' {
		return 0, nil
	}
	return n, b[digits:]
}

// MaxListed is the most slices that are read quickly: a bound on what a lying
// server can have allocated in advance.
const MaxListed = 1 << 20
