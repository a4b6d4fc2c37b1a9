package sbrp

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// The methods of Frame here read payloads. They are for frames of Decode and
// Admit alike, so they check sizes. Their errors are *Error: InvalidFrameType
// for a frame of another type, otherwise MalformedFrame.

// as refuses frames of another type than t, or of a wrong size.
func (f Frame) as(t Type) error {
	if f.Type != t {
		return refuse(InvalidFrameType, "%v where %v is looked for", f.Type, t)
	}
	return t.checkSize(len(f.Payload))
}

// Init is the client's ephemeral public key, raw: it need not be one.
func (f Frame) Init() (public [KeySize]byte, err error) {
	if err := f.as(TypeInit); err != nil {
		return public, err
	}
	return [KeySize]byte(f.Payload), nil
}

// AppendInit appends the frame of a client's ephemeral public key.
func AppendInit(dst []byte, id SessionID, public [KeySize]byte) ([]byte, error) {
	return Frame{TypeInit, id, public[:]}.Append(dst)
}

// Accept is a daemon's answer, raw: keys need not be keys, and the signature
// is not checked.
type Accept struct {
	Identity  [KeySize]byte       // Ed25519
	Ephemeral [KeySize]byte       // X25519
	Signature [SignatureSize]byte // Ed25519, over the digest of the handshake
}

// Accept is a daemon's answer.
func (f Frame) Accept() (Accept, error) {
	if err := f.as(TypeAccept); err != nil {
		return Accept{}, err
	}
	return Accept{
		Identity:  [KeySize]byte(f.Payload),
		Ephemeral: [KeySize]byte(f.Payload[KeySize:]),
		Signature: [SignatureSize]byte(f.Payload[2*KeySize:]),
	}, nil
}

// AppendAccept appends the frame of a daemon's answer.
func AppendAccept(dst []byte, id SessionID, a Accept) ([]byte, error) {
	dst, err := AppendHeader(dst, TypeAccept, id, AcceptSize)
	if err != nil {
		return dst, err
	}
	dst = append(dst, a.Identity[:]...)
	dst = append(dst, a.Ephemeral[:]...)
	return append(dst, a.Signature[:]...), nil
}

// Record is what Data carries: nonce, ciphertext and tag, Overhead bytes at
// least. It is the payload, not a copy.
func (f Frame) Record() ([]byte, error) {
	if err := f.as(TypeData); err != nil {
		return nil, err
	}
	return f.Payload, nil
}

// Signal is what a daemon tells its relay of one of its sessions.
type Signal struct {
	Kind   SignalKind
	Reason Reason
}

// SignalKind is what is told.
type SignalKind uint8

// The two signals.
const (
	SignalReady SignalKind = 0 // the session's state is whole: traffic may flow
	SignalClose SignalKind = 1 // the session is at its end
)

// Reason is why. Ready should have none.
type Reason uint8

// The reasons there are.
const (
	ReasonNone      Reason = 0
	ReasonStateLost Reason = 1
	ReasonShutdown  Reason = 2
	ReasonPolicy    Reason = 3
	ReasonError     Reason = 4
)

// Signal is what a daemon tells. An unknown reason is ReasonNone: only relays
// get signals, and so they read them.
func (f Frame) Signal() (Signal, error) {
	if err := f.as(TypeSignal); err != nil {
		return Signal{}, err
	}
	s := Signal{SignalKind(f.Payload[0]), Reason(f.Payload[1])}
	if s.Kind > SignalClose {
		return Signal{}, refuse(MalformedFrame, "no signal %#02x is known", uint8(s.Kind))
	}
	if s.Reason > ReasonError {
		s.Reason = ReasonNone
	}
	return s, nil
}

// AppendSignal appends the frame of s. Unknown signals and reasons are
// MalformedFrame.
func AppendSignal(dst []byte, id SessionID, s Signal) ([]byte, error) {
	if s.Kind > SignalClose || s.Reason > ReasonError {
		return dst, refuse(MalformedFrame, "no signal %#02x with reason %#02x is known", uint8(s.Kind), uint8(s.Reason))
	}
	return Frame{TypeSignal, id, []byte{byte(s.Kind), byte(s.Reason)}}.Append(dst)
}

// AppendPing appends a Ping of up to MaxPing bytes.
func AppendPing(dst, payload []byte) ([]byte, error) {
	return Frame{Type: TypePing, Payload: payload}.Append(dst)
}

// AppendPong appends the answer to a Ping, which has the same payload.
func AppendPong(dst, payload []byte) ([]byte, error) {
	return Frame{Type: TypePong, Payload: payload}.Append(dst)
}

// Control is what a relay tells an endpoint.
type Control struct {
	Code Code
	// Text is for those who look for faults; nothing else follows from it. It
	// should be empty, and may have no ids, no tokens and nothing of a payload. One
	// that came is UTF-8, up to three times MaxPayload long, and otherwise what
	// the relay liked: it is to be cut and cleaned before people see it.
	Text string
}

// endpointOnly is the range of codes that are an endpoint's own.
const endpointOnly = 0xe0

// Control is what the relay tells. A code that is not known is taken: it is
// Terminal. One that only an endpoint can find is not, so that no relay puts it
// into its mouth.
func (f Frame) Control() (Control, error) {
	if err := f.as(TypeControl); err != nil {
		return Control{}, err
	}
	code := Code(binary.BigEndian.Uint16(f.Payload))
	if code>>8&0xf0 == endpointOnly {
		return Control{}, refuse(MalformedFrame, "%v is never sent", code)
	}
	return Control{code, text(f.Payload[codeSize:])}, nil
}

// text is b without a byte order mark in front, and U+FFFD for each byte that
// is not UTF-8.
func text(b []byte) string {
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	if utf8.Valid(b) {
		return string(b)
	}
	var s strings.Builder
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		s.WriteRune(r)
		b = b[n:]
	}
	return s.String()
}

// AppendControl appends the frame of c. It has the id of a session only if the
// code is about one; of those DisallowedSender alone may go without, where the
// frame it is about had none. MalformedFrame is what does not hold to that, a
// code that is no relay's, and a text that is not UTF-8.
func AppendControl(dst []byte, id SessionID, c Control) ([]byte, error) {
	switch {
	case !c.Code.Wire():
		return dst, refuse(MalformedFrame, "%v is not a relay's to send", c.Code)
	case c.Code.NamesSession() && id == 0 && c.Code != DisallowedSender:
		return dst, refuse(MalformedFrame, "%v without a session id", c.Code)
	case !c.Code.NamesSession() && id != 0:
		return dst, refuse(MalformedFrame, "%v with a session id", c.Code)
	case !utf8.ValidString(c.Text):
		return dst, refuse(MalformedFrame, "a text that is not UTF-8")
	}
	dst, err := AppendHeader(dst, TypeControl, id, codeSize+len(c.Text))
	if err != nil {
		return dst, err
	}
	return append(binary.BigEndian.AppendUint16(dst, uint16(c.Code)), c.Text...), nil
}
