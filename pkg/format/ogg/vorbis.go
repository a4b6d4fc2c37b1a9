package ogg

import (
	"encoding/binary"
	"errors"

	"secstream/pkg/audio"
)

// Vorbis header packets begin with one of these and "vorbis" (Vorbis I §4.2.1).
const (
	identPacket   = 1
	commentPacket = 3
	setupPacket   = 5
)

func isVorbis(b []byte, kind byte) bool {
	return len(b) >= 7 && b[0] == kind && string(b[1:7]) == "vorbis"
}

// bitRates are the fields of the identification header, bits a second, 0 or
// less when not set.
type bitRates struct{ highest, nominal, lowest int32 }

// mode is "cbr", "abr" or "vbr" as far as the header tells.
func (b bitRates) mode() string {
	switch {
	case b.nominal > 0 && b.highest == b.nominal && b.lowest == b.nominal:
		return "cbr"
	case b.highest > 0 || b.lowest > 0:
		return "abr"
	}
	return "vbr"
}

var errIdent = errors.New("identification header makes no sense")

// parseIdent reads a Vorbis identification packet (Vorbis I §4.2.2). The
// modes of the header it returns are still missing.
func parseIdent(b []byte) (*header, error) {
	if !isVorbis(b, identPacket) || len(b) < 30 || b[29]&1 == 0 {
		return nil, errIdent
	}
	h := &header{
		codec:    audio.Vorbis,
		channels: int(b[11]),
		rate:     int(binary.LittleEndian.Uint32(b[12:])),
		rates: bitRates{
			highest: int32(binary.LittleEndian.Uint32(b[16:])),
			nominal: int32(binary.LittleEndian.Uint32(b[20:])),
			lowest:  int32(binary.LittleEndian.Uint32(b[24:])),
		},
		first: append([]byte(nil), b[:30]...),
	}
	short, long := b[28]&15, b[28]>>4
	version := binary.LittleEndian.Uint32(b[7:])
	if version != 0 || h.channels == 0 || h.rate == 0 || short < 6 || long > 13 || short > long {
		return nil, errIdent
	}
	h.block = [2]int{1 << short, 1 << long}
	return h, nil
}

// vorbisBlock is the block size of the audio packet that begins with b, false
// if it is no audio packet (Vorbis I §4.3.1). The mode, at most six bits,
// always lies in the first byte.
func (h *header) vorbisBlock(b []byte) (int, bool) {
	if len(b) == 0 || b[0]&1 != 0 {
		return 0, false
	}
	mode := int(b[0] >> 1 & (1<<h.modes.bits - 1))
	if mode >= h.modes.n {
		return 0, false
	}
	long := int(h.modes.long >> mode & 1)
	if long == 1 && uint(len(b))*8 < 1+h.modes.bits+2 {
		return 0, false // the window flags are missing
	}
	return h.block[long], true
}
