//go:build race

package ogg

// raceEnabled: the race detector makes sync.Pool drop things at random.
const raceEnabled = true
