package handshake

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/mlkem"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"testing"

	"secstream/pkg/seal"
)

var update = flag.Bool("update", false, "write testdata/vectors/v2.json anew")

const vectorsPath = "../../testdata/vectors/v2.json"

// hexed is bytes that are hexadecimal digits in JSON.
type hexed []byte

func (h hexed) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

func (h *hexed) UnmarshalText(b []byte) (err error) {
	*h, err = hex.AppendDecode(nil, b)
	return err
}

type vectors struct {
	About     string           `json:"about"`
	Exchanges []exchangeVector `json:"exchanges"`
	Seals     []sealVector     `json:"seals"`
	Padding   struct {
		Made    []padVector `json:"made"`
		Lengths [][2]int    `json:"lengths"` // before and after
		Refused []hexed     `json:"refused"`
	} `json:"padding"`
	Refused struct {
		Offers  []offerVector `json:"offers"`
		Replies []replyVector `json:"replies"`
	} `json:"refused"`
	Pairing pairingVectors `json:"pairing"`
}

type exchangeVector struct {
	Name            string   `json:"name"`
	Session         string   `json:"session"`
	Track           string   `json:"track"`
	Suites          []string `json:"suites"`
	Suite           string   `json:"suite"`
	ClientPrivate   hexed    `json:"clientPrivate"`
	ClientPublic    hexed    `json:"clientPublic"`
	MLKEMSeed       hexed    `json:"mlkemSeed,omitempty"` // d ‖ z (FIPS 203, section 7.1)
	MLKEMKey        hexed    `json:"mlkemKey,omitempty"`
	MLKEMCiphertext hexed    `json:"mlkemCiphertext,omitempty"`
	MLKEMSecret     hexed    `json:"mlkemSecret,omitempty"`
	ServerPrivate   hexed    `json:"serverPrivate"`
	ServerPublic    hexed    `json:"serverPublic"`
	IdentitySeed    hexed    `json:"identitySeed"`
	Identity        hexed    `json:"identity"`
	Fingerprint     string   `json:"fingerprint"`
	Hash            hexed    `json:"hash"`
	Signature       hexed    `json:"signature"`
	Shared          hexed    `json:"shared"` // of X25519
	IKM             hexed    `json:"ikm"`
	Salt            hexed    `json:"salt"`
	SliceKey        hexed    `json:"sliceKey"`
	ManifestKey     hexed    `json:"manifestKey"`
}

// sealVector is a manifest or a slice. Inside is what was sealed, Content a
// slice once it is expanded.
type sealVector struct {
	Name        string `json:"name"`
	Kind        string `json:"kind"`
	Exchange    string `json:"exchange"`
	ID          string `json:"id,omitempty"`
	Number      int    `json:"number"`
	Total       int    `json:"total"`
	Encoding    string `json:"encoding,omitempty"`
	Compression string `json:"compression,omitempty"`
	Plain       int    `json:"plain"`
	Padded      bool   `json:"padded"`
	Data        hexed  `json:"data"`
	Nonce       hexed  `json:"nonce"`
	Content     hexed  `json:"content,omitempty"`
	Inside      hexed  `json:"inside"`
	Sealed      hexed  `json:"sealed"`
}

type padVector struct {
	Plain  hexed `json:"plain"`
	Padded hexed `json:"padded"`
}

type offerVector struct {
	Name      string   `json:"name"`
	PublicKey hexed    `json:"publicKey"`
	MLKEMKey  hexed    `json:"mlkemKey,omitempty"`
	Suites    []string `json:"suites"`
	Error     string   `json:"error"` // publicKey or suites
}

// replyVector is what a client refuses that made the offer of Exchange. Signed
// says that Signature is that of Hash.
type replyVector struct {
	Name            string `json:"name"`
	Exchange        string `json:"exchange"`
	Suite           string `json:"suite"`
	ServerPublic    hexed  `json:"serverPublic"`
	MLKEMCiphertext hexed  `json:"mlkemCiphertext,omitempty"`
	Identity        hexed  `json:"identity"`
	Hash            hexed  `json:"hash"`
	Signature       hexed  `json:"signature"`
	Signed          bool   `json:"signed"`
	Error           string `json:"error"` // reply or signature
}

