package channel_test

import (
	"crypto/ed25519"
	"fmt"
	"log"

	"secstream/pkg/sbrp"
	"secstream/pkg/sbrp/channel"
)

// A client and a daemon meet, and talk both ways. Each frame here is one
// WebSocket message that a relay forwards.
func Example() {
	public, private, err := ed25519.GenerateKey(nil) // the daemon's identity; the client has pinned its public half
	if err != nil {
		log.Fatal(err)
	}
	daemon, err := channel.NewDaemon("d_abc123", private)
	if err != nil {
		log.Fatal(err)
	}
	client, err := channel.NewClient("d_abc123", 7) // the client's token names both
	if err != nil {
		log.Fatal(err)
	}
	defer client.Wipe()

	message, err := client.AppendInit(nil)
	if err != nil {
		log.Fatal(err)
	}
	message, ofDaemon, err := daemon.Answer(nil, received(message))
	if err != nil {
		log.Fatal(err)
	}
	defer ofDaemon.Wipe()
	ofClient, err := client.Finish(received(message), public)
	if err != nil {
		log.Fatal(err)
	}
	defer ofClient.Wipe()

	say(ofClient, ofDaemon, "which tracks are there?")
	say(ofDaemon, ofClient, "tabla.flac")
	// Output:
	// HandshakeInit of 32 bytes, session 7
	// HandshakeAccept of 128 bytes, session 7
	// Data of 51 bytes, session 7
	// which tracks are there?
	// Data of 38 bytes, session 7
	// tabla.flac
}

// received is what an endpoint does first with a message.
func received(message []byte) sbrp.Frame {
	f, err := sbrp.Decode(message)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v of %d bytes, session %d\n", f.Type, len(f.Payload), f.Session)
	return f
}

func say(from, to *channel.Channel, text string) {
	message, err := from.Append(nil, []byte(text))
	if err != nil {
		log.Fatal(err)
	}
	plain, err := to.Open(received(message))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", plain)
}
