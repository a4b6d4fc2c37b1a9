package tui

import (
	"io"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
)

// looks is what the colours are chosen by.
type looks struct {
	theme   int // index in themes
	dark    bool
	profile colorprofile.Profile
}

// styles are the screen's colours. Without colour (NO_COLOR) they are bold and
// reverse at most, so no meaning hangs on one alone: the selected row, the
// current track, a failure, a slice that was played all have a sign as well.
type styles struct {
	plain, bold, dim, faint lipgloss.Style
	brand, accent, current  lipgloss.Style
	heading, title          lipgloss.Style
	selected                lipgloss.Style
	selectedCurrent         lipgloss.Style
	warn, fail              lipgloss.Style
	rule                    lipgloss.Style
	glyphs                  bool           // bars are told by glyphs: backgrounds are too few, or none
	played, ahead, trough   lipgloss.Style // of the seek bar: backgrounds
	edge, edgeAhead         lipgloss.Style // the cell where what was played ends, before trough and before what is at hand
}

// renderer makes styles for such a terminal. It is never asked what it writes
// to, as all is known.
func (l looks) renderer() *lipgloss.Renderer {
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(termenv.ANSI) // also without colours, for what is bold
	if p, colour := profiles[l.profile]; colour {
		r.SetColorProfile(p)
	}
	r.SetHasDarkBackground(l.dark)
	return r
}

// profiles are the kinds of terminals with colour in the words of the packages
// lipgloss and art.
var profiles = map[colorprofile.Profile]termenv.Profile{
	colorprofile.TrueColor: termenv.TrueColor, colorprofile.ANSI256: termenv.ANSI256, colorprofile.ANSI: termenv.ANSI,
}

func newStyles(l looks) styles {
	base := l.renderer().NewStyle()
	if l.profile <= colorprofile.ASCII {
		bold := base.Bold(true)
		return styles{
			plain: base, bold: bold, dim: base, faint: base, brand: bold, accent: base, current: bold, heading: bold, title: bold,
			selected: base.Reverse(true), selectedCurrent: bold.Reverse(true), warn: base, fail: bold, rule: base,
			glyphs: true, played: base, ahead: base, trough: base, edge: base, edgeAhead: base,
		}
	}
	t := themes[l.theme]
	p := t.light
	if l.dark {
		p = t.dark
	}
	front := func(s shade) lipgloss.Style { return base.Foreground(s.colour()) }
	accent, chosen := front(p.accent), p.chosen.colour()
	s := styles{
		plain: base, bold: base.Bold(true), dim: front(p.dim), faint: front(p.faint),
		brand: accent.Bold(true), accent: accent, current: accent.Bold(true),
		heading: front(p.dim).Bold(true), title: front(p.text).Bold(true),
		selected:        front(p.text).Background(chosen).Bold(true),
		selectedCurrent: accent.Background(chosen).Bold(true),
		warn:            front(p.warn), fail: front(p.fail), rule: front(p.faint),
		played: accent, ahead: base.Background(p.soft.colour()), trough: base.Background(p.trough.colour()),
		edge: accent.Background(p.trough.colour()), edgeAhead: accent.Background(p.soft.colour()),
	}
	if l.profile < colorprofile.ANSI256 {
		s.glyphs, s.ahead, s.trough, s.edge, s.edgeAhead = true, accent, front(p.faint), accent, accent
	}
	return s
}

// Signs of the list and of what plays. All of them are one cell wide and none
// has an emoji form that some terminals would draw over two.
const (
	signPlaying   = "►"
	signPaused    = "‖"
	signBuffering = "…"
	signEnded     = "■"
	signFailed    = "✗"
	signSelected  = "›"
	signOpen      = "▾"
	signClosed    = "▸"
	signGood      = "✓"
)
