package tui

// window is the part of a long list that is seen, and the cursor in it. The
// list itself is its owner's.
type window struct {
	cursor int // index of the selected line, -1 when there is none
	offset int // index of the first line seen
	height int // lines seen
	total  int // lines there are
}

// count sets how many lines there are and keeps the cursor among them.
func (w *window) count(n int) {
	w.total = n
	w.to(w.cursor)
}

// to moves the cursor to a line, or the nearest there is.
func (w *window) to(i int) {
	w.cursor = min(max(i, 0), w.total-1)
	w.reveal()
}

// page moves the cursor by n windows.
func (w *window) page(n int) { w.to(w.cursor + n*max(w.height-1, 1)) }

// scroll moves the window by n lines and keeps the cursor inside.
func (w *window) scroll(n int) {
	w.offset = w.clamp(w.offset + n)
	if w.total > 0 && w.height > 0 {
		w.cursor = min(max(w.cursor, w.offset), min(w.offset+w.height, w.total)-1)
	}
}

func (w *window) clamp(offset int) int { return max(min(offset, w.total-w.height), 0) }

// resize sets the number of lines seen.
func (w *window) resize(height int) {
	w.height = max(height, 0)
	w.reveal()
}

// reveal moves the window as little as needed to show the cursor.
func (w *window) reveal() {
	if w.cursor >= 0 {
		w.offset = max(min(w.offset, w.cursor), w.cursor-w.height+1)
	}
	w.offset = w.clamp(w.offset)
}

// centre puts the cursor in the middle of the window.
func (w *window) centre() {
	w.offset = w.clamp(w.cursor - w.height/2)
	w.reveal()
}

// at is the line y lines below the top of the window, -1 for none.
func (w *window) at(y int) int {
	if i := w.offset + y; y >= 0 && y < w.height && i < w.total {
		return i
	}
	return -1
}
