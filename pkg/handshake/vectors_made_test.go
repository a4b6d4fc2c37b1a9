package handshake

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"slices"
	"strings"

	"secstream/pkg/identity"
	"secstream/pkg/seal"
)

// The PCM and its DEFLATE are those of protocol v1's vector.
const (
	vectorPCM     = "secstream wire vector: 0123456789 0123456789 0123456789"
	vectorDeflate = "2b4e4d2e2e294a4dcc5528cf2c4a55284b4d2ec92fb2523030343236313533b7b0c4ce0400"
)

func makeVectors(recorded hexed) vectors {
	v := vectors{About: "Protocol v2: docs/protocol.md section 8. Bytes are hexadecimal; names are those of that section."}
	aes, chacha := seal.NameAES256GCM, seal.NameChaCha20Poly1305
	plain := exchangeVector{
		Name: "X25519", Session: "session-of-the-vectors", Track: "", Suites: []string{aes, chacha}, Suite: aes,
		ClientPrivate: counted(0x10, 32), ServerPrivate: counted(0x40, 32), IdentitySeed: counted(0x70, 32),
	}.fixed(nil)
	hybrid := exchangeVector{
		Name: "X25519 and ML-KEM-768", Session: "session-of-the-vectors", Track: "track_ünï", Suites: []string{"ROT-13", chacha, aes}, Suite: chacha,
		ClientPrivate: counted(0x20, 32), ServerPrivate: counted(0x50, 32), IdentitySeed: counted(0x70, 32), MLKEMSeed: counted(0xa0, 64),
	}.fixed(recorded)
	v.Exchanges = []exchangeVector{plain, hybrid}
	for i, x := range v.Exchanges {
		v.Exchanges[i].Fingerprint = identity.FingerprintOf(ed25519.PublicKey(x.Identity)).String()
		v.Seals = append(v.Seals, makeSeals(x)...)
	}
	v.Padding.Made, v.Padding.Lengths, v.Padding.Refused = makePadding()
	v.Refused.Offers = makeOffers(plain)
	v.Refused.Replies = makeReplies(plain, hybrid)
	return v
}

func makeSeals(x exchangeVector) []sealVector {
	pcm, deflated := hexed(vectorPCM), must(hex.DecodeString(vectorDeflate))
	manifest := `{"version":1,"source":"track","tags":{"title":"Vektor"},"hasCover":false,"sessionInfo":{"sessionId":"` + x.Session + `"}}`
	padded := append(slices.Clone(deflated), 0x80, 0, 0)             // 38 come to 40
	coded := append(slices.Repeat(hexed("fLaC"), 10), 0x80, 0, 0, 0) // 41 come to 44
	all := []sealVector{
		{Name: "manifest", Kind: "manifest", Nonce: counted(0, 12), Inside: hexed(manifest)},
		{Name: "PCM", Kind: "slice", ID: "AAAAAAAAAAAAAAAAAAAAA", Number: 0, Total: 3, Encoding: "wav", Compression: "deflate", Plain: 55,
			Nonce: counted(16, 12), Content: pcm, Inside: deflated},
		{Name: "PCM, stored", Kind: "slice", ID: "slice-2", Number: 1, Total: 3, Encoding: "wav", Compression: "none", Plain: 55,
			Nonce: counted(32, 12), Content: pcm, Inside: pcm},
		{Name: "PCM, padded", Kind: "slice", ID: "BBBBBBBBBBBBBBBBBBBBB", Number: 2, Total: 3, Encoding: "riff", Compression: "deflate", Plain: 55, Padded: true,
			Nonce: counted(48, 12), Content: pcm, Inside: padded},
		{Name: "coded", Kind: "slice", ID: "CCCCCCCCCCCCCCCCCCCCC", Number: 258, Total: 70000, Encoding: "flac", Compression: "none",
			Nonce: counted(64, 12), Content: coded[:40], Inside: coded[:40]},
		{Name: "coded, padded", Kind: "slice", ID: "DDDDDDDDDDDDDDDDDDDDD", Number: 65536, Total: 70000, Encoding: "ogg", Compression: "none", Padded: true,
			Nonce: counted(80, 12), Content: coded[:40], Inside: coded},
	}
	for i, s := range all {
		s.Name += ", " + x.Name
		all[i] = s.fixed(x)
	}
	return all
}

func makePadding() (made []padVector, lengths [][2]int, refused []hexed) {
	for _, c := range []struct{ plain, zeros int }{{0, 1}, {1, 0}, {2, 0}, {7, 0}, {8, 1}, {9, 0}, {15, 0}, {16, 1}, {63, 0}, {64, 7}, {67, 4}, {68, 3}} {
		plain := counted(0x61, c.plain)
		made = append(made, padVector{plain, slices.Concat(plain, hexed{0x80}, make(hexed, c.zeros))})
	}
	tail := hexed{0x80, 0, 0} // what ends like padding and is none is kept
	made = append(made, padVector{tail, append(slices.Clone(tail), 0x80)})
	lengths = [][2]int{
		{1, 2}, {2, 2}, {3, 3}, {8, 8}, {9, 10}, {16, 16}, {17, 18}, {33, 36}, {63, 64}, {64, 64}, {65, 72}, {256, 256}, {257, 272}, {1000, 1024},
		{65535, 65536}, {65537, 67584}, {882001, 884736}, {1000000, 1015808}, {32505856, 32505856},
	}
	return made, lengths, []hexed{{}, {0}, {0, 0, 0, 0}, {0x81}, {0x61, 0x62}, {0x80, 0x01, 0}, {0x40, 0}}
}

