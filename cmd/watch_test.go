package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/decode"
	"secstream/pkg/output"
	"secstream/pkg/player"
	"secstream/pkg/wire"
)

// tone is two seconds of mu-law in slices of one. A slice without an error
// comes.
type tone struct {
	title string
	fail  map[int]error
}

func (s tone) Info() audio.Info {
	return audio.Info{Container: audio.WAV, Codec: audio.PCM, Sample: audio.ULaw, SampleRate: 8000, Channels: 1, Frames: 16000, Tags: audio.Tags{Title: s.title}}
}

func (s tone) Params() decode.Params {
	return decode.Params{Codec: audio.PCM, Sample: audio.ULaw, SampleRate: 8000, Channels: 1}
}

func (s tone) Len() int { return 2 }

func (s tone) Span(i int) audio.Span {
	return audio.Span{Start: audio.Frames(i * 8000), Samples: 8000}
}

func (s tone) Slice(_ context.Context, i int) ([]byte, error) {
	return bytes.Repeat([]byte{0x80}, 8000), s.fail[i]
}

func (s tone) Release(int)  {}
func (s tone) Close() error { return nil }

// watched is what watch prints while somebody pauses, seeks, turns the volume
// and changes the queue, and what it returns.
func watched(t *testing.T, o playOptions, tty bool) (text string, failed error) {
	t.Helper()
	forged := errors.New("forged \x1b[2J")
	synctest.Test(t, func(t *testing.T) {
		out, err := output.Open("null", output.Options{})
		if err != nil {
			t.Fatal(err)
		}
		sources := []tone{{title: "Its \x07own"}, {fail: map[int]error{0: forged}}, {fail: map[int]error{0: errors.New("gone")}}}
		engine, err := player.New(player.Config{
			Output: out, Tracks: 3, Open: func(_ context.Context, i int) (player.Source, error) { return sources[i], nil },
			Skip: func(err error) bool { return errors.Is(err, forged) },
		})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- engine.Run(t.Context()) }()
		go func() {
			for _, do := range []func(){
				func() { engine.Pause(true) },
				func() { engine.Pause(false) },
				func() { engine.SetVolume(player.Decibels(-6)) },
				func() { engine.Mute(true) },
				func() { engine.Seek(0) },
				func() { engine.Add(0) },
			} {
				time.Sleep(400 * time.Millisecond)
				do()
			}
		}()
		var b bytes.Buffer
		env := Env{Stdout: &b, StdoutTTY: tty, Width: func() int { return 60 }}
		list := []wire.LibraryTrack{{ID: "a", Path: "a.wav", Duration: 2}, {ID: "b", Path: "b.wav", Duration: 2}, {ID: "c", Path: "c.wav", Duration: 2}}
		failed = watch(env, o, engine, list, line{})
		if err := <-done; err != nil {
			t.Error(err)
		}
		text = b.String()
	})
	return text, failed
}

// TestWatchPlain: a line for each change of state, in words, and nothing that
// comes back or goes by the clock, also on a terminal.
func TestWatchPlain(t *testing.T) {
	text, failed := watched(t, playOptions{plain: true}, true)
	want := []string{
		`playing 1/3 Its .own \(0:02\)`, `paused at 0:00`, `playing on at 0:00`, `volume -6 dB, replay gain \+0\.0 dB`, `muted`,
		`moved to 0:00`, `3 tracks to come, repeat off, shuffle off`, `playing 2/3 b.wav \(0:02\)`, `silence at 0:00 of b.wav: slice 0: forged .\[2J`,
		`playing 3/3 c.wav \(0:02\)`, `cannot play c.wav: slice 0: gone`, `playing 1/3 Its .own \(0:02\)`, `finished`, ``,
	}
	if !regexp.MustCompile(`^`+strings.Join(want, "\n")+`$`).MatchString(text) || strings.ContainsAny(text, "\r\x1b\x07") {
		t.Errorf("%q", text)
	}
	if failed == nil || !strings.Contains(failed.Error(), "track 3, c.wav: slice 0: gone") {
		t.Errorf("%v", failed)
	}
}

// TestWatchLine: a terminal has one line that is written over, and keeps what
// may be of use later.
func TestWatchLine(t *testing.T) {
	text, _ := watched(t, playOptions{}, true)
	for _, want := range []string{"⏸ 0:00 / 0:02  Its �own", "▶ 0:01 / 0:02", "played 1/3 Its �own\n", "cannot play c.wav: slice 0: gone\n", "silence at 0:00 of b.wav"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
}

// TestWatchJSON: each line is an event with the state it leaves.
func TestWatchJSON(t *testing.T) {
	text, _ := watched(t, playOptions{asJSON: true}, true)
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	var kinds []string
	at := 0.0
	for dec.More() {
		var e event
		if err := dec.Decode(&e); err != nil {
			t.Fatal(err)
		}
		if e.Track < 1 || e.Track > 3 || e.Item == 0 || e.State.Queue.Length < 3 || e.State.Queue.Position < 1 || e.State.Track != e.Track {
			t.Errorf("%+v", e)
		}
		switch e.Event {
		case "timeupdate":
			if !e.State.Playing || e.At == at {
				t.Errorf("%+v", e)
			}
			at = e.At
			continue
		case "slice", "canplaythrough":
			continue
		case "pause":
			if e.State.Playing || !e.State.Paused {
				t.Errorf("%+v", e)
			}
		case "volumechange":
			if v := e.State.Volume; v.DB != -6 || v.Percent != 79.43 || v.Muted != (kinds[len(kinds)-1] == "volumechange") {
				t.Errorf("%+v", v)
			}
		case "trackchange":
			if e.Duration != 2 || e.Rate != 8000 || e.ID == "" || e.Path == "" || e.Track == 1 && e.Title != "Its �own" {
				t.Errorf("%+v", e)
			}
		case "error":
			if e.Skipped != (e.Track == 2) || e.Text == "" {
				t.Errorf("%+v", e)
			}
		case "ended":
			if !e.State.Ended || e.State.Silence != 1 || e.State.Queue.Length != 4 {
				t.Errorf("%+v", e)
			}
		}
		kinds = append(kinds, e.Event)
	}
	want := "trackchange play pause play volumechange volumechange seek queue trackended trackchange error trackended trackchange error trackchange trackended ended"
	if got := strings.Join(kinds, " "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