// encoded are fields as section 8 writes them, by other code than the package's.
func encoded(values ...any) []byte {
	var b []byte
	for _, v := range values {
		switch v := v.(type) {
		case int:
			b = encodedField(b, binary.BigEndian.AppendUint32(nil, uint32(v))) //nolint:gosec // small
		case string:
			b = encodedField(b, []byte(v))
		case hexed:
			b = encodedField(b, v)
		case []string:
			b = binary.BigEndian.AppendUint32(b, uint32(len(v))) //nolint:gosec // small
			for _, text := range v {
				b = encodedField(b, []byte(text))
			}
		default:
			panic(v)
		}
	}
	return b
}

func encodedField(b, value []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(value))), value...) //nolint:gosec // small
}

func digest(values ...any) hexed {
	sum := sha256.Sum256(encoded(values...))
	return sum[:]
}

// counted are n bytes from first on.
func counted(first, n int) hexed {
	b := make(hexed, n)
	for i := range b {
		b[i] = byte(first + i)
	}
	return b
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// fixed fills in what follows from the private keys and from the ciphertext of
// ML-KEM, which is random and so was recorded.
func (x exchangeVector) fixed(recorded hexed) exchangeVector {
	client, server := must(ecdh.X25519().NewPrivateKey(x.ClientPrivate)), must(ecdh.X25519().NewPrivateKey(x.ServerPrivate))
	identity := ed25519.NewKeyFromSeed(x.IdentitySeed)
	x.ClientPublic, x.ServerPublic = client.PublicKey().Bytes(), server.PublicKey().Bytes()
	x.Identity = hexed(identity.Public().(ed25519.PublicKey))
	x.Shared = must(server.ECDH(client.PublicKey()))
	if x.MLKEMSeed != nil {
		kem := must(mlkem.NewDecapsulationKey768(x.MLKEMSeed))
		x.MLKEMKey, x.MLKEMCiphertext = kem.EncapsulationKey().Bytes(), recorded
		if recorded == nil {
			_, x.MLKEMCiphertext = kem.EncapsulationKey().Encapsulate()
		}
		x.MLKEMSecret = must(kem.Decapsulate(x.MLKEMCiphertext))
	}
	x.Hash = x.transcript(x.Suite, x.ServerPublic, x.MLKEMCiphertext, x.Identity)
	x.Signature = ed25519.Sign(identity, x.Hash)
	x.IKM = slices.Concat(x.MLKEMSecret, x.Shared)
	x.Salt = digest("secstream/2 transcript", x.Hash, x.Signature)
	okm := must(hkdf.Key(sha256.New, x.IKM, x.Salt, "secstream/2 keys", 64))
	x.SliceKey, x.ManifestKey = okm[:32], okm[32:]
	return x
}

func (x exchangeVector) transcript(suite string, public, ciphertext, identity hexed) hexed {
	return digest("secstream/2 handshake", x.Session, x.Track, x.ClientPublic, x.MLKEMKey, x.Suites, suite, public, ciphertext, identity)
}

// fixed seals s under its exchange and nonce.
func (s sealVector) fixed(x exchangeVector) sealVector {
	key := x.SliceKey
	s.Exchange = x.Name
	s.Data = encoded("secstream/2 slice", x.Session, x.Track, s.ID, s.Number, s.Total, s.Encoding, s.Compression, s.Plain)
	if s.Kind == "manifest" {
		key = x.ManifestKey
		s.Data = encoded("secstream/2 manifest", x.Session, x.Track)
	}
	aead := must(must(seal.Lookup(x.Suite)).New(key))
	s.Sealed = aead.Seal(bytes.Clone(s.Nonce), s.Nonce, s.Inside, s.Data)
	return s
}

func readVectors(t *testing.T) (v vectors, text []byte) {
	t.Helper()
	text, err := os.ReadFile(vectorsPath)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v, text
}

// The file is what its fixed inputs make by a second reading of section 8. The
// package is held against it by the tests of vectors_checked_test.go.
func TestVectorsAreMade(t *testing.T) {
	var recorded, paired hexed
	if _, err := os.Stat(vectorsPath); err == nil || !*update {
		old, _ := readVectors(t)
		for _, x := range old.Exchanges {
			recorded = append(recorded, x.MLKEMCiphertext...)
		}
		for _, p := range old.Pairing.Made {
			paired = append(paired, p.Exchange.MLKEMCiphertext...)
		}
	}
	made := makeVectors(recorded)
	made.Pairing = makePairing(paired)
	text, err := json.MarshalIndent(made, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile(vectorsPath, text, 0o644); err != nil { //nolint:gosec // a test vector
			t.Fatal(err)
		}
	}
	if _, have := readVectors(t); !bytes.Equal(have, text) {
		t.Errorf("%s is not what this test makes", vectorsPath)
	}
}
