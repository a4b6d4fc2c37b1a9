// Package pair is the server's side of pairing: it lets one player in who has
// the secret of an address. A request goes in, a token sealed for that player
// comes out, once. It imports handshake, pack, seal and wire; the player's side
// is client.Pair (docs/protocol.md section 9).
package pair

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"secstream/pkg/handshake"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// Limits of a Door.
const (
	// Time is how long it is open: enough to send an address to somebody and have
	// it typed.
	Time = 10 * time.Minute
	// MaxWrong is how many wrong proofs close it. Nobody finds 128 bits by trying;
	// whoever tries is at the wrong door, or makes noise in the log.
	MaxWrong = 5
)

// Config says whom a Door lets in. All but Logger and Now are required.
type Config struct {
	Identity handshake.Signer
	Secret   []byte // of the address; copied
	// Token makes a token for a player that calls itself name, and says by which
	// name it is kept. It is called once if it succeeds, by one at a time.
	Token  func(ctx context.Context, name string) (token, kept string, err error)
	Logger *slog.Logger // default: for nobody
	Now    func() time.Time
}

// Door is open for one player. It is safe for concurrent use.
type Door struct {
	cfg      Config
	identity [sha256.Size]byte
	until    time.Time

	mu     sync.Mutex // guards what follows, and the making of the token
	secret []byte     // nil once it is closed
	wrong  int
}

// Open returns a Door that is open for Time.
func Open(cfg Config) (*Door, error) {
	if cfg.Identity == nil || len(cfg.Secret) == 0 || cfg.Token == nil {
		return nil, errors.New("pair: an identity, a secret and a way to tokens are needed")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	d := &Door{cfg: cfg, identity: sha256.Sum256(cfg.Identity.Public()), until: cfg.Now().Add(Time)}
	d.secret, d.cfg.Secret = append([]byte(nil), cfg.Secret...), nil
	return d, nil
}

// Open says whether somebody may be let in still.
func (d *Door) Open() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open()
}

// open is Open for who holds mu.
func (d *Door) open() bool {
	if d.secret != nil && !d.cfg.Now().Before(d.until) {
		d.close()
		d.cfg.Logger.Info("pairing is over: nobody came in time", "after", Time)
	}
	return d.secret != nil
}

func (d *Door) close() {
	clear(d.secret)
	d.secret = nil
}

// Answer lets the player in whose request proves that it has the secret, and
// closes the door behind it. Where no token can be made it stays open. Errors are
// a *wire.Error, or wrap handshake.ErrSuites, handshake.ErrPublicKey and those of
// making a token.
func (d *Door) Answer(ctx context.Context, req *wire.PairRequest) (*wire.SealedAnswer, error) {
	offer, proof, err := read(req)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.open() {
		return nil, wire.Errorf(wire.NotFound, "Not found")
	}
	if !hmac.Equal(proof, handshake.PairProof(d.secret, offer, d.identity)) {
		return nil, d.mistaken()
	}
	reply, keys, err := handshake.Accept(offer, d.cfg.Identity, seal.NameAES256GCM, seal.NameChaCha20Poly1305)
	if err != nil {
		return nil, err
	}
	defer keys.Wipe()
	cipher, err := seal.Lookup(reply.Suite)
	if err != nil {
		return nil, err
	}
	box, err := seal.NewBound(cipher, keys.Manifest)
	if err != nil {
		return nil, err
	}
	defer box.Wipe()
	token, kept, err := d.cfg.Token(ctx, req.Name)
	if err != nil {
		return nil, err
	}
	d.close()
	d.cfg.Logger.Info("paired "+kept, "name", kept)
	text, err := json.Marshal(wire.Paired{Version: wire.ManifestVersion, Token: token})
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return &wire.SealedAnswer{
		Protocol: wire.ProtocolV2, Suite: reply.Suite, PublicKey: reply.PublicKey, MLKEM: reply.MLKEM,
		Identity: reply.Identity, Signature: reply.Signature,
		Manifest: box.Seal(append(make([]byte, box.Head()), text...), 0, pack.Manifest(handshake.PairSession, req.Name)),
	}, nil
}

// mistaken counts a wrong proof. The caller holds mu.
func (d *Door) mistaken() error {
	d.wrong++
	if d.wrong < MaxWrong {
		d.cfg.Logger.Warn("somebody tried to pair without the secret", "tries left", MaxWrong-d.wrong)
	} else {
		d.close()
		d.cfg.Logger.Warn("pairing is over: too many tried without the secret", "hint", "start again with --pair for another address")
	}
	return wire.Errorf(wire.Forbidden, "The proof is wrong: it is of another secret, another name or another server")
}

// read takes a request apart. What it returns has bounded lengths.
func read(req *wire.PairRequest) (*handshake.Offer, []byte, error) {
	if req.Protocol != wire.ProtocolV2 {
		return nil, nil, wire.Errorf(wire.Protocol, "Pairing takes protocol %q", wire.ProtocolV2)
	}
	if !wire.PairName(req.Name) {
		return nil, nil, wire.Errorf(wire.BadRequest, "A name has 1 to %d letters, digits, dots, underlines and hyphens", wire.MaxName)
	}
	var parts [3][]byte
	for i, text := range []string{req.PublicKey, req.MLKEM, req.Proof} {
		var err error
		if parts[i], err = base64.StdEncoding.Strict().DecodeString(text); err != nil {
			return nil, nil, wire.Errorf(wire.BadRequest, "Keys and proof are base64")
		}
	}
	if len(parts[2]) != sha256.Size {
		return nil, nil, wire.Errorf(wire.BadRequest, "A proof has %d bytes", sha256.Size)
	}
	return &handshake.Offer{Session: handshake.PairSession, Track: req.Name, PublicKey: parts[0], MLKEM: parts[1], Suites: req.Suites}, parts[2], nil
}
