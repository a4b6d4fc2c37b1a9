package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"syscall"

	"secstream/pkg/audio"
	"secstream/pkg/caught"
	"secstream/pkg/cert"
	"secstream/pkg/client"
	"secstream/pkg/compress"
	"secstream/pkg/handshake"
	"secstream/pkg/identity"
	"secstream/pkg/output"
	"secstream/pkg/seal"
	"secstream/pkg/token"
	"secstream/pkg/wire"
)

// Exit codes, the same for every command; docs/cli.md lists them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitAudio       = 3 // audio that cannot be read or decoded, or is damaged
	exitUnreachable = 4
	exitRefused     = 5 // the server refused, or a slice is forged
	exitInterrupted = 130
)

// usageError is a call that cannot be carried out as written.
type usageError struct{ text, hint string }

func (e *usageError) Error() string { return e.text }

func usageErrorf(hint, format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...), hint: hint}
}

// hinted adds what to do next to an error.
type hinted struct {
	error
	hint string
}

func (e *hinted) Unwrap() error { return e.error }

func withHint(err error, format string, args ...any) error {
	return &hinted{err, fmt.Sprintf(format, args...)}
}

// errDamaged ends a command that found damage and has told of it already.
var errDamaged = errors.New("damaged audio was found")

// outcome is what a kind of error means to the person at the prompt.
type outcome struct {
	code int
	name string // for programs
	hint string
}

// outcomes maps errors, first match first.
var outcomes = []struct {
	is func(error) bool
	outcome
}{
	{as[*usageError], outcome{exitUsage, "usage", `"secstream --help" shows how it is called`}},
	{is(context.Canceled), outcome{exitInterrupted, "interrupted", ""}},
	{is(client.ErrAddress), outcome{exitUsage, "usage", ""}},
	{is(client.ErrToken), outcome{exitUsage, "usage", "as \"secstream token add NAME\" printed it"}},
	{is(token.ErrName), outcome{exitUsage, "usage", "as secstream token add alice"}},
	{is(cert.ErrFingerprint), outcome{exitUsage, "usage", "as the server prints it at its start: SHA256: and 43 letters, digits, + and /"}},
	{is(identity.ErrFingerprint), outcome{exitUsage, "usage", "as the server prints it at its start, and \"secstream identity\": SHA256: and 32 pairs of digits"}},
	{is(identity.ErrAddress), outcome{exitUsage, "usage", ""}},
	{as[*identity.Mismatch], outcome{exitRefused, "identity_changed", ""}},
	{as[*errOther], outcome{exitRefused, "identity_changed", "ask whoever runs the server for its fingerprint, on another way than the one that led here"}},
	{is(client.ErrIdentity), outcome{exitRefused, "identity_changed", "somebody may stand in between, or the server was started again with another identity; play it again"}},
	{is(errInClear), outcome{exitRefused, "in_the_clear", "best is a server with TLS; --token-in-clear sends the token all the same"}},
	{is(client.ErrPairing), outcome{exitRefused, "pairing", "an address for pairing is good once, for 10 minutes and for one server; whoever runs that starts it with --pair for another"}},
	{is(identity.ErrSecret), outcome{exitUsage, "usage", "was the address copied whole? after ?pair= are 26 letters and digits"}},
	{is(client.ErrOldServer), outcome{exitRefused, "old_protocol", "--protocol 1 plays it without knowing who it is; a secstream of this version tells"}},
	{as[*client.Untrusted], outcome{exitRefused, "untrusted", "whoever runs the server can tell its fingerprint; --tls-fingerprint takes it"}},
	{is(client.ErrNeedsTLS), outcome{exitRefused, "protocol", "its address begins with https://"}},
	{is(http.ErrSchemeMismatch), outcome{exitRefused, "protocol", "its address begins with http://, and what goes there is not encrypted by TLS"}},
	{is(client.ErrUnreachable), outcome{exitUnreachable, "unreachable", `is the server running? "secstream serve FOLDER" starts one`}},
	{is(handshake.ErrSignature), outcome{exitRefused, "forged", "somebody between here and the server changes what it sends; do not trust this connection"}},
	{is(seal.ErrForged), outcome{exitRefused, "forged", "somebody between here and the server changes what it sends, or it is broken; do not trust this connection"}},
	{is(compress.ErrExpand), outcome{exitRefused, "forged", "the server sends slices it should not; is it a secstream server?"}},
	{is(client.ErrProtocol), outcome{exitRefused, "protocol", "is it a secstream server, and of a version that fits this one?"}},
	{is(client.ErrTokenOver), outcome{exitRefused, "unauthorized", "whoever runs the server makes another with \"secstream token add NAME\""}},
	{isStatus(http.StatusUnauthorized), outcome{exitRefused, "unauthorized", "put a token into SECSTREAM_TOKEN, or --token; whoever runs the server makes one with \"secstream token add NAME\", or an address that brings one with \"secstream serve --pair\""}},
	{isCode(wire.TrackChanged), outcome{exitRefused, "refused", "the file was replaced on the server; play it again"}},
	{isCode(wire.Busy), outcome{exitRefused, "refused", "the server is at its limits; try again in a while"}},
	{isCode(wire.Unsupported), outcome{exitAudio, "unsupported", "the server found the file but cannot slice it; where slices are too many or too large, \"secstream serve --slice\" sets their length"}},
	{as[*wire.Error], outcome{exitRefused, "refused", "is it a secstream server, and has it the track still?"}},
	{is(errDamaged), outcome{exitAudio, "damaged", "keep the files as they are until you have others: secstream never changes them"}},
	{is(audio.ErrNotAudio), outcome{exitAudio, "unreadable", "secstream reads WAV, MP3, FLAC and Ogg (Vorbis, Opus)"}},
	{both(as[*audio.Error], is(audio.ErrUnsupported)), outcome{exitAudio, "unsupported", "convert it to FLAC or WAV first"}},
	{is(audio.ErrUnsupported), outcome{exitAudio, "unsupported", "\"secstream probe\" shows what the file is; what is not decoded here is served all the same, to clients that know the codec"}},
	{is(audio.ErrCorrupt), outcome{exitAudio, "damaged", `"secstream probe --verify" shows what is wrong with a file`}},
	{as[*audio.Error], outcome{exitAudio, "damaged", `"secstream probe --verify" shows what is wrong with a file`}},
	{is(output.ErrUnknown), outcome{exitFailed, "no_such_output", "\"secstream devices\" lists them"}},
	{is(output.ErrNoDevice), outcome{exitFailed, "no_sound", "start PulseAudio or PipeWire, or install alsa-utils, or choose --output wav:FILE or --output null"}},
	{is(syscall.EADDRINUSE), outcome{exitFailed, "address_in_use", "another program listens there; choose another address with --listen, as --listen 127.0.0.1:0 for any free port"}},
	{is(token.ErrWritable), outcome{exitFailed, "token_file", "whoever may write to it can let themselves in: chmod go-w"}},
	{both(as[*token.Error], is(fs.ErrNotExist)), outcome{exitFailed, "not_found", "\"secstream token add --token-file FILE NAME\" makes it"}},
	{as[*token.Error], outcome{exitFailed, "token_file", "a line is NAME sha256:HEX YYYY-MM-DD; mend it, or remove it and make that token anew"}},
	{is(cert.ErrReadable), outcome{exitFailed, "key_file", "chmod go-rwx; if others may have read it, remove it, and a new one is made"}},
	{is(identity.ErrUnknown), outcome{exitFailed, "not_found", "\"secstream pins\" lists them"}},
	{isFile(identity.KindIdentity), outcome{exitFailed, "identity_file", ""}},
	{isFile(identity.KindPins), outcome{exitFailed, "pins_file", ""}},
	{isFile(identity.KindPaired), outcome{exitFailed, "paired_file", ""}},
	{is(fs.ErrPermission), outcome{exitFailed, "permission", "look at the permissions of the file and of the folders above it, or run as a user who has them"}},
	{is(fs.ErrNotExist), outcome{exitFailed, "not_found", "is the name spelled right, and does the folder exist?"}},
	{is(syscall.ENOSPC), outcome{exitFailed, "disk_full", "make room on the disk, or write to another one"}},
}

