package seal

import (
	"bytes"
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
