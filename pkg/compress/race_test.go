//go:build race

package compress

// raceEnabled: the race detector makes compressing some twenty times slower.
const raceEnabled = true
