package ogg

import (
	"bytes"
	"encoding/binary"
	"strings"

	"secstream/pkg/audio"
)

// header is what the header packets of one link say. It never changes once
// the link has begun, and links with equal headers share one.
type header struct {
	codec    audio.Codec
	rate     int // Hz
	channels int
	first    []byte // identification packet

	// Vorbis
	rates bitRates
	block [2]int // frames of the short and the long block
	modes modes
	setup []byte // setup packet

	// Opus
	preSkip   int // frames
	inputRate int // Hz, of what was encoded; 0 unknown
	gain      int // 1/256 dB
	family    int

	// The pages every slice begins with.
	pages     []byte
	firstLen  int // bytes of the first of them
	pageCount uint32
}

// size is how long the packet that begins with b is on the timeline: its
// block size for Vorbis, its frames for Opus. ok is false if no decoder would
// take it for audio.
func (h *header) size(b []byte) (n int, ok bool) {
	if h.codec == audio.Opus {
		return opusFrames(b)
	}
	return h.vorbisBlock(b)
}

// yield is how many frames come out of a decoder for a packet of size cur
// after one of size prev, 0 at the start of a link or after a gap. A Vorbis
// packet overlaps with the one before, so the first gives nothing (Vorbis I
// §1.3.2 and §4.3.8).
func (h *header) yield(prev, cur int) audio.Frames {
	switch {
	case h.codec == audio.Opus:
		return audio.Frames(cur)
	case prev == 0:
		return 0
	}
	return audio.Frames(prev/4 + cur/4)
}

// finish prepares the pages slices begin with. Comments are left out: they
// may hold pictures, and a slice is not where they are looked for.
func (h *header) finish() {
	w := pager{sum: new(crc)}
	if h.codec == audio.Opus {
		w.packet(h.first)
		w.flush(firstPage)
		h.firstLen = len(w.dst)
		w.packet([]byte("OpusTags\x00\x00\x00\x00\x00\x00\x00\x00"))
	} else {
		w.packet(h.first)
		w.flush(firstPage)
		h.firstLen = len(w.dst)
		w.packet([]byte("\x03vorbis\x00\x00\x00\x00\x00\x00\x00\x00\x01"))
		w.packet(h.setup)
	}
	w.flush(0)
	h.pages, h.pageCount = w.dst, w.seq
}

// sameHeaders tells if a and b give the same slices.
func sameHeaders(a, b *header) bool {
	return bytes.Equal(a.first, b.first) && bytes.Equal(a.setup, b.setup)
}

// kinds are the codecs met in Ogg, by how their first packet begins.
var kinds = [...]struct{ magic, name string }{
	{"\x01vorbis", "vorbis"},
	{"OpusHead", "opus"},
	{"\x7fFLAC", "ogg flac"},
	{"fLaC", "ogg flac"}, // before version 1.1.1 of the mapping
	{"Speex   ", "speex"},
	{"CELT    ", "celt"},
	{"PCM     ", "ogg pcm"},
	{"\x80theora", "theora"},
	{"\x80daala", "daala"},
	{"BBCD\x00", "dirac"},
	{"OVP80", "vp8"},
	{"\x01video\x00", "ogm video"},
	{"\x01audio\x00", "ogm audio"},
	{"\x01text\x00", "ogm text"},
	{"\x80kate\x00", "kate"},
	{"CMML\x00", "cmml"},
	{"\x8bJNG\r\n", "jng"},
	{"\x8aMNG\r\n", "mng"},
	{"YUV4MPEG", "yuv4mpeg"},
	{"UVS ", "uvs"},
	{"Annodex\x00", "annodex"},
	{"fishead\x00", "skeleton"},
}

// kind names the codec of a stream by its first packet.
func kind(b []byte) string {
	for _, k := range kinds {
		if strings.HasPrefix(string(b[:min(len(b), 9)]), k.magic) {
			return k.name
		}
	}
	return "unknown"
}

// refusal names the format of a file that holds streams, none of which can be
// played: the first one that carries sound, else the first one.
func refusal(names []string) string {
	for _, n := range names {
		if isSound(n) {
			return n
		}
	}
	for _, n := range names {
		if n != "skeleton" && n != "unknown" {
			return n
		}
	}
	return "ogg"
}

func isSound(name string) bool {
	switch name {
	case "ogg flac", "speex", "celt", "ogg pcm", "ogm audio":
		return true
	}
	return false
}

// setPreSkip changes the pre-skip in the pages at the start of an Opus slice.
func (h *header) setPreSkip(pages []byte, skip audio.Frames, sum *crc) {
	b := pages[:h.firstLen]
	at := headLen + int(b[headLen-1]) + preSkipAt
	binary.LittleEndian.PutUint16(b[at:], uint16(skip))
	binary.LittleEndian.PutUint32(b[crcAt:], sum.page(b))
}
