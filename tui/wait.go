package tui

import (
	"fmt"
	"time"

	"secstream/tui/keys"
)

// Waiting is a server as far as it is waited for. The zero Waiting is of none.
type Waiting struct {
	Server string
	Tries  int           // in vain since it served last
	Why    string        // the last of them was, in few words
	Again  time.Duration // until the next one, where the server asked for time, else 0
}

// How tells the next try: when it comes, or that it is under way, and why the one
// before it failed.
func (w Waiting) How() string {
	if w.Again > 0 {
		return fmt.Sprintf(": busy, tries again in %d s", (w.Again+time.Second-1)/time.Second)
	}
	return fmt.Sprintf(", try %d: %s", w.Tries+1, w.Why)
}

// soonTold is how long a wait without trouble lasts until it is told of.
const soonTold = time.Second

// hold is a wait as the screen shows it.
type hold struct {
	Waiting
	since time.Time // when silence began, zero while there is none
	lost  []int     // tracks that could not be played because of it
	text  string    // for the line at the foot, "" for nothing to tell
}

// attend looks at who is waited for.
func (m *model) attend() {
	h, s := &m.hold, m.now.state
	h.text = ""
	if m.config.Waiting == nil {
		return
	}
	w := m.config.Waiting()
	h.Waiting = Waiting{clean(w.Server), w.Tries, clean(w.Why), w.Again}
	if h.Tries == 0 { // it is back: they are as good as any
		for _, track := range h.lost {
			delete(m.library.failed, track)
		}
		h.lost = nil
	}
	silent := s.Buffering && !s.Paused && !m.now.ended()
	if !silent {
		h.since = time.Time{}
	} else if h.since.IsZero() {
		h.since = time.Now()
	}
	switch {
	case h.Server == "" || m.arrival.waiting:
	case h.Tries > 0 && m.now.failed:
		h.text = fmt.Sprintf("%s does not serve, %s: %s", h.Server, tries(h.Tries), h.Why) + m.again()
	case h.Tries > 0 && silent:
		h.text = "waiting for " + h.trouble() + m.leaving()
	case h.Tries > 0 && m.now.moving():
		h.text = h.trouble() + "; what is here plays on"
	case h.Tries > 0:
		h.text = "waiting for " + h.trouble()
	case silent && !m.now.failed && time.Since(h.since) >= soonTold:
		h.text = "waiting for " + h.Server + m.leaving()
	}
}

// trouble is who does not serve, and how it is tried.
func (h hold) trouble() string { return h.Server + h.How() }

// line is the text for w cells: where they are few, the reason is what stays.
func (h hold) line(w int) string {
	if h.Tries == 0 || width(h.text) <= w {
		return h.text
	}
	why := h.How()
	return cut(h.Server, max(w-width(why), w/4)) + why
}

func tries(n int) string {
	if n == 1 {
		return "1 try"
	}
	return thousands(n) + " tries"
}

// leaving is what can be pressed about a wait.
func (m *model) leaving() string {
	if key := m.keys.Of(keys.Quit).Key(); key != "" {
		return "; " + key + " quits"
	}
	return ""
}

// retry plays the track that could not be played once more.
func (m *model) retry() {
	if id := m.now.state.Item; id != 0 {
		m.jump(id)
		return
	}
	m.play(m.now.state.Track)
}
