package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"

	"secstream/pkg/handshake"
	"secstream/pkg/pack"
	"secstream/pkg/seal"
	"secstream/pkg/wire"
)

// caller sends one request: in is marshalled unless it is a form or nil, out
// takes the answer. A *[]byte as out takes it as it is, in its own room if that
// is enough. Refusals are *wire.Error.
type caller interface {
	do(ctx context.Context, method, path string, in, out any) error
}

// form is a body that is sent as it is.
type form struct {
	kind string
	body []byte
}

// client calls over as many connections as it takes.
type client struct {
	base string
	http *http.Client
}

func at(address string) *client {
	return &client{base: address, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512}}}
}

func (c *client) do(ctx context.Context, method, path string, in, out any) error {
	kind, text, err := encode(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", kind)
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	return decode(resp, out)
}

func encode(in any) (kind string, text []byte, err error) {
	if f, ok := in.(form); ok {
		return f.kind, f.body, nil
	}
	if in != nil {
		text, err = json.Marshal(in)
	}
	return "application/json", text, err
}

func decode(resp *http.Response, out any) error {
	defer resp.Body.Close()
	var room []byte
	raw, asItIs := out.(*[]byte)
	if asItIs {
		room = (*raw)[:0]
	}
	buf := bytes.NewBuffer(slices.Grow(room, bytes.MinRead+int(max(0, resp.ContentLength))))
	if _, err := buf.ReadFrom(resp.Body); err != nil {
		return err
	}
	b := buf.Bytes()
	if resp.StatusCode >= http.StatusMultipleChoices {
		refused := &wire.Error{Status: resp.StatusCode}
		if err := json.Unmarshal(b, refused); err != nil || refused.Message == "" {
			return fmt.Errorf("%d without the JSON error: %.200q", resp.StatusCode, b)
		}
		return refused
	}
	if asItIs {
		*raw = b
		return nil
	}
	if out == nil {
		return nil
	}
	if own, ok := out.(interface{ Decode([]byte) error }); ok {
		return own.Decode(b)
	}
	return json.Unmarshal(b, out)
}

// refusedAs tells whether err is a refusal with one of the codes.
func refusedAs(err error, codes ...wire.Code) bool {
	var refused *wire.Error
	return errors.As(err, &refused) && slices.Contains(codes, refused.Code)
}

// tracks waits for a library that has any.
func (c *client) tracks(ctx context.Context) ([]wire.LibraryTrack, error) {
	for {
		var list wire.Library
		if err := c.do(ctx, http.MethodGet, wire.LibraryPath, nil, &list); err != nil {
			return nil, err
		}
		if !list.Scanning && len(list.Tracks) > 0 {
			return list.Tracks, nil
		}
		pause()
	}
}

// pause is between two looks for what takes a while.
func pause() { time.Sleep(20 * time.Millisecond) }

// track is the ID of the track at path; "" if there is none.
func (c *client) track(ctx context.Context, path string) (string, error) {
	all, err := c.tracks(ctx)
	if err != nil {
		return "", err
	}
	for _, t := range all {
		if t.Path == path {
			return t.ID, nil
		}
	}
	return "", nil
}

// listener is a session with its key.
type listener struct {
	c      caller
	path   string
	key    string // the server's half, as it came
	info   *wire.SessionInfo
	unpack *pack.Unpacker
	sealed []byte // room for a slice as it travels
	clear  []byte // the last slice
}

func (c *client) listen(ctx context.Context, track string) (*listener, error) {
	return listen(ctx, c, wire.CreateRequest{Tracks: []string{track}})
}

// listen opens a session as what says, a request for tracks or a form, and
// agrees on a key.
func listen(ctx context.Context, c caller, what any) (*listener, error) {
	l, err := create(ctx, c, what)
	if err != nil {
		return nil, err
	}
	return l, l.agree(ctx)
}

func create(ctx context.Context, c caller, what any) (*listener, error) {
	var made wire.CreateAnswer
	if err := c.do(ctx, http.MethodPost, "/api/sessions", what, &made); err != nil {
		return nil, fmt.Errorf("create a session: %w", err)
	}
	return &listener{c: c, path: "/api/sessions/" + made.SessionID}, nil
}

func (l *listener) agree(ctx context.Context) error {
	pair, err := handshake.NewPair()
	if err != nil {
		return err
	}
	var answer wire.KeyAnswer
	if err := l.c.do(ctx, http.MethodPost, l.path+"/key-exchange", wire.KeyRequest{PublicKey: pair.Public()}, &answer); err != nil {
		return fmt.Errorf("exchange keys: %w", err)
	}
	key, err := pair.Agree(answer.PublicKey)
	if err != nil {
		return err
	}
	l.key, l.info, l.unpack = answer.PublicKey, answer.SessionInfo, pack.NewUnpacker(seal.NewBox(key))
	return nil
}

// slice fetches slice i, authenticates and expands it.
func (l *listener) slice(ctx context.Context, i int) error {
	if err := l.fetch(ctx, i); err != nil {
		return err
	}
	return l.open(i)
}

// fetch leaves slice i as it travels in l.sealed.
func (l *listener) fetch(ctx context.Context, i int) error {
	if err := l.c.do(ctx, http.MethodGet, l.slicePath(i), nil, &l.sealed); err != nil {
		return fmt.Errorf("slice %d: %w", i, err)
	}
	return nil
}

// open leaves what was fetched in l.clear.
func (l *listener) open(i int) (err error) {
	if l.clear, err = l.unpack.Append(l.clear[:0], l.sealed, pack.MaxPlain); err != nil {
		return fmt.Errorf("slice %d: %w", i, err)
	}
	return nil
}

func (l *listener) slicePath(i int) string { return l.path + "/slices/" + l.info.SliceIDs[i] }

func (l *listener) end(ctx context.Context) error {
	return l.c.do(ctx, http.MethodDelete, l.path, nil, nil)
}

// upload is the form that creates a session of audio.
func upload(audio []byte) form {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("audio", "upload.wav")
	if err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	_, _ = io.Copy(part, bytes.NewReader(audio)) // the same
	_ = w.Close()
	return form{w.FormDataContentType(), b.Bytes()}
}

// rooted is the host and port of an address.
func rooted(address string) string { return strings.TrimPrefix(address, "http://") }
