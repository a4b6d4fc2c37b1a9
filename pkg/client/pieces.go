package client

import (
	"cmp"
	"fmt"

	"secstream/pkg/compress"
	"secstream/pkg/handshake"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// pieces are the exchange a client does, and what it takes of a server besides
// what we know.
type pieces struct {
	exchange handshake.Exchange
	codecs   []compress.Codec
	ciphers  []seal.Cipher
}

// agreed tells a server that does another exchange, by what its answer says.
// One that says nothing does protocol v1's.
func (p *pieces) agreed(m *wire.KeyMetadata) error {
	curve := handshake.NameP256
	if m != nil {
		curve = m.Curve
	}
	if want := p.exchange.Name(); curve != want {
		return fmt.Errorf("%w: it agrees keys on %.32q, not on %s as it was asked", ErrProtocol, curve, want)
	}
	return nil
}

// unpacker is what opens the slices of a track described so, and the name of
// the cipher. A server that names no compression or cipher means protocol v1's.
func (p *pieces) unpacker(s *wire.TrackFacts, key *seal.Key) (compress.Codec, *pack.Unpacker, string, error) {
	codec, err := compress.Lookup(cmp.Or(s.Compression, compress.NameDeflate), p.codecs...)
	if err != nil {
		return nil, nil, "", fmt.Errorf("%w: %w; this client cannot play it", ErrProtocol, err)
	}
	cipher, err := seal.Lookup(cmp.Or(s.Cipher, seal.NameAES256GCM), p.ciphers...)
	if err != nil {
		return nil, nil, "", fmt.Errorf("%w: %w; this client cannot play it", ErrProtocol, err)
	}
	box, err := seal.NewBoxWith(cipher, key)
	if err != nil {
		return nil, nil, "", err
	}
	return codec, pack.NewUnpackerWith(codec, box), cipher.Name(), nil
}
