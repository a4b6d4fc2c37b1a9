package format

import (
	"encoding/binary"
	"io"
)

// others are the formats that are recognised by letters at a fixed place and
// refused. The first that fits counts.
var others = [...]struct {
	at          int
	magic       string
	name, title string
}{
	{8, "AIFF", "aiff", "AIFF"},
	{8, "AIFC", "aiff", "AIFF-C"},
	{8, "8SVX", "8svx", "Amiga 8SVX"},
	{8, "RMID", "midi", "MIDI"},
	{8, "AVI ", "avi", "AVI video"},
	{4, "ftypM4A", "m4a", "MP4 audio (AAC or ALAC)"},
	{4, "ftypM4B", "m4a", "MP4 audio (AAC or ALAC)"},
	{4, "ftypqt", "mov", "QuickTime"},
	{4, "ftyp", "mp4", "MP4 (AAC or ALAC)"},
	{4, "moov", "mov", "QuickTime"},
	{4, "mdat", "mov", "QuickTime"},
	{4, "wide", "mov", "QuickTime"},
	{0, "ADIF", "aac", "AAC in ADIF"},
	{0, "caff", "caf", "Apple CAF"},
	{0, "wvpk", "wavpack", "WavPack"},
	{0, "MAC ", "ape", "Monkey's Audio"},
	{0, "MAC\x00", "ape", "Monkey's Audio"},
	{0, "MPCK", "musepack", "Musepack"},
	{0, "MP+", "musepack", "Musepack"},
	{0, "TTA1", "tta", "True Audio"},
	{0, "TTA2", "tta", "True Audio"},
	{0, "OFR ", "optimfrog", "OptimFROG"},
	{0, "LA0", "la", "Lossless Audio"},
	{0, "ajkg", "shorten", "Shorten"},
	{0, "tBaK", "tak", "TAK"},
	{0, "DSD ", "dsf", "DSD (DSF)"},
	{0, "FRM8", "dff", "DSD (DFF)"},
	{0, "\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9\x00\xAA\x00\x62\xCE\x6C", "asf", "Windows Media (ASF)"},
	{0, "\x1A\x45\xDF\xA3", "matroska", "Matroska or WebM"},
	{0, "#!AMR", "amr", "AMR"},
	{0, ".snd", "au", "Sun AU"},
	{0, "dns.", "au", "Sun AU"},
	{0, "Creative Voice File", "voc", "Creative Voice"},
	{0, ".RMF", "realmedia", "RealMedia"},
	{0, ".ra\xFD", "realaudio", "RealAudio"},
	{0, "\x7F\xFE\x80\x01", "dts", "DTS"},
	{0, "FLV\x01", "flv", "Flash video"},
	{0, "\x00\x00\x01\xBA", "mpeg", "MPEG video"},
	{0, "MThd", "midi", "MIDI"},
	{0, "Extended Module: ", "xm", "a tracker module (XM)"},
	{0, "IMPM", "it", "a tracker module (IT)"},
	{44, "SCRM", "s3m", "a tracker module (S3M)"},
	{1080, "M.K.", "mod", "a tracker module (MOD)"},
	{1080, "M!K!", "mod", "a tracker module (MOD)"},
	{1080, "FLT4", "mod", "a tracker module (MOD)"},
	{1080, "4CHN", "mod", "a tracker module (MOD)"},
	{1080, "6CHN", "mod", "a tracker module (MOD)"},
	{1080, "8CHN", "mod", "a tracker module (MOD)"},
}

// refused names the format of a file that is audio or video but nothing
// secstream reads: head are the first bytes at byte off of r. Both names are
// empty if it is none of those.
func refused(r io.ReaderAt, head []byte, off, size int64) (name, title string) {
	for _, o := range others {
		if !has(head, o.at, o.magic) {
			continue
		}
		if o.at == 8 && !has(head, 0, "FORM") && !has(head, 0, "RIFF") {
			continue
		}
		return o.name, o.title
	}
	switch {
	case adts(r, head, off, size):
		return "aac", "AAC in ADTS"
	case loas(r, head, off, size):
		return "aac", "AAC in LOAS"
	case ac3(head):
		return "ac3", "Dolby AC-3"
	}
	return "", ""
}

// adts recognises AAC in ADTS (ISO 13818-7 §6.2) by two headers in a row, or
// one that fills the file. The sync word is that of MPEG audio; what tells
// them apart are the two layer bits, which are 0 here and never there.
func adts(r io.ReaderAt, head []byte, off, size int64) bool {
	if len(head) < 7 || !adtsSync(head) || head[2]>>2&15 > 12 {
		return false
	}
	n := int64(head[3]&3)<<11 | int64(head[4])<<3 | int64(head[5]>>5)
	return n >= 7 && follows(r, off+n, size, adtsSync)
}

func adtsSync(b []byte) bool { return b[0] == 0xFF && b[1]&0xF6 == 0xF0 }

// loas recognises AAC in LOAS (ISO 14496-3 §1.7.2) likewise: 11 bits of sync,
// 13 of length.
func loas(r io.ReaderAt, head []byte, off, size int64) bool {
	if len(head) < 3 || !loasSync(head) {
		return false
	}
	n := int64(head[1]&0x1F)<<8 | int64(head[2]) + 3
	return n > 3 && follows(r, off+n, size, loasSync)
}

func loasSync(b []byte) bool { return b[0] == 0x56 && b[1]&0xE0 == 0xE0 }

// follows says whether the file ends at off or has a sync word there.
func follows(r io.ReaderAt, off, size int64, sync func([]byte) bool) bool {
	var b [2]byte
	if off == size {
		return true
	}
	n, _ := r.ReadAt(b[:], off)
	return n == len(b) && sync(b[:])
}

// ac3 recognises Dolby AC-3 and E-AC-3 (ETSI TS 102 366 §4.3): a sync word,
// and a stream version that exists.
func ac3(head []byte) bool {
	return len(head) >= 6 && binary.BigEndian.Uint16(head) == 0x0B77 && head[5]>>3 <= 16 && head[4]>>6 != 3
}
