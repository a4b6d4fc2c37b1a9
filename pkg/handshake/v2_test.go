package handshake

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"secstream/pkg/seal"
)

var bothSuites = []string{seal.NameAES256GCM, seal.NameChaCha20Poly1305}

// signer is a server's identity.
type signer struct{ ed25519.PrivateKey }

func (s signer) Public() ed25519.PublicKey { return s.PrivateKey.Public().(ed25519.PublicKey) }

func (s signer) Sign(hash [32]byte) []byte { return ed25519.Sign(s.PrivateKey, hash[:]) }

func testSigner(fill byte) signer {
	return signer{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{fill}, ed25519.SeedSize))}
}

func testClient(t testing.TB, suites ...string) *Client {
	t.Helper()
	c, err := NewClient("session", "track", suites)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// plainClient offers no ML-KEM.
func plainClient(t testing.TB) *Client {
	t.Helper()
	x, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &Client{offer: Offer{"session", "track", x.PublicKey().Bytes(), nil, bothSuites}, x: x}
}

func accepted(t testing.TB, o *Offer, id Signer) (*Reply, *Keys) {
	t.Helper()
	r, keys, err := Accept(o, id, bothSuites...)
	if err != nil {
		t.Fatal(err)
	}
	return r, keys
}

func anybody(ed25519.PublicKey) error { return nil }

// same says whether two sides have one slice key and one manifest key, which
// are two.
func same(t testing.TB, a, b *Keys) bool {
	t.Helper()
	opens := func(a, b *seal.Key) bool {
		cipher, err := seal.Lookup(seal.NameAES256GCM)
		if err != nil {
			t.Fatal(err)
		}
		one, err := seal.NewBound(cipher, a)
		if err != nil {
			t.Fatal(err)
		}
		other, err := seal.NewBound(cipher, b)
		if err != nil {
			t.Fatal(err)
		}
		_, err = other.Open(one.Seal(make([]byte, one.Head()), 0, nil), nil)
		return err == nil
	}
	if opens(a.Slice, a.Manifest) || opens(b.Slice, b.Manifest) {
		t.Error("the slice key is the manifest key")
	}
	return a.Suite == b.Suite && opens(a.Slice, b.Slice) && opens(a.Manifest, b.Manifest)
}

func TestBothSidesAgree(t *testing.T) {
	id := testSigner(1)
	for _, c := range []struct {
		client *Client
		server []string
		suite  string
	}{
		{testClient(t, bothSuites...), bothSuites, seal.NameAES256GCM},
		{testClient(t, bothSuites[1], bothSuites[0]), bothSuites, seal.NameChaCha20Poly1305}, // the client's order decides
		{testClient(t, bothSuites...), bothSuites[1:], seal.NameChaCha20Poly1305},
		{testClient(t, "of tomorrow", bothSuites[0]), bothSuites, seal.NameAES256GCM},
		{plainClient(t), bothSuites, seal.NameAES256GCM},
	} {
		r, theirs, err := Accept(c.client.Offer(), id, c.server...)
		if err != nil {
			t.Fatal(err)
		}
		asked := 0
		ours, err := c.client.Finish(r, func(key ed25519.PublicKey) error {
			asked++
			if !Same(key, id.Public()) {
				t.Error("trust is asked about another identity")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if !same(t, ours, theirs) || ours.Suite != c.suite || asked != 1 || (len(r.MLKEM) > 0) != (c.client.kem != nil) {
			t.Errorf("%s: %s, asked %d times, %d bytes of ML-KEM", c.suite, ours.Suite, asked, len(r.MLKEM))
		}
		again, others := accepted(t, c.client.Offer(), id)
		if same(t, theirs, others) || bytes.Equal(r.PublicKey, again.PublicKey) {
			t.Error("two exchanges have the same keys")
		}
	}
}

// TestSignedTranscript computes the hash a second time, from the protocol page
// alone.
func TestSignedTranscript(t *testing.T) {
	c, id := testClient(t, bothSuites...), testSigner(1)
	o := c.Offer()
	r, _ := accepted(t, o, id)
	hash := func(label string) []byte {
		var b []byte
		field := func(f []byte) { b = append(binary.BigEndian.AppendUint32(b, uint32(len(f))), f...) }
		for _, f := range [][]byte{[]byte(label), []byte("session"), []byte("track"), o.PublicKey, o.MLKEM} {
			field(f)
		}
		b = binary.BigEndian.AppendUint32(b, 2)
		for _, f := range [][]byte{[]byte("AES-256-GCM"), []byte("ChaCha20-Poly1305"), []byte("AES-256-GCM"), r.PublicKey, r.MLKEM, r.Identity} {
			field(f)
		}
		sum := sha256.Sum256(b)
		return sum[:]
	}
	if !ed25519.Verify(id.Public(), hash("secstream/2 handshake"), r.Signature) {
		t.Error("it is not what the protocol page says that is signed")
	}
	for _, label := range []string{"secstream/1 handshake", "secstream/2 transcript", "secstream/2 keys", "secstream/2 handshake\x00", ""} {
		if ed25519.Verify(id.Public(), hash(label), r.Signature) {
			t.Errorf("the signature holds under the label %q", label)
		}
	}
}

// TestFieldsDoNotRunTogether: what is at the end of one field is not at the
// beginning of the next.
func TestFieldsDoNotRunTogether(t *testing.T) {
	seen := map[[32]byte]int{}
	list := []Offer{
		{Session: "ab", Track: "c"}, {Session: "a", Track: "bc"}, {Session: "abc"}, {Track: "abc"},
		{Session: "a", PublicKey: []byte("bc")}, {PublicKey: []byte("abc")}, {MLKEM: []byte("abc")}, {PublicKey: []byte("ab"), MLKEM: []byte("c")},
		{Suites: []string{"abc"}}, {Suites: []string{"ab", "c"}}, {Suites: []string{"a", "bc"}}, {Suites: []string{"abc", ""}}, {Suites: []string{"", "abc"}},
		{MLKEM: []byte("abc"), Suites: []string{""}}, {}, {Suites: []string{""}},
	}
	for i := range list {
		h := transcript(&list[i], &Reply{Suite: "abc"})
		if k, ok := seen[h]; ok {
			t.Errorf("%+v is %+v", list[i], list[k])
		}
		seen[h] = i
	}
}

// flips calls do for each bit pattern of every byte of *b, which is as it was
// afterwards.
func flips(b *[]byte, do func(at int)) {
	was := *b
	for i := range was {
		*b = bytes.Clone(was)
		(*b)[i] ^= 1 << (i % 8)
		do(i)
	}
	*b = was
}

// TestChangedOffers: whoever changes a byte of what a client offers is found
// out, by the server or by the client.
func TestChangedOffers(t *testing.T) {
	c, id := testClient(t, bothSuites...), testSigner(1)
	o := *c.Offer()
	try := func(what string, refusals ...error) {
		t.Helper()
		r, _, err := Accept(&o, id, bothSuites...)
		if err == nil {
			_, err = c.Finish(r, anybody)
			refusals = []error{ErrSignature}
		}
		if !slices.ContainsFunc(refusals, func(want error) bool { return errors.Is(err, want) }) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for name, field := range map[string]*[]byte{"publicKey": &o.PublicKey, "mlkemKey": &o.MLKEM} {
		flips(field, func(at int) { try(fmt.Sprintf("%s, byte %d", name, at), ErrPublicKey) })
	}
	for name, field := range map[string]*string{"session": &o.Session, "track": &o.Track} {
		was := *field
		b := []byte(was)
		flips(&b, func(at int) { *field = string(b); try(fmt.Sprintf("%s, byte %d", name, at)) })
		*field = ""
		try(name + " left out")
		*field = was + "x"
		try(name + " longer")
		*field = was
	}
	for name, suites := range map[string][]string{
		"first stripped": bothSuites[1:], "last stripped": bothSuites[:1], "turned round": {bothSuites[1], bothSuites[0]}, "one added": append(slices.Clone(bothSuites), "x"),
		"one doubled": {bothSuites[0], bothSuites[0], bothSuites[1]}, "renamed": {bothSuites[0], "ChaCha20-Poly1304"}, "run together": {bothSuites[0] + bothSuites[1]}, "none": nil,
	} {
		o.Suites = suites
		try("suites: "+name, ErrSuites)
	}
	o.Suites = bothSuites
	kem := o.MLKEM
	o.MLKEM = nil
	try("ML-KEM taken out")
	o.MLKEM = testClient(t).Offer().MLKEM
	try("another's ML-KEM key")
	o.MLKEM = kem

	simple := plainClient(t)
	added := *simple.Offer()
	added.MLKEM = kem
	r, _ := accepted(t, &added, id)
	if _, err := simple.Finish(r, anybody); !errors.Is(err, ErrSignature) {
		t.Errorf("ML-KEM added on the way: %v", err)
	}
	signed(&simple.offer, r, id)
	if _, err := simple.Finish(r, anybody); !errors.Is(err, ErrReply) {
		t.Errorf("ML-KEM that nobody asked for: %v", err)
	}
}

// signed is r signed anew, as it is.
func signed(o *Offer, r *Reply, id signer) *Reply {
	r.Identity = id.Public()
	r.Signature = id.Sign(transcript(o, r))
	return r
}

// TestChangedReplies: so is whoever changes a byte of the answer.
func TestChangedReplies(t *testing.T) {
	c, id := testClient(t, bothSuites...), testSigner(1)
	good, _ := accepted(t, c.Offer(), id)
	r := *good
	try := func(what string, want error) {
		t.Helper()
		if keys, err := c.Finish(&r, anybody); !errors.Is(err, want) || keys != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for name, field := range map[string]*[]byte{"publicKey": &r.PublicKey, "mlkemCiphertext": &r.MLKEM, "identity": (*[]byte)(&r.Identity), "signature": &r.Signature} {
		flips(field, func(at int) { try(fmt.Sprintf("%s, byte %d", name, at), ErrSignature) })
		was := *field
		want := ErrSignature
		if name == "identity" || name == "signature" {
			want = ErrReply // it is no such thing
		}
		for _, other := range [][]byte{nil, {}, was[:len(was)-1], append(bytes.Clone(was), 0), make([]byte, 1<<16)} {
			*field = other
			try(fmt.Sprintf("%s of %d bytes", name, len(other)), want)
		}
		*field = make([]byte, len(was))
		try(name+" of zeros", ErrSignature)
		*field = was
	}
	for suite, want := range map[string]error{
		seal.NameChaCha20Poly1305: ErrSignature, "": ErrReply, "AES-128-GCM": ErrReply, "aes-256-gcm": ErrReply, seal.NameAES256GCM + "\x00": ErrReply, strings.Repeat("x", 1<<16): ErrReply,
	} {
		r.Suite = suite
		if _, err := c.Finish(&r, anybody); !errors.Is(err, want) || len(err.Error()) > 300 {
			t.Errorf("suite %.40q: %.400v", suite, err)
		}
	}
	r = *good
	r.PublicKey, r.Identity = r.Identity, r.PublicKey
	try("fields swapped", ErrSignature)
	if _, err := testClient(t, bothSuites...).Finish(good, anybody); !errors.Is(err, ErrSignature) {
		t.Errorf("the answer to another offer: %v", err)
	}
	if _, err := c.Finish(good, anybody); err != nil {
		t.Errorf("as it was: %v", err)
	}
}

func TestSuitesInCommon(t *testing.T) {
	id := testSigner(1)
	for name, c := range map[string]struct {
		offered, has []string
		want         error
	}{
		"none offered": {nil, bothSuites, ErrSuites}, "none had": {bothSuites, nil, ErrSuites}, "unknown": {[]string{"ROT13"}, bothSuites, ErrSuites},
		"eight": {append(make([]string, 7), bothSuites[0]), bothSuites, nil}, "nine": {append(make([]string, 8), bothSuites[0]), bothSuites, ErrSuites},
		"an endless list": {make([]string, 1<<16), bothSuites, ErrSuites},
	} {
		if _, _, err := Accept(testClient(t, c.offered...).Offer(), id, c.has...); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysNeverPrint(t *testing.T) {
	slice, err := seal.NewKey(bytes.Repeat([]byte{0xAB}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := seal.NewKey(bytes.Repeat([]byte{0xCD}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	k := &Keys{seal.NameAES256GCM, slice, manifest}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "keys", k, "value", *k)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "keys", k, "value", *k)
	js, err := json.Marshal(map[string]any{"k": k, "v": *k})
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{logged.String(), string(js), fmt.Sprint(k, *k), fmt.Sprint([]*Keys{k}), fmt.Sprintf("%v", struct{ k Keys }{*k})}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%d", "%q"} {
		texts = append(texts, fmt.Sprintf(verb, k), fmt.Sprintf(verb, *k))
	}
	for _, text := range texts {
		if lower := strings.ToLower(text); strings.Contains(lower, "abab") || strings.Contains(lower, "cdcd") || strings.Contains(text, "171 171") || strings.Contains(text, "205 205") {
			t.Errorf("a key shows in %q", text)
		}
	}
}

// TestWipedKeysAreZero: both of them.
func TestWipedKeysAreZero(t *testing.T) {
	zero, err := seal.NewKey(make([]byte, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := seal.NewKey(append(make([]byte, seal.KeySize-1), 1))
	if err != nil {
		t.Fatal(err)
	}
	nothing := &Keys{seal.NameAES256GCM, zero, manifest} // all zeros, but that same wants two keys
	_, k := accepted(t, testClient(t, bothSuites...).Offer(), testSigner(1))
	if same(t, k, nothing) {
		t.Fatal("zeros from the beginning")
	}
	k.Wipe()
	sealed := seal.NewBox(zero).Seal(nil, 0, nil)
	for name, key := range map[string]*seal.Key{"slice": k.Slice, "manifest": k.Manifest} {
		if _, err := seal.NewBox(key).Open(bytes.Clone(sealed), nil); err != nil {
			t.Errorf("the %s key is not wiped", name)
		}
	}
}
