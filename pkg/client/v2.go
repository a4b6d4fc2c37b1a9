package client

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"

	"secstream/pkg/audio"
	"secstream/pkg/compress"
	"secstream/pkg/handshake"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// Trust decides whether a server is the one that is meant. It is safe for
// concurrent use.
type Trust interface {
	// Check is asked about a server's identity before anything it said is
	// believed. Its error ends the exchange.
	Check(identity ed25519.PublicKey) error
	// Met is told of an identity once the server has proved to have its key. An
	// error ends the exchange, too.
	Met(ctx context.Context, identity ed25519.PublicKey) error
}

// A Trust that has a method Known() bool says by it that it knows who the server
// has to be: then one that does not speak protocol v2 is not taken for an old one.

// Errors of protocol v2.
var (
	// ErrOldServer: the server does not speak it.
	ErrOldServer = errors.New("the server does not speak protocol " + handshake.V2)
	// ErrIdentity: the server proved another identity than it did before.
	ErrIdentity = errors.New("the server is not the one that it was a moment ago")
)

// suites are the ciphers of protocol v2, the quicker one first.
func suites() []string {
	if hasAES() {
		return []string{seal.NameAES256GCM, seal.NameChaCha20Poly1305}
	}
	return []string{seal.NameChaCha20Poly1305, seal.NameAES256GCM}
}

// Identity is who the server has proved to be, nil before it did and under
// protocol v1.
func (c *Client) Identity() ed25519.PublicKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.identity
}

// check is what Trust says, and that the server is who it was.
func (c *Client) check(identity ed25519.PublicKey) error {
	if known := c.Identity(); known != nil && !handshake.Same(known, identity) {
		return ErrIdentity
	}
	if c.trust == nil {
		return nil
	}
	return c.trust.Check(identity)
}

func (c *Client) met(ctx context.Context, identity ed25519.PublicKey) error {
	if c.trust != nil {
		if err := c.trust.Met(ctx, identity); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.identity != nil && !handshake.Same(c.identity, identity) {
		return ErrIdentity
	}
	c.identity = append(ed25519.PublicKey(nil), identity...)
	return nil
}

// exchangeV2 agrees on a key by protocol v2 and reads the manifest.
func (t *Track) exchangeV2(ctx context.Context) (*keys, error) {
	half, err := handshake.NewClient(t.session, "", suites())
	if err != nil {
		return nil, err
	}
	defer half.Wipe()
	offer := half.Offer()
	req := wire.KeyRequest{
		Protocol: wire.ProtocolV2, PublicKey: base64.StdEncoding.EncodeToString(offer.PublicKey),
		MLKEM: base64.StdEncoding.EncodeToString(offer.MLKEM), Suites: offer.Suites,
	}
	var answer wire.SealedAnswer
	if err := t.c.json(ctx, http.MethodPost, t.path(exchangePath), req, &answer, maxManifest); err != nil {
		return nil, t.older(err)
	}
	agreed, err := finish(half, &answer, t.c.check)
	if err != nil {
		return nil, err
	}
	defer agreed.Wipe()
	cipher, err := seal.Lookup(agreed.Suite)
	if err != nil {
		return nil, err
	}
	k, err := t.readManifest(answer.Manifest, cipher, agreed)
	if err != nil {
		return nil, err
	}
	if err := t.c.met(ctx, answer.Identity); err != nil {
		k.retire()
		return nil, err
	}
	return k, nil
}

// finish takes the server's half of an exchange: the identity is what check is
// asked about before all else.
func finish(half *handshake.Client, answer *wire.SealedAnswer, check func(ed25519.PublicKey) error) (*handshake.Keys, error) {
	if answer.Protocol != wire.ProtocolV2 {
		return nil, fmt.Errorf("%w: asked for protocol %s it answers with %.32q", ErrProtocol, wire.ProtocolV2, answer.Protocol)
	}
	agreed, err := half.Finish(&handshake.Reply{
		Suite: answer.Suite, PublicKey: answer.PublicKey, MLKEM: answer.MLKEM, Identity: answer.Identity, Signature: answer.Signature,
	}, check)
	if errors.Is(err, handshake.ErrReply) || errors.Is(err, handshake.ErrSignature) {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return agreed, err
}

// older tells a server that knows protocol v1 alone by how it refuses. One that
// spoke v2 before is none.
func (t *Track) older(err error) error {
	refused := new(wire.Error)
	if !errors.As(err, &refused) || refused.Status != http.StatusBadRequest || t.c.Identity() != nil {
		return err
	}
	if known, ok := t.c.trust.(interface{ Known() bool }); ok && known.Known() {
		return fmt.Errorf("%w: it is one that speaks protocol %s, and it does not: %w", ErrProtocol, wire.ProtocolV2, err)
	}
	return fmt.Errorf("%w: %w", ErrOldServer, err)
}

// readManifest opens the manifest and takes it, if it is of what was asked for.
func (t *Track) readManifest(sealed []byte, cipher seal.Cipher, agreed *handshake.Keys) (*keys, error) {
	box, err := seal.NewBound(cipher, agreed.Manifest)
	if err != nil {
		return nil, err
	}
	defer box.Wipe()
	text, err := box.Open(sealed, pack.Manifest(t.session, ""))
	if err != nil {
		return nil, fmt.Errorf("%w: the manifest: %w", ErrProtocol, err)
	}
	defer clear(text)
	var m wire.Manifest
	if err := m.Decode(text); err != nil {
		return nil, fmt.Errorf("%w: the manifest: %w", ErrProtocol, err)
	}
	switch {
	case m.Version != wire.ManifestVersion:
		return nil, fmt.Errorf("%w: a manifest of version %d; is there a newer secstream?", ErrProtocol, m.Version)
	case m.Source != t.asked: // none at all is an upload's
		return nil, fmt.Errorf("%w: it offers another track than it was asked for", ErrProtocol)
	case m.HeadBytes < 0 || m.HeadBytes > maxHead:
		return nil, fmt.Errorf("%w: %d bytes in front of samples", ErrProtocol, m.HeadBytes)
	}
	if t.spans == nil {
		t.info.Tags = m.Tags.Audio()
	}
	if err := t.take(m.SessionInfo); err != nil {
		return nil, err
	}
	codec, err := compress.Lookup(m.SessionInfo.Compression, t.c.pieces.codecs...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; this client cannot play it", ErrProtocol, err)
	}
	slices, err := seal.NewBound(cipher, agreed.Slice)
	if err != nil {
		return nil, err
	}
	k := &keys{ids: m.SessionInfo.SliceIDs, codec: codec, padded: m.Padded, cipher: agreed.Suite}
	k.unpack = pack.NewBoundUnpacker(codec, slices, t.binding(k.ids, m.HeadBytes, codec.Name()), m.Padded)
	return k, nil
}

// maxHead is the most bytes that a slice of PCM has besides its samples.
const maxHead = 1 << 16

// binding is what slices are bound to.
func (t *Track) binding(ids []string, head int, compression string) *pack.Binding {
	frame := 0
	if t.info.Codec == audio.PCM {
		frame = t.info.Channels * t.info.Sample.Bytes()
	}
	spans := t.spans
	return &pack.Binding{
		Session: t.session, Count: len(ids), Encoding: string(t.info.Container), Compression: compression,
		ID: func(dst []byte, i int) []byte { return append(dst, ids[i]...) },
		Plain: func(i int) int {
			if frame == 0 {
				return 0
			}
			return pack.Plain(head, int(spans[i].Samples)*frame)
		},
	}
}
