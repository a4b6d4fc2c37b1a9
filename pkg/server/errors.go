package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"secstream/pkg/audio"
	"secstream/pkg/handshake"
	"secstream/pkg/library"
	"secstream/pkg/pack"
	"secstream/pkg/session"
	"secstream/pkg/wire"
)

// refusals maps errors to what clients are told, first match first. Paths and
// inner causes stay in the log.
var refusals = []struct {
	err     error
	code    wire.Code
	message string
	detail  bool // the error's text is safe and useful to the client
}{
	{session.ErrNoSession, wire.SessionNotFound, "Session not found", false},
	{session.ErrNoKey, wire.SessionNotFound, "Session not found: no key exchange was done yet", false},
	{session.ErrTracks, wire.BadRequest, fmt.Sprintf("A session takes 1 to %d tracks", session.MaxTracks), false},
	{session.ErrLong, wire.BadRequest, "The session's tracks have more slices than a session takes; create another session", false},
	{fs.ErrClosed, wire.SessionNotFound, "Session not found", false}, // it ended while it was being served
	{session.ErrNoTrack, wire.TrackNotFound, "Track not found", false},
	{session.ErrWhich, wire.BadRequest, "Slices of several tracks have this ID: name the track, as ?trackId=", false},
	{session.ErrNoSlice, wire.SliceNotFound, "Slice not found", false},
	{session.ErrFull, wire.Busy, "The server has as many sessions as it takes; try again later", false},
	{session.ErrOwner, wire.TooMany, "You have as many sessions as one client may; end some, or try again later", false},
	{session.ErrSingle, wire.SameSession, "The session is one of a single track; end the session", false},
	{session.ErrLast, wire.SameSession, "The track is the session's last; end the session", false},
	{session.ErrExchanges, wire.TooManyKeys, "The session has as many key exchanges as it takes; create another session", false},
	{session.ErrSameIDs, wire.TooManyKeys, "The session takes one key exchange for each track; create another session", false},
	{session.ErrChanged, wire.TrackChanged, "The file was replaced after the session began; create another session", false},
	{library.ErrChanged, wire.TrackChanged, "The file was replaced after the session began; create another session", false},
	{io.ErrUnexpectedEOF, wire.TrackChanged, "The file is shorter than it was; create another session", false},
	{session.ErrProtocol, wire.Protocol, "This server does not speak protocol v2", false},
	{session.ErrRekey, wire.Rekey, "The key has served its time: agree on another", false},
	{handshake.ErrSuites, wire.BadRequest, "Key exchange failed", true},
	{handshake.ErrPublicKey, wire.BadRequest, "Key exchange failed", true},
	{library.ErrNoCover, wire.NoCover, "The track has no cover", false},
	{library.ErrNoLyrics, wire.NoLyrics, "The track has no lyrics", false},
	{fs.ErrNotExist, wire.TrackNotFound, "Track not found", false},
	{pack.ErrTooLarge, wire.Unsupported, "The track needs shorter slices", true},
	{audio.ErrNotAudio, wire.Unsupported, "Not an audio file this server knows", true},
	{audio.ErrUnsupported, wire.Unsupported, "The audio format is not supported", true},
	{audio.ErrCorrupt, wire.Unsupported, "The audio file is damaged", true},
	{context.DeadlineExceeded, wire.Busy, "The server is too busy; try again later", false},
}

// refusal is the answer to err.
func refusal(err error) *wire.Error {
	var e *wire.Error
	if errors.As(err, &e) {
		return e
	}
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			e := wire.Errorf(r.code, "%s", r.message)
			if r.detail {
				e.Details = err.Error()
			}
			return e
		}
	}
	var damaged *audio.Error
	if errors.As(err, &damaged) {
		e := wire.Errorf(wire.Unsupported, "The audio file cannot be read")
		e.Details = damaged.Error()
		return e
	}
	return wire.Errorf(wire.Internal, "Internal server error")
}

// retryAfter is when a client may come back after a refusal with this code, 0
// where waiting does not help.
func retryAfter(err error, c wire.Code) time.Duration {
	const soon, idle = 5 * time.Second, time.Minute
	var l later
	switch {
	case errors.As(err, &l):
		return l.after
	case c == wire.Busy, c == wire.NotReady:
		return soon
	case c == wire.TooMany: // until some of its sessions have ended
		return idle
	}
	return 0
}
