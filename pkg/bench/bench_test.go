package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/decode"
	"secstream/pkg/seal"
)

// tool finds an external program; without it the test is skipped, or fails
// when SECSTREAM_REQUIRE_TOOLS=1.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("SECSTREAM_REQUIRE_TOOLS") == "1" {
			t.Fatalf("%s is required: %v", name, err)
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}

// public is the path of a public test file.
func public(name string) string { return filepath.Join("..", "..", "testdata", "audio", name) }

// hurry keeps tests short: figures need not be good in them.
var hurry = Config{Quick: true, Time: time.Millisecond, signal: time.Second, window: 64 << 10}

func TestStat(t *testing.T) {
	for _, c := range []struct {
		s    series
		want Stat
	}{
		{nil, Stat{}},
		{series{7}, Stat{Median: 7, Low: 7, High: 7, Rounds: 1}},
		{series{4, 1, 3, 2}, Stat{Median: 2.5, Low: 1.75, High: 3.25, Rounds: 4, Noisy: true}},
		{series{100, 1000, 101, 99, 100}, Stat{Median: 100, Low: 100, High: 101, Rounds: 5}},
	} {
		if got := c.s.stat(); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.s, got, c.want)
		}
	}
}

func TestStagesAddUp(t *testing.T) {
	for _, c := range [][3]float64{{1, 2, 4}, {2, 1, 4}, {3, 5, 4}, {5, 5, 4}} {
		s := stages(c[0], c[1], c[2])
		if sum := s.Carve + s.Compress + s.Seal; math.Abs(sum-1) > 1e-12 || s.Carve < 0 || s.Compress < 0 || s.Seal < 0 {
			t.Errorf("%v: %+v add up to %v", c, s, sum)
		}
	}
}

// good says whether a figure can be one.
func good(s Stat) bool {
	return s.Rounds >= enoughRounds && s.Median > 0 && s.Low <= s.Median && s.Median <= s.High && !math.IsInf(s.High, 0)
}

func TestRunOnFiles(t *testing.T) {
	cfg := hurry
	cfg.Slices = []time.Duration{30 * time.Second, time.Second} // the second is decoded
	for _, name := range []string{"speech-librivox-16k.wav", "music-safari-cbr.mp3", "speech-french-8k.flac", "speech-russian-8k.ogg", "music-guitar.opus"} {
		cfg.Files = append(cfg.Files, public(name))
	}
	var said []string
	cfg.Progress = func(text string) { said = append(said, text) }
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Sources) != 5 || len(r.Pack) != 12 || len(said) < 12 || r.Exchanges != r.V2.Server.V1 || r.Settings.Generated {
		t.Errorf("%d sources, %d rows, said %q", len(r.Sources), len(r.Pack), said)
	}
	for _, s := range r.Sources {
		if !good(s.Scan) || (s.ScanSpeed > 0) != (s.Container != "wav") || (s.Decode == nil) == (s.NoDecode == "") {
			t.Errorf("%+v", s)
		}
		if s.Decode != nil && !good(*s.Decode) || s.Decode == nil && s.Codec != "opus" {
			t.Errorf("%s: decode %+v %s", s.Name, s.Decode, s.NoDecode)
		}
	}
	proved := 0
	for _, p := range r.Pack {
		proved += p.Measured
		checkPack(t, p)
	}
	checkV2(t, r.V2)
	if s := r.V2.Slices; len(s) != 2 || s[0].Source != "speech-librivox-16k.wav" || s[1].Source != "music-safari-cbr.mp3" || s[0].Slice != 1 || s[1].Slice != 1 {
		t.Errorf("protocol v2 is measured on %+v", s)
	}
	twice := 0 // those that v2 was measured on
	for _, p := range r.Pack {
		if p.Level == 0 && p.Slice == 1 && (p.Container == "wav" || p.Container == "mp3") {
			twice += p.Measured
		}
	}
	proved += twice
	if p := r.Proof; p.Slices != proved || p.Flips != 3*proved || p.WrongKeys != proved || p.Moved != twice {
		t.Errorf("%+v for %d slices", p, proved)
	}
	if h := r.Headline; h == nil || h.Source != "speech-librivox-16k.wav" || h.Level != 0 || h.Slice != 1 || h.Target != Target || h.Read == nil {
		t.Errorf("headline %+v", h)
	}
	b, err := json.Marshal(r)
	if err != nil || !bytes.HasPrefix(b, []byte(`{"schema":"secstream.bench/1","machine":{"go":"go`)) {
		t.Errorf("%.200s %v", b, err)
	}
}

