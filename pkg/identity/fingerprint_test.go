package identity_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"secstream/pkg/identity"
)

// published are fingerprints as the published implementation of SBRP makes
// them of raw keys.
var published = map[string]string{
	"0000000000000000000000000000000000000000000000000000000000000000": "SHA256:66:68:7A:AD:F8:62:BD:77:6C:8F:C1:8B:8E:9F:8E:20:08:97:14:85:6E:E2:33:B3:90:2A:59:1D:0D:5F:29:25",
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff": "SHA256:AF:96:13:76:0F:72:63:5F:BD:B4:4A:5A:0A:63:C3:9F:12:AF:30:F9:50:A6:EE:5C:97:1B:E1:88:E8:9C:40:51",
	"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f": "SHA256:82:D8:64:08:53:0B:76:5E:46:EB:F4:78:07:09:50:27:E8:07:BC:08:67:4B:0D:E7:7E:E5:EF:2F:AE:7D:04:92",
	"03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8": "SHA256:56:47:5A:A7:54:63:47:4C:02:85:DF:5D:BF:2B:CA:B7:3D:A6:51:35:88:39:E9:B7:74:81:B2:EA:B1:07:70:8C",
	"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a": "SHA256:21:FE:31:DF:A1:54:A2:61:62:6B:F8:54:04:6F:D2:27:1B:7B:ED:4B:6A:BE:45:AA:58:87:7E:F4:7F:97:21:B9",
}

func key(t testing.TB, digits string) ed25519.PublicKey {
	t.Helper()
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFingerprintAsPublished(t *testing.T) {
	for digits, want := range published {
		f := identity.FingerprintOf(key(t, digits))
		if f.String() != want || len(want) != identity.FingerprintLength {
			t.Errorf("%s: %s, want %s", digits, f, want)
		}
		if again, err := identity.ParseFingerprint(want); err != nil || again != f {
			t.Errorf("%s: read as %s: %v", want, again, err)
		}
		text, err := json.Marshal(map[string]any{"f": f})
		if err != nil || string(text) != `{"f":"`+want+`"}` {
			t.Errorf("%s: %v", text, err)
		}
		var back struct{ F identity.Fingerprint }
		if err := json.Unmarshal(text, &back); err != nil || back.F != f {
			t.Errorf("%v: %v", back.F, err)
		}
	}
}

func TestFingerprintHasOneForm(t *testing.T) {
	const good = "SHA256:66:68:7A:AD:F8:62:BD:77:6C:8F:C1:8B:8E:9F:8E:20:08:97:14:85:6E:E2:33:B3:90:2A:59:1D:0D:5F:29:25"
	pairs := strings.TrimPrefix(good, "SHA256:")
	for text, why := range map[string]string{
		"":                                    "does not begin with SHA256:",
		pairs:                                 "does not begin with SHA256:",
		strings.ToLower(good):                 "does not begin with SHA256:",
		" " + good:                            "does not begin with SHA256:",
		"SHA256:" + strings.ToLower(pairs):    `"7a", pair 3 of`,
		good[:len(good)-3]:                    "has 31 of the 32 pairs",
		good + ":00":                          "has 33 of the 32 pairs",
		good[:7+16*3-1]:                       "has 16 of the 32 pairs",
		strings.ReplaceAll(good, "7A", "7G"):  `"7G", pair 3 of`,
		strings.ReplaceAll(good, "7A", "7"):   `"7", pair 3 of`,
		strings.ReplaceAll(good, ":7A", "::"): "has 33 of the 32 pairs",
		strings.ReplaceAll(good, ":7A:AD", ":7AA:D"): `"7AA", pair 3 of`,
		good + "\n":                                           `pair 32 of`,
		strings.ReplaceAll(good, "7A", "７A"):                  "pair 3 of",
		"SHA256:" + strings.ReplaceAll(pairs, ":", ""):        "has 1 of the 32 pairs",
		"SHA256:ZmiK+q34Yr13bI/Bi46fjiAIlxSFbuIzs5AqWR0NXyk":  "that of a TLS key",
		"SHA256:ZmiK+q34Yr13bI/Bi46fjiAIlxSFbuIzs5AqWR0NXyk=": "that of a TLS key",
		"SHA256:" + strings.Repeat("A", 1<<20):                "has 1 of the 32 pairs",
	} {
		f, err := identity.ParseFingerprint(text)
		if !errors.Is(err, identity.ErrFingerprint) || !strings.Contains(err.Error(), why) || len(err.Error()) > 400 || f != (identity.Fingerprint{}) {
			t.Errorf("%.200q: %v, want %q", text, err, why)
		}
	}
}

// FuzzFingerprint: what is read is written as it was.
func FuzzFingerprint(f *testing.F) {
	for _, text := range published {
		f.Add(text)
		f.Add(strings.ToLower(text))
		f.Add(text + ":00")
	}
	f.Fuzz(func(t *testing.T, text string) {
		read, err := identity.ParseFingerprint(text)
		if err != nil {
			if !errors.Is(err, identity.ErrFingerprint) {
				t.Fatal(err)
			}
			return
		}
		if read.String() != text {
			t.Fatalf("%q is written as %s", text, read)
		}
	})
}
