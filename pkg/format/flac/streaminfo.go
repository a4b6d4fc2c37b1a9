package flac

import (
	"encoding/binary"
	"fmt"

	"secstream/pkg/audio"
)

// streamInfo is the STREAMINFO block (RFC 9639 §8.2).
type streamInfo struct {
	minBlock, maxBlock int // samples
	minFrame, maxFrame int // bytes, 0: not stated
	rate               int // Hz, 1 to 1048575
	channels           int // 1 to 8
	bits               int // 4 to 32
	total              int64
	md5                [16]byte
}

func (si *streamInfo) parse(b []byte) error {
	packed := binary.BigEndian.Uint64(b[10:])
	*si = streamInfo{
		minBlock: int(binary.BigEndian.Uint16(b)),
		maxBlock: int(binary.BigEndian.Uint16(b[2:])),
		minFrame: be24(b[4:]),
		maxFrame: be24(b[7:]),
		rate:     int(packed >> 44),
		channels: int(packed>>41&7) + 1,
		bits:     int(packed>>36&31) + 1,
		total:    int64(packed & (1<<36 - 1)),
		md5:      [16]byte(b[18:34]),
	}
	switch {
	case si.rate == 0:
		return fmt.Errorf("%w: STREAMINFO gives no sample rate", audio.ErrCorrupt)
	case si.bits < 4:
		return fmt.Errorf("%w: STREAMINFO gives %d bits a sample", audio.ErrCorrupt, si.bits)
	}
	return nil
}

// appendSlice writes the signature and the STREAMINFO of a slice that holds
// total samples: the file's own, but for the frame sizes and the MD5 sum,
// which are left open (RFC 9639 §8.2 allows 0 for each).
func (si *streamInfo) appendSlice(dst []byte, total int64) []byte {
	if total >= 1<<36 {
		total = 0
	}
	dst = append(dst, 'f', 'L', 'a', 'C', 0x80|blockStreamInfo, 0, 0, streamInfoSz)
	dst = binary.BigEndian.AppendUint16(dst, uint16(si.minBlock))
	dst = binary.BigEndian.AppendUint16(dst, uint16(si.maxBlock))
	dst = append(dst, 0, 0, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint64(dst, uint64(si.rate)<<44|uint64(si.channels-1)<<41|uint64(si.bits-1)<<36|uint64(total))
	var unset [16]byte
	return append(dst, unset[:]...)
}

// fitBlocks corrects the block sizes where the frames belie them, so that
// slices are legal whatever the encoder wrote: first, low and high are the
// sizes of the first block, of the smallest but the last, and of the largest.
func (si *streamInfo) fitBlocks(first, low, high int, variable bool) {
	const least = 16 // RFC 9639 §8.2
	switch {
	case variable && (low < si.minBlock || high > si.maxBlock || si.minBlock < least):
		si.minBlock, si.maxBlock = max(low, least), max(high, least)
	case !variable && (high > si.maxBlock || si.minBlock != si.maxBlock || si.minBlock < least):
		si.minBlock, si.maxBlock = max(first, least), max(first, least)
	}
}

func be24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }
