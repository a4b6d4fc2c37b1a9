package identity

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"
)

// TestVectors: addresses for pairing are read and written as the vectors have
// them, and no others are read.
func TestVectors(t *testing.T) {
	text, err := os.ReadFile("../../testdata/vectors/v2.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Pairing struct {
			Made []struct {
				Secret, Text, URL, Address string
				Exchange                   struct{ Fingerprint string }
			}
			Refused []string
		}
	}
	if err := json.Unmarshal(text, &v); err != nil || len(v.Pairing.Made) != 2 || len(v.Pairing.Refused) < 12 {
		t.Fatal(err)
	}
	for _, p := range v.Pairing.Made {
		a, err := ParseAddress(p.Address)
		if err != nil || a.URL != p.URL || hex.EncodeToString(a.Pair.Bytes()) != p.Secret || a.Pair.Text() != p.Text ||
			a.Fingerprint.String() != p.Exchange.Fingerprint || a.Reveal() != p.Address {
			t.Errorf("%s: %s, %v", p.URL, a, err)
		}
	}
	for _, bad := range v.Pairing.Refused {
		if _, err := ParseAddress(bad); !errors.Is(err, ErrAddress) && !errors.Is(err, ErrSecret) && !errors.Is(err, ErrFingerprint) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
