//go:build race

package player

// raceEnabled: the race detector makes decoding some ten times slower.
const raceEnabled = true
