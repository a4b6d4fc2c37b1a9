//go:build !race

package mix

const slow = false
