package server_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/decode"
	"secstream/pkg/format"
	"secstream/pkg/server"
	"secstream/pkg/session"
)

// wav is a WAV file to be written as it says, right or wrong.
type wav struct {
	kind, sub      uint16 // 0 means 1, PCM; sub only with 0xFFFE
	channels, bits uint16
	rate           uint32
	size           uint32 // of the data; 0 means what there is
	odd            bool   // a chunk of an odd length before the data
	data           []byte
}

func (w wav) bytes() []byte {
	le := binary.LittleEndian
	frame := uint32(w.channels) * uint32(w.bits) / 8
	f := le.AppendUint16(nil, max(w.kind, 1))
	f = le.AppendUint16(f, w.channels)
	f = le.AppendUint32(f, w.rate)
	f = le.AppendUint32(f, frame*w.rate)
	f = le.AppendUint16(f, uint16(frame))
	f = le.AppendUint16(f, w.bits)
	if w.kind == 0xFFFE {
		f = le.AppendUint16(f, 22)
		f = le.AppendUint16(f, w.bits)
		f = le.AppendUint32(f, 4)
		f = le.AppendUint16(f, w.sub)
		f = append(f, "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"...)
	}
	size := w.size
	if size == 0 {
		size = uint32(len(w.data))
	}
	b := append([]byte("WAVEfmt "), le.AppendUint32(nil, uint32(len(f)))...)
	b = append(b, f...)
	if w.odd {
		b = append(b, "junk\x03\x00\x00\x00abc\x00"...)
	}
	b = append(b, "data"...)
	b = append(le.AppendUint32(b, size), w.data...)
	return append(le.AppendUint32([]byte("RIFF"), uint32(len(b))), b...)
}

func hexed(b []byte) string { return hex.EncodeToString(b) }

func truncate(t *testing.T, name string, size int64) {
	t.Helper()
	fi, err := os.Stat(name)
	if err == nil {
		err = errors.Join(os.Truncate(name, size), os.Chtimes(name, fi.ModTime(), fi.ModTime()))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// indexed reads a file as audio.
func indexed(t *testing.T, b []byte) audio.Track {
	t.Helper()
	r := bytes.NewReader(b)
	s, err := format.Open(r, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	track, err := s.Index(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return track
}

// decodeFile decodes a file in one go: carved as a single slice, it is the
// file.
func decodeFile(t *testing.T, b []byte) ([]float64, audio.Info) {
	t.Helper()
	track := indexed(t, b)
	ix, info := track.Cuts(), track.Info()
	from := ix.Find(0)
	data, err := track.Carve(nil, bytes.NewReader(b), from, ix.End())
	if err != nil {
		t.Fatal(err)
	}
	all := decodeAll(t, info, data)
	pre := int(track.Preroll(from)) * info.Channels
	return all[pre : pre+int(info.Frames)*info.Channels], info
}

func decodeAll(t *testing.T, info audio.Info, data []byte) (out []float64) {
	t.Helper()
	d, err := decode.New(decode.Params{
		Codec: info.Codec, Sample: info.Sample, SampleRate: info.SampleRate, Channels: info.Channels, BitDepth: info.BitDepth, Limit: info.Frames + 1<<20,
	}, data)
	if err != nil {
		t.Fatal(err)
	}
	for buf := make([]float64, 4096*info.Channels); ; {
		n, err := d.Read(buf)
		out = append(out, buf[:int(n)*info.Channels]...)
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// decode decodes slice i by itself.
func (l *listener) decode(t *testing.T, i int, slice []byte) []float64 {
	t.Helper()
	f, s := l.info.TrackFacts, l.info.Slices[i]
	all := decodeAll(t, audio.Info{
		Codec: audio.Codec(f.Codec), Sample: audio.Sample(f.Sample), SampleRate: f.SampleRate, Channels: f.Channels, BitDepth: f.BitDepth,
		Frames: audio.Frames(f.TotalSamples),
	}, slice)
	from, to := int(s.Preroll)*f.Channels, int(s.Preroll+s.Samples)*f.Channels
	if to > len(all) {
		t.Fatalf("slice %d has %d samples, %d of them before it; it should have %d", i, len(all), from, to-from)
	}
	return all[from:to]
}

// upload is a file in memory as a session's source.
type upload struct {
	*bytes.Reader
	track audio.Track
}

func newUpload(t *testing.T, b []byte) *upload {
	return &upload{bytes.NewReader(b), indexed(t, b)}
}

func (u *upload) Open(context.Context) (session.Content, error) { return u, nil }
func (u *upload) Track() audio.Track                            { return u.track }
func (u *upload) Version() string                               { return "1" }
func (u *upload) Check() error                                  { return nil }
func (u *upload) Close() error                                  { return nil }

// serveStore serves sessions without a library.
func serveStore(t *testing.T, store *session.Store) *httptest.Server {
	t.Helper()
	h, err := server.New(server.Config{Sessions: store})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}
