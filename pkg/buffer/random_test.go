package buffer

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"time"
)

// TestAnySequence holds for any sequence of plays, seeks and downloads that what
// a Planner says makes sense, whatever the strategies.
func TestAnySequence(t *testing.T) {
	for seed := range int64(200) {
		r := rand.New(rand.NewSource(seed))
		cfg := Config{
			Slices: 1 + r.Intn(60), Length: time.Duration(r.Intn(6)) * time.Second, Budget: int64(r.Intn(30) * 10),
			Strategy: Strategy(r.Intn(3)), Prefetch: Prefetch(r.Intn(3)),
		}
		if r.Intn(4) == 0 {
			cfg.Ahead, cfg.Strategy = 1+r.Intn(5), Conservative
		}
		sizes := make([]int64, cfg.Slices)
		for i := range sizes {
			sizes[i] = 1 + r.Int63n(20)
		}
		cfg.Size = func(i int) int64 { return sizes[i] }
		m := &model{Planner: New(cfg), r: r, sizes: sizes, about: map[int]bool{}}
		for step := range 400 {
			if err := m.step(); err != nil {
				t.Fatalf("seed %d, step %d, %s and %s, %d ahead: slice %d: %v", seed, step, cfg.Strategy, cfg.Prefetch, cfg.Ahead, m.current, err)
			}
		}
	}
}

// model is a consumer and a network that do as they like, and what ought to be
// there. It knows nothing of what the Planner thinks.
type model struct {
	*Planner
	r     *rand.Rand
	sizes []int64
	now   time.Duration
	at    int
	held  bool
	asks  bool         // the consumer waits for at
	seeks bool         // it has just sought
	about map[int]bool // here (true) or on its way
	used  [100]time.Duration
}

func (m *model) step() error {
	m.now += time.Duration(m.r.Int63n(int64(3 * time.Second)))
	if m.r.Intn(100) == 0 {
		m.now += time.Duration(m.r.Int63n(int64(10 * time.Minute)))
	}
	switch m.r.Intn(4) {
	case 0: // on, or elsewhere
		if m.held {
			m.held = false
			m.used[m.at] = m.now
			m.Done(m.at, m.now)
			break
		}
		if m.at++; m.r.Intn(6) == 0 || m.at >= m.cfg.Slices {
			m.at, m.seeks = m.r.Intn(m.cfg.Slices), true
		}
		m.asks = true
		if here := m.Ask(m.at, m.now); here != m.about[m.at] {
			return fmt.Errorf("it says %v where %v is so", here, m.about[m.at])
		}
	case 1, 2:
		m.network()
	}
	if err := m.obey(); err != nil {
		return err
	}
	if here, ok := m.about[m.at]; m.asks && !ok {
		return fmt.Errorf("slice %d is asked for and not fetched", m.at)
	} else if m.asks && here {
		m.Hold(m.at)
		m.asks, m.held = false, true
	}
	return nil
}

// network lets one slice come, or fail.
func (m *model) network() {
	for i, here := range m.about {
		if here {
			continue
		}
		took := time.Duration(m.r.Int63n(int64(4 * time.Second)))
		if m.r.Intn(8) > 0 {
			m.about[i], m.used[i] = true, m.now
			m.Came(i, 1+m.r.Int63n(m.sizes[i]), took/2, took, m.now)
			return
		}
		m.Failed()
		if m.r.Intn(4) == 0 {
			delete(m.about, i)
			m.GiveUp(i)
			m.asks = m.asks && i != m.at
		}
		return
	}
}

func (m *model) obey() error {
	p := m.Plan(m.now)
	_, was := m.total()
	for _, i := range p.Drop {
		here, ok := m.about[i]
		if !ok || i == m.at && (m.held || m.asks) {
			return fmt.Errorf("drops %d, which is not there or in use", i)
		}
		ahead := i > m.at && i <= m.at+m.reach()
		behind := i <= m.at && i >= m.at-m.cfg.Strategy.behind(m.cfg.Slices) && m.cfg.Strategy != Conservative
		fresh := m.used[i]+m.cfg.Strategy.life() > m.now
		sought := m.cfg.Strategy == Aggressive && max(i-m.at, m.at-i) > aggressiveWindow
		if here && (ahead || behind && fresh && !sought) && was <= m.cfg.Budget {
			return fmt.Errorf("drops %d, which is near and for which there is room", i)
		}
		if !here && ahead && was <= m.cfg.Budget && (!m.seeks || slices.Contains(m.wishes(m.now), i)) {
			return fmt.Errorf("gives up the download of %d, which is near", i)
		}
		delete(m.about, i)
	}
	ahead, begun := 0, false
	for _, i := range p.Start {
		begun = begun || i != m.at
		if _, ok := m.about[i]; ok || i < 0 || i >= m.cfg.Slices {
			return fmt.Errorf("starts %d, which is there", i)
		}
		if m.cfg.Strategy == Conservative && (i < m.at || i > m.at+m.reach()) {
			return fmt.Errorf("starts %d, which is not kept", i)
		}
		if m.asks && i != m.at && !m.about[m.at] {
			return fmt.Errorf("starts %d while the consumer waits", i)
		}
		m.about[i] = false
	}
	m.seeks = false
	for i, here := range m.about {
		if !here && i != m.at {
			ahead++
		}
	}
	if total, _ := m.total(); total > m.cfg.Budget && len(m.about) > 1 || begun && ahead > lanes {
		return fmt.Errorf("%d bytes in %d slices of %d allowed, %d on their way", total, len(m.about), m.cfg.Budget, ahead)
	}
	if again := m.Plan(m.now); len(again.Start)+len(again.Drop) > 0 {
		return fmt.Errorf("at the same moment it starts %v and drops %v, after %v and %v", again.Start, again.Drop, p.Start, p.Drop)
	}
	return nil
}

// total is what there is, and was, or would be had all wishes been granted.
func (m *model) total() (now, wished int64) {
	for i := range m.about {
		if it := m.items[i]; it != nil {
			now += it.size
		} else {
			now += m.sizes[i]
		}
	}
	wished = now
	list := m.wishes(m.now)
	for _, i := range list {
		if _, ok := m.about[i]; !ok {
			wished += m.sizes[i]
		}
	}
	return now, wished
}
