package output

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jfreymuth/pulse/proto"

	"secstream/pkg/audio"
)

func newPulse(app, sink string) (*pulse, error) {
	p := &pulse{app: app, sink: sink, room: make(chan struct{}, 1), again: time.NewTimer(askEvery)}
	p.stream.Store(-1)
	if err := p.connect(); err != nil {
		return nil, err
	}
	if sink == "" {
		p.sink = os.Getenv("PULSE_SINK")
	}
	_, err := p.card()
	if errors.Is(err, ErrUnknown) && sink == "" { // gone since it was set
		p.sink = ""
		_, err = p.card()
	}
	if err != nil {
		_ = p.conn.Close() // the other error tells more
		return nil, err
	}
	return p, nil
}

// server is where to look for a server: where the environment says, else in
// the places it usually listens. "" leaves it to the environment.
func server() string {
	if os.Getenv("PULSE_SERVER") != "" {
		return ""
	}
	var s []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		s = append(s, "unix:"+filepath.Join(dir, "pulse/native"))
	}
	s = append(s, "unix:/run/user/"+strconv.Itoa(os.Getuid())+"/pulse/native", "unix:/run/pulse/native")
	return strings.Join(s, " ")
}

func (p *pulse) connect() (err error) {
	defer func() {
		// The library slices a malformed PULSE_SERVER without looking.
		if r := recover(); r != nil {
			err = fmt.Errorf("server address %q: %v", os.Getenv("PULSE_SERVER"), r)
		}
	}()
	if p.c, p.conn, err = proto.Connect(server()); err != nil {
		return err
	}
	p.c.SetTimeout(stallTime)
	p.c.Callback = p.hear
	props := proto.PropList{
		"application.name":       proto.PropListString(clip(p.app)),
		"application.process.id": proto.PropListString(strconv.Itoa(os.Getpid())),
		"media.role":             proto.PropListString("music"),
	}
	var who proto.GetServerInfoReply
	err = p.c.Request(&proto.SetClientName{Props: props}, &proto.SetClientNameReply{})
	if err == nil {
		err = p.c.Request(&proto.GetServerInfo{}, &who)
	}
	if err != nil {
		_ = p.conn.Close()
		return err
	}
	p.own = strings.Contains(who.PackageName, "PipeWire")
	return nil
}

// clip keeps a name short: the library's messages hold 1024 bytes in all.
func clip(s string) string { return s[:min(len(s), 64)] }

// pulsePlaces are PulseAudio's numbers for places, by the bits of a channel mask.
var pulsePlaces = [...]byte{
	proto.ChannelFrontLeft, proto.ChannelFrontRight, proto.ChannelFrontCenter, proto.ChannelLFE, proto.ChannelRearLeft,
	proto.ChannelRearRight, proto.ChannelLeftCenter, proto.ChannelRightCenter, proto.ChannelRearCenter, proto.ChannelLeftSide,
	proto.ChannelRightSide, proto.ChannelTopCenter, proto.ChannelTopFrontLeft, proto.ChannelTopFrontCenter,
	proto.ChannelTopFrontRight, proto.ChannelTopRearLeft, proto.ChannelTopRearCenter, proto.ChannelTopRearRight,
}

// suited is the shape in which a sink gets sound of shape s, and what each
// channel is for. A sink of 16 bits gets integers of as many, since no server
// dithers; all others get floats, which hold what is turned down, or was never
// integers, much better.
func suited(s shape, sink *proto.GetSinkInfoReply) (shape, proto.ChannelMap) {
	s.bits = 0
	if sink.Format <= proto.FormatInt16BE { // the first in the protocol's list: 8 bits, G.711 and 16 bits
		s.bits = 16
	}
	return placed(s, sink.ChannelMap)
}

// placed is s as a sink with these places takes its channels, and what each of
// them is for.
func placed(s shape, sink proto.ChannelMap) (shape, proto.ChannelMap) {
	if s.channels == 1 {
		return s, proto.ChannelMap{proto.ChannelMono}
	}
	var has audio.Speakers
	for bit, name := range pulsePlaces {
		if bytes.IndexByte(sink, name) >= 0 {
			has |= 1 << bit
		}
	}
	var m proto.ChannelMap
	if !s.plain() {
		for _, place := range s.seats(has) {
			m = append(m, pulsePlaces[bits.TrailingZeros32(uint32(place))])
		}
	}
	if m == nil {
		if !s.plain() {
			s.channels, s.speakers = 2, audio.Stereo
		}
		m = proto.ChannelMap{proto.ChannelLeft, proto.ChannelRight}
	}
	return s, m
}

// listSinks asks a server for its sinks.
func listSinks(c *proto.Client) ([]Device, error) {
	var who proto.GetServerInfoReply
	if err := c.Request(&proto.GetServerInfo{}, &who); err != nil {
		return nil, err
	}
	var list proto.GetSinkInfoListReply
	if err := c.Request(&proto.GetSinkInfoList{}, &list); err != nil {
		return nil, err
	}
	var devices []Device
	for _, s := range list {
		devices = append(devices, Device{
			Name: "pulse:" + s.SinkName, Text: s.Device, Rate: int(s.Rate), Channels: int(s.Channels),
			Default: s.SinkName == who.DefaultSinkName,
		})
	}
	return devices, nil
}

// pulseDevices lists the sinks of the sound server.
func pulseDevices() Group {
	g := Group{Kind: "PulseAudio"}
	p := &pulse{app: "secstream"}
	p.stream.Store(-1)
	if g.Err = p.connect(); g.Err != nil {
		return g
	}
	defer func() { _ = p.close() }() // it has said all it had to
	if p.own {
		g.Kind = "PipeWire"
	}
	g.Devices, g.Err = listSinks(p.c)
	return g
}

// unknown is the error for a name that no device has.
func unknown(what, name, kind string, there []Device) error {
	if len(there) == 0 {
		return fmt.Errorf("%w: %s %q; there is none", ErrUnknown, what, name)
	}
	var names []string
	for _, d := range there {
		names = append(names, strings.TrimPrefix(d.Name, kind+":"))
	}
	slices.Sort(names)
	return fmt.Errorf("%w: %s %q; there are: %s", ErrUnknown, what, name, strings.Join(names, ", "))
}
