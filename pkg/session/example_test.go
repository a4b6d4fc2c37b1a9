package session_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"secstream/pkg/audio"
	"secstream/pkg/format"
	"secstream/pkg/handshake"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// recording is a track that the program has as an io.ReaderAt: a file, a range
// of a larger one, bytes in memory, something far away. It is indexed once.
type recording struct {
	io.ReaderAt
	name  string
	track audio.Track
}

func newRecording(ctx context.Context, name string, r io.ReaderAt, size int64) (*recording, error) {
	stream, err := format.Open(r, size)
	if err != nil {
		return nil, err
	}
	track, err := stream.Index(ctx, r)
	return &recording{r, name, track}, err
}

// Open and Close make a recording a session.Source. It closes nothing: the
// reader is the program's, which may use it for other sessions.
func (r *recording) Open(context.Context) (session.Content, error) { return opened{r}, nil }
func (r *recording) Close() error                                  { return nil }

// opened is a recording as a session.Content, which never changes.
type opened struct{ *recording }

func (o opened) Track() audio.Track { return o.track }
func (o opened) Version() string    { return o.name }
func (o opened) Check() error       { return nil }
func (o opened) Close() error       { return nil }

// A session on the program's own io.ReaderAt, and both ends of it: what a server
// does for its listener, and what the listener does.
func Example() {
	ctx := context.Background()
	file, err := os.Open("../../testdata/audio/music-drums.wav")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	stat, err := file.Stat()
	if err != nil {
		log.Fatal(err)
	}
	drums, err := newRecording(ctx, "drums, first take", file, stat.Size())
	if err != nil {
		log.Fatal(err)
	}

	store, err := session.NewStore(session.Config{Millis: 2000, Deflate: 6})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	sweep, stop := context.WithCancel(ctx)
	defer stop()
	go store.Sweep(sweep) // ends idle sessions

	sess, err := store.Create(session.Request{Sources: []session.Source{drums}})
	if err != nil {
		log.Fatal(err)
	}

	// The listener sends half of a key, and gets the other half with the list of slices.
	pair, err := handshake.NewPair()
	if err != nil {
		log.Fatal(err)
	}
	track, err := sess.Track("")
	if err != nil {
		log.Fatal(err)
	}
	answer, sent, err := track.Exchange(ctx, session.Ask{KeyRequest: wire.KeyRequest{PublicKey: pair.Public()}})
	if err != nil {
		log.Fatal(err)
	}
	sent() // once it is
	key, err := pair.Agree(answer.PublicKey)
	if err != nil {
		log.Fatal(err)
	}
	unpacker := pack.NewUnpacker(seal.NewBox(key))
	info := answer.SessionInfo
	fmt.Printf("%s, %d Hz, %d channels, %d slices\n", info.Format, info.SampleRate, info.Channels, info.TotalSlices)

	for i, id := range info.SliceIDs {
		slice, err := sess.Slice(ctx, "", id)
		if err != nil {
			log.Fatal(err)
		}
		body := append([]byte(nil), slice.Body...) // over the network; opening it here would change it
		slice.Release()
		plain, err := unpacker.Append(nil, body, pack.MaxPlain)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("slice %d: %d bytes of PCM\n", i, len(plain))
	}
	fmt.Println("sessions:", store.Stats().Live)
	if err := store.End(sess.ID); err != nil {
		log.Fatal(err)
	}
	fmt.Println("sessions:", store.Stats().Live)

	// Output:
	// wav, 44100 Hz, 2 channels, 4 slices
	// slice 0: 352800 bytes of PCM
	// slice 1: 352800 bytes of PCM
	// slice 2: 352800 bytes of PCM
	// slice 3: 151200 bytes of PCM
	// sessions: 1
	// sessions: 0
}
