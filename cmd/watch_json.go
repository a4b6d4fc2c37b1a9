package cmd

import (
	"math"

	"secstream/pkg/player"
)

// event is what --json prints, one a line. Times are in seconds.
type event struct {
	Event    string  `json:"event"`
	Track    int     `json:"track"`          // from 1, as in the list
	Item     uint64  `json:"item,omitempty"` // the entry of the queue
	At       float64 `json:"at"`
	Slice    *int    `json:"slice,omitempty"`
	Skipped  bool    `json:"skipped,omitempty"` // of an error: only that slice is left out
	ID       string  `json:"id,omitempty"`
	Path     string  `json:"path,omitempty"`
	Title    string  `json:"title,omitempty"`
	Artist   string  `json:"artist,omitempty"`
	Album    string  `json:"album,omitempty"`
	Duration float64 `json:"duration,omitempty"`
	Rate     int     `json:"sampleRate,omitempty"`
	Channels int     `json:"channels,omitempty"`
	Text     string  `json:"text,omitempty"`
	Server   string  `json:"server,omitempty"` // of waiting and serving: who is waited for
	Try      int     `json:"try,omitempty"`    // of waiting: the one that is under way, from 1; Text is why the last one failed
	State    state   `json:"state"`
}

// state is the player's after an event.
type state struct {
	Playing   bool    `json:"playing"` // sound is heard
	Paused    bool    `json:"paused"`
	Buffering bool    `json:"buffering"`
	Ended     bool    `json:"ended"`
	Track     int     `json:"track"`
	Item      uint64  `json:"item"`
	Position  float64 `json:"position"`
	Duration  float64 `json:"duration"` // 0 while the track is not open
	Queue     queued  `json:"queue"`
	Volume    volume  `json:"volume"`
	Underruns int     `json:"underruns"`
	Silence   float64 `json:"silence"` // played in place of sound
}

type queued struct {
	Position int    `json:"position"` // of the current entry, from 1; 0 for none
	Length   int    `json:"length"`
	Repeat   string `json:"repeat"` // off, all, one
	Shuffle  bool   `json:"shuffle"`
}

type volume struct {
	DB      float64 `json:"db"`      // -60 is silence
	Percent float64 `json:"percent"` // as --volume takes it
	Muted   bool    `json:"muted"`
	Gain    float64 `json:"gain"` // by ReplayGain, dB
}

// What --json tells besides the engine's events.
const (
	eventWaiting = "waiting" // for a server, anew with each try
	eventServing = "serving" // it is waited for no longer
)

func (v *watcher) json() {
	enc := newJSON(v.w)
	var q queued
	var version uint64
	var told wait
	for n := range v.news() {
		if now := v.engine.QueueVersion(); now != version {
			is := v.engine.Queue()
			version, q = is.Version, queued{is.Current + 1, len(is.Items), is.Repeat.String(), is.Shuffle}
		}
		n.wait.again = 0 // a try is told once
		ok := true
		if n.Kind != "" {
			ok = enc.Encode(v.event(n.Event, q)) == nil
		}
		if n.wait == (wait{}) && told != n.wait && v.waiter.outage().Tries > 0 {
			told = n.wait // nobody tries any more
		}
		if n.wait != told {
			is := v.engine.State()
			out := event{Event: eventWaiting, Track: is.Track + 1, Item: is.Item, At: is.Position.Seconds(), Server: n.wait.server, Try: n.wait.try, Text: n.wait.why, State: stateOf(is, q)}
			if n.wait == (wait{}) {
				out.Event, out.Server = eventServing, told.server
			}
			told = n.wait
			ok = enc.Encode(out) == nil && ok
		}
		if !ok {
			v.engine.Stop() // nobody reads any more
		}
	}
}

// event is one of the engine's.
func (v *watcher) event(e player.Event, q queued) event {
	out := event{Event: string(e.Kind), Track: e.Track + 1, Item: e.Item, At: e.At.Seconds(), Skipped: e.Skipped, Text: e.Text, State: stateOf(e.State, q)}
	switch e.Kind {
	case player.TrackChange:
		t, info := v.tracks[e.Track], e.State.Info
		out.ID, out.Path, out.Title, out.Artist, out.Album = t.ID, t.Path, t.Tags.Title, t.Tags.Artist, t.Tags.Album
		out.Duration, out.Rate, out.Channels = e.State.Duration.Seconds(), info.SampleRate, info.Channels
	case player.Slice:
		out.Slice = &e.Slice
	case player.Error:
		out.Text = clean(e.Err)
		if e.Skipped {
			out.Slice = &e.Slice
		}
	}
	return out
}

func stateOf(s player.State, q queued) state {
	return state{
		Playing: !s.Paused && !s.Buffering && !s.Ended && !s.Done, Paused: s.Paused, Buffering: s.Buffering, Ended: s.Ended,
		Track: s.Track + 1, Item: s.Item, Position: s.Position.Seconds(), Duration: s.Duration.Seconds(), Queue: q,
		Volume:    volume{hundredths(player.ToDecibels(s.Volume)), hundredths(player.ToPercent(s.Volume)), s.Muted, hundredths(s.Gain)},
		Underruns: s.Underruns, Silence: s.Silence.Seconds(),
	}
}

// hundredths rounds away the dust of logarithms.
func hundredths(v float64) float64 { return math.Round(v*100) / 100 }