// weakPoints are the points of low order of Curve25519 that 32 bytes can name,
// but for the top bit, which is ignored (RFC 7748, section 5).
var weakPoints = map[string]string{
	"0":         strings.Repeat("00", 32),
	"1":         "01" + strings.Repeat("00", 31),
	"order 8":   "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"order 8'":  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"p-1":       "ec" + strings.Repeat("ff", 30) + "7f",
	"p":         "ed" + strings.Repeat("ff", 30) + "7f",
	"p+1":       "ee" + strings.Repeat("ff", 30) + "7f",
	"1, top":    "01" + strings.Repeat("00", 30) + "80",
	"p-1, top":  "ec" + strings.Repeat("ff", 31),
	"order8 ^t": "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
}

func makeOffers(x exchangeVector) []offerVector {
	all := []offerVector{
		{Name: "no key", Error: "publicKey"},
		{Name: "a short key", PublicKey: x.ClientPublic[1:], Error: "publicKey"},
		{Name: "a long key", PublicKey: append(slices.Clone(x.ClientPublic), 0), Error: "publicKey"},
		{Name: "a short key of ML-KEM", PublicKey: x.ClientPublic, MLKEMKey: make(hexed, 1183), Error: "publicKey"},
		{Name: "a long key of ML-KEM", PublicKey: x.ClientPublic, MLKEMKey: make(hexed, 1185), Error: "publicKey"},
		{Name: "a key of ML-KEM out of range", PublicKey: x.ClientPublic, MLKEMKey: bytes.Repeat(hexed{0xff}, 1184), Error: "publicKey"},
		{Name: "no suites", PublicKey: x.ClientPublic, Suites: []string{}, Error: "suites"},
		{Name: "unknown suites", PublicKey: x.ClientPublic, Suites: []string{"ROT-13", "aes-256-gcm", ""}, Error: "suites"},
		{Name: "nine suites", PublicKey: x.ClientPublic, Suites: slices.Repeat([]string{x.Suite}, 9), Error: "suites"},
	}
	for _, name := range sortedKeys(weakPoints) {
		all = append(all, offerVector{Name: "low order: " + name, PublicKey: must(hex.DecodeString(weakPoints[name])), Error: "publicKey"})
	}
	for i := range all {
		if all[i].Suites == nil {
			all[i].Suites = x.Suites
		}
	}
	return all
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// makeReplies are changes to the replies of plain and hybrid: signed anew, as by
// a server that breaks the protocol, or not, as by somebody on the way.
func makeReplies(plain, hybrid exchangeVector) []replyVector {
	low := must(hex.DecodeString(weakPoints["order 8"]))
	signed := func(name string, x exchangeVector, change func(r *replyVector)) replyVector {
		r := replyVector{
			Name: name, Exchange: x.Name, Suite: x.Suite, ServerPublic: x.ServerPublic, MLKEMCiphertext: x.MLKEMCiphertext,
			Identity: x.Identity, Signed: true, Error: "reply",
		}
		change(&r)
		r.Hash = x.transcript(r.Suite, r.ServerPublic, r.MLKEMCiphertext, r.Identity)
		r.Signature = ed25519.Sign(ed25519.NewKeyFromSeed(x.IdentitySeed), r.Hash)
		return r
	}
	changed := func(name string, x exchangeVector, change func(r *replyVector)) replyVector {
		r := signed(name, x, func(*replyVector) {})
		r.Signed, r.Error, r.Signature = false, "signature", slices.Clone(r.Signature)
		change(&r)
		return r
	}
	return []replyVector{
		signed("a suite that was not offered", plain, func(r *replyVector) { r.Suite = "ROT-13" }),
		signed("no suite", plain, func(r *replyVector) { r.Suite = "" }),
		signed("a key of low order", plain, func(r *replyVector) { r.ServerPublic = low }),
		signed("a short key", plain, func(r *replyVector) { r.ServerPublic = r.ServerPublic[1:] }),
		signed("a short identity", plain, func(r *replyVector) { r.Identity = r.Identity[1:] }),
		signed("a short ciphertext of ML-KEM", hybrid, func(r *replyVector) { r.MLKEMCiphertext = r.MLKEMCiphertext[1:] }),
		changed("a short signature", plain, func(r *replyVector) { r.Signature, r.Error = r.Signature[1:], "reply" }),
		changed("another suite that was offered", plain, func(r *replyVector) { r.Suite = plain.Suites[1] }),
		changed("another key", plain, func(r *replyVector) { r.ServerPublic = hybrid.ServerPublic }),
		changed("another identity", plain, func(r *replyVector) { r.Identity = plain.ClientPublic }),
		changed("another signature", plain, func(r *replyVector) { r.Signature[0] ^= 1 }),
		changed("the signature of another exchange", plain, func(r *replyVector) { r.Signature = hybrid.Signature }),
		changed("no ciphertext of ML-KEM any more", hybrid, func(r *replyVector) { r.MLKEMCiphertext = nil }),
		changed("another ciphertext of ML-KEM", hybrid, func(r *replyVector) {
			r.MLKEMCiphertext = slices.Clone(r.MLKEMCiphertext)
			r.MLKEMCiphertext[0] ^= 1
		}),
	}
}
