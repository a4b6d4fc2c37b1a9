package cmd

import (
	"fmt"
	"strings"

	"secstream/pkg/probe"
)

// probeBlocks shows everything of each file, a block for each.
type probeBlocks struct {
	page
	single bool // one file was asked for: its error is told by the command
	n      int
}

func (p *probeBlocks) begin([]string) {}

func (p *probeBlocks) file(j *probeJob) error {
	f := j.file
	if f.Container == "" && p.single {
		return nil // the error says it all
	}
	if p.n++; p.n > 1 {
		p.line("")
	}
	p.line(p.paint.bold(printable(f.Path)))
	if f.Container != "" {
		p.facts(&f)
		p.tags(&f)
		p.extras(&f)
	}
	if f.Plan != nil {
		(&planView{page: p.page, plan: f.Plan, seconds: f.Duration}).show()
	}
	p.damage(&f)
	p.verdict(f.Verify)
	if j.err != nil && !p.single {
		p.labelled("error", clean(j.err), p.paint.bad)
	}
	return nil
}

func (p *probeBlocks) end(t *probeTally) error {
	if t != nil && t.files > 1 {
		p.line("")
		p.line(t.text())
	}
	return nil
}

// codecNames as people write them.
var codecNames = map[string]string{
	"wav": "WAV", "mp3": "MP3", "flac": "FLAC", "ogg": "Ogg", "pcm": "PCM", "vorbis": "Vorbis", "opus": "Opus",
}

var sampleNames = map[string]string{
	"u8": "8-bit unsigned", "s16": "16-bit integer", "s24": "24-bit integer", "s32": "32-bit integer",
	"f32": "32-bit float", "f64": "64-bit float", "alaw": "A-law", "mulaw": "mu-law",
}

func spelled(names map[string]string, name string) string {
	if s := names[name]; s != "" {
		return s
	}
	return printable(name)
}

func (p *probeBlocks) facts(f *probe.File) {
	p.labelled("container", spelled(codecNames, f.Container), nil)
	codec := spelled(codecNames, f.Codec)
	if f.SampleFormat != "" {
		codec += ", " + spelled(sampleNames, f.SampleFormat)
	}
	p.labelled("codec", codec, nil)
	p.labelled("sample rate", fmt.Sprintf("%d Hz", f.SampleRate), nil)
	channels := fmt.Sprint(f.Channels)
	if f.ChannelLayout != "" {
		channels += ", " + printable(f.ChannelLayout)
	}
	p.labelled("channels", channels, nil)
	if f.BitDepth > 0 {
		p.labelled("bit depth", fmt.Sprint(f.BitDepth), nil)
	}
	if f.BitRate > 0 {
		p.labelled("bit rate", strings.TrimSpace(fmt.Sprintf("%.1f kbit/s %s", float64(f.BitRate)/1000, strings.ToUpper(f.BitRateMode))), nil)
	}
	p.labelled("duration", fmt.Sprintf("%s, %d samples", fineClock(f.Duration, true), f.TotalSamples), nil)
	if f.Delay > 0 || f.Padding > 0 {
		p.labelled("left out", fmt.Sprintf("%d samples of encoder delay, %d of padding", f.Delay, f.Padding), nil)
	}
	if f.Encoder != "" {
		p.labelled("encoder", printable(f.Encoder), nil)
	}
	p.labelled("size", fmt.Sprintf("%d bytes", f.Size), nil)
	if f.AudioEnd > 0 {
		p.labelled("audio", fmt.Sprintf("bytes %d to %d", f.AudioOffset, f.AudioEnd-1), nil)
	}
	if f.ID != "" {
		p.labelled("track ID", printable(f.ID), nil)
	}
}

