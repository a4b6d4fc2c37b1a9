package library

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"secstream/pkg/audio"
)

// Bounds of what is kept of refused files.
const (
	maxRefused     = 1000 // reasons kept and logged; more are only counted
	maxReasonBytes = 300
)

// entry is one file that was found: listed, refused, or not examined yet. All
// but the first block is guarded by catalogue.mu.
type entry struct {
	folder *folder
	name   string // in folder
	path   string // what is shown of it, before clean
	key    string // sorts in listing order
	arg    int    // where its root is in Config.Roots

	open     string // what the root opens it by
	want     stamp  // as last seen in its folder; zero to have it examined again
	queued   bool
	gone     bool
	retry    bool // refused by the system, not by a parser: worth another try
	reason   string
	embedded bool // has a picture inside
	sung     bool // has lyrics inside
	stamp    stamp
	print    fingerprint
	track    *Track                // nil while not listed
	since    uint64                // what makes the entry's listings valid
	seat     *seat                 // nil while it has no ID
	wholes   map[stamp]fingerprint // by stamp.data, of versions that were read whole
}

// listing is an entry's place in a list. It loses its validity when the entry
// is taken off, so that lists are swept once and not at every removal.
type listing struct {
	*entry
	since uint64
}

func (l listing) valid() bool { return l.track != nil && l.entry.since == l.since }

// catalogue is what the library knows. Looks put entries in, workers fill
// them, readers take snapshots.
type catalogue struct {
	key     []byte // Config.IDKey
	version atomic.Uint64

	mu     sync.Mutex // guards all below
	files  int
	byID   map[string]*entry
	groups map[fingerprint]*group
	mixed  map[fingerprint]*group   // groups whose IDs are not settled
	idle   map[fingerprint]struct{} // groups without members that are remembered
	kept   bool                     // the first pass is over, IDs stay
	order  []listing                // by key, once merged
	added  []listing                // not in order yet
	listed int
	since  uint64
	stale  bool // list does not show what order does
	list   []*Track
	refuse map[*entry]struct{} // those whose reason is kept
	bad    int                 // all refused
}

func newCatalogue(key []byte) *catalogue {
	return &catalogue{
		key:  slices.Clone(key),
		byID: map[string]*entry{}, groups: map[fingerprint]*group{}, mixed: map[fingerprint]*group{},
		idle: map[fingerprint]struct{}{}, refuse: map[*entry]struct{}{},
	}
}

// changed must be called with mu held, after the change.
func (c *catalogue) changed() {
	c.stale = true
	c.version.Add(1)
}

// tracks is the snapshot shown to readers; they share it.
func (c *catalogue) tracks() []*Track {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle()
	if !c.stale {
		return c.list
	}
	c.merge()
	c.list = make([]*Track, len(c.order))
	for i, l := range c.order {
		c.list[i] = l.track
	}
	c.stale = false
	return c.list
}

// merge brings added into order and drops what is listed no more.
func (c *catalogue) merge() {
	byKey := func(a, b listing) int {
		return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.path, b.path))
	}
	slices.SortFunc(c.added, byKey)
	out := make([]listing, 0, len(c.order)+len(c.added))
	a, b := c.order, c.added
	for len(a)+len(b) > 0 {
		from := &a
		if len(a) == 0 || len(b) > 0 && byKey(b[0], a[0]) < 0 {
			from = &b
		}
		if l := (*from)[0]; l.valid() {
			out = append(out, l)
		}
		*from = (*from)[1:]
	}
	c.order, c.added = out, nil
}

// found is a listed file as it is now.
type found struct {
	*entry
	track *Track
	open  string
	stamp stamp
	print fingerprint
	art   string
	words string
}

// found must be called with the catalogue's mu held.
func (e *entry) found() found {
	return found{entry: e, track: e.track, open: e.open, stamp: e.stamp, print: e.print, art: e.folder.art, words: e.folder.words[e.name]}
}

// find returns the listed file with this ID; ok is false if there is none.
func (c *catalogue) find(id string) (f found, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle()
	e := c.byID[id]
	if e == nil {
		return f, false
	}
	return e.found(), true
}

func (c *catalogue) counts() (files, listed, refused int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.files, c.listed, c.bad
}

// publish lists e as a worker found it. It is dropped when the file has been
// seen to change or vanish since the worker took it.
func (c *catalogue) publish(e *entry, s stamp, p fingerprint, t Track, embedded bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.gone || e.want != s {
		return
	}
	c.unrefuse(e)
	if e.track != nil && e.print == p {
		t.ID = e.track.ID
	} else {
		c.unlist(e)
		g := c.groups[p]
		if g == nil {
			g = &group{}
			c.groups[p] = g
		}
		delete(c.idle, p)
		c.since++
		e.since = c.since
		g.members = append(g.members, listing{e, e.since})
		c.mixed[p] = g
		c.added = append(c.added, listing{e, e.since})
		c.listed++
	}
	e.stamp, e.print, e.embedded, e.sung = s, p, embedded, t.Info.Lyrics.Size > 0
	t.HasCover, t.HasLyrics = e.has()
	e.track = &t
	c.changed()
}

