package channel

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// bitmap is the window's bits as a number.
func (w *window) bitmap() *big.Int {
	n := new(big.Int)
	for _, x := range slices.Backward(w.bits) {
		n.Lsh(n, word).Or(n, new(big.Int).SetUint64(x))
	}
	mask := new(big.Int).Lsh(big.NewInt(1), uint(w.size))
	return n.And(n, mask.Sub(mask, big.NewInt(1)))
}

func TestWindowVectors(t *testing.T) {
	for _, v := range groupOf[struct {
		Name  string
		Size  uint64 `json:"window_size"`
		Steps []struct {
			Number uint64 `json:"seq_dec,string"`
			Accept bool
			Max    uint64 `json:"max_seen_after_dec,string"`
			Bitmap string `json:"window_bitmap_after_hex"`
		}
	}](t, "replay_window") {
		w := newWindow(v.Size)
		if len(v.Steps) == 0 {
			t.Errorf("%s is empty", v.Name)
		}
		for i, s := range v.Steps {
			got := w.fresh(s.Number)
			if got {
				w.mark(s.Number)
			}
			if bits := w.bitmap().Text(16); got != s.Accept || w.max != s.Max || bits != s.Bitmap {
				t.Fatalf("%s, %d: %d is fresh: %v, want %v; greatest %d, want %d; bits %s, want %s", v.Name, i, s.Number, got, s.Accept, w.max, s.Max, bits, s.Bitmap)
			}
		}
	}
}

// The window against the plain rule: a number is fresh unless it came or lies
// size or more behind the greatest.
func TestWindowRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range []uint64{1, 2, 63, 64, 65, 127, 128, 129, 200, 256} {
		w := newWindow(size)
		came := map[uint64]bool{}
		var at, most uint64
		for range 5000 {
			switch r.IntN(20) {
			case 0:
				at += r.Uint64N(3 * size)
			case 1:
				at -= min(at, r.Uint64N(3*size))
			default:
				at += r.Uint64N(4)
				at -= min(at, r.Uint64N(3))
			}
			want := len(came) == 0 || at > most || most-at < size && !came[at]
			if w.fresh(at) != want {
				t.Fatalf("window of %d: %d after %d is fresh: %v", size, at, most, !want)
			}
			if want {
				w.mark(at)
				came[at], most = true, max(most, at)
			}
		}
	}
}

// The protocol asks for 64 and advises 128.
func TestDefaultWindow(t *testing.T) {
	var v struct {
		Size int `json:"default_replay_window_size"`
		Keys int `json:"symmetric_key_length"`
		OKM  int `json:"session_keys_length"`

		Handshake  string `json:"handshake_context_utf8"`
		Transcript string `json:"transcript_context_utf8"`
		Info       string `json:"hkdf_info_utf8"`
		ToDaemon   octets `json:"direction_client_to_daemon_hex"`
		ToClient   octets `json:"direction_daemon_to_client_hex"`
	}
	group(t, "constants", &v)
	if v.Size != DefaultWindow || v.Keys != keySize || v.OKM != 2*keySize || v.Handshake != handshakeContext ||
		v.Transcript != transcriptContext || v.Info != keysInfo || v.ToDaemon[3] != byte(toDaemonPrefix) || v.ToClient[3] != byte(toClientPrefix) {
		t.Errorf("%+v", v)
	}
}
