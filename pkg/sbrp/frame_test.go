package sbrp

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

type validFrame struct {
	Name      string
	Type      Type
	Length    int
	Session   number `json:"session_id_hex"`
	Payload   octets `json:"payload_hex"`
	Frame     octets `json:"frame_hex"`
	Init      octets `json:"init_public_key_hex"`
	Identity  octets `json:"identity_public_key_hex"`
	Ephemeral octets `json:"accept_public_key_hex"`
	Signature octets `json:"signature_hex"`
	Signal    SignalKind
	Reason    Reason
	Code      number  `json:"code_hex"`
	Text      *string `json:"message_utf8"`
	PeerText  *string `json:"peer_decoded_message_utf8"`
}

func TestValidFrames(t *testing.T) {
	for _, v := range groupOf[validFrame](t, "frames_valid") {
		f, err := Decode(v.Frame)
		if err != nil || f.Type != v.Type || f.Session != SessionID(v.Session) || !bytes.Equal(f.Payload, v.Payload) || len(f.Payload) != v.Length {
			t.Errorf("%s: %+v, %v", v.Name, f, err)
			continue
		}
		if b, err := f.Append([]byte("before")); err != nil || string(b) != "before"+string(v.Frame) {
			t.Errorf("%s: encodes to %x, %v", v.Name, b, err)
		}
		b, err := v.typed(t, f)
		if err != nil || !bytes.Equal(b, v.Frame) {
			t.Errorf("%s: its payload encodes to %x, %v", v.Name, b, err)
		}
		for _, from := range []Role{Client, Daemon} {
			got, err := Admit(v.Frame, from)
			if from.Sends(f.Type) != (err == nil) || err != nil && CodeOf(err) != DisallowedSender || err == nil && got.Session != f.Session {
				t.Errorf("%s: the relay says %v", v.Name, err)
			}
		}
	}
}

// typed compares f's payload with the vector, and makes the frame again of what
// it says.
func (v validFrame) typed(t *testing.T, f Frame) ([]byte, error) {
	t.Helper()
	switch f.Type {
	case TypeInit:
		key, err := f.Init()
		if err != nil || v.Init != nil && !bytes.Equal(key[:], v.Init) {
			t.Errorf("%s: %x, %v", v.Name, key, err)
		}
		return AppendInit(nil, f.Session, key)
	case TypeAccept:
		a, err := f.Accept()
		if err != nil || !bytes.Equal(a.Identity[:], v.Identity) || !bytes.Equal(a.Ephemeral[:], v.Ephemeral) || !bytes.Equal(a.Signature[:], v.Signature) {
			t.Errorf("%s: %x, %v", v.Name, a, err)
		}
		return AppendAccept(nil, f.Session, a)
	case TypeSignal:
		s, err := f.Signal()
		if err != nil || s != (Signal{v.Signal, v.Reason}) {
			t.Errorf("%s: %+v, %v", v.Name, s, err)
		}
		return AppendSignal(nil, f.Session, s)
	case TypePing:
		return AppendPing(nil, f.Payload)
	case TypePong:
		return AppendPong(nil, f.Payload)
	case TypeControl:
		return v.control(t, f)
	}
	record, err := f.Record()
	if err != nil {
		t.Errorf("%s: %v", v.Name, err)
	}
	return Frame{TypeData, f.Session, record}.Append(nil)
}

// control: a text that was no UTF-8 and a session id where there should be none
// are read, and never written.
func (v validFrame) control(t *testing.T, f Frame) ([]byte, error) {
	t.Helper()
	want := ""
	for _, text := range []*string{v.Text, v.PeerText} {
		if text != nil {
			want = *text
		}
	}
	c, err := f.Control()
	if err != nil || c.Code != Code(v.Code) || c.Text != want {
		t.Errorf("%s: %+v, %v", v.Name, c, err)
	}
	b, err := AppendControl(nil, f.Session, c)
	switch v.Name {
	case "control_message_invalid_utf8", "control_message_bom_prefixed":
		if bytes.Equal(b, v.Frame) {
			t.Errorf("%s: is written", v.Name)
		}
	case "control_session_code_with_zero_session_id", "control_connection_code_with_nonzero_session_id":
		if CodeOf(err) != MalformedFrame {
			t.Errorf("%s: is written: %v", v.Name, err)
		}
	default:
		return b, err
	}
	return v.Frame, nil
}

