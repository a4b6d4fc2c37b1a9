package wire

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Code names a refusal so that programs can branch on it.
type Code string

// The codes a server answers with.
const (
	BadRequest      Code = "bad_request"
	NotFound        Code = "not_found"
	SessionNotFound Code = "session_not_found"
	SliceNotFound   Code = "slice_not_found"
	TrackNotFound   Code = "track_not_found"
	NoCover         Code = "no_cover"
	NoLyrics        Code = "no_lyrics"
	TrackChanged    Code = "track_changed" // the file was replaced while the session was live
	TooLarge        Code = "too_large"
	Unsupported     Code = "unsupported_audio"
	Forbidden       Code = "forbidden"
	Busy            Code = "busy"      // a limit is reached; try later
	DiskFull        Code = "disk_full" // of uploads; others play on
	TooManyKeys     Code = "too_many_key_exchanges"
	MethodNot       Code = "method_not_allowed"
	Unauthorized    Code = "unauthorized"         // a token is missing or not known
	TooMany         Code = "too_many_requests"    // this client is over its share; try later
	SameSession     Code = "session_keeps_tracks" // the track is the last, or the only one
	NotReady        Code = "not_ready"            // the server has just started, or its disk is gone
	Protocol        Code = "unsupported_protocol"
	Rekey           Code = "rekey" // the key has served its time; agree on another
	Internal        Code = "internal"
)

// status of each code; what is missing is 500.
func (c Code) status() int {
	switch c {
	case BadRequest, Protocol:
		return http.StatusBadRequest
	case NotFound, SessionNotFound, SliceNotFound, TrackNotFound, NoCover, NoLyrics:
		return http.StatusNotFound
	case TrackChanged:
		return http.StatusGone
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case Unsupported:
		return http.StatusUnsupportedMediaType
	case Forbidden:
		return http.StatusForbidden
	case Busy, NotReady:
		return http.StatusServiceUnavailable
	case TooManyKeys, SameSession, Rekey:
		return http.StatusConflict
	case Unauthorized:
		return http.StatusUnauthorized
	case TooMany:
		return http.StatusTooManyRequests
	case DiskFull:
		return http.StatusInsufficientStorage
	case MethodNot:
		return http.StatusMethodNotAllowed
	}
	return http.StatusInternalServerError
}

// Error is a refusal by the server. It crosses the network as JSON and comes
// back as the same type.
type Error struct {
	Message string `json:"error"` // the field name is protocol v1's
	Code    Code   `json:"code,omitempty"`
	Details string `json:"details,omitempty"`
	Status  int    `json:"-"` // HTTP status it came with
}

func (e *Error) Error() string {
	if e.Details != "" {
		return e.Message + ": " + e.Details
	}
	return e.Message
}

// Errorf makes an Error with the status that belongs to code.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Message: fmt.Sprintf(format, args...), Code: code, Status: code.status()}
}

// ReadError makes an Error of an answer's status and body, which may come
// from anything that speaks HTTP. Texts are cut to MaxText.
func ReadError(status int, body []byte) *Error {
	e := new(Error)
	if json.Unmarshal(body, e) != nil || e.Message == "" {
		*e = Error{Message: "the server answered " + http.StatusText(status)}
	}
	cutAll(&e.Message, &e.Details, (*string)(&e.Code))
	e.Status = status
	return e
}
