package tui

import "testing"

func TestFilter(t *testing.T) {
	s := newScreen(t, shelf(), 80, 24)
	s.keys("/ b j o r k")
	s.wantText("1 of 11", "Jóga")
	s.wantNoText("Tha")
	s.keys("enter")
	s.want("jump 4", "pause false")
	s.keys("n")
	s.want("next") // keys are commands again
	s.wantText("1 of 11")
	s.keys("esc")
	s.wantText("Xtal", "Pulsewidth")
	if got := s.selected(); got != 4 {
		t.Errorf("selected %d after the filter was cleared", got)
	}
	s.keys("/ Z O E")
	s.wantText("1 of 11") // written with a combining accent
	s.keys("backspace backspace backspace")
	s.wantText("11 tracks")
	s.keys("backspace space")
	s.want("toggle") // erasing nothing ends the typing
	s.keys("/ s a w space p u l")
	s.wantText("1 of 11", "Pulsewidth") // words of folder and title
	s.keys("ctrl+w")
	s.wantText("3 of 11")
	s.keys("down ctrl+n up ctrl+p down enter")
	s.want("jump 2", "pause false")
	s.keys("/ ctrl+u")
	s.wantText("11 tracks")
	s.keys("5 j") // text, and no count
	s.wantText("nothing matches “5j”")
	s.keys("esc")
	s.want()
}

// The best hit comes first: titles before artists, beginnings of words before
// what lies inside, parts before abbreviations.
func TestSearchRanks(t *testing.T) {
	tracks := []Track{
		{Title: "Something", Artist: "The Beatles", Album: "Abbey Road"},
		{Title: "Betrayals", Artist: "Others"},
		{Title: "Unbeaten", Artist: "Others"},
		{Title: "Beat It", Artist: "Michael Jackson"},
		{Title: "Nothing", Artist: "Nobody", Folder: "Beaten Paths"},
	}
	var list []fields
	for _, tr := range tracks {
		list = append(list, fieldsOf(tr))
	}
	for query, want := range map[string][]int{
		"beat": {3, 0, 2, 4}, "btls": {1, 0}, "beat it": {3}, "thing abbey": {0}, "zz": {}, "b": {1, 3, 0, 2, 4},
	} {
		got := search(list, query)
		if len(got) != len(want) {
			t.Errorf("%q finds %v, want %v", query, got, want)
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%q finds %v, want %v", query, got, want)
				break
			}
		}
	}
}

func TestLongFilterShowsItsEnd(t *testing.T) {
	s := newScreen(t, shelf(), 40, 10)
	s.keys("/")
	for range 30 {
		s.keys("語 é")
	}
	s.keys("E N D")
	s.wantText("END▏")
}
