package sbrp

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Fingerprint is what people compare of a daemon's identity key: "SHA256:" and
// the SHA-256 of the raw key as 32 pairs of upper-case digits with ":" between,
// 102 characters. A key of another length than 32 bytes is a mistake of the
// program's, but has a fingerprint too.
func Fingerprint(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	var b strings.Builder
	b.WriteString("SHA256")
	for i := range sum {
		b.WriteByte(':')
		b.WriteString(strings.ToUpper(hex.EncodeToString(sum[i : i+1])))
	}
	return b.String()
}
