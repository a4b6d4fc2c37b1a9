package cmd

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"secstream/pkg/config"
)

// settings is what serve was told. Of several who say something the strongest
// is heard: an option, then its variable, then the file, then the default. A
// variable that is empty says nothing.
type settings struct {
	names    []string      // in the order they are printed
	defaults config.Schema // by name
	said     map[string]said
	line     *lineFlag
	path     string       // of the file, or ""
	file     *config.File // or nil
}

// said is a value that an option or a variable gave.
type said struct {
	v    any
	from string
}

// pathsSetting is what a file calls the arguments.
const pathsSetting = "paths"

// Options of the settings themselves, which no file can hold.
const (
	configOption = "config"
	printOption  = "print-config"
	pairOption   = "pair" // an act, and not a setting
)

// sizeFlag and pathFlag are flags whose values are more than text to a file.
type (
	sizeFlag struct{ *cli.StringFlag }
	pathFlag struct{ *cli.StringFlag }
)

// lineFlag is --config. It sees which options stand on the command line, which
// cli does not tell from those in the environment.
type lineFlag struct {
	*cli.StringFlag
	line *flag.FlagSet
}

func (f *lineFlag) Apply(set *flag.FlagSet) error {
	f.line = set
	return f.StringFlag.Apply(set)
}

// given are the options on the command line.
func (f *lineFlag) given() map[string]bool {
	names := map[string]bool{}
	f.line.Visit(func(g *flag.Flag) { names[g.Name] = true })
	return names
}

// newSettings takes the defaults from flags, which must not have been parsed
// yet.
func newSettings(flags []cli.Flag) settings {
	s := settings{names: []string{pathsSetting}, defaults: config.Schema{pathsSetting: config.Paths(nil)}}
	for _, f := range flags {
		if line, ok := f.(*lineFlag); ok {
			s.line = line
		}
		name := f.Names()[0]
		if name == configOption || name == printOption || name == pairOption {
			continue
		}
		s.names = append(s.names, name)
		switch f := f.(type) {
		case *cli.StringFlag:
			s.defaults[name] = f.Value
		case *sizeFlag:
			s.defaults[name] = config.Size(f.Value)
		case *pathFlag:
			s.defaults[name] = config.Path(f.Value)
		case *cli.BoolFlag:
			s.defaults[name] = f.Value
		case *cli.IntFlag:
			s.defaults[name] = f.Value
		case *cli.Float64Flag:
			s.defaults[name] = f.Value
		case *cli.DurationFlag:
			s.defaults[name] = f.Value
		case *cli.StringSliceFlag:
			s.defaults[name] = []string(nil)
		}
	}
	return s
}

// hear adds what the command line and the environment say.
func (s settings) hear(c *cli.Context) settings {
	line := s.line.given()
	s.said = map[string]said{}
	for _, name := range s.names {
		variable := variableOf(name)
		switch {
		case line[name]:
			s.said[name] = said{valueOf(c, name, s.defaults[name]), "--" + name}
		case os.Getenv(variable) != "" && name != pathsSetting:
			s.said[name] = said{valueOf(c, name, s.defaults[name]), variable}
		}
	}
	if args := c.Args().Slice(); len(args) > 0 {
		s.said[pathsSetting] = said{config.Paths(args), "arguments"}
	}
	s.path = c.String(configOption)
	return s
}

// variableOf is the environment's name for an option.
func variableOf(name string) string {
	return "SECSTREAM_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// valueOf is what c has for an option, in the type of its default.
func valueOf(c *cli.Context, name string, otherwise any) any {
	switch otherwise.(type) {
	case config.Size:
		return config.Size(c.String(name))
	case config.Path:
		return config.Path(c.String(name))
	case bool:
		return c.Bool(name)
	case int:
		return c.Int(name)
	case float64:
		return c.Float64(name)
	case time.Duration:
		return c.Duration(name)
	case []string:
		return c.StringSlice(name)
	}
	return c.String(name)
}

// read reads the file, if there is to be one, anew.
func (s settings) read() (settings, error) {
	if s.path == "" {
		return s, nil
	}
	f, err := config.Read(s.path, s.defaults)
	if e := new(config.Error); errors.As(err, &e) {
		hint := "docs/cli.md has every setting; \"secstream serve --print-config\" prints a file to begin with"
		if e.Near != "" {
			hint = fmt.Sprintf("did you mean %q? ", e.Near) + hint
		}
		return s, usageErrorf(hint, "%s", e)
	}
	s.file = f
	return s, err
}

// find is a setting's value and who said so.
func (s settings) find(name string) (v any, from string) {
	if told, ok := s.said[name]; ok {
		return told.v, told.from
	}
	if s.file != nil {
		if at, ok := s.file.Values[name]; ok {
			return at.V, fmt.Sprintf("%s:%d", s.file.Path, at.Line)
		}
	}
	return s.defaults[name], "default"
}

// get is find for those who know the type.
func get[T any](s settings, name string) T {
	v, _ := s.find(name)
	return v.(T)
}

// blame puts the place in the file before a usage error about a setting that
// stands there.
func (s settings) blame(err error) error {
	u := new(usageError)
	if !errors.As(err, &u) || s.file == nil || !strings.HasPrefix(u.text, "--") {
		return err
	}
	name, rest := u.text[2:], ""
	if i := strings.IndexAny(name, " :"); i > 0 {
		name, rest = name[:i], name[i:]
	}
	_, told := s.said[name]
	if at, ok := s.file.Values[name]; ok && !told {
		return usageErrorf(u.hint, "%s:%d: %s%s", s.file.Path, at.Line, name, rest)
	}
	return err
}

// print writes the settings as a file that gives the same again, wherever it
// is put: paths are made absolute.
func (s settings) print(w io.Writer) error {
	text := []byte("# Settings of \"secstream serve\", for --config FILE, each with where it came from.\n\n")
	for _, name := range s.names {
		v, from := s.find(name)
		v, err := absolute(v)
		if err == nil {
			text, err = config.Append(text, name, v, from)
		}
		if err != nil {
			return err
		}
	}
	_, err := w.Write(text)
	return err
}

func absolute(v any) (any, error) {
	switch v := v.(type) {
	case config.Path:
		if v == "" {
			return v, nil
		}
		abs, err := filepath.Abs(string(v))
		return config.Path(abs), err
	case config.Paths:
		list := make(config.Paths, len(v))
		for i, p := range v {
			abs, err := filepath.Abs(p)
			if err != nil {
				return nil, err
			}
			list[i] = abs
		}
		return list, nil
	}
	return v, nil
}

// differ are the names of the settings that are not the same in s and t, but
// for those in except.
func (s settings) differ(t settings, except map[string]bool) []string {
	var names []string
	for _, name := range s.names {
		a, _ := s.find(name)
		b, _ := t.find(name)
		if !except[name] && fmt.Sprintf("%#v", a) != fmt.Sprintf("%#v", b) {
			names = append(names, name)
		}
	}
	return names
}
