package tui

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"secstream/pkg/player"
	"secstream/tui/keys"
)

// model is the whole screen: it owns the parts and sends each message to the
// one it is for. It is a value, as Bubble Tea wants; only Update changes it.
type model struct {
	ctx    context.Context // ends with the screen
	engine transport
	config Config
	out    *output
	ground <-chan bool // whether the terminal is dark, nil when it is not asked
	told   <-chan Word
	where  string
	looks  looks
	styles styles
	keys   keys.Map
	w, h   int // cells, 0 before the terminal said

	view    view
	arrival arrival
	library library
	queue   queue
	now     nowPlaying
	words   words
	bars    bars
	cover   cover
	seek    seekbar
	safe    Protection
	hold    hold
	help    help
	status  status
	number  number
	click   click
	saved   Resume

	generation int           // of the tick that counts
	every      time.Duration // until it comes, 0 for none
}

// view is one of the large views.
type view uint8

const (
	viewLibrary view = iota
	viewQueue
	viewNow
	viewLyrics
	viewProtection
	views
)

// newModel makes a screen. An error is about keys that cannot be.
func newModel(c Config, l looks) (model, error) {
	m := model{ctx: context.Background(), looks: l, styles: newStyles(l), out: &output{}, engine: absent{}, bars: newBars()}
	m.words.track, m.cover.track = -1, -1
	m.told = c.Told
	k, err := keys.New(c.Keys)
	if err != nil {
		return model{}, err
	}
	m.keys = k
	if c.Engine != nil {
		m.adopt(c.Engine, c)
		return m, nil
	}
	m.config, m.where = c, clean(c.Where)
	m.now.state = m.engine.State()
	m.arrival = arrival{waiting: true, since: time.Now()}
	return m, nil
}

// adopt takes what is to be shown. Texts are as they came.
func (m *model) adopt(e transport, c Config) {
	tracks := make([]Track, len(c.Tracks))
	for i, t := range c.Tracks {
		tracks[i] = Track{
			Title: clean(t.Title), Artist: clean(t.Artist), Album: clean(t.Album),
			Folder: clean(t.Folder), Date: dated(t.Date), Format: clean(t.Format), Duration: t.Duration,
		}
	}
	m.engine, m.config, m.where = e, c, clean(c.Where)
	m.arrival = arrival{}
	m.library, m.queue = newLibrary(tracks), newQueue(tracks)
	m.now = nowPlaying{tracks: tracks, volume: decibels(c.Volume), state: e.State()}
	m.saved = Resume{Track: m.now.state.Track, Position: m.now.state.Position}
	m.resize(m.w, m.h)
	m.library.reach(m.now.state.Track)
	m.library.centre()
	m.queue.follow(e)
}

// Init begins to listen to the engine, or to wait for it.
func (m model) Init() tea.Cmd {
	first := tea.Batch(hear(m.ctx.Done(), m.told), sense(m.ctx.Done(), m.ground))
	if m.arrival.waiting {
		return tea.Batch(first, connect(m.ctx, m.config.Connect), tick(movingPace, m.generation))
	}
	m.ask()
	return tea.Batch(first, listen(m.engine.Events(), m.ctx.Done()), tick(0, m.generation))
}

// ask asks the terminal for its ground. That waits for an engine: the answer to a
// screen that ends at once would be typed into the shell.
func (m *model) ask() {
	if m.ground != nil {
		m.out.tell(groundQuery)
	}
}

// Update takes one message. It never waits.
func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.route(msg)
	return m, tea.Batch(cmd, m.follow(), m.pace(msg))
}

// route sends a message where it belongs.
func (m *model) route(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
	case groundMsg:
		m.looks.dark = msg.dark
		m.styles = newStyles(m.looks)
	case tea.KeyMsg:
		return m.read(msg)
	case tea.MouseMsg:
		m.mouse(tea.MouseEvent(msg))
	case tea.ResumeMsg: // after ctrl+z the terminal has forgotten the mouse, and perhaps pictures
		m.out.tell(m.cover.setup)
		return tea.EnableMouseCellMotion
	case eventMsg:
		return tea.Batch(m.event(player.Event(msg)), listen(m.engine.Events(), m.ctx.Done()))
	case closedMsg:
		return tea.Quit
	case tickMsg:
		if msg.generation == m.generation {
			m.every = 0 // pace arms the next
		}
	case expiredMsg:
		m.status.expire(msg.id)
	case countedMsg:
		m.counted(msg.id)
	case toldMsg:
		return tea.Batch(m.hears(Word(msg)), hear(m.ctx.Done(), m.told))
	case connectedMsg:
		return m.connected(msg)
	case lyricsMsg:
		return m.words.take(msg)
	case picturedMsg:
		return m.cover.take(msg)
	case restedMsg:
		if msg.of == forCover {
			m.cover.rested(msg.track, msg.tries)
		} else {
			m.words.rested(msg.track, msg.tries)
		}
	case drawnMsg:
		m.out.tell(m.cover.hang(msg))
	}
	return nil
}

// connected begins with what was waited for.
func (m *model) connected(msg connectedMsg) tea.Cmd {
	if msg.err != nil || msg.config.Engine == nil {
		m.arrival.err = msg.err
		return tea.Quit
	}
	lasting := m.arrival.lasting
	m.adopt(msg.config.Engine, msg.config)
	m.ask()
	wait := listen(m.engine.Events(), m.ctx.Done())
	if lasting != "" {
		return tea.Batch(wait, m.status.show(statusWarning, lasting))
	}
	if note := clean(msg.config.Note); note != "" {
		return tea.Batch(wait, m.status.show(statusNote, note))
	}
	return wait
}

