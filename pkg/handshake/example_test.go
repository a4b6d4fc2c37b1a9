package handshake_test

import (
	"bytes"
	"fmt"
	"log"

	"secstream/pkg/handshake"
	"secstream/pkg/seal"
)

// Both ends make a half, send its public key, and agree on the same key. A
// server does so by session.Config{Exchange: handshake.X25519{}}, a client by
// client.Config{Exchange: handshake.X25519{}}.
func ExampleX25519() {
	server, err := handshake.X25519{}.New()
	if err != nil {
		log.Fatal(err)
	}
	client, err := handshake.X25519{}.New()
	if err != nil {
		log.Fatal(err)
	}
	ours, err := server.Agree(client.Public())
	if err != nil {
		log.Fatal(err)
	}
	defer ours.Wipe()
	theirs, err := client.Agree(server.Public())
	if err != nil {
		log.Fatal(err)
	}
	defer theirs.Wipe()

	body := seal.NewBox(ours).Seal(bytes.Clone([]byte("a slice")), 0, nil)
	plain, err := seal.NewBox(theirs).Open(body, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, under a key that prints as %v\n", plain, theirs)
	// Output: a slice, under a key that prints as [secret]
}
