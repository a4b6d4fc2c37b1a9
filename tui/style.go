package tui

import (
	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
)

// styles are the screen's colours. Without colour (NO_COLOR, dumb terminals)
// every style is plain text, so no meaning hangs on a style alone: the
// selected row, the current track, a failure all have a sign as well.
type styles struct {
	plain, bold, dim, faint lipgloss.Style
	brand, accent, current  lipgloss.Style
	heading                 lipgloss.Style
	selected                lipgloss.Style
	selectedCurrent         lipgloss.Style
	warn, fail              lipgloss.Style
	rule                    lipgloss.Style
	full                    lipgloss.Style // the filled part of the seek bar
	rest                    string         // a cell of it that is not filled
	restStyle               lipgloss.Style
}

// shade is a colour for dark and light backgrounds, each as true colour, in
// the 256 and in the 16 colours.
func shade(dark, dark256, dark16, light, light256, light16 string) lipgloss.CompleteAdaptiveColor {
	return lipgloss.CompleteAdaptiveColor{
		Dark:  lipgloss.CompleteColor{TrueColor: dark, ANSI256: dark256, ANSI: dark16},
		Light: lipgloss.CompleteColor{TrueColor: light, ANSI256: light256, ANSI: light16},
	}
}

func newStyles(r *lipgloss.Renderer) styles {
	var (
		teal   = shade("#3FD0B6", "79", "6", "#0B7A6B", "30", "6")
		grey   = shade("#8B95A5", "246", "7", "#5B6472", "241", "8")
		smoke  = shade("#56606E", "240", "8", "#A9B0BB", "248", "8")
		slate  = shade("#2B323D", "237", "8", "#DDE2E9", "253", "7")
		amber  = shade("#F2B84B", "215", "3", "#9A5B00", "130", "3")
		red    = shade("#FF7A76", "210", "1", "#B3261E", "124", "1")
		ink    = shade("#F4F7FA", "255", "15", "#11151A", "233", "0")
		trough = shade("#363E4A", "238", "8", "#D0D6DE", "252", "7")
	)
	base := r.NewStyle()
	s := styles{
		plain: base, bold: base.Bold(true), dim: base.Foreground(grey), faint: base.Foreground(smoke),
		brand: base.Foreground(teal).Bold(true), accent: base.Foreground(teal), current: base.Foreground(teal).Bold(true),
		heading: base.Foreground(grey).Bold(true), selected: base.Background(slate).Foreground(ink).Bold(true),
		selectedCurrent: base.Background(slate).Foreground(teal).Bold(true),
		warn:            base.Foreground(amber), fail: base.Foreground(red), rule: base.Foreground(smoke),
		full: base.Foreground(teal).Background(trough),
		rest: " ", restStyle: base.Background(trough),
	}
	if r.ColorProfile() == termenv.Ascii {
		s.rest = "░"
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
)