func is(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }

func both(a, b func(error) bool) func(error) bool {
	return func(err error) bool { return a(err) && b(err) }
}

func isCode(code wire.Code) func(error) bool {
	return func(err error) bool {
		var e *wire.Error
		return errors.As(err, &e) && e.Code == code
	}
}

func isStatus(status int) func(error) bool {
	return func(err error) bool {
		var e *wire.Error
		return errors.As(err, &e) && e.Status == status
	}
}

// isFile: a file of that kind cannot be used as it is.
func isFile(kind string) func(error) bool {
	return func(err error) bool {
		var e *identity.Error
		return errors.As(err, &e) && e.Kind == kind
	}
}

func as[T error](err error) bool {
	var t T
	return errors.As(err, &t)
}

func outcomeOf(err error) outcome {
	for _, o := range outcomes {
		if o.is(err) {
			return o.outcome
		}
	}
	return outcome{exitFailed, "failed", ""}
}

// report tells of err, in two lines or as JSON, and returns the exit code.
func report(ctx context.Context, env Env, asJSON bool, err error) int {
	if err == nil {
		return exitOK
	}
	o := outcomeOf(err)
	if ctx.Err() != nil {
		o, err = outcome{code: exitInterrupted, name: "interrupted"}, errors.New("interrupted")
	}
	if e := new(identity.Error); errors.As(err, &e) {
		o.hint = e.Mend
	}
	if m := new(identity.Mismatch); errors.As(err, &m) {
		o.hint = acceptHint(m)
	}
	if h := new(hinted); errors.As(err, &h) {
		o.hint = h.hint
	}
	if u := new(usageError); errors.As(err, &u) && u.hint != "" {
		o.hint = u.hint
	}
	if bug := new(caught.Panic); errors.As(err, &bug) && !asJSON {
		fmt.Fprintf(env.Stderr, "%s\n", bug.Stack) // the error is for people, this for who mends it
	}
	write := writeText
	if asJSON {
		write = writeErrorJSON
	}
	o.hint = printable(o.hint)
	write(env.Stderr, o, clean(err))
	return o.code
}

func writeText(w io.Writer, o outcome, text string) {
	if o.code == exitInterrupted {
		return // the person knows
	}
	fmt.Fprintf(w, "secstream: error: %s\n", text)
	if o.hint != "" {
		fmt.Fprintf(w, "secstream: hint: %s\n", o.hint)
	}
}

func writeErrorJSON(w io.Writer, o outcome, text string) {
	_ = newJSON(w).Encode(map[string]any{"error": text, "kind": o.name, "exit": o.code, "hint": o.hint}) // nobody is left to tell
}

// clean makes an error one printable line.
func clean(err error) string {
	return strings.TrimSpace(printable(strings.ReplaceAll(err.Error(), "\n", "; ")))
}