// hears takes a word for the listener. One that comes before the engine is
// shown at once, and if it lasts again with the first view.
func (m *model) hears(w Word) tea.Cmd {
	text := clean(w.Text)
	if !m.arrival.waiting {
		return m.status.show(statusWarning, text)
	}
	m.arrival.text = text
	if w.Lasting {
		m.arrival.lasting = text
	}
	return nil
}

// resize lays the screen out anew, with what is selected in sight.
func (m *model) resize(w, h int) {
	m.w, m.h = w, h
	l := m.layout()
	m.library.resize(l.rows)
	m.queue.resize(l.rows)
	m.bars.resize(l.inner - 4)
}

// follow looks at the engine. A cursor on the track that played goes along
// when the next one begins.
func (m *model) follow() tea.Cmd {
	before := m.now.state.Track
	m.know()
	if m.config.Protection != nil {
		m.safe = m.config.Protection().clean()
	}
	m.safe.underruns, m.safe.silence = m.now.state.Underruns, m.now.state.Silence
	_, bad := m.library.failed[m.now.state.Track]
	m.now.failed = bad && m.now.state.Buffering
	m.attend()
	if now := m.now.state.Track; now != before {
		if m.library.selected() == before && !m.library.typing {
			m.library.reach(now)
		}
		if m.seek.track != now {
			m.seek.dragging = false
		}
	}
	if m.barsShown() && (m.now.moving() || !m.bars.resting()) {
		m.bars.look(m.engine, !m.now.moving() || m.now.state.Buffering)
	}
	return tea.Batch(m.look(), m.keep())
}

// know asks the engine what plays, and what is to.
func (m *model) know() {
	m.now.state = m.engine.State()
	m.queue.follow(m.engine)
}

// look fetches what the view shows of the track that plays.
func (m *model) look() tea.Cmd {
	track := m.now.state.Track
	var cmds []tea.Cmd
	if get := m.config.Lyrics; get != nil && m.view == viewLyrics && track >= 0 {
		if now, other := m.words.begin(track); now {
			if other {
				m.words = words{errand: m.words.errand, shift: m.words.shift, rows: m.words.rows}
			}
			cmds = append(cmds, fetch(m.ctx, func(ctx context.Context) tea.Msg {
				text, err := get(ctx, track)
				return lyricsMsg{track, text, err}
			}))
		}
	}
	if get := m.config.Art; get != nil && m.view == viewNow && track >= 0 {
		if now, other := m.cover.begin(track); now {
			if other {
				m.cover.image = nil
				m.cover.renew()
			}
			cmds = append(cmds, fetch(m.ctx, func(ctx context.Context) tea.Msg { return decode(track)(get(ctx, track)) }))
		}
	}
	return tea.Batch(append(cmds, m.draw())...)
}

// here is where the listener is.
func (m *model) here() Resume {
	if m.now.ended() {
		return Resume{Track: -1}
	}
	return Resume{m.now.state.Track, m.now.state.Position}
}

// savedEvery is how much sound may be heard twice after a resume.
const savedEvery = 5 * time.Second

// keep saves where the listener is, when that has changed by enough.
func (m *model) keep() tea.Cmd {
	r := m.here()
	if m.config.Save == nil || m.arrival.waiting || r.Track == m.saved.Track && (r.Position-m.saved.Position).Abs() < savedEvery {
		return nil
	}
	m.saved = r
	return save(m.config.Save, r)
}

// How often the engine is looked at.
const (
	barsPace   = 50 * time.Millisecond
	wordsPace  = 100 * time.Millisecond
	movingPace = 250 * time.Millisecond
	agePace    = time.Second // nothing but the age of a key moves
	settlePace = 200 * time.Millisecond
)

// pace keeps the ticks as fast as what is shown moves. When nothing does, one
// more look is had after each message, for what takes a moment, and none after
// that.
func (m *model) pace(msg tea.Msg) tea.Cmd {
	every := settlePace
	switch {
	case m.barsShown() && (m.now.moving() || !m.bars.resting()):
		every = barsPace
	case m.now.moving() && m.view == viewLyrics && m.words.moving():
		every = wordsPace
	case m.now.moving():
		every = movingPace
	case m.arrival.waiting:
		every = movingPace
	case m.hold.text != "", m.view == viewProtection && !m.safe.KeySince.IsZero():
		every = agePace
	default:
		if _, ticked := msg.(tickMsg); ticked && m.every == 0 {
			return nil
		}
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
		delete(m.library.failed, e.Track)
		if e.Kind == player.TrackChange { // it was selected again, perhaps
			m.words.hurry()
			m.cover.hurry()
		}
	case player.Error:
		return m.broken(e)
	case player.Warning:
		return m.status.show(statusWarning, clean(e.Text))
	}
	return nil
}

// broken tells that a track, or with Skipped a slice of it, is not played.
func (m *model) broken(e player.Event) tea.Cmd {
	why, name := "unknown error", "track"
	if e.Err != nil {
		why = clean(e.Err.Error())
	}
	if e.Track >= 0 && e.Track < len(m.now.tracks) {
		name = m.now.tracks[e.Track].name()
	}
	if e.Skipped {
		return m.status.show(statusWarning, fmt.Sprintf("slice %d of %s is left out: %s", e.Slice, name, strings.TrimPrefix(why, fmt.Sprintf("slice %d: ", e.Slice))))
	}
	m.library.failed[e.Track] = why
	if m.attend(); m.hold.Tries > 0 {
		m.hold.lost = append(m.hold.lost, e.Track)
	}
	cmd := m.status.show(statusFailure, "cannot play "+name+": "+why)
	m.status.then = m.again()
	return cmd
}

// again is what can be pressed about a track that is not played.
func (m *model) again() string {
	if again := m.keys.Of(keys.Play).Key(); again != "" {
		return "; " + again + " tries again"
	}
	return ""
}
