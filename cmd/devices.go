package cmd

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"secstream/pkg/output"
)

func devicesCommand(env Env) *cli.Command {
	return &cli.Command{
		Name:  "devices",
		Usage: "list the sound outputs that \"secstream play --output\" can choose",
		Description: "Where a sound server runs its sinks come first; \"auto\" is the default one. Those of\n" +
			"ALSA are cards without a server in between, which nobody else can play to then.\n\n" +
			"Exit codes: 0 done, 1 there is no sound output, 2 wrong usage.",
		Flags:  []cli.Flag{jsonFlag()},
		Action: alone(func(c *cli.Context) error { return runDevices(env, jsonAsked(c), output.Devices()) }),
	}
}

// deviceJSON is a sound output for programs.
type deviceJSON struct {
	Name        string `json:"name"` // what --output takes
	Kind        string `json:"kind"`
	Description string `json:"description,omitempty"`
	SampleRate  int    `json:"sampleRate,omitempty"` // not there where it is not known
	Channels    int    `json:"channels,omitempty"`   // likewise
	Default     bool   `json:"default"`              // of its kind
}

// missingJSON is a kind of outputs of which there are none, or not all.
type missingJSON struct {
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
}

func runDevices(env Env, asJSON bool, groups []output.Group) error {
	devices, missing := []deviceJSON{}, []missingJSON{}
	var reasons []string
	for _, g := range groups {
		for _, d := range g.Devices {
			devices = append(devices, deviceJSON{
				Name: printable(d.Name), Kind: g.Kind, Description: printable(d.Text), SampleRate: d.Rate, Channels: d.Channels, Default: d.Default,
			})
		}
		if g.Err != nil {
			missing = append(missing, missingJSON{g.Kind, clean(g.Err)})
			reasons = append(reasons, g.Kind+": "+clean(g.Err))
		}
	}
	if len(devices) == 0 {
		if len(reasons) == 0 {
			return output.ErrNoDevice
		}
		return fmt.Errorf("%w: %s", output.ErrNoDevice, strings.Join(reasons, "; "))
	}
	if asJSON {
		return newJSON(env.Stdout).Encode(map[string]any{"devices": devices, "missing": missing})
	}
	kind := ""
	for _, d := range devices {
		if d.Kind != kind {
			kind = d.Kind
			fmt.Fprintln(env.Stdout, kind)
		}
		fmt.Fprintf(env.Stdout, "  %s\n", strings.TrimRight(d.Name+"  "+d.about(), " "))
	}
	for _, r := range reasons {
		fmt.Fprintf(env.Stderr, "secstream: warning: %s\n", r)
	}
	return nil
}

// about says in a few words what a device is.
func (d deviceJSON) about() string {
	var words []string
	if d.Description != "" {
		words = append(words, d.Description)
	}
	if d.SampleRate > 0 {
		words = append(words, fmt.Sprintf("%d Hz", d.SampleRate))
	}
	if d.Channels > 0 {
		words = append(words, fmt.Sprintf("%d channels", d.Channels))
	}
	if d.Default {
		words = append(words, "default")
	}
	return strings.Join(words, ", ")
}
