package channel

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"sync"
	"testing"

	"secstream/pkg/sbrp"
)

// end is a channel with keys of the vectors, on session 1.
func end(t testing.TB, role sbrp.Role, toDaemon, toClient octets) *Channel {
	t.Helper()
	c, err := newChannel(1, role, &keys{keyOf(t, toDaemon), keyOf(t, toClient)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func data(payload []byte) sbrp.Frame {
	return sbrp.Frame{Type: sbrp.TypeData, Session: 1, Payload: bytes.Clone(payload)}
}

func TestChosenNumbers(t *testing.T) {
	for _, v := range groupOf[struct {
		Direction string
		Key       octets `json:"key_hex"`
		AAD       octets `json:"aad_hex"`
		message
	}](t, "aead_at_chosen_sequence") {
		from, to := sbrp.Client, sbrp.Daemon
		if v.Direction == "daemon_to_client" {
			from, to = to, from
		}
		// Which of the keys is the other one's does not matter here.
		sends, takes := end(t, from, v.Key, v.Key), end(t, to, v.Key, v.Key)
		sends.out.next = v.Number
		frame, err := sends.Append(nil, v.Plain)
		switch {
		case v.Number == math.MaxUint64:
			// The peer sends it. Ours does not, but takes it.
			if sbrp.CodeOf(err) != sbrp.SequenceError || len(frame) != 0 {
				t.Errorf("%d is sent: %v", v.Number, err)
			}
		case err != nil || !bytes.Equal(frame[sbrp.HeaderSize:], v.Payload):
			t.Errorf("%d: %x, want %x: %v", v.Number, frame, v.Payload, err)
		}
		if plain, err := takes.Open(data(v.Payload)); err != nil || !bytes.Equal(plain, v.Plain) || len(v.AAD) != 0 || takes.in.window.max != v.Number {
			t.Errorf("%d: %q, %v", v.Number, plain, err)
		}
	}
}

func TestLargestRecord(t *testing.T) {
	var v struct {
		Length  int    `json:"plaintext_length"`
		Plain   octets `json:"plaintext_sha256_hex"`
		Payload octets `json:"payload_sha256_hex"`
		Frame   octets `json:"frame_sha256_hex"`
		First   octets `json:"frame_first_32_hex"`
		More    struct {
			Length int    `json:"plaintext_length"`
			Code   string `json:"peer_error_code"`
		} `json:"one_byte_more"`
	}
	group(t, "max_size_data", &v)
	from := basic(t)
	client, daemon := end(t, sbrp.Client, from.ToDaemon, from.ToClient), end(t, sbrp.Daemon, from.ToDaemon, from.ToClient)
	plain := make([]byte, v.More.Length)
	for i := range plain {
		plain[i] = byte(i % 251)
	}
	sum := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	// The peer spends a number on what it refuses as too long. Ours does not.
	if b, err := client.Append([]byte("x"), plain); sbrp.CodeOf(err).String() != v.More.Code || string(b) != "x" || client.out.next != 0 {
		t.Errorf("one byte more: %v, next is %d", err, client.out.next)
	}
	plain = plain[:v.Length]
	frame, err := client.Append(nil, plain)
	if err != nil || v.Length != sbrp.MaxPlain || len(frame) != sbrp.MaxFrame || sum(plain) != hex.EncodeToString(v.Plain) ||
		sum(frame) != hex.EncodeToString(v.Frame) || sum(frame[sbrp.HeaderSize:]) != hex.EncodeToString(v.Payload) || !bytes.Equal(frame[:32], v.First) {
		t.Errorf("%d bytes, %x, %v", len(frame), frame[:32], err)
	}
	if got, err := daemon.Open(decode(t, frame)); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// The peer sends number 2^64-1, and then 0 again, under the same key. Ours
// stops before.
func TestExhaustion(t *testing.T) {
	var v struct {
		Payload octets `json:"payload_hex"`
		Next    struct {
			Nonce octets `json:"nonce_on_wire_hex"`
		} `json:"peer_next"`
	}
	group(t, "sequence_exhaustion", &v)
	from := basic(t)
	client, daemon := end(t, sbrp.Client, from.ToDaemon, from.ToClient), end(t, sbrp.Daemon, from.ToDaemon, from.ToClient)
	client.out.next = math.MaxUint64 - 1
	frame, err := client.Append(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if b, err := client.Append(nil, nil); sbrp.CodeOf(err) != sbrp.SequenceError || len(b) != 0 {
			t.Errorf("%x, %v", b, err)
		}
	}
	if _, err := daemon.Open(decode(t, frame)); err != nil {
		t.Error(err)
	}
	if _, err := daemon.Open(data(v.Payload)); err != nil || daemon.in.window.max != math.MaxUint64 {
		t.Errorf("the peer's last is not taken: %v", err)
	}
	again := append(bytes.Clone(v.Next.Nonce), make([]byte, sbrp.TagSize)...)
	if _, err := daemon.Open(data(again)); sbrp.CodeOf(err) != sbrp.SequenceError {
		t.Errorf("the peer's number 0 again: %v", err)
	}
}

// The peer does not look which way a record says that it goes. Ours does, before
// anything else.
func TestPrefix(t *testing.T) {
	var odd, garbage struct {
		Payload octets `json:"payload_hex"`
		Peer    bool   `json:"peer_ok"`
	}
	group(t, "nonce_direction_prefix_not_checked", &odd)
	group(t, "nonce_direction_prefix_garbage", &garbage)
	if !odd.Peer || garbage.Peer {
		t.Error("the vectors are not what they say")
	}
	from := basic(t)
	for _, payload := range []octets{odd.Payload, garbage.Payload} {
		daemon := end(t, sbrp.Daemon, from.ToDaemon, from.ToClient)
		if _, err := daemon.Open(data(payload)); sbrp.CodeOf(err) != sbrp.DecryptFailed || daemon.in.window.seen {
			t.Errorf("%x: %v", payload, err)
		}
	}
}

func TestReceiveSequences(t *testing.T) {
	// The peer's window learns of forgeries, and what is genuine is locked out.
	ours := map[string][]string{
		"forged_high_sequence_moves_peer_window": {"", "decrypt_failed", "", ""},
		"tampered_then_genuine":                  {"decrypt_failed", ""},
	}
	from := basic(t)
	for _, v := range groupOf[struct {
		Name, Receiver string
		Key            octets `json:"client_to_daemon_key_hex"`
		Steps          []struct {
			Frame octets  `json:"frame_hex"`
			Code  string  `json:"peer_error_code"`
			Plain *octets `json:"peer_plaintext_hex"`
			Max   uint64  `json:"peer_max_seen_after_dec,string"`
		}
	}](t, "session_receive_sequences") {
		if v.Receiver != "daemon" || len(v.Steps) == 0 {
			t.Fatalf("%s: %d steps of a %s", v.Name, len(v.Steps), v.Receiver)
		}
		daemon := end(t, sbrp.Daemon, v.Key, from.ToClient)
		for i, s := range v.Steps {
			want := s.Code
			if list := ours[v.Name]; list != nil {
				want = list[i]
			}
			before := daemon.in.window.max
			plain, err := daemon.Open(decode(t, s.Frame))
			if got := sbrp.CodeOf(err); (err != nil || want != "") && got.String() != want {
				t.Errorf("%s, %d: %v, want %q", v.Name, i, err, want)
			}
			if err == nil && s.Plain != nil && !bytes.Equal(plain, *s.Plain) {
				t.Errorf("%s, %d: %x, want %x", v.Name, i, plain, *s.Plain)
			}
			if after := daemon.in.window.max; err != nil && after != before || ours[v.Name] == nil && after != s.Max {
				t.Errorf("%s, %d: greatest was %d, is %d, of the peer %d", v.Name, i, before, after, s.Max)
			}
		}
		delete(ours, v.Name)
	}
	if len(ours) != 0 {
		t.Errorf("not met: %v", ours)
	}
}

func TestOpenRefuses(t *testing.T) {
	v := basic(t)
	client, daemon := v.meet(t)
	frame, err := client.Append(nil, []byte("secret text"))
	if err != nil {
		t.Fatal(err)
	}
	good := decode(t, frame)
	other := good
	other.Session = 2
	if _, err := daemon.Open(other); err != ErrSession {
		t.Errorf("another session: %v", err)
	}
	for name, f := range map[string]sbrp.Frame{"Ping": {Type: sbrp.TypePing}, "Init": decode(t, v.Init)} {
		if _, err := daemon.Open(f); sbrp.CodeOf(err) != sbrp.InvalidFrameType {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := range sbrp.Overhead {
		if _, err := daemon.Open(data(good.Payload[:n])); sbrp.CodeOf(err) != sbrp.MalformedFrame {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	for bit := range 8 * len(good.Payload) {
		f := data(good.Payload)
		f.Payload[bit/8] ^= 1 << (bit % 8)
		if _, err := daemon.Open(f); err != errForged {
			t.Errorf("bit %d: %v", bit, err)
		}
		if bytes.Contains(f.Payload, []byte("secret")) {
			t.Errorf("bit %d: plaintext is left", bit)
		}
	}
	if _, err := client.Open(data(good.Payload)); err != errForged {
		t.Errorf("reflected: %v", err)
	}
	if plain, err := daemon.Open(good); err != nil || string(plain) != "secret text" {
		t.Errorf("%q, %v", plain, err)
	}
	if _, err := daemon.Open(decode(t, frame)); err != errReplayed {
		t.Errorf("replayed: %v", err)
	}
}

func TestWipe(t *testing.T) {
	v := basic(t)
	k := &keys{keyOf(t, v.ToDaemon), keyOf(t, v.ToClient)}
	c, err := newChannel(1, sbrp.Client, k)
	if err != nil || *k.toDaemon != (key{}) || *k.toClient != (key{}) {
		t.Errorf("the channel's keys are left, %v", err)
	}
	seals, opens := c.out.with, c.in.with
	nonce, zeros := make([]byte, sbrp.NonceSize), new(key)
	with, err := zeros.aead()
	if err != nil {
		t.Fatal(err)
	}
	void := with.Seal(nil, nonce, nil, nil)
	if _, err := opens(nil, nonce, void, nil); err == nil || bytes.Equal(seals(nil, nonce, nil, nil), void) {
		t.Error("they are of no key before")
	}
	c.Wipe()
	c.Wipe()
	if _, err := opens(nil, nonce, void, nil); err != nil || !bytes.Equal(seals(nil, nonce, nil, nil), void) {
		t.Error("the ciphers have their keys still")
	}
	if c.out.with != nil || c.in.with != nil {
		t.Error("the ciphers are kept")
	}
	if b, err := c.Append([]byte("x"), nil); err != ErrWiped || string(b) != "x" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := c.Open(decode(t, v.FromDaemon[0].Frame)); err != ErrWiped {
		t.Error(err)
	}
}

// However many send at once, no number is given twice, and of two copies that
// come at once one is refused.
func TestConcurrent(t *testing.T) {
	const senders, each = 4, 8 // within the window, in whatever order they come
	client, daemon := basic(t).meet(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	opened, replayed := 0, 0
	for range senders {
		all.Go(func() {
			for range each {
				frame, err := client.Append(nil, []byte("x"))
				if err != nil {
					t.Error(err)
				}
				for range 2 {
					f, err := sbrp.Decode(bytes.Clone(frame))
					if err == nil {
						_, err = daemon.Open(f)
					}
					mu.Lock()
					switch err {
					case nil:
						opened++
					case errReplayed:
						replayed++
					default:
						t.Error(err)
					}
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	if opened != senders*each || replayed != senders*each || client.out.next != senders*each {
		t.Errorf("%d opened, %d replayed, next is %d", opened, replayed, client.out.next)
	}
}

// Sealing and opening allocate what the cipher does, which is nothing where it
// is written in assembly.
func TestRecordsAllocateNothing(t *testing.T) {
	client, daemon := basic(t).meet(t)
	plain := make([]byte, 16<<10)
	buf := make([]byte, 0, sbrp.MaxFrame)
	aead, err := new(key).aead()
	if err != nil {
		t.Fatal(err)
	}
	bare := testing.AllocsPerRun(100, func() {
		sealed := aead.Seal(buf[sbrp.NonceSize:sbrp.NonceSize], buf[:sbrp.NonceSize], plain, nil)
		if _, err := aead.Open(sealed[:0], buf[:sbrp.NonceSize], sealed, nil); err != nil {
			t.Fatal(err)
		}
	})
	got := testing.AllocsPerRun(100, func() {
		frame, err := client.Append(buf, plain)
		if err != nil {
			t.Fatal(err)
		}
		f, err := sbrp.Decode(frame)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := daemon.Open(f); err != nil {
			t.Fatal(err)
		}
	})
	if got != bare {
		t.Errorf("%v allocations, the cipher alone makes %v", got, bare)
	}
	t.Logf("%v allocations", got)
}

// FuzzOpen: what is opened is what the key's holder would have sealed, and the
// window moves for nothing else.
func FuzzOpen(f *testing.F) {
	v := basic(f)
	for _, m := range v.FromClient {
		f.Add([]byte(m.Payload))
	}
	for _, m := range v.FromDaemon {
		f.Add([]byte(m.Payload))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		daemon := end(t, sbrp.Daemon, v.ToDaemon, v.ToClient)
		plain, err := daemon.Open(data(b))
		if err != nil {
			if c := sbrp.CodeOf(err); c != sbrp.DecryptFailed && c != sbrp.MalformedFrame && c != sbrp.PayloadTooLarge || daemon.in.window.seen {
				t.Fatal(err)
			}
			return
		}
		client := end(t, sbrp.Client, v.ToDaemon, v.ToClient)
		client.out.next = daemon.in.window.max
		if again, err := client.out.seal(nil, plain); err == nil && !bytes.Equal(again, b) {
			t.Fatalf("%x is taken for %x", b, again)
		}
		if _, err := daemon.Open(data(b)); err != errReplayed {
			t.Fatal(err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	client, _ := basic(b).meet(b)
	plain := make([]byte, 16<<10)
	buf := make([]byte, 0, sbrp.MaxFrame)
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Append(buf, plain); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	client, daemon := basic(b).meet(b)
	frame, err := client.Append(nil, make([]byte, 16<<10))
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, len(frame))
	b.SetBytes(16 << 10)
	b.ReportAllocs()
	for b.Loop() {
		copy(buf, frame)
		f, err := sbrp.Decode(buf)
		if err != nil {
			b.Fatal(err)
		}
		daemon.in.window.seen = false // the same record again
		clear(daemon.in.window.bits)
		if _, err := daemon.Open(f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHandshake(b *testing.B) {
	v := basic(b)
	_, d := v.ends(b)
	for b.Loop() {
		c, err := NewClient(v.DaemonID, 1)
		if err != nil {
			b.Fatal(err)
		}
		init, err := c.AppendInit(nil)
		if err != nil {
			b.Fatal(err)
		}
		accept, _, err := d.Answer(nil, decode(b, init))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Finish(decode(b, accept), []byte(v.Identity)); err != nil {
			b.Fatal(err)
		}
	}
}
