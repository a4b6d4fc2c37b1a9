//go:build race

package decode_test

// raceEnabled: decoding is ten times as slow under the race detector.
const raceEnabled = true
