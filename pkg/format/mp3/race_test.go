//go:build race

package mp3

// raceEnabled: the race detector makes decoding some ten times slower.
const raceEnabled = true
