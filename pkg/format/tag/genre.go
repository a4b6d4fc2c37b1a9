package tag

import (
	"strconv"
	"strings"
)

// genres are the genre numbers of ID3v1 with the extensions of Winamp 5.6,
// separated by commas; no name has one.
const genres = "Blues,Classic Rock,Country,Dance,Disco,Funk,Grunge,Hip-Hop,Jazz,Metal," +
	"New Age,Oldies,Other,Pop,R&B,Rap,Reggae,Rock,Techno,Industrial," +
	"Alternative,Ska,Death Metal,Pranks,Soundtrack,Euro-Techno,Ambient,Trip-Hop,Vocal,Jazz+Funk," +
	"Fusion,Trance,Classical,Instrumental,Acid,House,Game,Sound Clip,Gospel,Noise," +
	"Alternative Rock,Bass,Soul,Punk,Space,Meditative,Instrumental Pop,Instrumental Rock,Ethnic,Gothic," +
	"Darkwave,Techno-Industrial,Electronic,Pop-Folk,Eurodance,Dream,Southern Rock,Comedy,Cult,Gangsta," +
	"Top 40,Christian Rap,Pop/Funk,Jungle,Native American,Cabaret,New Wave,Psychedelic,Rave,Showtunes," +
	"Trailer,Lo-Fi,Tribal,Acid Punk,Acid Jazz,Polka,Retro,Musical,Rock & Roll,Hard Rock," +
	"Folk,Folk-Rock,National Folk,Swing,Fast Fusion,Bebop,Latin,Revival,Celtic,Bluegrass," +
	"Avantgarde,Gothic Rock,Progressive Rock,Psychedelic Rock,Symphonic Rock,Slow Rock,Big Band,Chorus,Easy Listening,Acoustic," +
	"Humour,Speech,Chanson,Opera,Chamber Music,Sonata,Symphony,Booty Bass,Primus,Porn Groove," +
	"Satire,Slow Jam,Club,Tango,Samba,Folklore,Ballad,Power Ballad,Rhythmic Soul,Freestyle," +
	"Duet,Punk Rock,Drum Solo,A Cappella,Euro-House,Dance Hall,Goa,Drum & Bass,Club-House,Hardcore," +
	"Terror,Indie,BritPop,Afro-Punk,Polsk Punk,Beat,Christian Gangsta Rap,Heavy Metal,Black Metal,Crossover," +
	"Contemporary Christian,Christian Rock,Merengue,Salsa,Thrash Metal,Anime,JPop,Synthpop,Abstract,Art Rock," +
	"Baroque,Bhangra,Big Beat,Breakbeat,Chillout,Downtempo,Dub,EBM,Eclectic,Electro," +
	"Electroclash,Emo,Experimental,Garage,Global,IDM,Illbient,Industro-Goth,Jam Band,Krautrock," +
	"Leftfield,Lounge,Math Rock,New Romantic,Nu-Breakz,Post-Punk,Post-Rock,Psytrance,Shoegaze,Space Rock," +
	"Trop Rock,World Music,Neoclassical,Audiobook,Audio Theatre,Neue Deutsche Welle,Podcast,Indie Rock,G-Funk,Dubstep," +
	"Garage Rock,Psybient"

var genreNames = strings.Split(genres, ",")

// genreName is the name of genre n, "" if it has none.
func genreName(n int) string {
	if n < 0 || n >= len(genreNames) {
		return ""
	}
	return genreNames[n]
}

// genre resolves the numbers in a genre field: "17", "(17)", "(4)(17)Rock",
// where words after the numbers refine them (ID3v2.3 §4.2.1, TCON).
func genre(value string) string {
	value = Clean(value)
	if name, ok := numbered(value); ok {
		return name
	}
	var names string
	for strings.HasPrefix(value, "(") && !strings.HasPrefix(value, "((") {
		code, rest, ok := strings.Cut(value[1:], ")")
		name, known := numbered(code)
		if !ok || !known {
			break
		}
		join(&names, name)
		value = strings.TrimSpace(rest)
	}
	value = strings.Replace(value, "((", "(", 1)
	if names == "" || value != "" {
		return value
	}
	return names
}

// numbered is the name that a code stands for.
func numbered(code string) (name string, ok bool) {
	switch code {
	case "RX":
		return "Remix", true
	case "CR":
		return "Cover", true
	}
	if len(code) > 3 {
		return "", false
	}
	n, err := strconv.ParseUint(code, 10, 8)
	if err != nil {
		return "", false
	}
	name = genreName(int(n))
	return name, name != ""
}
