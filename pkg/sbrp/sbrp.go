// Package sbrp is the bytes of the Sideband Relay Protocol, version 1 in
// binary: what a client, a daemon and the relay between them say to each other,
// one frame in one WebSocket message,
//
//	type (1 byte) ‖ payload length (4) ‖ session id (8) ‖ payload
//
// with all integers big-endian. A message goes in, a Frame comes out, or a
// refusal with the Code that the protocol has for it; and back. Decode is for
// the two endpoints, Admit for the relay.
//
// The header is not authenticated, so a relay can renumber sessions; keys
// protect content alone. Handshake and records, which need keys, are in the
// package channel below this one: a relay links this package, and with it no
// cipher and no key. It imports nothing of ours, and touches no network.
package sbrp

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Sizes in bytes.
const (
	HeaderSize = 13
	MaxPayload = 64 << 10
	MaxFrame   = HeaderSize + MaxPayload
	MaxPing    = 8

	KeySize       = 32 // public keys, X25519 and Ed25519
	SignatureSize = 64
	InitSize      = KeySize
	AcceptSize    = KeySize + KeySize + SignatureSize

	NonceSize = 12
	TagSize   = 16
	Overhead  = NonceSize + TagSize // of a record over its plaintext
	MaxPlain  = MaxPayload - Overhead

	signalSize = 2
	codeSize   = 2
)

// Role is a side of the protocol. Roles are bits, so that a set of them is a
// Role too.
type Role uint8

// The three sides.
const (
	Client Role = 1 << iota
	Daemon
	Relay
)

// Type is a frame's first byte.
type Type uint8

// The types there are. 0x00 is invalid; of the others, 0x01 to 0x0f are of a
// session, 0x10 to 0x1f of a connection, 0x20 to 0x2f made by a relay.
const (
	TypeInit    Type = 0x01 // HandshakeInit: the client's ephemeral key
	TypeAccept  Type = 0x02 // HandshakeAccept: the daemon's keys and signature
	TypeData    Type = 0x03 // a record
	TypeSignal  Type = 0x04 // a daemon to its relay
	TypePing    Type = 0x10
	TypePong    Type = 0x11
	TypeControl Type = 0x20 // a relay to an endpoint
)

// rule is what holds for the frames of a type.
type rule struct {
	name        string // "": there is no such type
	session     uint8  // noSession, someSession or anySession
	least, most int    // bytes of payload
	from        Role   // who makes such frames
	forwarded   bool   // from endpoint to endpoint
}

const (
	noSession = iota
	someSession
	anySession
)

var rules = [TypeControl + 1]rule{
	TypeInit:    {"HandshakeInit", someSession, InitSize, InitSize, Client, true},
	TypeAccept:  {"HandshakeAccept", someSession, AcceptSize, AcceptSize, Daemon, true},
	TypeData:    {"Data", someSession, Overhead, MaxPayload, Client | Daemon, true},
	TypeSignal:  {"Signal", someSession, signalSize, signalSize, Daemon, false},
	TypePing:    {"Ping", noSession, 0, MaxPing, Client | Daemon | Relay, false},
	TypePong:    {"Pong", noSession, 0, MaxPing, Client | Daemon | Relay, false},
	TypeControl: {"Control", anySession, codeSize, MaxPayload, Relay, false},
}

func (t Type) rule() rule {
	if int(t) < len(rules) {
		return rules[t]
	}
	return rule{}
}

// Known tells whether there is such a type. All others are refused.
func (t Type) Known() bool { return t.rule().name != "" }

// String is the name in the protocol's documents.
func (t Type) String() string {
	if t.Known() {
		return t.rule().name
	}
	return fmt.Sprintf("frame type %#02x", uint8(t))
}

// Forwarded tells whether a relay hands frames of the type from endpoint to
// endpoint, as they are. It acts on the others itself.
func (t Type) Forwarded() bool { return t.rule().forwarded }

// Sends tells whether r makes frames of type t. A relay makes none of those
// that it forwards.
func (r Role) Sends(t Type) bool { return t.rule().from&r != 0 }

// Takes tells whether frames of type t come to r: to an endpoint what the
// relay makes and what it forwards of the other end, to the relay whatever an
// endpoint makes.
func (r Role) Takes(t Type) bool {
	switch rule := t.rule(); r {
	case Client:
		return rule.from&Relay != 0 || rule.forwarded && rule.from&Daemon != 0
	case Daemon:
		return rule.from&Relay != 0 || rule.forwarded && rule.from&Client != 0
	case Relay:
		return rule.from&(Client|Daemon) != 0
	}
	return false
}

// SessionID names a session on a connection. 0 is the connection itself.
type SessionID uint64

// claimSize is that of a session's claim: base64url of 8 bytes, unpadded.
const claimSize = 11

// claims is strict: one text for one id.
var claims = base64.RawURLEncoding.Strict()

// Claim is the id as a token has it, in "sid".
func (id SessionID) Claim() string {
	return claims.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(id)))
}

// ParseClaim reads what Claim wrote, and nothing else: no padding, no other
// alphabet, not 0. The published endpoints are laxer; who checks tokens should
// not be.
func ParseClaim(claim string) (SessionID, error) {
	if len(claim) != claimSize {
		return 0, fmt.Errorf("session id of %d characters, want %d", len(claim), claimSize)
	}
	b, err := claims.DecodeString(claim)
	if err != nil || len(b) != 8 {
		return 0, errors.New("session id is not base64url of 8 bytes")
	}
	id := SessionID(binary.BigEndian.Uint64(b))
	if id == 0 {
		return 0, errors.New("session id is zero")
	}
	return id, nil
}

// MaxDaemonID is the most bytes a daemon's id has here. The protocol bounds it
// only by the 4,096 bytes of a token.
const MaxDaemonID = 256

// CheckDaemonID refuses ids that are empty, too long or not UTF-8.
func CheckDaemonID(id string) error {
	switch {
	case id == "":
		return errors.New("daemon id is empty")
	case len(id) > MaxDaemonID:
		return fmt.Errorf("daemon id of %d bytes, %d are the most", len(id), MaxDaemonID)
	case !utf8.ValidString(id):
		return errors.New("daemon id is not UTF-8")
	}
	return nil
}
