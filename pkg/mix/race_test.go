//go:build race

package mix

// slow says that each step takes twenty times as long.
const slow = true
