package wipe_test

import (
	"bytes"
	"crypto/aes"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/mlkem"
	"crypto/sha256"
	"reflect"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"secstream/pkg/wipe"
)

// TestReaches: what secrets are in is what this release of Go keeps them in.
func TestReaches(t *testing.T) {
	key := bytes.Repeat([]byte{0x5a}, 32)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	if !wipe.Value(block) {
		t.Error("AES: not reached")
	}
	if fresh, err := aes.NewCipher(key); err != nil || reflect.DeepEqual(fresh, block) || !wipe.Value(fresh) || !reflect.DeepEqual(fresh, block) {
		t.Error("AES: something is left")
	}
	if box, err := chacha20poly1305.New(key); err != nil || !wipe.Value(box) {
		t.Error("ChaCha20: not reached")
	} else if other, err := chacha20poly1305.New(make([]byte, 32)); err != nil || !reflect.DeepEqual(box, other) {
		t.Error("ChaCha20: something is left")
	}
	x, err := ecdh.X25519().NewPrivateKey(key)
	if err != nil || !wipe.Field(x, "privateKey") || !bytes.Equal(x.Bytes(), make([]byte, 32)) {
		t.Error("X25519: not reached")
	}
	kem, err := mlkem.NewDecapsulationKey768(append(key, key...))
	if err != nil || !wipe.Field(kem, "key") || !bytes.Equal(kem.Bytes(), make([]byte, 64)) {
		t.Error("ML-KEM: not reached")
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(key)
	for _, name := range []string{"opad", "ipad", "outer", "inner"} {
		if !wipe.Field(mac, name) {
			t.Errorf("HMAC: %s is not reached", name)
		}
	}
}

type mixed struct {
	key  [4]byte
	next *mixed
	text string
	list []int
}

// TestLeavesAlone: what has pointers in it is as it was.
func TestLeavesAlone(t *testing.T) {
	number := 7
	m := &mixed{key: [4]byte{1, 2, 3, 4}, text: "a", list: []int{5}}
	m.next = m
	for _, v := range []any{nil, 5, "a", number, m, *m, (*mixed)(nil), &m, []byte{1}, &[]byte{1}, new(any), new(uintptr), func() {}} {
		if wipe.Value(v) {
			t.Errorf("%T is overwritten", v)
		}
	}
	for _, name := range []string{"", "none", "key", "next", "text", "list"} {
		if wipe.Field(m, name) || wipe.Field(*m, name) || wipe.Field((*mixed)(nil), name) || wipe.Field(nil, name) || wipe.Field(&number, name) {
			t.Errorf("%s is overwritten", name)
		}
	}
	if m.key != [4]byte{1, 2, 3, 4} || m.next != m || m.text != "a" || m.list[0] != 5 || number != 7 {
		t.Errorf("%+v", *m)
	}
	if !wipe.Value(&number) || number != 0 {
		t.Error(number)
	}
}

// TestStack: both call what they are given, once, also when it panics.
func TestStack(t *testing.T) {
	for _, with := range []func(func()){wipe.Stack, wipe.Deep} {
		n := 0
		with(func() { n++ })
		func() {
			defer func() { _ = recover() }()
			with(func() { n++; panic("so") })
		}()
		if n != 2 {
			t.Error(n)
		}
		if got := testing.AllocsPerRun(10, func() { with(func() {}) }); got > 0 {
			t.Errorf("%v allocations", got)
		}
	}
}
