package server

import "sync"

// hoard is the disk that uploads take, in bytes, set aside before they come. One
// address has half of it at most. It is safe for concurrent use.
type hoard struct {
	mu    sync.Mutex
	total int64
	by    map[string]int64 // client addresses, as limits count them
}

// take sets n bytes of most aside for who, if there is room.
func (h *hoard) take(who string, n, most int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.total+n > most || h.by[who]+n > most/2 {
		return false
	}
	if h.by == nil {
		h.by = map[string]int64{}
	}
	h.total += n
	h.by[who] += n
	return true
}

// give takes n bytes of who's back.
func (h *hoard) give(who string, n int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.total -= n
	if h.by[who] -= n; h.by[who] == 0 {
		delete(h.by, who)
	}
}
