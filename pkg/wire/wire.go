// Package wire holds every byte that crosses the network: routes, JSON
// messages, slice headers, error codes. Both ends use it and nothing else to
// talk. It imports audio and slicer only, never a key or a cipher.
package wire

import (
	"fmt"
	"hash/crc32"
	"net/http"
	"strconv"

	"secstream/pkg/audio"
)

// Headers of a slice (protocol v1 section 3).
const (
	HeaderSliceID  = "X-Slice-ID"
	HeaderSequence = "X-Slice-Sequence"
	HeaderSession  = "X-Session-ID"
	HeaderLength   = "X-Encrypted-Data-Length"
	HeaderIVLength = "X-IV-Length"
	HeaderCRC      = "X-CRC32-Hash"
	// HeaderRekey is "1" on slices whose key has nearly served its time (protocol
	// v2): agree on another.
	HeaderRekey = "X-Rekey"
)

// SliceHeaders are all of the above, for CORS.
var SliceHeaders = [...]string{HeaderSliceID, HeaderSequence, HeaderSession, HeaderLength, HeaderIVLength, HeaderCRC, HeaderRekey}

// ivLength is the length of the nonce at the end of a slice, bytes.
const ivLength = 12

// SetSliceHeaders fills h for slice number seq (from 0), with a body of n bytes
// and their CRC-32.
func SetSliceHeaders(h http.Header, session, slice string, seq, n int, sum uint32) {
	v := []string{
		"application/octet-stream", strconv.Itoa(n), slice, strconv.Itoa(seq), session,
		strconv.Itoa(n - ivLength), strconv.Itoa(ivLength), fmt.Sprintf("%08x", sum),
	}
	for i, name := range canonical {
		h[name] = v[i : i+1 : i+1]
	}
}

// canonical are the headers of a slice as http.Header keys them.
var canonical = func() (names [8]string) {
	for i, name := range [...]string{
		"Content-Type", "Content-Length", HeaderSliceID, HeaderSequence, HeaderSession, HeaderLength, HeaderIVLength, HeaderCRC,
	} {
		names[i] = http.CanonicalHeaderKey(name)
	}
	return names
}()

// CRC is the checksum of a slice body: CRC-32/IEEE, 8 lower-case hex digits.
// It finds accidents on the way; forgeries are found by the seal.
func CRC(body []byte) string {
	return fmt.Sprintf("%08x", crc32.ChecksumIEEE(body))
}

// KeyRequest asks for a key (protocol v1 section 2). Of the fields a v1
// client sends only PublicKey is read.
type KeyRequest struct {
	PublicKey string `json:"publicKey"` // base64, see package handshake
	TrackID   string `json:"trackId,omitempty"`
	PCM       string `json:"pcm,omitempty"` // PCMNative from clients that read Sample, absent from others
	// Protocol is ProtocolV2, or absent for protocol v1. The fields after it are
	// v2's, and PublicKey is then the 32 bytes of the key.
	Protocol string   `json:"protocol,omitempty"`
	MLKEM    string   `json:"mlkemKey,omitempty"` // base64
	Suites   []string `json:"suites,omitempty"`
	// Metadata names the algorithm, for servers that care: ours does not look.
	Metadata any `json:"metadata,omitempty"`
}

// PCMNative asks for the samples of a WAV file as they are stored, whatever
// their kind. Clients that do not ask get a kind that protocol v1 can name.
const PCMNative = "native"

// KeyMetadata names the algorithm of the exchange: ECDH, and on which curve.
type KeyMetadata struct {
	Algorithm string `json:"algorithm"`
	Curve     string `json:"curve"`
	KeyType   string `json:"keyType"`
}

// V1Metadata is the only KeyMetadata of protocol v1.
func V1Metadata() *KeyMetadata { return Metadata("P-256") }

// Metadata is the KeyMetadata of an exchange on another curve.
func Metadata(curve string) *KeyMetadata {
	return &KeyMetadata{Algorithm: "ECDH", Curve: curve, KeyType: "CryptoKey"}
}

// KeyAnswer is the server's half of the exchange.
type KeyAnswer struct {
	PublicKey   string       `json:"publicKey"`
	SessionInfo *SessionInfo `json:"sessionInfo"`
	Metadata    *KeyMetadata `json:"metadata"`
}

// ProtocolV2 is the name of protocol v2.
const ProtocolV2 = "secstream/2"

// SealedAnswer is the server's half of an exchange by protocol v2.
type SealedAnswer struct {
	Protocol  string `json:"protocol"`
	Suite     string `json:"suite"`
	PublicKey []byte `json:"publicKey"` // as all bytes here, base64
	MLKEM     []byte `json:"mlkemCiphertext,omitempty"`
	Identity  []byte `json:"identity"`
	Signature []byte `json:"signature"`
	Manifest  []byte `json:"manifest"` // a Manifest, sealed
}

// ManifestVersion is the one there is.
const ManifestVersion = 1

// Manifest is what protocol v2 says of a track, sealed and so not to be changed
// on its way.
type Manifest struct {
	Version   int    `json:"version"`
	Source    string `json:"source,omitempty"` // ID of the track in the library; absent for an upload
	Tags      Tags   `json:"tags"`
	HasCover  bool   `json:"hasCover"`
	HasLyrics bool   `json:"hasLyrics,omitempty"`
	// HeadBytes is what a slice of PCM has besides its samples.
	HeadBytes   int          `json:"headBytes,omitempty"`
	Padded      bool         `json:"padded,omitempty"`
	SessionInfo *SessionInfo `json:"sessionInfo"`
}

