package client

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"secstream/pkg/handshake"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// ErrPairing means that the server lets nobody in by that secret.
var ErrPairing = errors.New("the server does not pair by this address")

// Pair asks the server for a token by the secret of an address for pairing.
// identity is the SHA-256 of the key that the server has to have: it is compared
// before anything else of the answer is looked at, and Trust is asked, too.
// name is what the server may call the token (wire.PairName). The token is in no
// error, and the Client itself does not send it. Errors wrap ErrPairing,
// ErrIdentity and those of Trust.
func (c *Client) Pair(ctx context.Context, secret []byte, identity [sha256.Size]byte, name string) (token string, err error) {
	half, err := handshake.NewClient(handshake.PairSession, name, suites())
	if err != nil {
		return "", err
	}
	defer half.Wipe()
	offer := half.Offer()
	text := base64.StdEncoding.EncodeToString
	req := wire.PairRequest{
		Protocol: wire.ProtocolV2, PublicKey: text(offer.PublicKey), MLKEM: text(offer.MLKEM), Suites: offer.Suites,
		Name: name, Proof: text(handshake.PairProof(secret, offer, identity)),
	}
	var answer wire.SealedAnswer
	if err := c.json(ctx, http.MethodPost, wire.PairPath, req, &answer, maxSmall); err != nil {
		return "", fmt.Errorf("pair with %s: %w", c.name, c.unpaired(ctx, err))
	}
	agreed, err := finish(half, &answer, func(key ed25519.PublicKey) error {
		if err := c.check(key); err != nil {
			return err
		}
		if sha256.Sum256(key) != identity {
			return ErrIdentity
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	defer agreed.Wipe()
	if token, err = openToken(&answer, agreed, name); err != nil {
		return "", err
	}
	return token, c.met(ctx, answer.Identity)
}

// healthPath is where every server answers whoever may reach it.
const healthPath = "/health"

// unpaired tells a server that does not pair, or no longer, by how it refuses:
// one that never heard of pairing asks for a token. One that refuses all else in
// the same way, like that which answers to its own machine alone, or is none of
// ours, says nothing of pairing.
func (c *Client) unpaired(ctx context.Context, err error) error {
	refused, healthy := new(wire.Error), new(wire.Error)
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Status {
	case http.StatusNotFound, http.StatusForbidden:
		if _, other := c.fetch(ctx, http.MethodGet, healthPath, nil, maxSmall); errors.As(other, &healthy) && healthy.Status == refused.Status {
			return err
		}
	case http.StatusUnauthorized:
	default:
		return err
	}
	return fmt.Errorf("%w: %w", ErrPairing, err)
}

// openToken opens what the server has sealed for this player alone.
func openToken(answer *wire.SealedAnswer, agreed *handshake.Keys, name string) (string, error) {
	cipher, err := seal.Lookup(agreed.Suite)
	if err != nil {
		return "", err
	}
	box, err := seal.NewBound(cipher, agreed.Manifest)
	if err != nil {
		return "", err
	}
	defer box.Wipe()
	text, err := box.Open(answer.Manifest, pack.Manifest(handshake.PairSession, name))
	if err != nil {
		return "", fmt.Errorf("%w: the token: %w", ErrProtocol, err)
	}
	defer clear(text)
	var p wire.Paired
	if json.Unmarshal(text, &p) != nil || p.Version != wire.ManifestVersion || p.Token == "" || checkToken(p.Token) != nil {
		return "", fmt.Errorf("%w: what it sealed is no token", ErrProtocol)
	}
	return p.Token, nil
}
