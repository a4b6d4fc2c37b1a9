package pair_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"testing"

	"secstream/pkg/pair"
	"secstream/pkg/wire"
)

// hexed is bytes that are hexadecimal digits in JSON.
type hexed []byte

func (h *hexed) UnmarshalText(b []byte) (err error) {
	*h, err = hex.AppendDecode(nil, b)
	return err
}

func (h hexed) text() string { return base64.StdEncoding.EncodeToString(h) }

// seeded is an identity of a known key.
type seeded struct{ key ed25519.PrivateKey }

func (s seeded) Public() ed25519.PublicKey { return s.key.Public().(ed25519.PublicKey) }
func (s seeded) Sign(hash [32]byte) []byte { return ed25519.Sign(s.key, hash[:]) }

// TestVectors: a door lets in whoever sends the requests of the vectors, and
// nobody by the proofs that are wrong.
func TestVectors(t *testing.T) {
	text, err := os.ReadFile("../../testdata/vectors/v2.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Pairing struct {
			Made []struct {
				Name, Token   string
				Secret, Proof hexed
				Exchange      struct {
					Track                                string
					Suites                               []string
					Suite                                string
					ClientPublic, MLKEMKey, IdentitySeed hexed
				}
			}
			Proofs []struct {
				Name, Player               string
				PublicKey, MLKEMKey, Proof hexed
			}
		}
	}
	if err := json.Unmarshal(text, &v); err != nil || len(v.Pairing.Made) != 2 || len(v.Pairing.Proofs) < 12 {
		t.Fatal(err)
	}
	open := func(i int) *pair.Door {
		p := v.Pairing.Made[i]
		door, err := pair.Open(pair.Config{
			Identity: seeded{ed25519.NewKeyFromSeed(p.Exchange.IdentitySeed)}, Secret: p.Secret,
			Token: func(_ context.Context, name string) (string, string, error) {
				if name != p.Exchange.Track {
					t.Errorf("%s: a token for %q", p.Name, name)
				}
				return p.Token, name, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return door
	}
	for i, p := range v.Pairing.Made {
		req := &wire.PairRequest{
			Protocol: wire.ProtocolV2, PublicKey: p.Exchange.ClientPublic.text(), MLKEM: p.Exchange.MLKEMKey.text(), Suites: p.Exchange.Suites,
			Name: p.Exchange.Track, Proof: p.Proof.text(),
		}
		answer, err := open(i).Answer(t.Context(), req)
		if err != nil || answer.Suite != p.Exchange.Suite || len(answer.MLKEM) > 0 != (len(p.Exchange.MLKEMKey) > 0) {
			t.Errorf("%s: %+v, %v", p.Name, answer, err)
		}
	}
	first := v.Pairing.Made[0].Exchange
	for _, r := range v.Pairing.Proofs {
		refused := new(wire.Error)
		_, err := open(0).Answer(t.Context(), &wire.PairRequest{
			Protocol: wire.ProtocolV2, PublicKey: r.PublicKey.text(), MLKEM: r.MLKEMKey.text(), Suites: first.Suites, Name: r.Player, Proof: r.Proof.text(),
		})
		if !errors.As(err, &refused) || refused.Status != http.StatusForbidden {
			t.Errorf("a proof %s: %v", r.Name, err)
		}
	}
}