type verdict struct {
	Action string
	Code   string
	Sid    string
}

type malformedFrame struct {
	Name   string
	Bytes  octets  `json:"bytes_hex"`
	Peer   *string `json:"peer_error_code"`
	By     *string `json:"peer_rejected_by"`
	Client verdict `json:"spec_relay_if_sent_by_client"`
	Daemon verdict `json:"spec_relay_if_sent_by_daemon"`
}

// endpoint is what an endpoint of ours makes of the whole of a message.
func endpoint(message []byte) error {
	f, err := Decode(message)
	if err != nil {
		return err
	}
	switch f.Type {
	case TypeInit:
		_, err = f.Init()
	case TypeAccept:
		_, err = f.Accept()
	case TypeData:
		_, err = f.Record()
	case TypeSignal:
		_, err = f.Signal()
	case TypeControl:
		_, err = f.Control()
	}
	return err
}

// oursOnly is where Decode and what comes after it do otherwise than the peer.
var oursOnly = map[string]Code{
	"ping_9_bytes": PayloadTooLarge, // the peer checks when it writes only
	"pong_9_bytes": PayloadTooLarge,
	// Only relays read signals, and they are to take unknown reasons for none.
	"signal_unknown_reason_05":       0,
	"signal_ready_unknown_reason_ff": 0,
	// Unknown codes are terminal, and so they have to be read.
	"control_code_0000":          0,
	"control_code_9999":          0,
	"control_code_0501_reserved": 0,
}

func TestMalformedFrames(t *testing.T) {
	met := 0
	for _, v := range groupOf[malformedFrame](t, "frames_malformed") {
		got := CodeOf(endpoint(v.Bytes))
		want, ours := oursOnly[v.Name]
		if ours {
			met++
		}
		switch {
		case ours && got != want:
			t.Errorf("%s: %v, want %v", v.Name, got, want)
		case !ours && (v.Peer == nil || got.String() != *v.Peer):
			t.Errorf("%s: %v, want what the peer says", v.Name, got)
		}
		if v.By != nil && *v.By == "decodeFrame" {
			if _, err := Decode(v.Bytes); err == nil {
				t.Errorf("%s: decoded", v.Name)
			}
		}
		v.Client.check(t, v.Name+" of a client", v.Bytes, Client)
		v.Daemon.check(t, v.Name+" of a daemon", v.Bytes, Daemon)
	}
	if met != len(oursOnly) {
		t.Errorf("%d of %d differences met", met, len(oursOnly))
	}
}

// check holds Admit to what the protocol asks of a relay.
func (v verdict) check(t *testing.T, name string, message []byte, from Role) {
	t.Helper()
	f, err := Admit(message, from)
	switch v.Action {
	case "forward":
		if err != nil || !f.Type.Forwarded() {
			t.Errorf("%s: %v", name, err)
		}
	case "process_signal":
		if err != nil || f.Type != TypeSignal {
			t.Errorf("%s: %v", name, err)
		}
	case "close":
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Code.String() != v.Code || (e.Session == 0) != (strings.Trim(v.Sid, "0") == "") || !e.Code.Terminal() {
			t.Errorf("%s: %v, want %s of %s", name, err, v.Code, v.Sid)
		}
	default:
		t.Errorf("%s: no action %q", name, v.Action)
	}
}

// What a relay does with signals that are not as they should be.
func TestSignalAtRelay(t *testing.T) {
	for payload, want := range map[string]Code{
		"": MalformedFrame, "\x00": MalformedFrame, "\x00\x00\x00": MalformedFrame, "\x02\x00": MalformedFrame,
		"\x00\x00": 0, "\x01\x05": 0, "\x00\xff": 0,
	} {
		message := append([]byte{4, 0, 0, 0, byte(len(payload)), 0, 0, 0, 0, 0, 0, 0, 1}, payload...)
		f, err := Admit(message, Daemon)
		if err != nil {
			t.Fatal(err)
		}
		s, err := f.Signal()
		if CodeOf(err) != want || s.Reason != ReasonNone {
			t.Errorf("%x: %+v, %v", payload, s, err)
		}
	}
}

