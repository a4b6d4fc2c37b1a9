package handshake

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"secstream/pkg/identity"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
)

// pairingVectors are of section 9.
type pairingVectors struct {
	Made    []pairVector  `json:"made"`
	Proofs  []proofVector `json:"proofs"`  // that are wrong at the server of the first of Made
	Refused []string      `json:"refused"` // addresses
}

// pairVector is a pairing. Address is the one for it, and URL where the request
// goes.
type pairVector struct {
	Name     string         `json:"name"`
	Secret   hexed          `json:"secret"`
	Text     string         `json:"text"` // Secret in an address
	URL      string         `json:"url"`
	Address  string         `json:"address"`
	Exchange exchangeVector `json:"exchange"` // its track is the player's name
	Data     hexed          `json:"data"`     // what the proof is of
	Proof    hexed          `json:"proof"`
	Token    string         `json:"token"`
	Sealed   sealVector     `json:"sealed"`
}

// proofVector is a request whose proof is wrong.
type proofVector struct {
	Name      string `json:"name"`
	PublicKey hexed  `json:"publicKey"`
	MLKEMKey  hexed  `json:"mlkemKey,omitempty"`
	Player    string `json:"player"`
	Proof     hexed  `json:"proof"`
}

func proofData(public, kem, identity hexed, name string) hexed {
	sum := sha256.Sum256(identity)
	return encoded("secstream/2 pair", public, kem, hexed(sum[:]), name)
}

func proofOf(secret, data hexed) hexed {
	mac := hmac.New(sha256.New, secret)
	mac.Write(data)
	return mac.Sum(nil)
}

// fixed fills in what follows.
func (p pairVector) fixed(recorded hexed) pairVector {
	p.Exchange = p.Exchange.fixed(recorded)
	x := p.Exchange
	p.Exchange.Fingerprint = identity.FingerprintOf(ed25519.PublicKey(x.Identity)).String()
	p.Text = strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(p.Secret))
	scheme, rest := "secstream", strings.TrimPrefix(p.URL, "http://")
	if strings.HasPrefix(p.URL, "https") {
		scheme, rest = "secstreams", strings.TrimPrefix(p.URL, "https://")
	}
	if !strings.Contains(rest, "/") {
		rest += "/"
	}
	p.Address = scheme + "://" + rest + "?pair=" + p.Text + "#" + p.Exchange.Fingerprint
	p.Data = proofData(x.ClientPublic, x.MLKEMKey, x.Identity, x.Track)
	p.Proof = proofOf(p.Secret, p.Data)
	p.Sealed = sealVector{
		Name: "token, " + p.Name, Kind: "manifest", Nonce: counted(96, 12),
		Inside: hexed(must(json.Marshal(map[string]any{"version": 1, "token": p.Token}))),
	}.fixed(x)
	return p
}

func makePairing(recorded hexed) (v pairingVectors) {
	aes, chacha := seal.NameAES256GCM, seal.NameChaCha20Poly1305
	plain := pairVector{
		Name: "X25519", Secret: counted(0x80, 16), URL: "http://192.0.2.7:8420", Token: "sst_of-the-first-vector",
		Exchange: exchangeVector{
			Name: "pair, X25519", Session: "pair", Track: "kitchen", Suites: []string{aes, chacha}, Suite: aes,
			ClientPrivate: counted(0x11, 32), ServerPrivate: counted(0x41, 32), IdentitySeed: counted(0x70, 32),
		},
	}.fixed(nil)
	hybrid := pairVector{
		Name: "X25519 and ML-KEM-768", Secret: append(make(hexed, 15), 1), URL: "https://music.example/prefix", Token: "sst_of-the-second-vector",
		Exchange: exchangeVector{
			Name: "pair, X25519 and ML-KEM-768", Session: "pair", Track: "Living.room_2-a", Suites: []string{"ROT-13", chacha, aes}, Suite: chacha,
			ClientPrivate: counted(0x21, 32), ServerPrivate: counted(0x51, 32), IdentitySeed: counted(0x71, 32), MLKEMSeed: counted(0xa1, 64),
		},
	}.fixed(recorded)
	v.Made = []pairVector{plain, hybrid}
	v.Proofs = makeProofs(plain, hybrid)
	v.Refused = makeAddresses(plain)
	return v
}

