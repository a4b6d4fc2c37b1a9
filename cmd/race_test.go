//go:build race

package cmd

// raceEnabled: the race detector makes everything some ten times slower and
// has pools drop what they hold, so bounds on time and memory mean nothing.
const raceEnabled = true
