package output

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"secstream/pkg/audio"
)

// What aplay says of devices, and how it is asked.

// tryTime bounds how long aplay may take to say what a device can.
const tryTime = 5 * time.Second

// plainEnv has aplay speak English, which is what is read here.
func plainEnv() []string { return append(os.Environ(), "LC_ALL=C") }

// device is how aplay is told of the device, and to take bare samples.
func (a *alsa) device() []string {
	if a.name == "" {
		return []string{"-t", "raw"}
	}
	return []string{"-D", a.name, "-t", "raw"}
}

// try opens the device in a shape, plays nothing, and returns what aplay said
// of it: the device's abilities first, and then, if it opens, how it is set up,
// with all that are behind it.
func (a *alsa) try(format string, rate, channels int) (string, error) {
	ctx, cancel := context.WithTimeout(a.life, tryTime)
	defer cancel()
	args := append(a.device(), "--dump-hw-params", "-v", "-f", format, "-c", strconv.Itoa(channels), "-r", strconv.Itoa(rate), os.DevNull)
	cmd := exec.CommandContext(ctx, a.path, args...)
	cmd.WaitDelay = time.Second
	cmd.Env = plainEnv()
	w := &words{}
	cmd.Stderr = w
	err := cmd.Run()
	return w.text(), err
}

// abilities is what a device takes.
type abilities struct {
	formats               string // between spaces
	minChannels, channels int
	minRate, rate         int
}

// parseAbilities reads what aplay --dump-hw-params prints; false if it printed
// none.
func parseAbilities(text string) (can abilities, ok bool) {
	for line := range strings.Lines(text) {
		name, rest, found := strings.Cut(strings.TrimSpace(line), ":")
		if !found {
			continue
		}
		switch name {
		case "FORMAT":
			can.formats = " " + strings.Join(strings.Fields(rest), " ") + " "
		case "CHANNELS":
			can.minChannels, can.channels = span(rest)
		case "RATE":
			can.minRate, can.rate = span(rest)
		}
	}
	return can, can.formats != "" && can.channels > 0 && can.rate > 0
}

// span reads "2", "[1 8]", "(0 96000]" and the like; 0, 0 if it cannot.
func span(text string) (low, high int) {
	f := strings.Fields(strings.Trim(strings.TrimSpace(text), "[]()"))
	if len(f) == 0 || len(f) > 2 {
		return 0, 0
	}
	low, err := strconv.Atoi(f[0])
	high, err2 := strconv.Atoi(f[len(f)-1])
	if err != nil || err2 != nil || low < 0 || high < low {
		return 0, 0
	}
	return low, high
}

// anyRate is past what cards play: a device that claims it converts.
const anyRate = 1 << 20

// narrow says that the device is a card itself, or as choosy.
func (can abilities) narrow() bool { return can.rate < anyRate }

// format is how samples are sent to aplay.
type format struct {
	name string
	kind audio.Sample
	bits int // 0 for floats
}

var (
	formatS16 = format{"S16_LE", audio.S16, 16}
	formatS24 = format{"S24_3LE", audio.S24, 24}
	formatS32 = format{"S32_LE", audio.S32, 32}
	formatF32 = format{"FLOAT_LE", audio.F32, 0}
)

// nearest is the shape that the device takes in place of want, and the format
// that loses nothing, if it has one.
func (can abilities) nearest(want shape) (shape, format) {
	got := want
	switch n := want.channels; {
	case !want.plain() && (n < can.minChannels || n > can.channels || !can.narrow() || alsaOrder(want) == nil):
		got = want.stereo()
	case n == 1 && can.minChannels > 1:
		got.channels, got.speakers = 2, audio.Stereo
	}
	got.rate = min(max(want.rate, can.minRate), can.rate)
	if got.rate != want.rate {
		got.bits = 0
	}
	list := []format{formatF32, formatS32, formatS24, formatS16}
	switch {
	case got.bits > 24:
		list = []format{formatS32, formatF32, formatS24, formatS16}
	case got.bits > 0 && got.bits <= 16:
		list = []format{formatS16, formatS32, formatS24, formatF32}
	}
	use := list[0] // aplay says what is wrong with it, if it has none of them
	for _, f := range list {
		if strings.Contains(can.formats, " "+f.name+" ") {
			use = f
			break
		}
	}
	got.bits = use.bits
	return got, use
}

// otherRate is the rate that the device takes in place of what it was asked
// for, 0 if aplay did not complain.
func otherRate(text string) int {
	_, rest, _ := strings.Cut(text, "rate is not accurate")
	_, rest, _ = strings.Cut(rest, "got = ")
	rate, _, _ := strings.Cut(rest, "Hz")
	n, err := strconv.Atoi(rate)
	if err != nil {
		return 0
	}
	return n
}