func makeProofs(p, other pairVector) []proofVector {
	x, y := p.Exchange, other.Exchange
	of := func(name string, secret, data hexed, change func(*proofVector)) proofVector {
		r := proofVector{Name: name, PublicKey: x.ClientPublic, Player: x.Track, Proof: proofOf(secret, data)}
		if change != nil {
			change(&r)
		}
		return r
	}
	bare := slices.Concat(hexed("secstream/2 pair"), x.ClientPublic, x.Identity, hexed(x.Track))
	return []proofVector{
		of("of another secret", other.Secret, p.Data, nil),
		of("of the secret's text", hexed(p.Text), p.Data, nil),
		of("of another identity", p.Secret, proofData(x.ClientPublic, nil, y.Identity, x.Track), nil),
		of("of another name", p.Secret, proofData(x.ClientPublic, nil, x.Identity, "cellar"), nil),
		of("under another name", p.Secret, p.Data, func(r *proofVector) { r.Player = "kitchen2" }),
		of("of another key", p.Secret, proofData(y.ClientPublic, nil, x.Identity, x.Track), nil),
		of("with another key", p.Secret, p.Data, func(r *proofVector) { r.PublicKey = y.ClientPublic }),
		of("with a key of ML-KEM", p.Secret, p.Data, func(r *proofVector) { r.MLKEMKey = y.MLKEMKey }),
		of("without the key of ML-KEM", p.Secret, proofData(x.ClientPublic, y.MLKEMKey, x.Identity, x.Track), nil),
		of("with another label", p.Secret, slices.Concat(encoded("secstream/2 Pair"), p.Data[20:]), nil),
		of("of no fields", p.Secret, bare, nil),
		of("with a bit changed", p.Secret, p.Data, func(r *proofVector) { r.Proof[31] ^= 1 }),
		of("of zeros", p.Secret, p.Data, func(r *proofVector) { clear(r.Proof) }),
	}
}

func makeAddresses(p pairVector) []string {
	edit := func(old, now string) string { return strings.Replace(p.Address, old, now, 1) }
	return []string{
		edit("#"+p.Exchange.Fingerprint, ""),
		edit("?pair", "?Pair"),
		edit(p.Text, strings.ToUpper(p.Text)),
		edit(p.Text, p.Text[1:]),
		edit(p.Text, p.Text+"======"),
		edit(p.Text, p.Text[:25]+"b"), // bits that have to be 0
		edit(p.Text, p.Text[:25]+"1"),
		edit(p.Text, strings.Repeat("a", 26)),
		edit(p.Text, ""),
		edit(p.Text, p.Text+"&name=kitchen"),
		edit("?", "?x=1&"),
		edit("SHA256:", "sha256:"),
		edit("192.0.2.7", "user@192.0.2.7"),
	}
}

func TestVectorsPairing(t *testing.T) {
	v, _ := readVectors(t)
	if len(v.Pairing.Made) != 2 || len(v.Pairing.Proofs) < 12 {
		t.Fatalf("%d pairings, %d proofs", len(v.Pairing.Made), len(v.Pairing.Proofs))
	}
	for _, p := range v.Pairing.Made {
		x := p.Exchange
		who := sha256.Sum256(x.Identity)
		if got := PairProof(p.Secret, x.offer(), who); !bytes.Equal(got, p.Proof) {
			t.Errorf("%s: the proof is %x", p.Name, got)
		}
		if x.Session != PairSession {
			t.Errorf("%s: of session %s", p.Name, x.Session)
		}
		h := transcript(x.offer(), x.reply())
		mine, err := x.client().Finish(x.reply(), anybody)
		if err != nil {
			t.Fatal(err)
		}
		theirs := must(derive(x.reply(), h, x.secrets()...))
		for _, keys := range []*Keys{mine, theirs} {
			box := must(seal.NewBound(must(seal.Lookup(keys.Suite)), keys.Manifest))
			if got, err := box.Open(bytes.Clone(p.Sealed.Sealed), pack.Manifest(PairSession, x.Track)); err != nil || !bytes.Equal(got, p.Sealed.Inside) {
				t.Errorf("%s: %q, %v", p.Name, got, err)
			}
		}
	}
	p := v.Pairing.Made[0]
	for _, r := range v.Pairing.Proofs {
		o := &Offer{Session: PairSession, Track: r.Player, PublicKey: r.PublicKey, MLKEM: r.MLKEMKey, Suites: p.Exchange.Suites}
		if bytes.Equal(PairProof(p.Secret, o, sha256.Sum256(p.Exchange.Identity)), r.Proof) {
			t.Errorf("the proof %s is right", r.Name)
		}
	}
}
