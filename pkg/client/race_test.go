//go:build race

package client_test

// raceEnabled: the race detector makes decoding some ten times slower.
const raceEnabled = true