func (p *probeBlocks) tags(f *probe.File) {
	t := &f.Tags
	for _, r := range []struct{ label, value string }{
		{"title", t.Title}, {"artist", t.Artist}, {"album", t.Album}, {"album artist", t.AlbumArtist},
		{"track", ofTotal(t.Track, t.TrackTotal)}, {"disc", ofTotal(t.Disc, t.DiscTotal)},
		{"date", t.Date}, {"genre", t.Genre}, {"comment", t.Comment},
		{"replay gain", gainText("track", t.TrackGain, t.TrackPeak)},
		{"album gain", gainText("album", t.AlbumGain, t.AlbumPeak)},
	} {
		if r.value != "" {
			p.labelled(r.label, printable(r.value), nil)
		}
	}
}

func ofTotal(n, total int) string {
	switch {
	case n > 0 && total > 0:
		return fmt.Sprintf("%d of %d", n, total)
	case n > 0:
		return fmt.Sprint(n)
	case total > 0:
		return fmt.Sprintf("one of %d", total)
	}
	return ""
}

func gainText(of string, gain, peak *float64) string {
	var parts []string
	if gain != nil {
		parts = append(parts, fmt.Sprintf("%+.2f dB", *gain))
	}
	if peak != nil {
		parts = append(parts, fmt.Sprintf("peak %.6f", *peak))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ", ") + " (" + of + ")"
}

func (p *probeBlocks) extras(f *probe.File) {
	for _, pic := range f.Pictures {
		text := printable(pic.Kind) + ", " + printable(pic.MIME)
		if pic.Width > 0 && pic.Height > 0 {
			text += fmt.Sprintf(", %d×%d", pic.Width, pic.Height)
		}
		p.labelled("picture", fmt.Sprintf("%s, %d bytes", text, pic.Size), nil)
	}
	if f.HasCover {
		p.labelled("cover", "yes", nil)
	}
	p.lyrics(f)
	label := "details"
	for _, d := range f.Details {
		p.labelled(label, printable(d.Name+": "+d.Value), nil)
		label = ""
	}
}

func (p *probeBlocks) lyrics(f *probe.File) {
	switch {
	case f.Lyrics != nil && f.Lyrics.Synced:
		p.labelled("lyrics", fmt.Sprintf("with times, %d bytes", f.Lyrics.Size), nil)
	case f.Lyrics != nil:
		p.labelled("lyrics", fmt.Sprintf("%d bytes", f.Lyrics.Size), nil)
	case f.HasLyrics:
		p.labelled("lyrics", "yes", nil)
	}
}

func (p *probeBlocks) damage(f *probe.File) {
	if f.DamageCount == 0 {
		return
	}
	p.faults("damage", f.Damage, f.DamageCount)
}

// faults lists what is wrong, with the byte where it is.
func (p *probeBlocks) faults(label string, list []probe.Damage, n int) {
	for _, d := range list {
		p.labelled(label, faultText(d), p.paint.bad)
		label = ""
	}
	if n > len(list) {
		p.labelled(label, fmt.Sprintf("and %d more", n-len(list)), p.paint.bad)
	}
}

func faultText(d probe.Damage) string {
	if d.Offset < 0 {
		return printable(d.What)
	}
	return fmt.Sprintf("at byte %d: %s", d.Offset, printable(d.What))
}

func (p *probeBlocks) verdict(v *probe.Verify) {
	if v == nil {
		return
	}
	text, style := verdictText(v), p.paint.good
	switch {
	case !v.OK:
		style = p.paint.bad
	case !v.Decoded:
		style = p.paint.warn
	}
	p.labelled("verify", text, style)
	p.faults("", v.Faults, v.FaultCount)
	if v.MD5 == "mismatch" {
		p.labelled("", "stated "+v.Stated, p.paint.bad)
		p.labelled("", "found  "+v.Found, p.paint.bad)
	}
}

func verdictText(v *probe.Verify) string {
	text := fmt.Sprintf("%s, %d samples decoded", plural(v.Slices, "slice"), v.Samples)
	if !v.Decoded {
		text = fmt.Sprintf("%s cut, not decoded: %s", plural(v.Slices, "slice"), printable(v.NotDecoded))
	}
	switch v.MD5 {
	case "match":
		text += ", MD5 matches"
	case "absent":
		text += ", no MD5 in the file"
	}
	if v.OK {
		return "sound: " + text
	}
	return "damaged: " + text
}
