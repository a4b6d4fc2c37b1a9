package tui

import (
	"slices"
	"testing"
)

func TestDates(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "1992": "1992", "1992-11": "1992-11", "1992-11-09": "1992-11-09", "1992-11-09T12:00": "1992-11-09", "1992-1-9": "1992",
		"1992-11-9": "1992-11", "May 1983": "1983", "25.10.1978": "1978", "0000": "", "0000-00-00": "", "19921109": "", "12345": "", "x": "", "199": "",
		"(c) 2001, 2002": "2001", "ü2001": "2001",
	} {
		if got := dated(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	dates := []string{"", "1992-11", "2001", "1992", "", "1978-10-25", "1992-11-09"}
	slices.SortStableFunc(dates, byDates)
	if want := []string{"1978-10-25", "1992", "1992-11", "1992-11-09", "2001", "", ""}; !slices.Equal(dates, want) {
		t.Errorf("%q", dates)
	}
}

// By date tracks follow each other, and albums by the first of theirs; artists
// stay where they are.
func TestSortByDate(t *testing.T) {
	tracks := []Track{
		{Title: "late", Artist: "B", Album: "Late", Date: "2001"}, {Title: "undated", Artist: "B", Album: "Never"},
		{Title: "second", Artist: "B", Album: "Early", Date: "1991"}, {Title: "first", Artist: "B", Album: "Early", Date: "1990"},
		{Title: "old", Artist: "A", Album: "Old", Date: "2020"},
	}
	for by, want := range map[grouping][]int{
		ungrouped: {3, 2, 0, 4, 1}, byArtist: {4, 3, 2, 0, 1}, byAlbum: {3, 2, 0, 4, 1}, byFolder: {3, 2, 0, 4, 1},
	} {
		if got := newTree(tracks, by, byDate).under(nil); !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", by, got, want)
		}
	}
}
