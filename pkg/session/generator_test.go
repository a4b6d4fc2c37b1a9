package session

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"secstream/pkg/handshake"
	"secstream/pkg/wire"
)

const published = "session_1700000000000_abcdefghi"

// The examples are protocol v1's, section 8.
func TestGeneratorsMakeWhatPublishedOnesDo(t *testing.T) {
	for _, c := range []struct {
		make        Generator
		session     string
		index, of   int
		want, shape string
	}{
		{Sequential, published, 7, 120, "slice_session__007", ""},
		{Sequential, "xy", 0, 1, "slice_xy_0", ""},
		{Sequential, published, 9, 10, "slice_session__9", ""},
		{Sequential, published, 9, 11, "slice_session__09", ""},
		{Hash, published, 0, 120, "07b1dc6fa5745dc8", ""},
		{Hash, published, 7, 120, "aa2b33d596a07a27", ""},
		{Hash, published, 119, 120, "aa6b73c68f846d66", ""},
		{Timestamp, published, 119, 120, "", `^[0-9a-z]{8}_sessio_03b$`},
		{Timestamp, published, 46656, 50000, "", `^[0-9a-z]{8}_sessio_1000$`},
		{UUID, published, 1, 2, "", `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`},
	} {
		got := c.make(c.session, c.index, c.of)
		if c.want != "" && got != c.want || c.shape != "" && !regexp.MustCompile(c.shape).MatchString(got) {
			t.Errorf("%d of %d in %s: %s, not %s%s", c.index, c.of, c.session, got, c.want, c.shape)
		}
	}
}

func TestEveryGeneratorServes(t *testing.T) {
	for name, g := range Generators {
		s := newTestStore(t, Config{SliceIDs: g})
		sess := create(t, s, newMemory(t, "music-drums.wav"))
		first := exchangeWith(t, sess, "")
		clear := first.plain(t, sess, 1)
		err := agree(t, sess.Tracks()[0])
		if distinct := name == "nanoid" || name == "uuid"; distinct && err != nil || !distinct && name != "timestamp" && !errors.Is(err, ErrSameIDs) {
			t.Errorf("%s: a second exchange: %v", name, err)
		}
		if again := first.plain(t, sess, 1); string(again) != string(clear) {
			t.Errorf("%s: the first listener hears something else", name)
		}
		if start(sess.ID, 6) == start(create(t, s, newMemory(t, "music-drums.wav")).ID, 6) {
			t.Errorf("session IDs begin alike: %s", sess.ID)
		}
	}
}

// TestSharedIDsAreSeen: IDs may be told apart at the beginning and not further on.
func TestSharedIDsAreSeen(t *testing.T) {
	calls := 0
	s := newTestStore(t, Config{Millis: 1000, SliceIDs: func(_ string, index, _ int) string {
		calls++
		if index == 0 {
			return fmt.Sprint("first", calls)
		}
		return fmt.Sprint(index)
	}})
	sess := create(t, s, newMemory(t, "music-drums.wav"))
	exchangeWith(t, sess, "")
	if err := agree(t, sess.Tracks()[0]); !errors.Is(err, ErrSameIDs) {
		t.Errorf("%v", err)
	}
}

func TestBadGeneratorsAreRefused(t *testing.T) {
	for name, g := range map[string]Generator{
		"empty":  func(string, int, int) string { return "" },
		"twice":  func(string, int, int) string { return "a" },
		"path":   func(string, int, int) string { return "../x" },
		"quotes": func(string, int, int) string { return `"` },
		"long":   func(string, int, int) string { return strings.Repeat("x", MaxID+1) },
	} {
		s := newTestStore(t, Config{SliceIDs: g})
		track := create(t, s, newMemory(t, "music-drums.wav")).Tracks()[0]
		pair, err := handshake.NewPair()
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := track.Exchange(t.Context(), Ask{KeyRequest: wire.KeyRequest{PublicKey: pair.Public()}}); err == nil || len(track.exchanges) != 0 {
			t.Errorf("%s: %v", name, err)
		}
		if !s.room.all.TryAcquire(maxRoom) {
			t.Errorf("%s: room is lost", name)
		}
	}
}