// behind is the rate of the device that is the last in a chain of them, and how
// many bits it takes, if those are 16; 0 if aplay did not say.
func behind(text string) (rate, bits int) {
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch value = strings.TrimSpace(value); strings.TrimSpace(name) {
		case "format":
			bits = 0
			if value == "S16_LE" || value == "S16_BE" {
				bits = 16
			}
		case "rate":
			rate, _ = strconv.Atoi(value) // 0 if it is none
		}
	}
	return rate, bits
}

// alsaPlaces is the order of channels in ALSA's own surround devices, which is
// not that of files.
var alsaPlaces = []audio.Speakers{
	audio.FrontLeft, audio.FrontRight, audio.BackLeft, audio.BackRight, audio.FrontCenter, audio.LFE, audio.SideLeft, audio.SideRight,
}

// alsaOrder is which channel of s each of ALSA's takes, nil if they do not fit:
// ALSA has 4, 5, 6 and 8, in this order.
func alsaOrder(s shape) []int {
	if s.channels < 4 || s.channels > len(alsaPlaces) {
		return nil
	}
	var has audio.Speakers
	for _, place := range alsaPlaces[:s.channels] {
		has |= place
	}
	seats := s.seats(has)
	if seats == nil {
		return nil
	}
	order := make([]int, s.channels)
	for i := range order {
		order[i] = slices.Index(seats, alsaPlaces[i]) // as many places as channels: each is there
	}
	return order
}

// reorder appends to dst the frames of p with their channels in that order.
func reorder(dst, p []float64, order []int) []float64 {
	for ; len(p) >= len(order); p = p[len(order):] {
		for _, c := range order {
			dst = append(dst, p[c])
		}
	}
	return dst
}

// reason is why aplay failed: the first line it said, without the names of
// functions and source lines that ALSA's tools put in front.
func reason(said string, err error) error {
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "Playing ") {
			continue
		}
		for range 4 {
			head, rest, ok := strings.Cut(line, ": ")
			if !ok || strings.ContainsRune(head, ' ') && !strings.HasPrefix(head, "ALSA lib") {
				break
			}
			line = rest
		}
		return errors.New(strings.ToLower(strings.TrimSuffix(line, ".")))
	}
	if err != nil {
		return fmt.Errorf("aplay: %w", err)
	}
	return errors.New("aplay ended by itself")
}

// alsaDevices lists the devices of ALSA, if aplay is there to play to them.
func alsaDevices() Group {
	g := Group{Kind: "ALSA"}
	path, err := exec.LookPath("aplay")
	if err != nil {
		g.Err = errNoAplay
		return g
	}
	g.Devices, g.Err = listALSA(path)
	return g
}

// listALSA lists the cards that the system knows, and the devices that ALSA's
// configuration names.
func listALSA(aplay string) ([]Device, error) {
	cards, err := os.ReadFile("/proc/asound/pcm")
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), tryTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, aplay, "-L")
	cmd.WaitDelay = time.Second
	cmd.Env = plainEnv()
	said, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("aplay -L: %w", err)
	}
	list := parseCards(string(cards))
	for _, d := range parseNames(string(said)) {
		if !named(list, strings.TrimPrefix(d.Name, "alsa:")) {
			list = append(list, d)
		}
	}
	return list, nil
}

func named(list []Device, name string) bool {
	return slices.ContainsFunc(list, func(d Device) bool { return d.Name == "alsa:"+name })
}

// parseCards reads /proc/asound/pcm: a line for each device of a card, as
// "00-03: HDMI 0 : HDMI 0 : playback 1".
func parseCards(text string) []Device {
	var list []Device
	for line := range strings.Lines(text) {
		where, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		c, d, ok := strings.Cut(where, "-")
		card, err := strconv.Atoi(c)
		dev, err2 := strconv.Atoi(d)
		if !ok || err != nil || err2 != nil || card < 0 || dev < 0 || !strings.Contains(rest, "playback") {
			continue
		}
		title, _, _ := strings.Cut(rest, ":")
		list = append(list, Device{Name: fmt.Sprintf("alsa:hw:%d,%d", card, dev), Text: strings.TrimSpace(title)})
	}
	return list
}

// parseNames reads what aplay -L prints: a name, then lines of description,
// which are set in.
func parseNames(text string) []Device {
	var list []Device
	for line := range strings.Lines(text) {
		word := strings.TrimSpace(line)
		switch {
		case word == "":
		case line[0] != ' ' && line[0] != '\t':
			list = append(list, Device{Name: "alsa:" + word, Default: word == "default"})
		case len(list) > 0 && list[len(list)-1].Text == "":
			list[len(list)-1].Text = word
		}
	}
	return slices.DeleteFunc(list, func(d Device) bool { return d.Name == "alsa:null" })
}
