package seal

import (
	"bytes"
	"crypto/cipher"
	"errors"
	"sync"
	"testing"
)

// TestWipedBox: what is sealed before opens, or does not, and afterwards nothing
// is sealed or opened, by any number at once.
func TestWipedBox(t *testing.T) {
	for _, c := range ciphers {
		key, err := NewKey(bytes.Repeat([]byte{7}, KeySize))
		if err != nil {
			t.Fatal(err)
		}
		box, err := NewBound(c, key)
		if err != nil {
			t.Fatal(err)
		}
		sound := []byte("sound")
		seal := func() []byte { return box.Seal(append(make([]byte, NonceSize), sound...), 0, []byte("here")) }
		zeros := make([]byte, len(sound)+TagSize)
		good := seal()
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 200 {
					sealed := seal()
					if void := bytes.Equal(sealed[NonceSize:], zeros); void {
						continue
					}
					if plain, err := box.Open(sealed, []byte("here")); err == nil && !bytes.Equal(plain, sound) || err != nil && !errors.Is(err, ErrForged) {
						t.Errorf("%s: %q, %v", c.Name(), plain, err)
					}
				}
			})
		}
		all.Go(box.Wipe)
		all.Wait()
		box.Wipe()
		if got := seal(); !bytes.Equal(got[NonceSize:], zeros) || len(got) != len(sound)+Overhead {
			t.Errorf("%s: a wiped box seals %x", c.Name(), got)
		}
		if plain, err := box.Open(bytes.Clone(good), []byte("here")); !errors.Is(err, ErrForged) || len(plain) > 0 {
			t.Errorf("%s: a wiped box opens %q, %v", c.Name(), plain, err)
		}
		if got := box.Seal([]byte("no room in front"), 0, nil); bytes.Contains(got, []byte("in front")) {
			t.Errorf("%s: %q", c.Name(), got)
		}
	}
}

// TestBlockIsCopied: the key schedule that AES makes is wiped because GCM has a copy
// of it, and it would not be if GCM kept the first one.
func TestBlockIsCopied(t *testing.T) {
	if !gcmCopies() {
		t.Error("this Go's GCM keeps the block it is made of: the key schedule of AES is no longer wiped")
	}
	type foreign struct{ cipher.Block } // GCM keeps those it does not know
	if copies(func(b cipher.Block) (cipher.AEAD, error) { return cipher.NewGCM(foreign{b}) }) {
		t.Error("a GCM that keeps its block is taken for one that copies it")
	}
	if copies(func(cipher.Block) (cipher.AEAD, error) { return nil, errors.New("no") }) {
		t.Error("a GCM that fails is taken for one that copies its block")
	}
}
