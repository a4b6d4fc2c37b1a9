package wav

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"secstream/pkg/audio"
)

// format is what a fmt chunk says.
type format struct {
	sample   audio.Sample
	channels int            // 1 to 255
	rate     int            // Hz
	align    int            // bytes a frame
	speakers audio.Speakers // 0 if the file does not say
}

// Format tags (mmreg.h).
const (
	tagPCM        = 0x0001
	tagFloat      = 0x0003
	tagALaw       = 0x0006
	tagULaw       = 0x0007
	tagExtensible = 0xFFFE
)

// mediaGUID is what follows the format tag in a sub-format GUID; ambiGUID
// marks the same codecs as ambisonic B-format.
const (
	mediaGUID = "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xAA\x00\x38\x9B\x71"
	ambiGUID  = "\x00\x00\x21\x07\xD3\x11\x86\x44\xC8\xC1\xCA\x00\x00\x00"
)

// maxByteRate is the most bytes a second that are believed: 64 channels of
// 32 bits at 768 kHz fit.
const maxByteRate = 1 << 28

// fmtChunk reads WAVEFORMAT, WAVEFORMATEX or WAVEFORMATEXTENSIBLE. The first
// fmt chunk counts.
func (s *scan) fmtChunk(c chunk) error {
	if s.hasFormat {
		return nil
	}
	b, err := s.body(c, 40)
	if err != nil {
		return err
	}
	if len(b) < 16 {
		return fault(c.off, "fmt chunk of %d bytes is too short: %w", len(b), audio.ErrCorrupt)
	}
	code := binary.LittleEndian.Uint16(b)
	bits := int(binary.LittleEndian.Uint16(b[14:]))
	f := format{
		channels: int(binary.LittleEndian.Uint16(b[2:])),
		rate:     int(binary.LittleEndian.Uint32(b[4:])),
		align:    int(binary.LittleEndian.Uint16(b[12:])),
	}
	if code == tagExtensible {
		if code, f.speakers, err = s.extensible(c, b, bits); err != nil {
			return err
		}
	}
	if f.sample, err = sampleKind(code, bits); err != nil {
		return fault(c.off, "%w", err)
	}
	if err := f.check(); err != nil {
		return fault(c.off, "%w: %w", err, audio.ErrCorrupt)
	}
	if code == tagPCM && bits != f.sample.Bytes()*8 {
		s.detail("valid bits", strconv.Itoa(bits))
	}
	s.format, s.hasFormat = f, true
	return nil
}

// extensible reads the 22 bytes that WAVEFORMATEXTENSIBLE adds and returns the
// format tag hidden in its GUID, and where the channels belong. A mask of 0 says
// nothing: writers that do not care leave it so.
func (s *scan) extensible(c chunk, b []byte, bits int) (uint16, audio.Speakers, error) {
	if len(b) < 40 {
		return 0, 0, fault(c.off, "extensible fmt chunk of %d bytes is too short: %w", len(b), audio.ErrCorrupt)
	}
	s.detail("fmt chunk", "extensible")
	if valid := int(binary.LittleEndian.Uint16(b[18:])); valid > 0 && valid < bits {
		s.detail("valid bits", strconv.Itoa(valid))
	}
	places := audio.Speakers(binary.LittleEndian.Uint32(b[20:]))
	if places != 0 {
		s.detail("speakers", places.String())
	}
	switch string(b[26:40]) {
	case mediaGUID:
	case ambiGUID:
		s.detail("channel layout", "ambisonic B-format")
		places = audio.FrontCenter // the first channel is the sound from everywhere, the others are directions
	default:
		return 0, 0, fault(c.off, "sub-format %x is %w", b[24:40], audio.ErrUnsupported)
	}
	return binary.LittleEndian.Uint16(b[24:]), places, nil
}

// sampleKind maps a format tag and container bits to how a sample is stored.
func sampleKind(code uint16, bits int) (audio.Sample, error) {
	switch {
	case code == tagPCM && bits >= 1 && bits <= 32:
		return [...]audio.Sample{audio.U8, audio.S16, audio.S24, audio.S32}[(bits-1)/8], nil
	case code == tagPCM:
		return "", fmt.Errorf("PCM of %d bits is %w", bits, audio.ErrUnsupported)
	case code == tagFloat && bits == 32:
		return audio.F32, nil
	case code == tagFloat && bits == 64:
		return audio.F64, nil
	case code == tagFloat:
		return "", fmt.Errorf("float of %d bits is %w", bits, audio.ErrUnsupported)
	case code == tagALaw && bits == 8:
		return audio.ALaw, nil
	case code == tagULaw && bits == 8:
		return audio.ULaw, nil
	}
	return "", fmt.Errorf("%s in WAV is %w", codecName(code), audio.ErrUnsupported)
}

// check refuses figures that cannot be sliced by.
func (f format) check() error {
	switch {
	case f.channels == 0 || f.channels > 255:
		return fmt.Errorf("%d channels", f.channels)
	case f.rate == 0:
		return fmt.Errorf("sample rate 0")
	case f.align != f.channels*f.sample.Bytes():
		return fmt.Errorf("%d channels of %s cannot take %d bytes a frame", f.channels, f.sample, f.align)
	case int64(f.rate)*int64(f.align) > maxByteRate:
		return fmt.Errorf("sample rate %d Hz", f.rate)
	}
	return nil
}

// codecName names the codecs that are met in WAV files but not read.
func codecName(code uint16) string {
	switch code {
	case 0x0002:
		return "Microsoft ADPCM"
	case 0x0011:
		return "IMA ADPCM"
	case 0x0010, 0x0017:
		return "Dialogic ADPCM"
	case 0x0020:
		return "Yamaha ADPCM"
	case 0x0022:
		return "TrueSpeech"
	case 0x0031:
		return "GSM 6.10"
	case 0x0040, 0x0045, 0x0064:
		return "G.726 ADPCM"
	case 0x0042, 0x0111:
		return "G.723.1"
	case 0x0050:
		return "MPEG layer I or II"
	case 0x0055:
		return "MP3"
	case 0x0065, 0x028F:
		return "G.722"
	case 0x0083, 0x0133:
		return "G.729"
	case 0x00FF, 0x1600, 0x1601, 0x1602, 0x1610:
		return "AAC"
	case 0x0092, 0x2000:
		return "AC-3"
	case 0x0008, 0x2001:
		return "DTS"
	case 0x0160, 0x0161, 0x0162, 0x0163:
		return "Windows Media Audio"
	case 0x566F, 0x674F, 0x6750, 0x6751, 0x676F, 0x6770, 0x6771:
		return "Vorbis"
	case 0x704F:
		return "Opus"
	case 0xA109:
		return "Speex"
	case 0xF1AC:
		return "FLAC"
	}
	return fmt.Sprintf("codec 0x%04X", code)
}