// correct replaces the facts of a listed file by those of its index.
func (c *catalogue) correct(e *entry, s stamp, info audio.Info) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.track == nil || !e.stamp.sameData(s) || e.track.Info.Frames == info.Frames {
		return
	}
	t := *e.track
	t.Info = info
	e.track = &t
	c.changed()
}

// reject keeps e out of the list. It returns whether that is news worth a
// line in the log.
func (c *catalogue) reject(e *entry, s stamp, why error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.gone || e.want != s {
		return false
	}
	c.unlist(e)
	e.retry = !isVerdict(why)
	reason := cut(clean(why.Error()), maxReasonBytes)
	if e.reason == reason {
		return false
	}
	c.unrefuse(e)
	e.reason = reason
	c.bad++
	c.changed()
	if len(c.refuse) >= maxRefused {
		return false
	}
	c.refuse[e] = struct{}{}
	return true
}

// isVerdict says whether the file itself is at fault, so that there is no use
// in opening it again until it changes.
func isVerdict(err error) bool {
	_, ok := errors.AsType[*audio.Error](err)
	return ok || errors.Is(err, audio.ErrNotAudio) || errors.Is(err, audio.ErrCorrupt) || errors.Is(err, errNoSound)
}

func (c *catalogue) unrefuse(e *entry) {
	if e.reason != "" {
		e.reason = ""
		delete(c.refuse, e)
		c.bad--
	}
}

func (c *catalogue) unlist(e *entry) {
	if e.track == nil {
		return
	}
	c.mixed[e.print] = c.groups[e.print]
	c.rise(e)
	e.track = nil
	c.listed--
	c.changed()
}

// unchanged says whether the file need not be looked at again. all asks for
// another try of what the system refused before.
func (c *catalogue) unchanged(e *entry, open string, s stamp, all bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return e.want == s && e.open == open && (!all || !e.retry)
}

// expect notes the version of e that is to be examined, and reports whether
// e must be queued for that.
func (c *catalogue) expect(e *entry, open string, s stamp) (queue bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.open, e.want, e.retry = open, s, false
	queue, e.queued = !e.queued, true
	return queue
}

// settleOn notes a version of e that is judged without being opened.
func (c *catalogue) settleOn(e *entry, s stamp) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.want = s
}

// take is expect's other end, called by the worker.
func (c *catalogue) take(e *entry) (open string, want stamp, gone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.queued = false
	return e.open, e.want, e.gone
}

// again makes the next look take e for changed.
func (c *catalogue) again(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.want = stamp{}
}

// add makes an entry of a file found in f; nil when there are limit already.
func (c *catalogue) add(f *folder, name string, limit int) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files >= limit {
		return nil
	}
	c.files++
	p := cmp.Or(f.path(name), ".")
	return &entry{folder: f, name: name, path: p, key: orderKey(p), arg: f.arg(name)}
}

// remove forgets a file that is there no more.
func (c *catalogue) remove(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.reason != "" {
		c.unrefuse(e)
		c.changed()
	}
	c.unlist(e)
	e.gone = true
	c.files--
}

// setBeside notes what lies beside the files of a folder: the cover picture, ""
// for none, and the lyrics by name of the file they belong to.
func (c *catalogue) setBeside(f *folder, art string, words map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.art == art && maps.Equal(f.words, words) {
		return
	}
	f.art, f.words = art, words
	for _, e := range f.files {
		if e.track == nil {
			continue
		}
		if cover, lyrics := e.has(); e.track.HasCover != cover || e.track.HasLyrics != lyrics {
			t := *e.track
			t.HasCover, t.HasLyrics = cover, lyrics
			e.track = &t
			c.changed()
		}
	}
}

// has says whether there are a picture and lyrics, in the file or beside it. It
// must be called with the catalogue's mu held.
func (e *entry) has() (cover, lyrics bool) {
	return e.embedded || e.folder.art != "", e.sung || e.folder.words[e.name] != ""
}

// refused lists the reasons kept, by path, and counts all.
func (c *catalogue) refused() ([]Refusal, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Refusal, 0, len(c.refuse))
	for e := range c.refuse {
		out = append(out, Refusal{Path: clean(e.path), Reason: e.reason})
	}
	slices.SortFunc(out, func(a, b Refusal) int { return strings.Compare(a.Path, b.Path) })
	return out, c.bad
}
