package client

import (
	"sync"
	"time"

	"secstream/pkg/compress"
	"secstream/pkg/pack"
)

// keys are what one exchange agreed on; another exchange makes others. They are
// wiped when others have replaced them, or the track is closed, and no slice is
// on its way any more that they are for.
type keys struct {
	session string
	ids     []string
	codec   compress.Codec
	unpack  *pack.Unpacker
	padded  bool
	cipher  string
	since   time.Time

	mu      sync.Mutex
	users   int
	retired bool
}

// hold adds a user, and says whether that could be done: retired keys take none.
func (k *keys) hold() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.retired {
		return false
	}
	k.users++
	return true
}

// release takes a user back.
func (k *keys) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.users--
	k.wipe()
}

// retire says that nobody is to use k from now on. A nil k has nobody.
func (k *keys) retire() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.retired = true
	k.wipe()
}

// wipe overwrites the key once it is of no more use. The caller holds mu.
func (k *keys) wipe() {
	if k.retired && k.users == 0 {
		k.unpack.Wipe()
	}
}

// held are the keys of now, for one user, who releases them.
func (t *Track) held() *keys {
	for {
		if k := t.keys.Load(); k.hold() {
			return k
		}
	}
}
