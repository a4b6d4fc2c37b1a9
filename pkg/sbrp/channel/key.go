package channel

import (
	"crypto/cipher"
	"fmt"
	"log/slog"

	"golang.org/x/crypto/chacha20poly1305"

	"secstream/pkg/wipe"
)

const keySize = chacha20poly1305.KeySize

// key is a secret of 256 bits: a traffic key, or an ephemeral private key. It
// prints as "[secret]" everywhere, JSON and logs included. Its holder calls
// wipe when done. It is not seal.Key, whose bytes only its own boxes get, with
// nonces of their own.
type key struct{ b [keySize]byte }

func (k *key) wipe() { clear(k.b[:]) }

// aead prepares the key, which may be wiped afterwards. Whoever has the cipher
// wipes it, too, by wipe.Value.
func (k *key) aead() (aead cipher.AEAD, err error) {
	wipe.Stack(func() { aead, err = chacha20poly1305.New(k.b[:]) })
	if err != nil {
		return nil, fmt.Errorf("prepare ChaCha20-Poly1305: %w", err)
	}
	return aead, nil
}

const redacted = "[secret]"

// Format prints the redaction for every verb.
func (k *key) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// LogValue redacts the key in logs.
func (k *key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText redacts the key in JSON and other texts.
func (k *key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// keys are the two of a session. They are held as long as it takes to make the
// ciphers of a Channel.
type keys struct{ toDaemon, toClient *key }

// Format prints the redaction: fmt reaches into what is not exported.
func (k *keys) Format(s fmt.State, verb rune) { k.toDaemon.Format(s, verb) }

func (k *keys) wipe() {
	k.toDaemon.wipe()
	k.toClient.wipe()
}