// TrackFacts are the fields that sessionInfo and trackInfo share. Those after
// Format are ours; published clients ignore them.
type TrackFacts struct {
	TotalSlices  int      `json:"totalSlices"`
	SliceMillis  int      `json:"sliceDuration"` // ms, the configured value
	SampleRate   int      `json:"sampleRate"`    // Hz
	Channels     int      `json:"channels"`
	Speakers     uint32   `json:"channelMask,omitempty"` // audio.Speakers; absent for the usual ones
	BitDepth     int      `json:"bitDepth,omitempty"`
	SliceIDs     []string `json:"sliceIds"` // in play order
	Format       string   `json:"format,omitempty"`
	IsFloat32    bool     `json:"isFloat32,omitempty"`
	Codec        string   `json:"codec,omitempty"`
	Sample       string   `json:"sampleFormat,omitempty"` // PCM: audio.Sample
	TotalSamples int64    `json:"totalSamples,omitempty"` // PCM frames of the track
	Compression  string   `json:"compression,omitempty"`  // of the slices; absent for DEFLATE
	Cipher       string   `json:"cipher,omitempty"`       // of the slices; absent for AES-256-GCM
	Damage       *Damage  `json:"damage,omitempty"`       // absent for a sound file
	Slices       []Slice  `json:"slices,omitempty"`       // as long as SliceIDs
	Written      string   `json:"-"`                      // EncodeSlices(Slices), from those who have it at hand
}

// Damage tells a listener that parts of the file could not be read and are
// left out of the track.
type Damage struct {
	Count  int    `json:"count"`  // places
	Offset int64  `json:"offset"` // of the first, bytes in the file
	What   string `json:"what"`   // about the first
}

// Slice says which PCM frames of the track a slice holds.
type Slice struct {
	Start   audio.Frames `json:"start"`
	Samples audio.Frames `json:"samples"`
	Preroll audio.Frames `json:"preroll"` // frames a plain decoder yields first; drop them
}

// SessionInfo describes a session, or the track the exchange was for.
type SessionInfo struct {
	SessionID     string      `json:"sessionId"`
	Tracks        []TrackInfo `json:"tracks,omitempty"`
	ActiveTrackID string      `json:"activeTrackId,omitempty"`
	TrackFacts
	Duration float64 `json:"duration,omitempty"` // seconds
}

// TrackInfo is one track of a session of several. Before its key exchange it
// is a placeholder with zero facts and no slices.
type TrackInfo struct {
	TrackID    string `json:"trackId"`
	TrackIndex int    `json:"trackIndex"`
	TrackFacts
	Duration float64 `json:"duration"` // seconds
	Title    string  `json:"title,omitempty"`
	Artist   string  `json:"artist,omitempty"`
	Album    string  `json:"album,omitempty"`
}

// CreateRequest opens a session on tracks of the library.
type CreateRequest struct {
	Tracks    []string `json:"tracks"`
	Randomize *bool    `json:"randomizeSliceLength,omitempty"` // the server's default when absent
}

// CreateAnswer is the answer to every way of creating a session.
type CreateAnswer struct {
	SessionID     string         `json:"sessionId"`
	Metadata      CreateMetadata `json:"metadata"`
	Configuration CreateConfig   `json:"configuration"`
	Message       string         `json:"message"`
}

// AddAnswer is the answer to adding tracks to a session: what each of them is
// called, before its key exchange.
type AddAnswer struct {
	Tracks []TrackInfo `json:"tracks"`
}

// CreateMetadata describes the session's first track.
type CreateMetadata struct {
	Format     string  `json:"format"`
	SampleRate int     `json:"sampleRate"`
	Channels   int     `json:"channels"`
	Duration   float64 `json:"duration,omitempty"` // seconds
}

// CreateConfig tells how the session cuts.
type CreateConfig struct {
	Randomize bool `json:"randomizeSliceLength"`
}

// Stats is the answer of /api/stats; the first five fields are protocol v1's.
type Stats struct {
	Server         string  `json:"server"`
	Framework      string  `json:"framework"`
	Timestamp      string  `json:"timestamp"` // RFC 3339
	ActiveSessions int     `json:"activeSessions"`
	TotalSessions  int     `json:"totalSessions"` // created since start
	Expired        int     `json:"expiredSessions"`
	Exchanges      int64   `json:"keyExchanges"`
	Slices         int64   `json:"slicesServed"`
	Bytes          int64   `json:"bytesServed"`
	Refused        int64   `json:"refusals"`     // of every kind
	Limited        int64   `json:"rateLimited"`  // of those, for a client's share: too_many_requests
	Unauthorized   int64   `json:"unauthorized"` // of those, for want of a token
	CacheHits      int64   `json:"cacheHits"`
	CacheMisses    int64   `json:"cacheMisses"`
	CacheBytes     int64   `json:"cacheBytes"`
	CacheSlices    int64   `json:"cacheSlices"`
	Prewarmed      int64   `json:"slicesPrewarmed"`
	Tracks         int     `json:"libraryTracks"`
	Uploads        int64   `json:"maxUpload,omitempty"` // bytes that may be uploaded at once; 0: none
	Uptime         float64 `json:"uptime"`              // seconds
}

// Health is the answer of /health, with the status "ok", and of /ready, with
// "ready".
type Health struct {
	Status    string  `json:"status"`
	Timestamp string  `json:"timestamp"`
	Uptime    float64 `json:"uptime"`
}
