package client

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"secstream/pkg/handshake"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

func TestAgreed(t *testing.T) {
	p256, x25519 := pieces{exchange: handshake.P256{}}, pieces{exchange: handshake.X25519{}}
	for _, c := range []struct {
		pieces pieces
		says   *wire.KeyMetadata
		ok     bool
	}{
		{p256, wire.V1Metadata(), true},
		{p256, nil, true},
		{p256, wire.Metadata("X25519"), false},
		{p256, &wire.KeyMetadata{}, false},
		{x25519, wire.Metadata("X25519"), true},
		{x25519, wire.V1Metadata(), false},
		{x25519, nil, false},
		{x25519, wire.Metadata("\x1b[2J" + strings.Repeat("x", 1<<20)), false},
	} {
		err := c.pieces.agreed(c.says)
		if (err == nil) != c.ok || err != nil && (!errors.Is(err, ErrProtocol) || len(err.Error()) > 200 || strings.Contains(err.Error(), "\x1b")) {
			t.Errorf("%s, %.60v: %.300v", c.pieces.exchange.Name(), c.says, err)
		}
	}
}

func TestUnpacker(t *testing.T) {
	key, err := seal.NewKey(bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	var p pieces
	for _, c := range []struct{ compression, cipher, codec string }{
		{"", "", "deflate"},
		{"deflate", "AES-256-GCM", "deflate"},
		{"none", "ChaCha20-Poly1305", "none"},
		{"zstd", "", "zstd"},
		{"brotli", "", ""},
		{"", "AES-128-GCM", ""},
		{"\x1b[2J", "", ""},
		{"", strings.Repeat("\a", 1<<20), ""},
	} {
		codec, _, _, err := p.unpacker(&wire.TrackFacts{Compression: c.compression, Cipher: c.cipher}, key)
		if c.codec != "" && (err != nil || codec.Name() != c.codec) {
			t.Errorf("%+v: %v", c, err)
		}
		if c.codec == "" && (!errors.Is(err, ErrProtocol) || len(err.Error()) > 200 || strings.ContainsAny(err.Error(), "\x1b\a")) {
			t.Errorf("%.60v: %.300v", c, err)
		}
	}
}
