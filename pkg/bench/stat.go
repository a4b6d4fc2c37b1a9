package bench

import "slices"

// Stat is what a measurement gave over its rounds.
type Stat struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`  // first quartile
	High   float64 `json:"high"` // third quartile
	Rounds int     `json:"rounds"`
	Noisy  bool    `json:"noisy"` // half the rounds lie more than a tenth of the median apart
}

// noise is how far apart the quartiles may lie, as a share of the median,
// before a figure is called noisy.
const noise = 0.10

// series collects the results of rounds.
type series []float64

func (s *series) add(v float64) { *s = append(*s, v) }

func (s series) last() float64 { return s[len(s)-1] }

func (s series) stat() Stat {
	if len(s) == 0 {
		return Stat{}
	}
	sorted := slices.Sorted(slices.Values(s))
	st := Stat{Median: at(sorted, 0.5), Low: at(sorted, 0.25), High: at(sorted, 0.75), Rounds: len(s)}
	st.Noisy = st.High-st.Low > noise*st.Median
	return st
}

// at is the quantile q of sorted values, between neighbours when it falls
// there.
func at(sorted []float64, q float64) float64 {
	pos := q * float64(len(sorted)-1)
	i := int(pos)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (pos-float64(i))*(sorted[i+1]-sorted[i])
}
