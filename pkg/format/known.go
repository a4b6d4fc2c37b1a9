package format

import (
	"path/filepath"
	"strings"
)

// Known says whether a file of this name is worth opening, going by its ending
// alone: audio that secstream reads, and audio that it does not, so that its
// owner is told. It is a filter for folders full of other things; Open pays no
// attention to names.
func Known(name string) bool {
	switch strings.ToLower(strings.TrimPrefix(filepath.Ext(name), ".")) {
	case "wav", "wave", "bwf", "rf64", "bw64", "w64",
		"mp3", "mp2", "mp1", "mpa", "mpga", "m2a",
		"flac", "fla", "ogg", "oga", "ogx", "opus":
		return true
	case "aac", "adts", "m4a", "m4b", "m4p", "m4r", "mp4", "alac", "aif", "aiff", "aifc", "caf", "spx",
		"wv", "ape", "mpc", "mp+", "mpp", "tta", "ofr", "shn", "tak", "la", "dsf", "dff",
		"wma", "asf", "mka", "weba", "webm", "amr", "3ga", "au", "snd", "voc", "ra", "rm",
		"ac3", "eac3", "dts", "mid", "midi", "kar", "mod", "xm", "it", "s3m", "8svx", "flv":
		return true
	}
	return false
}
