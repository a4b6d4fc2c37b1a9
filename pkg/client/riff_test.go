package client_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strconv"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/client"
	"secstream/pkg/compress"
	"secstream/pkg/decode"
	"secstream/pkg/format"
	"secstream/pkg/handshake"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/slicer"
	"secstream/pkg/wire"
)

// riffServer answers as a server does that sends a track as PCM, each slice a
// RIFF file, to one listener.
type riffServer struct {
	t     *testing.T
	track audio.Track
	file  []byte
	plan  slicer.Plan
	facts func(*wire.TrackFacts)       // changes what is announced
	slice func([]byte) ([]byte, error) // changes what is sent
	box   *seal.Box
}

func serveRIFF(t *testing.T, name string, millis int) (*riffServer, *client.Client) {
	t.Helper()
	b, err := os.ReadFile(path.Join(publicAudio, name))
	if err != nil {
		t.Fatal(err)
	}
	r := bytes.NewReader(b)
	stream, err := format.Open(r, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	coded, err := stream.Index(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	track, err := decode.AsWAV(coded)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := slicer.Make(track.Cuts(), track.Info().SampleRate, slicer.Options{Millis: millis})
	if err != nil {
		t.Fatal(err)
	}
	s := &riffServer{t: t, track: track, file: b, plan: plan, facts: func(*wire.TrackFacts) {}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/sessions", func(w http.ResponseWriter, _ *http.Request) { answer(w, wire.CreateAnswer{SessionID: "s"}) })
	mux.HandleFunc("POST /api/sessions/s/key-exchange", s.exchange)
	mux.HandleFunc("GET /api/sessions/s/slices/{id}", s.send)
	mux.HandleFunc("DELETE /api/sessions/s", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	c, err := client.New(srv.URL, client.Config{Patience: 1, V1: true})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (s *riffServer) exchange(w http.ResponseWriter, r *http.Request) {
	var req wire.KeyRequest
	pair, err := handshake.NewPair()
	if err == nil {
		err = json.NewDecoder(r.Body).Decode(&req)
	}
	var key *seal.Key
	if err == nil {
		key, err = pair.Agree(req.PublicKey)
	}
	if err != nil {
		s.t.Error(err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.box = seal.NewBox(key)
	i := s.track.Info()
	info := &wire.SessionInfo{SessionID: "s", TrackFacts: wire.TrackFacts{
		TotalSlices: s.plan.Len(), SampleRate: i.SampleRate, Channels: i.Channels, BitDepth: i.BitDepth,
		Format: string(i.Container), Codec: string(i.Codec), Sample: string(i.Sample), TotalSamples: int64(i.Frames),
	}}
	for k := range s.plan.Len() {
		from, to := s.plan.Bounds(k)
		info.SliceIDs = append(info.SliceIDs, strconv.Itoa(k))
		info.Slices = append(info.Slices, wire.Slice{Start: from.At, Samples: to.At - from.At, Preroll: s.track.Preroll(from)})
	}
	s.facts(&info.TrackFacts)
	answer(w, wire.KeyAnswer{PublicKey: pair.Public(), SessionInfo: info, Metadata: wire.V1Metadata()})
}

func (s *riffServer) send(w http.ResponseWriter, r *http.Request) {
	i, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || i < 0 || i >= s.plan.Len() {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	deflate, err := compress.NewDeflater(1)
	if err != nil {
		s.t.Error(err)
	}
	track := s.track
	if s.slice != nil {
		track = spoiled{track, s.slice}
	}
	body, err := pack.NewPacker(track, s.plan, deflate, s.box).Append(nil, bytes.NewReader(s.file), i)
	if err != nil {
		s.t.Error(err)
	}
	w.Header().Set(wire.HeaderCRC, wire.CRC(body))
	_, _ = w.Write(body)
}

// TestRIFFSlicesPlay: a track that comes as PCM sounds as it does when this
// client decodes it, to the 16 bits that a lossy one has.
func TestRIFFSlicesPlay(t *testing.T) {
	for name, step := range map[string]float64{"speech-french-8k.flac": 0, "music-safari-cbr.mp3": 1. / (1 << 16), "speech-russian-8k.ogg": 1. / (1 << 16)} {
		_, c := serveRIFF(t, name, 1000)
		track, err := c.Open(t.Context(), "x", audio.Tags{})
		if err != nil {
			t.Fatal(err)
		}
		want, info := whole(t, path.Join(publicAudio, name))
		if i := track.Info(); i.Container != audio.RIFF || i.Codec != audio.PCM || i.Frames != info.Frames || i.BitDepth != info.BitDepth {
			t.Errorf("%s: %+v", name, i)
		}
		for _, at := range []audio.Frames{0, info.Frames * 2 / 3} {
			near(t, playAll(t, track, at), want[int(at)*info.Channels:], step)
		}
		if err := track.Close(); err != nil {
			t.Error(err)
		}
	}
}

// near asserts that samples are want, but for step.
func near(t *testing.T, got, want []float64, step float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d samples of %d", len(got), len(want))
	}
	for k := range got {
		w := want[k]
		if step > 0 {
			w = min(max(w, -1), 1-2*step)
		}
		if got[k] != w && (got[k]-w > step || w-got[k] > step) {
			t.Fatalf("sample %d is %v, want %v", k, got[k], want[k])
		}
	}
}

// spoiled changes slices on their way out.
type spoiled struct {
	audio.Track
	change func([]byte) ([]byte, error)
}

func (s spoiled) Carve(dst []byte, r io.ReaderAt, from, to audio.Cut) ([]byte, error) {
	b, err := s.Track.Carve(nil, r, from, to)
	if err == nil {
		b, err = s.change(b)
	}
	return append(dst, b...), err
}

// TestLyingRIFFSlicesAreRefused: what a slice says of itself must be what was
// announced, whoever says it.
func TestLyingRIFFSlicesAreRefused(t *testing.T) {
	put := func(at int, v uint32) func([]byte) ([]byte, error) {
		return func(b []byte) ([]byte, error) { binary.LittleEndian.PutUint32(b[at:], v); return b, nil }
	}
	for name, slice := range map[string]func([]byte) ([]byte, error){
		"another rate":    put(24, 96000),
		"two channels":    put(20, 1|2<<16),
		"no end":          put(40, 0xFFFFFFFF),
		"a short end":     put(40, 4),
		"an endless fmt":  put(16, 0xFFFFFFFF),
		"no header":       func(b []byte) ([]byte, error) { return b[44:], nil },
		"nothing":         func([]byte) ([]byte, error) { return nil, nil },
		"cut off":         func(b []byte) ([]byte, error) { return b[:len(b)-2], nil },
		"a long tail":     func(b []byte) ([]byte, error) { return append(b, make([]byte, decode.MaxHead)...), nil },
		"FLAC all of it":  func([]byte) ([]byte, error) { return []byte("fLaC\x00\x00\x00\x22"), nil },
		"another's sound": func(b []byte) ([]byte, error) { return append(b, b[44:]...), nil },
	} {
		s, c := serveRIFF(t, "speech-english-16k-mono.mp3", 1000)
		s.slice = slice
		track, err := c.Open(t.Context(), "x", audio.Tags{})
		if err != nil {
			t.Fatal(err)
		}
		if b, err := track.Slice(t.Context(), 0); !errors.Is(err, client.ErrProtocol) && !errors.Is(err, compress.ErrExpand) || b != nil {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
		_ = track.Close()
	}
	for name, facts := range map[string]func(*wire.TrackFacts){
		"more channels": func(f *wire.TrackFacts) { f.Channels = 6 },
		"another rate":  func(f *wire.TrackFacts) { f.SampleRate = 8000 },
		"24 bits":       func(f *wire.TrackFacts) { f.Sample = "s24" },
		"a frame less":  func(f *wire.TrackFacts) { f.Slices[0].Samples--; f.Slices[1].Start--; f.Slices[1].Samples++ },
	} {
		s, c := serveRIFF(t, "speech-english-16k-mono.mp3", 1000)
		s.facts = facts
		track, err := c.Open(t.Context(), "x", audio.Tags{})
		if err != nil {
			t.Fatal(err)
		}
		if b, err := track.Slice(context.Background(), 0); err == nil {
			t.Errorf("announced %s: %d bytes", name, len(b))
		}
		_ = track.Close()
	}
}

// TestReleasedRIFFSlicesAreWiped: nothing of the sound stays in the buffer.
func TestReleasedRIFFSlicesAreWiped(t *testing.T) {
	_, c := serveRIFF(t, "music-safari-cbr.mp3", 1000)
	track, err := c.Open(t.Context(), "x", audio.Tags{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := track.Slice(t.Context(), 1)
	if err != nil || len(bytes.Trim(b, "\x00")) == 0 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	if err := track.Close(); err != nil { // it waits until all is wiped
		t.Fatal(err)
	}
	if rest := bytes.Trim(b, "\x00"); len(rest) > 0 {
		t.Errorf("%d bytes are left", len(rest))
	}
}