// The encoders refuse what the peer's do; and what theirs let through and no
// decoder would take.
func TestEncoderRefusals(t *testing.T) {
	large := make([]byte, MaxPayload+1)
	frame := func(t Type, id SessionID, payload []byte) func([]byte) ([]byte, error) {
		return func(dst []byte) ([]byte, error) { return Frame{t, id, payload}.Append(dst) }
	}
	attempts := map[string]func([]byte) ([]byte, error){
		"ping_9_bytes":                  func(dst []byte) ([]byte, error) { return AppendPing(dst, large[:9]) },
		"pong_9_bytes":                  func(dst []byte) ([]byte, error) { return AppendPong(dst, large[:9]) },
		"session_bound_zero_session_id": frame(TypeData, 0, large[:28]),
		"ping_nonzero_session_id":       frame(TypePing, 1, nil),
		"payload_65537":                 frame(TypeData, 1, large),
		"data_27_bytes":                 frame(TypeData, 1, large[:27]),
		"init_31_bytes":                 frame(TypeInit, 1, large[:31]),
		"accept_signature_63_bytes":     frame(TypeAccept, 1, large[:127]),
		"control_message_65535_bytes": func(dst []byte) ([]byte, error) {
			return AppendControl(dst, 0, Control{Unauthorized, string(large[:65535])})
		},
		"unknown_type_0x99_is_not_refused_by_encoder": frame(0x99, 1, nil),
		"signal_unknown_reason_is_not_refused_by_encoder": func(dst []byte) ([]byte, error) {
			return AppendSignal(dst, 1, Signal{SignalClose, 9})
		},
	}
	ours := map[string]string{
		"unknown_type_0x99_is_not_refused_by_encoder":     "invalid_frame_type",
		"signal_unknown_reason_is_not_refused_by_encoder": "malformed_frame",
	}
	for _, v := range groupOf[struct {
		Name string
		Peer string `json:"peer_error_code"`
	}](t, "encoder_refusals") {
		attempt, ok := attempts[v.Name]
		if !ok {
			if v.Name != "session_id_2_64" && v.Name != "session_id_negative" { // no SessionID can be these
				t.Errorf("%s is not tried", v.Name)
			}
			continue
		}
		want := v.Peer
		if want == "" {
			want = ours[v.Name]
		}
		b, err := attempt([]byte("before"))
		if CodeOf(err).String() != want || string(b) != "before" {
			t.Errorf("%s: %q, %v, want %s", v.Name, b, err, want)
		}
	}
	if SessionID(math.MaxUint64) != ^SessionID(0) {
		t.Error("a session id has other than 64 bits")
	}
}

// The peer has a decoder of streams too. Over WebSocket a message is a frame:
// here the frames that it found make up what it was fed, and two frames in one
// message are refused.
func TestStream(t *testing.T) {
	type step struct {
		Push   octets `json:"push_hex"`
		Frames []struct {
			Type    Type
			Session number `json:"session_id_hex"`
			Payload octets `json:"payload_hex"`
		} `json:"frames_out"`
		Code string `json:"peer_error_code"`
	}
	var v struct {
		Steps []step
		Error struct{ Steps []step } `json:"error_case"`
	}
	group(t, "stream_decoder", &v)
	var pushed, made []byte
	frames := 0
	for _, s := range v.Steps {
		pushed = append(pushed, s.Push...)
		for _, f := range s.Frames {
			frames++
			var err error
			if made, err = (Frame{f.Type, SessionID(f.Session), []byte(f.Payload)}).Append(made); err != nil {
				t.Fatal(err)
			}
		}
	}
	if frames == 0 || !bytes.Equal(pushed, made) {
		t.Errorf("%d frames, %x, want %x", frames, made, pushed)
	}
	if _, err := Decode(pushed); CodeOf(err) != MalformedFrame {
		t.Errorf("%d frames in one message: %v", frames, err)
	}
	var rest []byte
	for _, s := range v.Error.Steps {
		rest = append(rest, s.Push...)
	}
	first, second := rest[:HeaderSize], rest[HeaderSize:]
	_, err := Decode(second)
	if want := v.Error.Steps[len(v.Error.Steps)-1].Code; CodeOf(err).String() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := Decode(first); err != nil {
		t.Error(err)
	}
}

