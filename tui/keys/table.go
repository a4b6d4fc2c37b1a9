package keys

// The actions.
const (
	Toggle   Action = "toggle"
	Next     Action = "next"
	Previous Action = "previous"
	Back     Action = "back"
	Ahead    Action = "ahead"
	FarBack  Action = "far-back"
	FarAhead Action = "far-ahead"
	Louder   Action = "louder"
	Softer   Action = "softer"
	Mute     Action = "mute"
	Shuffle  Action = "shuffle"
	Repeat   Action = "repeat"

	ShowLibrary    Action = "library"
	ShowQueue      Action = "queue"
	ShowNow        Action = "now"
	ShowLyrics     Action = "lyrics"
	ShowProtection Action = "protection"
	NextView       Action = "next-view"
	PreviousView   Action = "previous-view"

	Up       Action = "up"
	Down     Action = "down"
	PageUp   Action = "page-up"
	PageDown Action = "page-down"
	First    Action = "first"
	Last     Action = "last"
	Play     Action = "play"
	Current  Action = "current"

	Search   Action = "filter"
	Add      Action = "add"
	PlayNext Action = "play-next"
	Group    Action = "group"
	Sort     Action = "sort"
	Fold     Action = "fold"

	Remove   Action = "remove"
	MoveUp   Action = "move-up"
	MoveDown Action = "move-down"
	Clear    Action = "clear"

	Earlier Action = "earlier"
	Later   Action = "later"

	Spectrum Action = "spectrum"
	Cover    Action = "cover"
	Theme    Action = "theme"
	Help     Action = "help"
	Close    Action = "close"
	Redraw   Action = "redraw"
	Suspend  Action = "suspend"
	Quit     Action = "quit"

	Accept    Action = "accept"
	Erase     Action = "erase"
	EraseWord Action = "erase-word"
	Empty     Action = "empty"
	LineUp    Action = "line-up"
	LineDown  Action = "line-down"
	Abandon   Action = "abandon"
)

const times = "so many times"

// table is every key there is. The order is that of the help.
var table = []Binding{
	{Toggle, Anywhere, []string{"space"}, "play/pause", "play or pause", ""},
	{Next, Anywhere, []string{"n", ">"}, "next", "next track", "so many on"},
	{Previous, Anywhere, []string{"p", "b", "<"}, "previous", "previous track, or after 3 s the start of this one", "so many back"},
	{Back, Anywhere, []string{"h", "left"}, "-5 s", "5 s back", times},
	{Ahead, Anywhere, []string{"l", "right"}, "+5 s", "5 s ahead", times},
	{FarBack, Anywhere, []string{"[", "shift+left"}, "-1 min", "1 min back", times},
	{FarAhead, Anywhere, []string{"]", "shift+right"}, "+1 min", "1 min ahead", times},
	{Louder, Anywhere, []string{"+", "="}, "louder", "2 dB louder", times},
	{Softer, Anywhere, []string{"-", "_"}, "softer", "2 dB softer", times},
	{Mute, Anywhere, []string{"m"}, "mute", "mute, and back", ""},
	{Shuffle, Anywhere, []string{"s"}, "shuffle", "shuffle what is to come, and back", ""},
	{Repeat, Anywhere, []string{"r"}, "repeat", "repeat: off, all, one", ""},

	{ShowLibrary, Anywhere, []string{"L"}, "library", "the library", ""},
	{ShowQueue, Anywhere, []string{"Q"}, "queue", "the queue", ""},
	{ShowNow, Anywhere, []string{"N"}, "now", "what plays now", ""},
	{ShowLyrics, Anywhere, []string{"Y"}, "lyrics", "the lyrics", ""},
	{ShowProtection, Anywhere, []string{"P"}, "protection", "how the sound is protected", ""},
	{NextView, Anywhere, []string{"tab"}, "next view", "the next of these views", ""},
	{PreviousView, Anywhere, []string{"shift+tab"}, "previous view", "the one before", ""},

	{Search, Anywhere, []string{"/"}, "filter", "filter the library; words may be parts and abbreviations", ""},
	{Spectrum, Anywhere, []string{"x"}, "spectrum", "spectrum, waveform, neither", ""},
	{Cover, Anywhere, []string{"i"}, "cover", "the cover, and none", ""},
	{Theme, Anywhere, []string{"T"}, "theme", "the next theme", ""},
	{Help, Anywhere, []string{"?"}, "help", "all keys", ""},
	{Close, Anywhere, []string{"esc"}, "close", "close the help; end a filter; forget a number", ""},
	{Redraw, Anywhere, []string{"ctrl+l"}, "redraw", "draw the screen anew", ""},
	{Suspend, Anywhere, []string{"ctrl+z"}, "suspend", "back to the shell; fg returns", ""},
	{Quit, Anywhere, []string{"q"}, "quit", "quit; ctrl+c does always", ""},

	{Up, Lists, []string{"k", "up"}, "up", "up", "so many lines"},
	{Down, Lists, []string{"j", "down"}, "down", "down", "so many lines"},
	{PageUp, Lists, []string{"pgup", "ctrl+b"}, "page up", "a page up", "so many pages"},
	{PageDown, Lists, []string{"pgdown", "ctrl+f"}, "page down", "a page down", "so many pages"},
	{First, Lists, []string{"g", "home"}, "first", "to the first line", "to that line"},
	{Last, Lists, []string{"G", "end"}, "last", "to the last line", "to that line"},
	{Play, Lists, []string{"enter"}, "play", "play the track; open or close the group", ""},
	{Current, Lists, []string{"."}, "what plays", "to what plays", ""},

	{Add, Library, []string{"a"}, "add", "add the track or the group at the queue's end", ""},
	{PlayNext, Library, []string{"A"}, "play next", "play it next", ""},
	{Group, Library, []string{"t"}, "group", "folders, artists, albums, tracks", ""},
	{Sort, Library, []string{"o"}, "sort", "order: as it lies, title, date, length", ""},
	{Fold, Library, []string{"z"}, "fold", "close all groups, or open them", ""},

	{Remove, Queue, []string{"d", "delete"}, "remove", "take the track out", "so many"},
	{MoveUp, Queue, []string{"K", "shift+up"}, "move up", "move the track up", "so many lines"},
	{MoveDown, Queue, []string{"J", "shift+down"}, "move down", "move the track down", "so many lines"},
	{Clear, Queue, []string{"c"}, "clear", "clear all that is to come; what plays goes on", ""},

	{Earlier, Lyrics, []string{"("}, "earlier", "show lines 0.1 s earlier", times},
	{Later, Lyrics, []string{")"}, "later", "show lines 0.1 s later", times},

	{Accept, Filter, []string{"enter"}, "play", "play the selected track", ""},
	{LineUp, Filter, []string{"up", "ctrl+p"}, "up", "up", ""},
	{LineDown, Filter, []string{"down", "ctrl+n"}, "down", "down", ""},
	{Erase, Filter, []string{"backspace", "ctrl+h"}, "erase", "erase a letter; with none left end the filter", ""},
	{EraseWord, Filter, []string{"ctrl+w", "alt+backspace"}, "erase word", "erase a word", ""},
	{Empty, Filter, []string{"ctrl+u"}, "empty", "erase all", ""},
	{Abandon, Filter, []string{"esc"}, "close", "end the filter", ""},
}
