package cmd

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"secstream/pkg/bench"
)

func benchReport() *bench.Report {
	ratio := bench.Stat{Median: 0.8642, Low: 0.85, High: 0.9, Rounds: 15}
	return &bench.Report{
		Machine:  bench.Machine{Go: "go1.26", OS: "linux", Arch: "amd64", Cores: 1},
		Settings: bench.Settings{Generated: true},
		Proof:    bench.Proof{Slices: 1, Flips: 3, WrongKeys: 1},
		Headline: &bench.Headline{Source: "a\x1b[2J.wav", Slice: 2.5, Ratio: ratio, Read: &ratio, Target: 0.85, Met: true},
		Sources:  []bench.Source{{Name: "a\x1b[2J.wav", Container: "wav", Codec: "pcm", Sample: "s16", Duration: 60, NoDecode: "no\nreason"}},
		Pack: []bench.Pack{{
			Source: "a\x1b[2J.wav", Slice: 2.5, PlainSize: 100, SealedSize: 103, PerSlice: 1, Listeners: 12345.6,
			OneCore: bench.Speed{Pack: bench.Stat{Median: 2.5e9}, Bare: bench.Stat{Median: 9.87e8, Noisy: true}, Ratio: ratio},
			Stages:  bench.Stages{Carve: 0.2, Compress: 0.1, Seal: 0.7}, OpenShare: 0.6, First: bench.Stat{Median: 0.0015},
		}},
		V2: bench.V2{
			Exchange: bench.Versus{V1: bench.Stat{Median: 5000}, V2: bench.Stat{Median: 1234.5}, Ratio: bench.Stat{Median: 0.25}},
			Slices: []bench.V2Slices{{
				Source: "a\x1b[2J.wav", Slice: 2.5, Pack: bench.Versus{V1: bench.Stat{Median: 2000}, V2: bench.Stat{Median: 1960}, Ratio: bench.Stat{Median: 0.98, Noisy: true}},
				First: bench.Versus{V1: bench.Stat{Median: 0.001}, V2: bench.Stat{Median: 0.0015}, Ratio: bench.Stat{Median: 1.5}},
			}},
			Target: 0.95, Least: bench.Stat{Median: 0.98, Noisy: true}, Met: true,
		},
		Notes: []string{"a note"},
	}
}

func TestBenchText(t *testing.T) {
	text := string(benchText(benchReport()))
	for _, want := range []string{
		"Packing runs at 0.86 of bare AES-256-GCM speed (target 0.85: reached).\n",
		"2.5s slices, no compression, one core; half of 15 rounds within 0.85 and 0.90.\n",
		"Proved first: 1 slice packed, opened and equal; 3 flipped bits, 1 wrong keys and 0 moved slices refused.\n",
		"2.5s  103.0%  2.50 GB/s  ~987 MB/s   0.86         20%       10%   70%        -      -           12346\n",
		"60%      40%      1.50 ms\n", "no walk", "~ is noisy", "was not decoded: no", "Note: a note.\n",
		"V2 BESIDE V1 ", "key exchanges a second, both halves  ", " 5000     1235   0.25\n", "2.5s: slices packed a second  ", " 2000     1960  ~0.98\n",
		"1.00 ms  1.50 ms   1.50\n", "Slices by v2 within 5% of v1, packed and opened: met (at least ~0.98). ",
		"test signal", "\n1 core, linux/amd64, go1.26\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.ContainsRune(text, '\x1b') {
		t.Error("a file name steers the terminal")
	}
	if text := string(benchText(&bench.Report{})); !strings.HasPrefix(text, "There is nothing to pack.\n") || strings.Contains(text, "PACK") || strings.Contains(text, "Slices by") {
		t.Errorf("of nothing:\n%s", text)
	}
}

func TestBenchInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var out, said bytes.Buffer
	env := Env{Stdout: &out, Stderr: writerFunc(func(b []byte) (int, error) {
		if bytes.Contains(b, []byte("exchanging keys")) { // the last of it all
			cancel()
		}
		return said.Write(b)
	}), StderrTTY: true}
	if code := Main(ctx, []string{"secstream", "bench", "--quick", "--time", "1ms", "../testdata/audio/speech-librivox-16k.wav"}, env); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
	if out.Len() > 0 || !strings.HasSuffix(said.String(), "\r\x1b[K") {
		t.Errorf("printed %q, said %q", out.String(), said.String())
	}
}

// writerFunc is a writer that looks at what is written.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
