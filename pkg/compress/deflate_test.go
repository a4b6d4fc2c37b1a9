package compress

import (
	"bytes"
	stdflate "compress/flate"
	"encoding/hex"
	"errors"
	"io"
	"math/rand"
	"testing"
)

func samples() map[string][]byte {
	noise := make([]byte, 200000)
	rand.New(rand.NewSource(1)).Read(noise)
	return map[string][]byte{
		"empty": {}, "one": {7}, "block": make([]byte, 65535), "block+1": make([]byte, 65536),
		"zeros": make([]byte, 300000), "noise": noise, "text": bytes.Repeat([]byte("secstream "), 9999),
	}
}

func TestRoundTripAgainstStandardLibrary(t *testing.T) {
	for level := MinLevel; level <= MaxLevel; level++ {
		d, err := NewDeflater(level)
		if err != nil {
			t.Fatal(err)
		}
		for name, plain := range samples() {
			packed := d.Append([]byte("head"), plain)[4:]
			if len(packed) > StoredLen(len(plain)) {
				t.Errorf("level %d %s: %d bytes became %d", level, name, len(plain), len(packed))
			}
			std, err := io.ReadAll(stdflate.NewReader(bytes.NewReader(packed)))
			if err != nil || !bytes.Equal(std, plain) {
				t.Errorf("level %d %s: the standard library reads %d bytes, %v", level, name, len(std), err)
			}
			got, err := Inflate([]byte("x"), packed, len(plain))
			if err != nil || !bytes.Equal(got[1:], plain) {
				t.Errorf("level %d %s: %v", level, name, err)
			}
		}
	}
}

func TestNoiseIsStored(t *testing.T) {
	noise := samples()["noise"]
	d, _ := NewDeflater(6)
	if got := len(d.Append(nil, noise)); got != StoredLen(len(noise)) || got != 200020 {
		t.Errorf("200000 bytes of noise became %d, want 200020", got)
	}
}

func TestPublishedVector(t *testing.T) {
	packed, _ := hex.DecodeString("2b4e4d2e2e294a4dcc5528cf2c4a55284b4d2ec92fb2523030343236313533b7b0c4ce0400")
	got, err := Inflate(nil, packed, 1000)
	if err != nil || string(got) != "secstream wire vector: 0123456789 0123456789 0123456789" {
		t.Errorf("%q %v", got, err)
	}
}

func TestInflateLimits(t *testing.T) {
	d, _ := NewDeflater(9)
	bomb := d.Append(nil, make([]byte, 1<<17))
	for _, limit := range []int{0, 1, 1<<17 - 1} {
		got, err := Inflate(nil, bomb, limit)
		if !errors.Is(err, ErrExpand) || len(got) > limit {
			t.Errorf("limit %d: %d bytes, %v", limit, len(got), err)
		}
	}
	for cut := range len(bomb) {
		if _, err := Inflate(nil, bomb[:cut], 1<<18); !errors.Is(err, ErrExpand) {
			t.Fatalf("cut to %d of %d bytes: %v", cut, len(bomb), err)
		}
	}
}

func FuzzInflate(f *testing.F) {
	for _, plain := range samples() {
		d, _ := NewDeflater(6)
		f.Add(d.Append(nil, plain[:min(len(plain), 3000)]))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Inflate(nil, b, 1<<16)
		if len(got) > 1<<16 {
			t.Fatalf("%d bytes past the limit", len(got)-1<<16)
		}
		if err == nil {
			std, stdErr := io.ReadAll(io.LimitReader(stdflate.NewReader(bytes.NewReader(b)), 1<<17))
			if stdErr != nil || !bytes.Equal(std, got) {
				t.Fatalf("the standard library disagrees: %v", stdErr)
			}
		}
	})
}
