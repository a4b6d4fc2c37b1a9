package audio

import (
	"slices"
	"testing"
)

func TestSpeakers(t *testing.T) {
	if p := (BackCenter | SideLeft | FrontLeft).Places(8); !slices.Equal(p, []Speakers{FrontLeft, BackCenter, SideLeft}) {
		t.Errorf("places %v", p)
	}
	for n := range 12 {
		want := n
		if n > 8 {
			want = 0
		}
		if got := len(UsualSpeakers(n).Places(32)); got != want {
			t.Errorf("%d channels: %d usual places", n, got)
		}
	}
	for _, c := range []struct {
		mask Speakers
		n    int
		want Speakers
	}{
		{0, 6, 0x3F}, {0, 9, 0}, {0x60F, 6, 0x60F}, {0x3FFFF, 3, 0x7}, {0x3, 4, 0x3}, {LFE, 1, LFE}, {1 << 31, 2, 1 << 31}, {0x3, 0, 0},
	} {
		if got := c.mask.For(c.n); got != c.want {
			t.Errorf("%v for %d channels: %v", c.mask, c.n, got)
		}
	}
	for mask, want := range map[Speakers]string{0: "", 0x3F: "FL FR FC LFE BL BR", 0x80000003: "FL FR 0x80000000", 0x20700: "BC SL SR TBR"} {
		if got := mask.String(); got != want {
			t.Errorf("%#x: %q", uint32(mask), got)
		}
	}
}