func checkPack(t *testing.T, p Pack) {
	t.Helper()
	speeds := []Speed{p.OneCore}
	if p.AllCores != nil {
		speeds = append(speeds, *p.AllCores)
	}
	for _, s := range speeds {
		if !good(s.Pack) || !good(s.Bare) || !good(s.Ratio) || s.Cores < 1 {
			t.Errorf("%s: %+v", p.Source, s)
		}
	}
	if !good(p.Unpack) || !good(p.Open) || !good(p.First) || p.Measured != p.Slices || p.PlainSize <= 0 || p.SealedSize < seal.Overhead || p.Listeners <= 0 {
		t.Errorf("%+v", p)
	}
	if (p.ReadRatio != nil) != (p.Container == "wav" && p.Level == 0) {
		t.Errorf("%s, level %d: reading and sealing %+v", p.Source, p.Level, p.ReadRatio)
	}
	if want := 8.0; p.Slice == 30 && p.Source == "music-safari-cbr.mp3" && math.Abs(p.Listeners*p.PerSlice-want) > 0.1 {
		t.Errorf("a slice of %.1f s, want the whole track of %v s", p.Listeners*p.PerSlice, want)
	}
}

func TestRunOnTestSignal(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Setenv("TMP", temp)
	r, err := Run(t.Context(), hurry)
	if err != nil {
		t.Fatal(err)
	}
	checkV2(t, r.V2)
	if len(r.Sources) != 2 || len(r.Pack) != 3 || len(r.V2.Slices) != 2 || !r.Settings.Generated || r.Headline.Source != "signal.wav" || r.Headline.Slice != 5 {
		t.Errorf("%+v", r)
	}
	// Level 6 gains something, as on music; FLAC is not compressed again.
	if p := r.Pack; p[1].SealedSize > 0.97*p[1].PlainSize || p[2].SealedSize < p[2].PlainSize {
		t.Errorf("%v of %v, %v of %v", p[1].SealedSize, p[1].PlainSize, p[2].SealedSize, p[2].PlainSize)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cfg := hurry
	cfg.Progress = func(text string) {
		if strings.HasPrefix(text, "packing") {
			cancel()
		}
	}
	if _, err := Run(ctx, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if _, err := Run(ctx, hurry); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted before it began: %v", err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestRunRefuses(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.wav")
	if err := os.WriteFile(text, []byte("This is not audio.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{text: audio.ErrNotAudio, filepath.Join(dir, "nonesuch"): fs.ErrNotExist, dir: nil} {
		cfg := hurry
		cfg.Files = []string{public("music-safari-cbr.mp3"), path}
		if r, err := Run(t.Context(), cfg); err == nil || r != nil || want != nil && !errors.Is(err, want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, d := range []time.Duration{time.Second - 1, 31 * time.Second, time.Second + 1, -1} {
		cfg := hurry
		cfg.Slices = []time.Duration{d}
		if _, err := Run(t.Context(), cfg); err == nil {
			t.Errorf("slices of %v", d)
		}
	}
}

// A slice too large to be served is left out and said so.
func TestTooLargeIsLeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.wav")
	head := "RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00\x00\x77\x01\x00\x00\xb8\x0b\x00\x08\x00\x20\x00data\xff\xff\xff\xff"
	head = strings.Replace(head, "\x00\x77\x01\x00", "\x00\x09\x3d\x00", 1) // 4 MHz
	if err := os.WriteFile(path, []byte(head), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 100<<20); err != nil {
		t.Fatal(err)
	}
	cfg := hurry
	cfg.Files = []string{path}
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Pack) != 0 || len(r.Notes) == 0 || !strings.Contains(r.Notes[0], "5s") || r.Headline != nil || len(r.V2.Slices) != 0 || r.V2.Target != 0 || r.V2.Met {
		t.Errorf("%+v", r)
	}
}

// A long file costs no more than the bounds say.
func TestPicksAreBounded(t *testing.T) {
	s := &source{name: "long", track: fakeTrack{frames: 44100 * 3600 * 10}}
	for level, limit := range map[int]int64{0: maxBytes, 6: maxCompressed} {
		j, err := newJob(s, level, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		n := len(j.picks)
		if size := int64(n) * 882000; size > limit || size < limit*9/10 || j.picks[0] != 0 || j.picks[n-1] < j.plan.Len()*9/10 {
			t.Errorf("level %d: %d picks of %d slices, the last is %d", level, n, j.plan.Len(), j.picks[n-1])
		}
	}
	j, err := newJob(s, 0, time.Second)
	if err != nil || len(j.picks) > maxPicks {
		t.Errorf("%d picks, %v", len(j.picks), err)
	}
}

// fakeTrack is PCM from byte 0 on that may tell something else each time.
type fakeTrack struct {
	frames audio.Frames
	carves *int
}

func (f fakeTrack) Info() audio.Info {
	return audio.Info{Container: audio.WAV, Codec: audio.PCM, Sample: audio.S16, SampleRate: 44100, Channels: 2, Frames: f.frames}
}
func (f fakeTrack) Cuts() *audio.Index             { return audio.LinearIndex(0, 4, f.frames) }
func (f fakeTrack) Preroll(audio.Cut) audio.Frames { return 0 }
func (f fakeTrack) Carve(dst []byte, _ io.ReaderAt, from, to audio.Cut) ([]byte, error) {
	*f.carves++
	return append(dst, bytes.Repeat([]byte{byte(*f.carves)}, int(to.Off-from.Off))...), nil
}

// gullible opens what it should not.
type gullible struct {
	right  opener
	forged func(dst []byte) ([]byte, error)
}

func (g gullible) AppendSlice(dst, body []byte, i, limit int) ([]byte, error) {
	got, err := g.right.AppendSlice(dst, body, i, limit)
	if err != nil {
		return g.forged(dst)
	}
	return got, nil
}

// careless opens a slice wherever it is said to be.
type careless struct {
	opener
	j *job
}

func (c careless) AppendSlice(dst, body []byte, i, limit int) ([]byte, error) {
	copied := bytes.Clone(body)
	got, err := c.opener.AppendSlice(dst, body, i, limit)
	if err != nil && i > 0 {
		return c.opener.AppendSlice(dst, copied, i-1, limit)
	}
	return got, err
}

func TestProofFails(t *testing.T) {
	good := func(t *testing.T) *job {
		s, err := openSource(t.Context(), public("speech-french-8k.flac"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.file.Close() })
		j, err := newJob(s, 0, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	var tally Proof
	if err := good(t).prove(t.Context(), &tally); err != nil || tally.Slices == 0 {
		t.Fatalf("%+v: %v", tally, err)
	}
	for name, forged := range map[string]func([]byte) ([]byte, error){
		"it opens all the same":     func(dst []byte) ([]byte, error) { return dst, nil },
		"it is not called a forger": func(dst []byte) ([]byte, error) { return dst, compress.ErrExpand },
		"1 bytes of it come out":    func(dst []byte) ([]byte, error) { return append(dst, 1), seal.ErrForged },
	} {
		j := good(t)
		j.unpacker = gullible{j.unpacker, forged}
		if err := j.prove(t.Context(), &tally); !errors.Is(err, ErrIncorrect) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b := good(t).bound()
	if err := b.prove(t.Context(), &tally); err != nil || tally.Moved != len(b.picks) {
		t.Fatalf("%+v: %v", tally, err)
	}
	b.unpacker = careless{b.unpacker, b}
	if err := b.prove(t.Context(), &tally); !errors.Is(err, ErrIncorrect) || !strings.Contains(err.Error(), "in the place of another") {
		t.Errorf("moved slices: %v", err)
	}
	j := good(t)
	_, j.unpacker = j.ends(nil, j.freshBox())
	if err := j.prove(t.Context(), &tally); !errors.Is(err, ErrIncorrect) || errors.Is(err, seal.ErrForged) {
		t.Errorf("honest slices do not open: %v", err)
	}
	s := &source{name: "x", path: "x", track: fakeTrack{frames: 44100 * 20, carves: new(int)}}
	j, err := newJob(s, 6, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.prove(t.Context(), &tally); !errors.Is(err, ErrIncorrect) || !strings.Contains(err.Error(), "not what was carved") {
		t.Errorf("other bytes: %v", err)
	}
}

func TestHeadline(t *testing.T) {
	row := func(container string, level int, slice, ratio float64) Pack {
		return Pack{Source: container, Container: container, Level: level, Slice: slice, OneCore: Speed{Ratio: Stat{Median: ratio}}}
	}
	r := Report{Pack: []Pack{row("flac", 0, 5, 0.2), row("wav", 6, 5, 0.1), row("wav", 0, 1, 0.7), row("wav", 0, 6, 0.9), row("wav", 0, 30, 0.8)}}
	r.headline()
	if h := r.Headline; h.Source != "wav" || h.Slice != 6 || !h.Met {
		t.Errorf("%+v", h)
	}
	r = Report{Pack: []Pack{row("flac", 0, 5, 0.9)}}
	r.headline()
	if h := r.Headline; h.Source != "flac" || h.Target != 0 || h.Met {
		t.Errorf("%+v", h)
	}
}

// madeSignal is the short test signal on disk.
func madeSignal(t testing.TB) (wav, flac string) {
	t.Helper()
	dir := t.TempDir()
	wav, flac = filepath.Join(dir, "s.wav"), filepath.Join(dir, "s.flac")
	if err := writeSignal(t.Context(), wav, flac, 3*signalRate+77); err != nil {
		t.Fatal(err)
	}
	return wav, flac
}

// samples decodes a whole file.
func samples(t *testing.T, path string) []float64 {
	t.Helper()
	s, err := openSource(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.file.Close()
	ix, i := s.track.Cuts(), s.track.Info()
	data, err := s.track.Carve(nil, s.file, ix.Find(0), ix.End())
	if err != nil {
		t.Fatal(err)
	}
	d, err := decode.New(decode.Params{Codec: i.Codec, Sample: i.Sample, SampleRate: i.SampleRate, Channels: i.Channels, BitDepth: i.BitDepth}, data)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]float64, int(i.Frames)*i.Channels)
	for rest := all; len(rest) > 0; {
		n, err := d.Read(rest)
		if err != nil {
			t.Fatal(err)
		}
		rest = rest[int(n)*i.Channels:]
	}
	return all
}

func TestSignal(t *testing.T) {
	wav, flac := madeSignal(t)
	again, _ := madeSignal(t)
	a, _ := os.ReadFile(wav)
	b, _ := os.ReadFile(again)
	if !bytes.Equal(a, b) {
		t.Error("the signal is not the same every time")
	}
	if w, f := samples(t, wav), samples(t, flac); len(w) != 2*(3*signalRate+77) || !slices.Equal(w, f) {
		t.Errorf("WAV and FLAC differ: %d and %d samples", len(w), len(f))
	}
	var peak, power float64
	for _, v := range samples(t, wav) {
		peak, power = max(peak, math.Abs(v)), power+v*v
	}
	if rms := math.Sqrt(power / (6 * signalRate)); peak >= 1 || peak < 0.2 || rms < 0.02 {
		t.Errorf("peak %.3f, level %.3f", peak, rms)
	}
	if out, err := exec.Command(tool(t, "flac"), "-ts", flac).CombinedOutput(); err != nil {
		t.Errorf("flac: %v: %s", err, out)
	}
}

// benchmarkStep times one step of the pipeline on the test signal.
func benchmarkStep(b *testing.B, level int, do step) {
	wav, _ := madeSignal(b)
	s, err := openSource(b.Context(), wav)
	if err != nil {
		b.Fatal(err)
	}
	defer s.file.Close()
	j, err := newJob(s, level, time.Second)
	if err != nil {
		b.Fatal(err)
	}
	if err := j.prove(b.Context(), new(Proof)); err != nil {
		b.Fatal(err)
	}
	l := &lane{job: j, bare: newBare(j.bytes())}
	b.SetBytes(int64(j.sizes[0]))
	for b.Loop() {
		if err := do(l, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSteps(b *testing.B) {
	b.Run("bare", func(b *testing.B) { benchmarkStep(b, 0, (*lane).seal) })
	b.Run("readSeal", func(b *testing.B) { benchmarkStep(b, 0, (*lane).readSeal) })
	b.Run("carve", func(b *testing.B) { benchmarkStep(b, 0, (*lane).carve) })
	b.Run("pack", func(b *testing.B) { benchmarkStep(b, 0, (*lane).pack) })
	b.Run("compress6", func(b *testing.B) { benchmarkStep(b, compress.DefaultLevel, (*lane).compress) })
	b.Run("pack6", func(b *testing.B) { benchmarkStep(b, compress.DefaultLevel, (*lane).pack) })
}
