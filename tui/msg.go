package tui

import "secstream/pkg/player"

// eventMsg is one event of the engine.
type eventMsg player.Event

// closedMsg tells that the engine raises no more events.
type closedMsg struct{}

// tickMsg asks for a fresh look at the engine. One of another generation than
// the model's is left over from before the pace changed.
type tickMsg struct{ generation int }

// expiredMsg tells that the status with this number was shown long enough.
type expiredMsg struct{ id int }
