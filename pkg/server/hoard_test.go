package server

import "testing"

func TestHoard(t *testing.T) {
	var h hoard
	const most = 100
	switch {
	case !h.take("a", 50, most):
		t.Error("half is too much")
	case h.take("a", 1, most):
		t.Error("more than half")
	case !h.take("b", 30, most), h.take("c", 21, most), !h.take("c", 20, most):
		t.Error("what is left is for others")
	}
	h.give("a", 50)
	h.give("b", 30)
	h.give("c", 20)
	if h.total != 0 || len(h.by) != 0 {
		t.Errorf("left behind: %+v", &h)
	}
}
