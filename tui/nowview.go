package tui

import tea "github.com/charmbracelet/bubbletea"

// How what plays now is laid out.
const (
	barLines       = 12 // at most, of the spectrum
	barLinesBeside = 6  // where there is a cover as well
	coverGap       = 3  // between the cover and the words
	leastRows      = 10 // that are enough for a spectrum as well
	wordsRoom      = 28 // cells the words have at least beside a cover
)

// stage is how the lines of the view are divided.
type stage struct {
	top    int  // lines of cover and words
	bars   int  // lines of the spectrum, 0 for none
	cover  span // cells of the cover, from the left of the view; none when w is 0
	coverH int
}

func (m *model) stage(l layout) stage {
	st := stage{top: l.rows}
	if m.bars.kind != drawNothing && l.rows >= leastRows {
		st.bars = min(l.rows/2-2, barLines)
		if m.cover.shown() {
			st.bars = min(l.rows/3, barLinesBeside)
		}
		st.top -= st.bars + 1
	}
	if m.cover.shown() {
		h := st.top - 1
		if w := min(h*2, l.inner-wordsRoom-coverGap); h >= 4 && w >= 8 {
			st.cover, st.coverH = span{2, w}, min(h, (w+1)/2)
		}
	}
	return st
}

// nowView is what plays, as large as it gets.
func (m *model) nowView(l layout) []string {
	if m.now.state.Track < 0 {
		return fill(nil, l.rows)
	}
	st := m.stage(l)
	left := 2
	if st.cover.w > 0 {
		left = st.cover.x + st.cover.w + coverGap
	}
	next := ""
	if t, ok := m.queue.next(); ok {
		next = join(" – ", t.name(), t.Artist)
	}
	card := m.now.card(m.styles, l.inner-left, max(st.top-1, 1), m.safe.strip(), next)
	height := max(st.top-1, 1)
	if st.cover.w > 0 {
		height = st.coverH
	}
	lines := make([]string, 0, l.rows)
	if st.top > len(card) {
		lines = append(lines, "")
	}
	above := max((height-len(card))/2, 0)
	picture := m.cover.in(st.cover.w, st.coverH)
	for y := range height {
		line := blank(left)
		if st.cover.w > 0 && y < len(picture) {
			line = blank(st.cover.x) + picture[y] + blank(coverGap)
		}
		if k := y - above; k >= 0 && k < len(card) {
			line += card[k]
		}
		lines = append(lines, line)
	}
	lines = fill(lines, st.top)[:st.top]
	if st.bars > 0 {
		lines = append(lines, "")
		for _, b := range m.bars.view(m.styles, l.inner-4, st.bars) {
			lines = append(lines, "  "+b)
		}
	}
	return fill(lines, l.rows)[:l.rows]
}

// barsShown says whether the spectrum is on the screen.
func (m *model) barsShown() bool {
	l := m.layout()
	return m.view == viewNow && !m.help.open && !l.tiny && !m.arrival.waiting && m.stage(l).bars > 0
}

// draw has the cover drawn, if it is to be seen.
func (m *model) draw() tea.Cmd {
	l := m.layout()
	if m.view != viewNow || m.help.open || l.tiny || !m.cover.shown() {
		return nil
	}
	st := m.stage(l)
	if st.cover.w == 0 {
		return nil
	}
	return m.cover.draw(m.looks.profile, st.cover.w, st.coverH)
}
