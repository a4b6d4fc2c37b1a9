package tui

// Smallest screen that gets the views; a smaller one gets one line.
const (
	minWidth  = 40
	minHeight = 10
)

// layout says which line of the screen holds what. Lines count from 0 at the
// top; a part that is not shown has line -1.
type layout struct {
	w, h  int
	inner int // cells between the margins, which are one cell wide

	tiny   bool // one line only
	brief  bool // what plays takes one line
	level  bool // the volume stands beside the bar
	rule   int  // the line below the header
	filter int  // the line of the filter: the rule's, or the header's
	list   int  // first line of the view
	rows   int  // lines of it
	panel  int  // the rule above what plays
	bar    int  // the seek bar
	foot   int  // status, or what can be pressed
}

// layout is where everything is now.
func (m *model) layout() layout {
	filter := m.view == viewLibrary && (m.library.typing || m.library.query != "") && !m.help.open
	return newLayout(m.w, m.h, m.view == viewNow && !m.help.open, filter, m.help.open)
}

// newLayout divides a screen of w × h cells. In the view of what plays now the
// lower part says less; the help takes its place.
func newLayout(w, h int, now, filter, help bool) layout {
	l := layout{w: w, h: h, inner: w - 2, foot: h - 1, rule: -1, filter: -1}
	switch {
	case w < minWidth || h < minHeight:
		return layout{w: w, h: h, tiny: true, rule: -1, filter: -1, list: -1, panel: -1, bar: -1, foot: -1}
	case h < 14:
		l.brief, l.level, l.list, l.bar, l.panel = true, true, 1, h-2, h-4
	case h < 18:
		l.rule, l.list, l.bar, l.panel = 1, 2, h-2, h-6
	default:
		l.rule, l.list, l.bar, l.panel = 1, 2, h-3, h-8
	}
	if now && !l.brief {
		l.brief, l.panel = true, l.bar-2
		if h >= 18 {
			l.panel--
		}
	}
	if now && l.level {
		l.panel = h - 4
	}
	if help {
		l.panel, l.bar = -1, -1
		l.rows = l.foot - l.list
	} else {
		l.rows = l.panel - l.list
	}
	if filter {
		l.filter = max(l.rule, 0)
		l.rule = -1
	}
	return l
}

// barSpan is where the seek bar's cells are.
func (m *model) barSpan(l layout) span { return barCells(1, l.barLine(), m.now.total()) }

// barLine is the width of the line of the seek bar without the volume.
func (l layout) barLine() int {
	if l.level {
		return l.inner - briefVolume
	}
	return l.inner
}
