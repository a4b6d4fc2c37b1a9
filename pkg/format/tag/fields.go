package tag

import (
	"math"
	"strconv"
	"strings"

	"secstream/pkg/audio"
)

// set takes one named value as Vorbis comments, APE items and ID3v2 TXXX
// frames hold them. Names are compared without regard to case; unknown ones
// are passed over. A text given more than once is joined, a number or gain
// keeps its first value.
func (f *Found) set(name, value string) {
	t := &f.Tags
	switch strings.ToUpper(name) {
	case "TITLE":
		join(&t.Title, value)
	case "ARTIST":
		join(&t.Artist, value)
	case "ALBUM":
		join(&t.Album, value)
	case "ALBUMARTIST", "ALBUM ARTIST", "ALBUM_ARTIST":
		join(&t.AlbumArtist, value)
	case "GENRE":
		join(&t.Genre, genre(value))
	case "DATE":
		t.Date = Clean(value) // more exact than YEAR, which may have come first
	case "YEAR":
		first(&t.Date, value)
	case "COMMENT", "DESCRIPTION":
		first(&t.Comment, value)
	case "TRACKNUMBER", "TRACK":
		pair(&t.Track, &t.TrackTotal, value)
	case "TRACKTOTAL", "TOTALTRACKS":
		number(&t.TrackTotal, value)
	case "DISCNUMBER", "DISC":
		pair(&t.Disc, &t.DiscTotal, value)
	case "DISCTOTAL", "TOTALDISCS":
		number(&t.DiscTotal, value)
	case "ENCODER":
		first(&f.Encoder, value)
	case "WAVEFORMATEXTENSIBLE_CHANNEL_MASK": // RFC 9639 §8.6.2
		if mask, err := strconv.ParseUint(strings.TrimSpace(value), 0, 32); err == nil && f.Speakers == 0 {
			f.Speakers = audio.Speakers(mask)
		}
	default:
		f.setGain(name, value)
	}
}

func (f *Found) setGain(name, value string) {
	t := &f.Tags
	switch strings.ToUpper(name) {
	case "REPLAYGAIN_TRACK_GAIN":
		gain(&t.TrackGain, value, -100, 100)
	case "REPLAYGAIN_ALBUM_GAIN":
		gain(&t.AlbumGain, value, -100, 100)
	case "REPLAYGAIN_TRACK_PEAK":
		gain(&t.TrackPeak, value, 0, 1000)
	case "REPLAYGAIN_ALBUM_PEAK":
		gain(&t.AlbumPeak, value, 0, 1000)
	case "R128_TRACK_GAIN":
		r128(&t.TrackGain, value)
	case "R128_ALBUM_GAIN":
		r128(&t.AlbumGain, value)
	}
}

// first keeps the first value that is not empty.
func first(to *string, value string) {
	if *to == "" {
		*to = Clean(value)
	}
}

// join adds a value to those there are.
func join(to *string, value string) {
	value = Clean(value)
	switch {
	case *to == "":
		*to = value
	case value != "" && len(*to)+2+len(value) <= maxText:
		*to += "; " + value
	}
}

// number reads the digits value begins with; anything from 1 to 999999 counts.
func number(to *int, value string) {
	if *to != 0 {
		return
	}
	value = strings.TrimSpace(value)
	end := strings.IndexFunc(value, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		value = value[:end]
	}
	if n, err := strconv.Atoi(value); err == nil && n < 1e6 {
		*to = n
	}
}

// pair reads "3" or "3/12".
func pair(to, total *int, value string) {
	n, all, _ := strings.Cut(value, "/")
	number(to, n)
	number(total, all)
}

// gain reads a decimal number from least to most, with or without "dB".
func gain(to **float64, value string, least, most float64) {
	if *to != nil || len(value) > 64 {
		return
	}
	value = strings.TrimSpace(strings.ToLower(value))
	value = strings.Replace(strings.TrimSpace(strings.TrimSuffix(value, "db")), ",", ".", 1)
	v, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsNaN(v) || v < least || v > most {
		return
	}
	*to = &v
}

// r128 reads a Q7.8 gain towards -23 LUFS (RFC 7845 §5.2.1) as one towards the
// -18 LUFS that ReplayGain 2 aims at. A ReplayGain of the file itself wins.
func r128(to **float64, value string) {
	q, err := strconv.ParseInt(strings.TrimSpace(value), 10, 16)
	if err != nil || *to != nil {
		return
	}
	v := float64(q)/256 + 5
	*to = &v
}
