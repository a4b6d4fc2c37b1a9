package sbrp

import (
	"encoding/binary"
)

// Frame is one message.
type Frame struct {
	Type    Type
	Session SessionID // 0 is the connection
	Payload []byte    // of a decoded frame: a part of the message
}

// AppendHeader appends the header of a frame of size bytes of payload, which
// the caller then appends. It takes what Decode would take, and on an error
// returns dst as it was. Errors are *Error: InvalidFrameType, MalformedFrame,
// PayloadTooLarge.
func AppendHeader(dst []byte, t Type, id SessionID, size int) ([]byte, error) {
	if !t.Known() {
		return dst, refuse(InvalidFrameType, "no %v is known", t)
	}
	if !t.fits(id) {
		return dst, wrongSession(MalformedFrame, t)
	}
	if err := t.checkSize(size); err != nil {
		return dst, err
	}
	dst = append(dst, byte(t))
	dst = binary.BigEndian.AppendUint32(dst, uint32(size))
	return binary.BigEndian.AppendUint64(dst, uint64(id)), nil
}

// Append appends the whole frame. Errors are those of AppendHeader.
func (f Frame) Append(dst []byte) ([]byte, error) {
	dst, err := AppendHeader(dst, f.Type, f.Session, len(f.Payload))
	if err != nil {
		return dst, err
	}
	return append(dst, f.Payload...), nil
}

// Decode reads the one frame that message is, as an endpoint does: all is
// checked but what a payload says. It allocates nothing but errors, and the
// payload is a part of message. Errors are *Error: MalformedFrame,
// InvalidFrameType, PayloadTooLarge. They are looked for in the order in which
// the published endpoints do.
func Decode(message []byte) (Frame, error) {
	f, size, err := readHeader(message)
	switch {
	case err != nil:
		return Frame{}, err
	case !f.Type.Known():
		return Frame{}, refuse(InvalidFrameType, "no %v is known", f.Type)
	case size > MaxPayload:
		return Frame{}, tooLarge(size)
	case !f.Type.fits(f.Session):
		return Frame{}, wrongSession(MalformedFrame, f.Type)
	case int(size) != len(f.Payload):
		return Frame{}, wrongLength(size, len(f.Payload))
	}
	if err := f.Type.checkSize(len(f.Payload)); err != nil {
		return Frame{}, err
	}
	return f, nil
}

// Admit reads the one frame that message is, as a relay does that got it from
// an endpoint. What is to be forwarded it does not look into, sizes of
// handshakes and records included; Signal and Control look into the rest.
// Errors are *Error, each what a relay sends before it closes the connection,
// looked for in the order of the protocol's text. That text does not say what
// a length that is not the message's is, nor when a Ping is too long: they are
// MalformedFrame, after PayloadTooLarge, and PayloadTooLarge, last.
func Admit(message []byte, from Role) (Frame, error) {
	f, size, err := readHeader(message)
	switch {
	case err != nil:
		return Frame{}, err
	case size > MaxPayload:
		return Frame{}, tooLarge(size)
	case int(size) != len(f.Payload):
		return Frame{}, wrongLength(size, len(f.Payload))
	case !f.Type.Known():
		return Frame{}, refuse(InvalidFrameType, "no %v is known", f.Type)
	case !f.Type.fits(f.Session):
		return Frame{}, wrongSession(InvalidSessionID, f.Type)
	case from == Relay || !from.Sends(f.Type):
		err := refuse(DisallowedSender, "%v is not for this side to send", f.Type)
		err.Session = f.Session
		return Frame{}, err
	case f.Type == TypePing || f.Type == TypePong:
		if err := f.Type.checkSize(len(f.Payload)); err != nil {
			return Frame{}, err
		}
	}
	return f, nil
}

// readHeader takes message apart, and says what its header has for the length
// of the payload.
func readHeader(message []byte) (f Frame, size uint32, err error) {
	if len(message) < HeaderSize {
		return Frame{}, 0, refuse(MalformedFrame, "a message of %d bytes, a header has %d", len(message), HeaderSize)
	}
	return Frame{
		Type:    Type(message[0]),
		Session: SessionID(binary.BigEndian.Uint64(message[5:])),
		Payload: message[HeaderSize:len(message):len(message)],
	}, binary.BigEndian.Uint32(message[1:]), nil
}

func tooLarge(size uint32) *Error {
	return refuse(PayloadTooLarge, "a payload of %d bytes, %d are the most", size, MaxPayload)
}

func wrongLength(size uint32, got int) *Error {
	return refuse(MalformedFrame, "a payload of %d bytes in a message with %d", size, got)
}

func wrongSession(c Code, t Type) *Error {
	if t.rule().session == noSession {
		return refuse(c, "%v with a session id", t)
	}
	return refuse(c, "%v without a session id", t)
}

// fits tells whether a frame of type t may have the session id.
func (t Type) fits(id SessionID) bool {
	switch t.rule().session {
	case noSession:
		return id == 0
	case someSession:
		return id != 0
	}
	return true
}

// checkSize tells whether a frame of type t may have so long a payload.
func (t Type) checkSize(size int) error {
	r := t.rule()
	switch {
	case size > MaxPayload, size > r.most && r.least < r.most:
		return refuse(PayloadTooLarge, "%v of %d bytes, %d are the most", t, size, r.most)
	case size > r.most, size < r.least:
		return refuse(MalformedFrame, "%v of %d bytes, want %d", t, size, r.least)
	}
	return nil
}