// Payloads of another type are not read.
func TestOtherType(t *testing.T) {
	f := Frame{Type: TypePing}
	_, e1 := f.Init()
	_, e2 := f.Accept()
	_, e3 := f.Record()
	_, e4 := f.Signal()
	_, e5 := f.Control()
	for i, err := range []error{e1, e2, e3, e4, e5} {
		if CodeOf(err) != InvalidFrameType {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// A header that promises more than there is costs nothing, and what is read is
// a part of the message that nothing can be appended over.
func TestDecodeAllocatesNothing(t *testing.T) {
	message, err := Frame{TypeData, 7, make([]byte, 1000)}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	message = append(message, "after"...)
	message = message[:HeaderSize+1000]
	buf := make([]byte, 0, MaxFrame)
	if n := testing.AllocsPerRun(100, func() {
		f, err := Decode(message)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Admit(message, Client)
		if err != nil || again.Session != f.Session {
			t.Fatal(err)
		}
		if buf, err = again.Append(buf[:0]); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	f, _ := Decode(message)
	_ = append(f.Payload, 'X')
	if after := message[:len(message)+5]; !slices.Equal(after[len(message):], []byte("after")) {
		t.Error("what lies behind the message was written over")
	}
	hostile := []byte{3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}
	if n := testing.AllocsPerRun(100, func() { _, _ = Decode(hostile) }); n > 8 {
		t.Errorf("%v allocations for a refusal", n)
	}
}

func FuzzDecode(f *testing.F) {
	for _, v := range groupOf[validFrame](f, "frames_valid") {
		f.Add([]byte(v.Frame))
	}
	for _, v := range groupOf[malformedFrame](f, "frames_malformed") {
		f.Add([]byte(v.Bytes))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Decode(b)
		if again, other := got.Append(nil); err == nil && (other != nil || !bytes.Equal(again, b)) {
			t.Fatalf("%x becomes %x, %v", b, again, other)
		}
		if err != nil && !CodeOf(err).Wire() {
			t.Fatalf("%v has no code", err)
		}
		for _, from := range []Role{Client, Daemon} {
			_, relayed := Admit(b, from)
			if relayed != nil && !CodeOf(relayed).Wire() {
				t.Fatalf("%v has no code", relayed)
			}
			if err == nil && (relayed == nil) != from.Sends(got.Type) {
				t.Fatalf("the relay says %v of %v", relayed, got.Type)
			}
		}
		if s, err := got.Signal(); err == nil {
			if _, err := AppendSignal(nil, got.Session, s); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzControl(f *testing.F) {
	for _, v := range groupOf[validFrame](f, "frames_valid") {
		if v.Type == TypeControl {
			f.Add([]byte(v.Payload))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Frame{TypeControl, 1, b}.Control()
		if err != nil {
			return
		}
		if !c.Code.Wire() && !c.Code.Terminal() {
			t.Fatalf("%v is not known, and not terminal", c.Code)
		}
		again, err := AppendControl(nil, 1, c)
		if err != nil {
			return // not about a session, or not known, or longer with U+FFFD in it
		}
		frame, err := Decode(again)
		if err != nil {
			t.Fatal(err)
		}
		// A second byte order mark would be dropped as well.
		if back, err := frame.Control(); err != nil || back.Code != c.Code || back.Text != strings.TrimPrefix(c.Text, "\ufeff") {
			t.Fatalf("%+v becomes %+v, %v", c, back, err)
		}
	})
}
