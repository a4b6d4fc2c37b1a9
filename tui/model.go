package tui

import (
	"time"

	"github.com/charmbracelet/bubbles/help"
	tea "github.com/charmbracelet/bubbletea"

	"secstream/pkg/player"
)

// model is the whole screen: it owns the parts and sends each message to the
// one it is for. It is a value, as Bubble Tea wants; only Update changes it.
type model struct {
	engine transport
	quit   <-chan struct{} // closed when the screen is gone
	where  string
	styles styles
	keys   keyMap
	help   help.Model
	w, h   int // cells, 0 before the terminal said

	browse browse
	now    nowPlaying
	seek   seekbar
	status status
	click  click

	generation int // of the tick that counts
	every      time.Duration
}

// How often the engine is looked at.
const (
	movingPace = 125 * time.Millisecond
	stillPace  = time.Second // nothing moves by itself
)

// newModel makes a screen from texts as they came.
func newModel(e transport, c Config, s styles, quit <-chan struct{}) model {
	tracks := make([]Track, len(c.Tracks))
	for i, t := range c.Tracks {
		tracks[i] = Track{
			Title: clean(t.Title), Artist: clean(t.Artist), Album: clean(t.Album),
			Folder: clean(t.Folder), Format: clean(t.Format), Duration: t.Duration,
		}
	}
	m := model{
		engine: e, quit: quit, where: clean(c.Where), styles: s, keys: newKeyMap(), help: newHelp(s),
		browse: newBrowse(tracks),
		now:    nowPlaying{tracks: tracks, volume: position(c.Volume), state: e.State()},
	}
	m.browse.selectTrack(m.now.state.Track)
	return m
}

// position takes what a caller gave for a control's position to 0 to 1.
func position(v float64) float64 {
	if !(v > 0) { // NaN as well
		return 0
	}
	return min(v, 1)
}

func newHelp(s styles) help.Model {
	h := help.New()
	h.ShortSeparator, h.FullSeparator = helpGap, "    "
	h.Styles = help.Styles{
		Ellipsis: s.faint, ShortKey: s.accent, ShortDesc: s.dim, ShortSeparator: s.faint,
		FullKey: s.accent, FullDesc: s.dim, FullSeparator: s.faint,
	}
	return h
}

// Init begins to listen to the engine.
func (m model) Init() tea.Cmd {
	return tea.Batch(listen(m.engine.Events(), m.quit), tick(0, m.generation))
}

// Update takes one message. It never waits.
func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.route(msg)
	m.follow()
	return m, tea.Batch(cmd, m.pace())
}

// route sends a message where it belongs.
func (m *model) route(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
	case tea.KeyMsg:
		return m.typed(msg)
	case tea.MouseMsg:
		m.mouse(tea.MouseEvent(msg))
	case eventMsg:
		return tea.Batch(m.event(player.Event(msg)), listen(m.engine.Events(), m.quit))
	case closedMsg:
		return tea.Quit
	case tickMsg:
		if msg.generation == m.generation {
			m.every = 0 // pace arms the next
		}
	case expiredMsg:
		m.status.expire(msg.id)
	case tea.ResumeMsg: // after ctrl+z the terminal has forgotten the mouse
		return tea.EnableMouseCellMotion
	}
	return nil
}

// resize lays the screen out anew, with the selected track in sight.
func (m *model) resize(w, h int) {
	first := m.w == 0
	m.w, m.h = w, h
	m.browse.resize(m.layout().rows)
	if first {
		m.browse.centre()
	}
}

// follow looks at the engine. A cursor on the track that played goes along
// when the next one begins.
func (m *model) follow() {
	before := m.now.state.Track
	m.now.state = m.engine.State()
	_, bad := m.browse.failed[m.now.state.Track]
	m.now.failed = bad && m.now.state.Buffering
	if now := m.now.state.Track; now != before {
		if m.browse.selected() == before && !m.browse.typing {
			m.browse.selectTrack(now)
		}
		if m.seek.track != now {
			m.seek.dragging = false
		}
	}
}

// pace keeps the ticks as fast as what is shown moves.
func (m *model) pace() tea.Cmd {
	every := stillPace
	if m.now.moving() {
		every = movingPace
	}
	if every == m.every {
		return nil
	}
	m.every = every
	m.generation++
	return tick(every, m.generation)
}

// event takes what the engine tells.
func (m *model) event(e player.Event) tea.Cmd {
	switch e.Kind {
	case player.TrackChange, player.Seek:
		m.now.ended = false
		delete(m.browse.failed, e.Track)
	case player.Ended:
		m.now.ended = true
	case player.Error:
		if e.Skipped {
			break // the track goes on
		}
		why := "unknown error"
		if e.Err != nil {
			why = clean(e.Err.Error())
		}
		m.browse.failed[e.Track] = why
		name := "track"
		if e.Track >= 0 && e.Track < len(m.now.tracks) {
			name = m.now.tracks[e.Track].name()
		}
		return m.status.show(statusFailure, "cannot play "+name+": "+why)
	case player.Warning:
		return m.status.show(statusWarning, clean(e.Text))
	}
	return nil
}

// layout is where everything is now.
func (m *model) layout() layout {
	lines := 0
	if m.help.ShowAll {
		lines = len(m.helpLines())
	}
	return newLayout(m.w, m.h, lines)
}
