package client

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"secstream/pkg/handshake"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// TestPairingVectors: the token of the vectors comes out, for the player that it
// is for alone.
func TestPairingVectors(t *testing.T) {
	text, err := os.ReadFile("../../testdata/vectors/v2.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Pairing struct {
			Made []struct {
				Name, Token string
				Exchange    struct{ Track, Suite, SliceKey, ManifestKey string }
				Sealed      struct{ Sealed string }
			}
		}
	}
	if err := json.Unmarshal(text, &v); err != nil || len(v.Pairing.Made) != 2 {
		t.Fatal(err)
	}
	for _, p := range v.Pairing.Made {
		open := func(name string, change int) (string, error) {
			agreed := &handshake.Keys{Suite: p.Exchange.Suite}
			for text, to := range map[string]**seal.Key{p.Exchange.SliceKey: &agreed.Slice, p.Exchange.ManifestKey: &agreed.Manifest} {
				raw, err := hex.DecodeString(text)
				if err != nil {
					t.Fatal(err)
				}
				if *to, err = seal.NewKey(raw); err != nil {
					t.Fatal(err)
				}
			}
			sealed, err := hex.DecodeString(p.Sealed.Sealed)
			if err != nil {
				t.Fatal(err)
			}
			if change >= 0 {
				sealed[change] ^= 1
			}
			return openToken(&wire.SealedAnswer{Manifest: sealed}, agreed, name)
		}
		if got, err := open(p.Exchange.Track, -1); err != nil || got != p.Token {
			t.Errorf("%s: %q, %v", p.Name, got, err)
		}
		if got, err := open("cellar", -1); !errors.Is(err, ErrProtocol) || got != "" {
			t.Errorf("%s: under another name: %q, %v", p.Name, got, err)
		}
		for at := range len(p.Sealed.Sealed) / 2 {
			if got, err := open(p.Exchange.Track, at); !errors.Is(err, ErrProtocol) || !errors.Is(err, seal.ErrForged) || got != "" {
				t.Errorf("%s: byte %d: %q, %v", p.Name, at, got, err)
			}
		}
	}
}
