package cmd

import (
	"errors"
	"testing"

	"secstream/pkg/buffer"
	"secstream/pkg/client"
	"secstream/pkg/player"
)

// usual is what a player does that was told nothing else.
var usual = tuning{buffer: "balanced", prefetch: "linear", room: "64MB", gain: "off", repeat: "off"}

func TestTuning(t *testing.T) {
	if err := usual.validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*tuning){
		"buffer":   func(t *tuning) { t.buffer = "big" },
		"prefetch": func(t *tuning) { t.prefetch = "" },
		"size":     func(t *tuning) { t.room = "-1" },
		"gain":     func(t *tuning) { t.gain = "loud" },
		"preamp":   func(t *tuning) { t.preamp = 31 },
		"repeat":   func(t *tuning) { t.repeat = "two" },
	} {
		bad := usual
		change(&bad)
		if err := bad.validate(); !errors.As(err, new(*usageError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := tuning{buffer: "aggressive", prefetch: "adaptive", room: "1MB", gain: "album", preamp: -3, repeat: "one", shuffle: true}
	if err := other.validate(); err != nil {
		t.Fatal(err)
	}
	var net client.Config
	if err := other.client(&net); err != nil || net.Buffer != buffer.Aggressive || net.Prefetch != buffer.Adaptive || net.BufferBytes != 1<<20 {
		t.Errorf("%v: %v, %v, %d bytes", err, net.Buffer, net.Prefetch, net.BufferBytes)
	}
	var cfg player.Config
	other.engine(&cfg)
	if cfg.ReplayGain != player.GainAlbum || cfg.Repeat != player.RepeatOne || cfg.Preamp != -3 || !cfg.Shuffle {
		t.Errorf("%+v", cfg)
	}
}
