package ogg

import (
	"encoding/binary"
	"errors"

	"secstream/pkg/audio"
)

// opusRate is the rate of every Opus timeline, Hz (RFC 7845 §4).
const opusRate = 48000

// opusPreroll is how many frames before a slice are sent along. RFC 7845 §4.6
// asks for 80 ms; measured against a decode from the start, 80 ms leaves
// errors of thousands of 16-bit steps, 360 ms less than half a step.
//
// That holds for CELT. Where SILK takes part (speech, low rates) the reference
// decoder feeds samples rounded to 16 bits back into its predictors, so two
// runs with different pasts go on differing by some ten to a hundred steps
// during voiced sounds, however long the preroll. A decoder that does not
// round there converges to within a step.
const opusPreroll audio.Frames = opusRate * 2 / 5

// opusMost is the longest an Opus packet may last (RFC 6716 §3.2.5).
const opusMost = opusRate * 120 / 1000

// preSkipAt is where OpusHead holds the pre-skip.
const preSkipAt = 10

var errOpusHead = errors.New("identification header makes no sense")

// parseOpusHead reads an identification packet (RFC 7845 §5.1).
func parseOpusHead(b []byte) (*header, error) {
	if len(b) < 19 || string(b[:8]) != "OpusHead" || b[8] > 15 || b[9] == 0 {
		return nil, errOpusHead
	}
	h := &header{
		codec:     audio.Opus,
		channels:  int(b[9]),
		rate:      opusRate,
		preSkip:   int(binary.LittleEndian.Uint16(b[preSkipAt:])),
		inputRate: int(binary.LittleEndian.Uint32(b[12:])),
		gain:      int(int16(binary.LittleEndian.Uint16(b[16:]))),
		family:    int(b[18]),
	}
	if h.family == 0 {
		if h.channels > 2 {
			return nil, errOpusHead
		}
		b = b[:19]
	} else if len(b) < 21 || b[19] == 0 || b[20] > b[19] {
		return nil, errOpusHead
	}
	h.first = append([]byte(nil), b...) // with the mapping table, whose form depends on the family
	return h, nil
}

// opusFrames is how many frames the packet that begins with b lasts, false if
// no decoder would take it (RFC 6716 §3.1).
func opusFrames(b []byte) (int, bool) {
	if len(b) == 0 {
		return 0, false
	}
	var size int
	switch config := b[0] >> 3; {
	case config >= 16: // CELT: 2.5, 5, 10, 20 ms
		size = 120 << (config & 3)
	case config >= 12: // hybrid: 10, 20 ms
		size = 480 << (config & 1)
	default: // SILK: 10, 20, 40, 60 ms
		size = [4]int{480, 960, 1920, 2880}[config&3]
	}
	n := 1
	switch b[0] & 3 {
	case 1, 2:
		n = 2
	case 3:
		if len(b) < 2 {
			return 0, false
		}
		n = int(b[1] & 63)
	}
	return n * size, n > 0 && n*size <= opusMost
}
