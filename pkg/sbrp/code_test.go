package sbrp

import (
	"bytes"
	"fmt"
	"testing"
)

func TestControlCodes(t *testing.T) {
	list := groupOf[struct {
		Name     string
		Code     number `json:"wire_code_hex"`
		Terminal bool
		Scope    string `json:"spec_session_id_scope"`
		Receiver string `json:"spec_receiver"`
		Session  number `json:"example_session_id_hex"`
		Frame    octets `json:"example_frame_hex"`
	}](t, "control_codes")
	receivers := map[string]Role{"either": Client | Daemon, "client": Client, "daemon": Daemon}
	wire := 0
	for c := range codes {
		if c.Wire() {
			wire++
		}
	}
	if wire != len(list) {
		t.Errorf("%d codes go over the wire, want %d", wire, len(list))
	}
	for _, v := range list {
		c := Code(v.Code)
		to := receivers[v.Receiver]
		if c.String() != v.Name || !c.Wire() || c.Terminal() != v.Terminal || c.NamesSession() != (v.Scope == "session") ||
			to == 0 || c.SentTo(Client) != (to&Client != 0) || c.SentTo(Daemon) != (to&Daemon != 0) || c.SentTo(Relay) {
			t.Errorf("%s is %v: %+v", v.Name, c, codes[c])
		}
		made, err := AppendControl(nil, SessionID(v.Session), Control{Code: c})
		if err != nil || !bytes.Equal(made, v.Frame) {
			t.Errorf("%s makes %x, want %x: %v", v.Name, made, v.Frame, err)
		}
	}
}

func TestEndpointCodes(t *testing.T) {
	for _, v := range groupOf[struct {
		Name string
		Code number `json:"spec_code_hex"`
	}](t, "endpoint_only_codes") {
		c := Code(v.Code)
		if c.String() != v.Name || c.Wire() || !c.Terminal() || c.SentTo(Client|Daemon) {
			t.Errorf("%s is %v: %+v", v.Name, c, codes[c])
		}
		if b, err := AppendControl([]byte("x"), 1, Control{Code: c}); CodeOf(err) != MalformedFrame || string(b) != "x" {
			t.Errorf("%s can be sent: %q, %v", v.Name, b, err)
		}
	}
}

// The peer's decoder refuses an unknown code, its predicate calls it terminal.
// Ours takes it, and it is terminal.
func TestUnknownCode(t *testing.T) {
	var v struct {
		Code     number `json:"code_hex"`
		Terminal bool   `json:"peer_is_terminal"`
	}
	group(t, "unknown_control_code_behaviour", &v)
	c := Code(v.Code)
	if c != 0x9999 || !v.Terminal || !c.Terminal() || c.Retry() || c.Wire() || c.String() != "code 0x9999" {
		t.Errorf("%v: terminal %v, retry %v", c, c.Terminal(), c.Retry())
	}
	got, err := Frame{Type: TypeControl, Payload: []byte{byte(c >> 8), byte(c)}}.Control()
	if err != nil || got.Code != c {
		t.Errorf("%v, %v", got, err)
	}
}

// The classes of the published endpoints, but for session_expired, after which
// the protocol's text says to connect anew.
func TestRetry(t *testing.T) {
	fatal := map[Code]bool{}
	for _, c := range []Code{IdentityKeyChanged, HandshakeFailed, DecryptFailed, SequenceError, 0x0101, 0x0102, 0x0201, 0x0301, 0x0401, 0x0402, 0x0403, 0x0404, 0x0405} {
		fatal[c] = true
	}
	for c := range codes {
		if c.Retry() == fatal[c] {
			t.Errorf("%v: retry %v", c, c.Retry())
		}
	}
	if !SessionExpired.Retry() {
		t.Error("session_expired is final")
	}
}

// Which Control a relay sends when, as far as it is about bytes.
func TestRelayControlFrames(t *testing.T) {
	for _, v := range groupOf[struct {
		Event, To, Control string
		Terminal           bool
		Frame              octets `json:"frame_hex"`
	}](t, "relay_control_frames_for_session_1") {
		f, err := Decode(v.Frame)
		if err != nil {
			t.Fatal(v.Event, err)
		}
		c, err := f.Control()
		if err != nil || c.Code.String() != v.Control || c.Code.Terminal() != v.Terminal || c.Text != "" {
			t.Errorf("%s: %+v, %v", v.Event, c, err)
		}
		if to := map[string]Role{"client": Client, "daemon": Daemon}[v.To]; to != 0 && !c.Code.SentTo(to) {
			t.Errorf("%s: %v is not for the %s", v.Event, c.Code, v.To)
		}
		id := SessionID(0)
		if c.Code.NamesSession() {
			id = 1
		}
		if made, err := AppendControl(nil, id, c); err != nil || !bytes.Equal(made, v.Frame) {
			t.Errorf("%s: %x, want %x: %v", v.Event, made, v.Frame, err)
		}
	}
}

func TestErrors(t *testing.T) {
	_, err := Decode(nil)
	wrapped := fmt.Errorf("read: %w", err)
	if CodeOf(wrapped) != MalformedFrame || CodeOf(nil) != 0 || CodeOf(fmt.Errorf("other")) != 0 {
		t.Errorf("%v is %v", wrapped, CodeOf(wrapped))
	}
	if want := "read: malformed_frame: a message of 0 bytes, a header has 13"; wrapped.Error() != want {
		t.Errorf("%q, want %q", wrapped, want)
	}
}
