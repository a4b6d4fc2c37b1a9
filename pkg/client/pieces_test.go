package client_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"secstream/pkg/audio"
	"secstream/pkg/client"
	"secstream/pkg/compress"
	"secstream/pkg/handshake"
	"secstream/pkg/seal"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// backwards is a codec of a program's own: it turns slices round.
type backwards struct{ compress.None }

func (backwards) Name() string { return "backwards" }

func (backwards) Stores() bool { return false }

func (backwards) Append(dst, src []byte) []byte {
	for i := len(src) - 1; i >= 0; i-- {
		dst = append(dst, src[i])
	}
	return dst
}

func (b backwards) Expand(dst, src []byte, limit int) ([]byte, error) {
	return b.None.Expand(dst, b.Append(nil, src), limit)
}

// TestOtherPieces is TestJoinedSlicesAreTheFile with nothing of protocol v1's
// choice.
func TestOtherPieces(t *testing.T) {
	zstd, err := compress.NewZstd(compress.MinZstd)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]struct {
		server session.Config
		client client.Config
		paths  []string
	}{
		"zstd, ChaCha20, X25519": {
			session.Config{Compression: zstd, Cipher: seal.ChaCha20Poly1305{}, Exchange: handshake.X25519{}},
			client.Config{V1: true, Exchange: handshake.X25519{}},
			[]string{"music-coffee-8k.wav", "speech-librivox-16k.wav", "speech-french-8k.flac"},
		},
		"none": {
			session.Config{Compression: compress.None{}}, client.Config{V1: true},
			[]string{"music-coffee-8k.wav", "speech-french-8k.flac"},
		},
		"one's own": {
			session.Config{Compression: backwards{}}, client.Config{V1: true, Codecs: []compress.Codec{backwards{}}},
			[]string{"music-coffee-8k.wav"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, tracks := dial(t, start(t, p.server, publicAudio), p.client)
			found := 0
			for _, lt := range tracks {
				for _, path := range p.paths {
					if lt.Path == path {
						found++
						t.Run(path, func(t *testing.T) { comparePlayback(t, c, lt) })
					}
				}
			}
			if found != len(p.paths) {
				t.Errorf("%d tracks of %v", found, p.paths)
			}
		})
	}
}

// refused opens a track and expects that it fails.
func refused(t *testing.T, address string, cfg client.Config) error {
	t.Helper()
	c, tracks := dial(t, address, cfg)
	track, err := c.Open(t.Context(), wav(t, tracks), audio.Tags{})
	if err == nil {
		track.Close()
		t.Fatal("it opens")
	}
	return err
}

// wav is a track that is worth compressing.
func wav(t *testing.T, tracks []wire.LibraryTrack) string {
	t.Helper()
	for _, lt := range tracks {
		if lt.Format == string(audio.WAV) {
			return lt.ID
		}
	}
	t.Fatal("no WAV file")
	return ""
}

func TestPiecesOneDoesNotKnow(t *testing.T) {
	own := start(t, session.Config{Compression: backwards{}}, publicAudio)
	if err := refused(t, own, client.Config{V1: true}); !errors.Is(err, compress.ErrUnknown) || !errors.Is(err, client.ErrProtocol) || !strings.Contains(err.Error(), `"backwards"`) {
		t.Errorf("compression: %v", err)
	}
	var answer *wire.Error
	x25519 := start(t, session.Config{Exchange: handshake.X25519{}}, publicAudio)
	if err := refused(t, x25519, client.Config{V1: true}); !errors.As(err, &answer) || answer.Status != http.StatusBadRequest {
		t.Errorf("a P-256 key for X25519: %v", err)
	}
	if err := refused(t, start(t, session.Config{}, publicAudio), client.Config{V1: true, Exchange: handshake.X25519{}}); !errors.As(err, &answer) || answer.Status != http.StatusBadRequest {
		t.Errorf("an X25519 key for P-256: %v", err)
	}
}
