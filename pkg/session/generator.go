package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Generator makes the ID of slice number index, from 0, of total. It is called
// for all slices of a key exchange in order. session is the session's ID, in a
// session of several tracks followed by "_" and the track's. IDs are 1 to
// MaxID characters out of A-Z a-z 0-9 _ and -, and differ within an exchange.
//
// A slice is found by its ID, and its ID tells for which key it is sealed. So
// where a generator makes the same IDs twice, a track takes one key exchange
// and refuses the others with ErrSameIDs. Whoever can guess IDs still needs the
// session's, which is the secret, and a key that was agreed.
type Generator func(session string, index, total int) string

// MaxID is the longest slice ID, in bytes.
const MaxID = 64

// ErrSameIDs means that the IDs of another key exchange on the track would be
// those of one that is live.
var ErrSameIDs = errors.New("the slice IDs of this server do not tell two key exchanges on a track apart")

// Generators are those of protocol v1 section 8 by their names. "nanoid", the
// default, is nil here: it needs no list of IDs in memory. All but uuid make
// IDs that can be guessed by those who know the session's.
var Generators = map[string]Generator{
	"nanoid":     nil,
	"uuid":       UUID,
	"sequential": Sequential,
	"timestamp":  Timestamp,
	"hash":       Hash,
}

// UUID makes random UUIDs (RFC 9562 section 5.4).
func UUID(string, int, int) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// Sequential makes "slice_", 8 characters of the session's ID, and the index
// in as many digits as the last one has.
func Sequential(session string, index, total int) string {
	return fmt.Sprintf("slice_%s_%0*d", start(session, 8), len(strconv.Itoa(total-1)), index)
}

// Timestamp makes the time in ms, 6 characters of the session's ID, and the
// index in at least 3 digits; numbers are to base 36.
func Timestamp(session string, index, _ int) string {
	n := strconv.FormatInt(int64(index), 36)
	return strconv.FormatInt(time.Now().UnixMilli(), 36) + "_" + start(session, 6) + "_" + strings.Repeat("0", max(0, 3-len(n))) + n
}

// Hash makes 16 hex digits of the SHA-256 of session, index and total.
func Hash(session string, index, total int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s-%d-%d", session, index, total))
	return hex.EncodeToString(sum[:8])
}

func start(s string, n int) string { return s[:min(n, len(s))] }

// name makes the IDs of an exchange.
func (g Generator) name(session string, total int) (stored, error) {
	s := stored{make([]string, total), make(map[string]int, total)}
	for i := range total {
		id := g(session, i, total)
		if !validID(id) {
			return stored{}, fmt.Errorf("the generator of slice IDs made %.80q for slice %d of %d", id, i, total)
		}
		if other, twice := s.index[id]; twice {
			return stored{}, fmt.Errorf("the generator of slice IDs made %q for slice %d and for slice %d", id, other, i)
		}
		s.names[i], s.index[id] = id, i
	}
	return s, nil
}

func validID(id string) bool {
	return id != "" && len(id) <= MaxID && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}
