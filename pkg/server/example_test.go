package server_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/client"
	"secstream/pkg/identity"
	"secstream/pkg/library"
	"secstream/pkg/server"
	"secstream/pkg/session"
)

// A program of one's own serves a folder below /music, beside what else it has,
// and a player listens there. Package session has an example of sessions on what
// is in no folder.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()

	key := make([]byte, 32) // kept, so that tracks are called the same after a restart
	_, _ = rand.Read(key)
	lib, err := library.New(library.Config{Roots: []string{"../../testdata/audio/music-drums.wav"}, IDKey: key})
	if err != nil {
		log.Fatal(err)
	}
	defer lib.Close()
	go func() { _ = lib.Run(ctx) }() // scans, and notices changes
	<-lib.Ready()

	who, err := identity.Ephemeral() // or identity.Create, kept: players know the server by it
	if err != nil {
		log.Fatal(err)
	}
	store, err := session.NewStore(session.Config{Identity: who, Limits: session.Limits{Max: 100, TTL: 10 * time.Minute}})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	go store.Sweep(ctx) // ends idle sessions

	slices, err := server.New(server.Config{Sessions: store, Library: lib})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "the rest of the site") })
	mux.Handle("/music/", http.StripPrefix("/music", slices))
	site := httptest.NewServer(mux) // or an http.Server with time limits, and TLS
	defer site.Close()

	player, err := client.New(site.URL+"/music", client.Config{})
	if err != nil {
		log.Fatal(err)
	}
	list, err := player.Library(ctx)
	if err != nil {
		log.Fatal(err)
	}
	track, err := player.Open(ctx, list.Tracks[0].ID, audio.Tags{})
	if err != nil {
		log.Fatal(err)
	}
	defer track.Close()
	for i := range track.Len() {
		slice, err := track.Slice(ctx, i)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("slice %d: %d bytes of PCM\n", i, len(slice))
		track.Release(i) // and wiped
	}
	fmt.Println("sessions:", store.Stats().Live)

	// Output:
	// slice 0: 882000 bytes of PCM
	// slice 1: 327600 bytes of PCM
	// sessions: 1
}
