// Package config reads and writes configuration files: TOML, one setting a
// line, no tables. A file and the settings it may hold come in, their values
// with the line each stands on go out; what is wrong with a file is one
// *Error that names the line. It knows neither the command line nor what a
// setting is for, and imports nothing of ours.
package config

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// maxBytes bounds a file: it holds a few dozen settings and lists of paths.
const maxBytes = 1 << 20

// Kinds of settings that Go has no type for.
type (
	// Size is a number of bytes as people write it: "256MB". In a file it may be
	// a whole number, too.
	Size string
	// Path names a file. One in a file that is relative starts at the file's
	// folder. "" stays so: it names none.
	Path string
	// Paths are several.
	Paths []string
)

// Schema is the settings a file may hold, each with a value of the type it
// takes: string, bool, int, float64, time.Duration, []string, Size, Path or
// Paths.
type Schema map[string]any

// Value is what a file says of one setting.
type Value struct {
	Line int // from 1
	V    any // of the type the schema has
}

// File is a file's settings. Nobody changes it.
type File struct {
	Path   string
	Values map[string]Value
}

// Error is what is wrong with a file.
type Error struct {
	Path string
	Line int    // from 1; 0 where no line is to blame
	Text string // what is wrong
	Near string // the setting that may have been meant, or ""
	Err  error  // of the system, or nil
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Path + ": " + e.Text
	}
	return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Text)
}

func (e *Error) Unwrap() error { return e.Err }

// Read reads the file at path. Every error is an *Error.
func Read(path string, schema Schema) (*File, error) {
	if fi, err := os.Stat(path); err == nil && !fi.Mode().IsRegular() {
		return nil, &Error{Path: path, Text: "this is no file: settings are read again, and a pipe has them once"}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, unreadable(path, err)
	}
	if len(text) > maxBytes {
		return nil, &Error{Path: path, Text: fmt.Sprintf("the file is larger than %d bytes", maxBytes)}
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	return parse(path, filepath.Dir(abs), string(text), schema)
}

func unreadable(path string, err error) error {
	why := err
	if e := new(os.PathError); errors.As(err, &e) {
		why = e.Err
	}
	return &Error{Path: path, Text: "the file cannot be read: " + why.Error(), Err: err}
}

// parse reads text, the content of the file at path. Relative paths in it
// start at dir.
func parse(path, dir, text string, schema Schema) (*File, error) {
	var found map[string]toml.Primitive
	md, err := toml.Decode(text, &found)
	if err != nil {
		e := &Error{Path: path, Text: err.Error()}
		if at := new(toml.ParseError); errors.As(err, at) {
			e.Line, e.Text = at.Position.Line, at.Message
		}
		return nil, e
	}
	f := &File{Path: path, Values: map[string]Value{}}
	var wrong []*Error
	for key, p := range found {
		var v any
		_ = md.PrimitiveDecode(p, &v) // anything fits
		line := lineOf(md, p)
		kind, known := schema[key]
		if !known {
			wrong = append(wrong, &Error{Path: path, Line: line, Text: fmt.Sprintf("there is no setting %q", key), Near: nearest(key, schema)})
			continue
		}
		v, err := convert(v, kind, dir)
		if err != nil {
			wrong = append(wrong, &Error{Path: path, Line: line, Text: key + " " + err.Error()})
			continue
		}
		f.Values[key] = Value{line, v}
	}
	if len(wrong) > 0 { // the first in the file, not in the map
		return nil, slices.MinFunc(wrong, func(a, b *Error) int { return a.Line - b.Line })
	}
	return f, nil
}

// refuser makes the decoder say where a value stands, which it does in errors
// alone.
type refuser struct{}

func (refuser) UnmarshalTOML(any) error { return errors.New("where") }

// lineOf is the line of a value. A table that is there by its parts alone, as
// by a.b = 1, stands where the first of them does.
func lineOf(md toml.MetaData, p toml.Primitive) int {
	var at toml.ParseError
	if errors.As(md.PrimitiveDecode(p, refuser{}), &at) && at.Position.Line > 0 {
		return at.Position.Line
	}
	var parts map[string]toml.Primitive
	if md.PrimitiveDecode(p, &parts) != nil {
		return 0
	}
	first := 0
	for _, part := range parts {
		if n := lineOf(md, part); n > 0 && (first == 0 || n < first) {
			first = n
		}
	}
	return first
}

// convert makes of a value in a file one of the type kind has.
func convert(v, kind any, dir string) (any, error) {
	switch kind.(type) {
	case string:
		return as[string](v, `takes text in quotes`)
	case bool:
		return as[bool](v, "takes true or false")
	case int:
		return whole(v)
	case float64:
		if n, ok := v.(int64); ok {
			return float64(n), nil
		}
		return as[float64](v, "takes a number")
	case time.Duration:
		return duration(v)
	case Size:
		if n, ok := v.(int64); ok && n >= 0 {
			return Size(fmt.Sprint(n)), nil
		}
		s, err := as[string](v, `takes a size, as "256MB" or a number of bytes`)
		return Size(s), err
	case Path:
		s, err := as[string](v, "takes a path in quotes")
		return Path(below(dir, s)), err
	case Paths:
		list, err := texts(v, "takes paths in quotes, as [\"/music\"]")
		for i, p := range list {
			list[i] = below(dir, p)
		}
		return Paths(list), err
	}
	return texts(v, `takes text in quotes, as ["one", "two"]`)
}

func as[T any](v any, takes string) (T, error) {
	t, ok := v.(T)
	if !ok {
		return t, fmt.Errorf("%s, and not %s", takes, called(v))
	}
	return t, nil
}

func whole(v any) (int, error) {
	n, err := as[int64](v, "takes a whole number")
	if err == nil && (n < math.MinInt32 || n > math.MaxInt32) {
		return 0, fmt.Errorf("takes a smaller number than %d", n)
	}
	return int(n), err
}

func duration(v any) (time.Duration, error) {
	const takes = `takes a length of time in quotes, as "5s" or "30m"`
	text, err := as[string](v, takes)
	if err != nil {
		return 0, err
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%s, and not %q", takes, text)
	}
	return d, nil
}

// texts takes a list, or one text as a list of one.
func texts(v any, takes string) ([]string, error) {
	if one, ok := v.(string); ok {
		return []string{one}, nil
	}
	list, err := as[[]any](v, takes)
	out := make([]string, 0, len(list))
	for _, item := range list {
		text, err := as[string](item, takes)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, err
}

// called is what people call the kind of v.
func called(v any) string {
	switch v.(type) {
	case string:
		return "text"
	case bool:
		return "true or false"
	case int64:
		return "a whole number"
	case float64:
		return "a number"
	case time.Time:
		return "a date"
	case []any:
		return "a list"
	}
	return "a table"
}

func below(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// nearest is the setting whose name is most like key, or "" when none is.
func nearest(key string, schema Schema) string {
	key = strings.ReplaceAll(strings.ToLower(key[:min(len(key), 64)]), "_", "-")
	best, least := "", 1+max(1, len(key)/3) // so many letters off is another word
	for name := range schema {
		if d := distance(key, name); d < least || d == least && best != "" && name < best {
			best, least = name, d
		}
	}
	return best
}

// distance is how many bytes have to be put in, left out or changed to make b
// of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
