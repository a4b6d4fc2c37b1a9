package sbrp

import (
	"errors"
	"fmt"
)

// Code is why a relay refuses, closes or pauses, or why an endpoint gives up.
type Code uint16

// Codes that a relay sends in Control frames.
const (
	Unauthorized     Code = 0x0101 // token invalid or expired
	Forbidden        Code = 0x0102 // token good, access refused
	DaemonNotFound   Code = 0x0201 // no such daemon
	DaemonOffline    Code = 0x0202 // daemon known, but not connected
	SessionNotFound  Code = 0x0301 // frame of an unknown session
	SessionExpired   Code = 0x0302 // daemon away too long, or it closed the session, or policy
	MalformedFrame   Code = 0x0401 // header bad or short
	PayloadTooLarge  Code = 0x0402
	InvalidFrameType Code = 0x0403
	InvalidSessionID Code = 0x0404 // zero where it may not be, or not zero where it must be
	DisallowedSender Code = 0x0405 // a type that this side does not send
	InternalError    Code = 0x0601 // the relay failed
	RateLimited      Code = 0x0901 // too many messages; the connection stays
	Backpressure     Code = 0x0902 // the receiver is too slow
	SessionPaused    Code = 0x1001 // daemon gone, traffic held
	SessionResumed   Code = 0x1002 // daemon ready
	SessionEnded     Code = 0x1003 // client gone
	SessionPending   Code = 0x1004 // daemon back, not yet ready
)

// Codes of an endpoint's own. They never go over the wire.
const (
	IdentityKeyChanged Code = 0xe001 // the daemon's key is not the pinned one
	HandshakeFailed    Code = 0xe002
	HandshakeTimeout   Code = 0xe003
	DecryptFailed      Code = 0xe004
	SequenceError      Code = 0xe005 // record came before, or too late; or numbers are used up
)

// facts are what is known of a code.
type facts struct {
	name     string
	terminal bool // the relay closes the connection; the endpoint gives up the session
	retry    bool // a new token, connection and handshake may do
	session  bool // a Control frame of it has the id of a session
	to       Role // whom a relay sends it to
}

const either = Client | Daemon

// codes has the facts of all. Of session_expired the published endpoints say
// that there is no retrying; the protocol says to connect anew, and so do we.
var codes = map[Code]facts{
	Unauthorized:     {"unauthorized", true, false, false, either},
	Forbidden:        {"forbidden", true, false, false, either},
	DaemonNotFound:   {"daemon_not_found", true, false, true, either},
	DaemonOffline:    {"daemon_offline", true, true, true, either},
	SessionNotFound:  {"session_not_found", true, false, true, either},
	SessionExpired:   {"session_expired", true, true, true, either},
	MalformedFrame:   {"malformed_frame", true, false, false, either},
	PayloadTooLarge:  {"payload_too_large", true, false, false, either},
	InvalidFrameType: {"invalid_frame_type", true, false, false, either},
	InvalidSessionID: {"invalid_session_id", true, false, false, either},
	DisallowedSender: {"disallowed_sender", true, false, true, either},
	InternalError:    {"internal_error", true, true, false, either},
	RateLimited:      {"rate_limited", false, true, false, either},
	Backpressure:     {"backpressure", true, true, false, either},
	SessionPaused:    {"session_paused", false, true, true, Client},
	SessionResumed:   {"session_resumed", false, true, true, Client},
	SessionEnded:     {"session_ended", false, true, true, Daemon},
	SessionPending:   {"session_pending", false, true, true, Client},

	IdentityKeyChanged: {"identity_key_changed", true, false, false, 0},
	HandshakeFailed:    {"handshake_failed", true, false, false, 0},
	HandshakeTimeout:   {"handshake_timeout", true, true, false, 0},
	DecryptFailed:      {"decrypt_failed", true, false, false, 0},
	SequenceError:      {"sequence_error", true, false, false, 0},
}

// String is the name in the protocol's documents.
func (c Code) String() string {
	if f, ok := codes[c]; ok {
		return f.name
	}
	return fmt.Sprintf("code %#04x", uint16(c))
}

// Wire tells whether a relay may send c. Nothing else follows from the range
// that a code lies in.
func (c Code) Wire() bool { return codes[c].to != 0 }

// Terminal tells whether c ends the connection, for a relay, or the session, for
// an endpoint. An unknown code does.
func (c Code) Terminal() bool {
	f, ok := codes[c]
	return !ok || f.terminal
}

// Retry tells whether an endpoint that met c may try again by itself, with a
// new token and a new handshake. After an unknown code it may not.
func (c Code) Retry() bool { return codes[c].retry }

// NamesSession tells whether a Control frame of c has the id of a session;
// otherwise it has 0.
func (c Code) NamesSession() bool { return codes[c].session }

// SentTo tells whether a relay sends c to r. An endpoint should bear with those
// that are for the other: published relays' documents differ.
func (c Code) SentTo(r Role) bool { return codes[c].to&r != 0 }

// Error is a refusal. Its text has no ids, keys or payload.
type Error struct {
	Code Code
	// Session is what a relay puts in the header of a Control frame about it: 0
	// but for DisallowedSender.
	Session SessionID
	Err     error // what was wrong
}

func (e *Error) Error() string { return e.Code.String() + ": " + e.Err.Error() }

// Unwrap is what was wrong.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf is the code of the *Error in err, and 0 if there is none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return 0
}

func refuse(c Code, format string, args ...any) *Error {
	return &Error{Code: c, Err: fmt.Errorf(format, args...)}
}
