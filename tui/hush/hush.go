// Package hush keeps the libraries below the screen from asking the terminal
// before main. Bubble Tea 1 does so in an init, in every command of a program
// that has a screen at all, and waits 5 s for a terminal that gives no answer.
// It asks nothing where the variable CI says that nobody is there; so this
// package says that until Restore.
//
// It comes first by the rule of the language, in "Program initialization": of
// the packages whose imports are ready the first by path is next. All it imports
// is ready before package unicode, which Bubble Tea waits for, and from there on
// too its path comes before that of package strings. A test of the screen holds
// it to that. So it must import nothing but syscall.
package hush

import "syscall"

// ci is the variable, and value what it was.
const ci = "CI"

var value, found = set()

func set() (value string, found bool) {
	value, found = syscall.Getenv(ci)
	_ = syscall.Setenv(ci, "1") // without it the terminal is asked, no more
	return value, found
}

// Restore makes the variable what it was, for us and for what we start.
func Restore() struct{} {
	if found {
		_ = syscall.Setenv(ci, value)
	} else {
		_ = syscall.Unsetenv(ci)
	}
	return struct{}{}
}
