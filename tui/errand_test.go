package tui

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/player"
)

// shop answers as it is told to, and notes when it was asked.
type shop struct {
	begin   time.Time
	asked   []time.Duration
	answers []error
}

func (s *shop) get() error {
	s.asked = append(s.asked, time.Since(s.begin).Round(time.Second))
	if len(s.answers) == 0 {
		return nil
	}
	err := s.answers[0]
	s.answers = s.answers[1:]
	return err
}

// trip sends what the last command and all that follow from it say, of fetches
// and rests alone.
func (s *screen) trip() {
	s.t.Helper()
	for again := true; again; {
		again = false
		for _, msg := range msgs(s.last) {
			switch msg.(type) {
			case lyricsMsg, picturedMsg, restedMsg:
				s.send(msg)
				again = true
			}
			if again {
				break
			}
		}
	}
}

// What failed is fetched again, at growing distances; that there is none is final.
func TestTroubleIsTriedAgain(t *testing.T) {
	gone := errors.New("the server does not answer")
	for name, c := range map[string]struct {
		answers []error
		want    []time.Duration
	}{
		"comes":            {nil, []time.Duration{0}},
		"comes later":      {[]error{gone, gone, gone}, []time.Duration{0, 2, 6, 14}},
		"comes much later": {slices.Repeat([]error{gone}, 8), []time.Duration{0, 2, 6, 14, 30, 62, 122, 182, 242}},
	} {
		for _, view := range []string{"Y", "N"} {
			t.Run(name+" "+view, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := &shop{begin: time.Now(), answers: c.answers}
					s := configured(t, Config{
						Tracks: shelf(),
						Lyrics: func(context.Context, int) (string, error) { return "", a.get() },
						Art:    func(context.Context, int) ([]byte, error) { return nil, a.get() },
					}, 80, 24, plainLooks)
					close(s.e.events)
					s.e.state.Paused = true
					s.keys(view)
					s.trip()
					want := make([]time.Duration, len(c.want))
					for i, w := range c.want {
						want[i] = w * time.Second
					}
					if !slices.Equal(a.asked, want) {
						t.Errorf("asked at %v, want %v", a.asked, want)
					}
					if view == "Y" {
						s.wantText("no lyrics")
						s.wantNoText("asked for again")
					}
				})
			})
		}
	}
}

// Nobody who does not look has anything fetched; who looks again, or has the
// track begin anew, need not wait for the end of a rest.
func TestLookingAgainTriesAgain(t *testing.T) {
	s := configured(t, Config{Tracks: shelf(), Lyrics: func(context.Context, int) (string, error) { return "", nil }}, 80, 24, plainLooks)
	s.keys("Y")
	s.send(lyricsMsg{track: 1, err: errors.New("gone")})
	s.wantText("asked for again: gone")
	out := func() bool { m := s.model(); return m.words.state == errandOut }
	if out() {
		t.Error("it does not rest")
	}
	s.keys("L")
	s.send(restedMsg{of: forWords, track: 1, tries: 1})
	if out() {
		t.Error("fetched for nobody")
	}
	s.keys("Y")
	if !out() {
		t.Error("looking again fetches nothing")
	}
	s.send(lyricsMsg{track: 1, err: errors.New("gone")})
	s.send(restedMsg{of: forWords, track: 1, tries: 1}) // of the rest before
	if out() {
		t.Error("an old rest ends a new one")
	}
	s.send(eventMsg(player.Event{Kind: player.TrackChange, Track: 1}))
	if !out() {
		t.Error("a new start of the track fetches nothing")
	}
	s.send(lyricsMsg{track: 1})
	s.send(eventMsg(player.Event{Kind: player.TrackChange, Track: 1}))
	s.keys("L Y")
	if out() {
		t.Error("that there are none is asked again")
	}
	s.send(lyricsMsg{track: 1, err: errors.New("overtaken")})
	s.wantNoText("overtaken")
}
