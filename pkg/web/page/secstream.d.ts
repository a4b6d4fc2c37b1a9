// Types of secstream.js. Times are seconds, frames are PCM frames of the track's
// own rate, sizes are bytes.

/** What went wrong, by what helps. network: waiting may; token: a token; identity: another server answers; forged: a
 * slice was changed; gone: the session ended; insecure: the page needs HTTPS or localhost; audio: it cannot be decoded. */
export type Kind = 'network' | 'refused' | 'token' | 'identity' | 'forged' | 'protocol' | 'rekey' | 'gone' | 'insecure' | 'audio' | 'aborted'

export class SecstreamError extends Error {
  readonly kind: Kind
  readonly hint: string
  /** The HTTP status, 0 where there was none, and the server's own word for it. */
  readonly status: number
  readonly code?: string
  /** Of kind identity: the fingerprint that is known or, if asked is true, that was asked for, and the one that came. */
  readonly identity?: { known: string, got: string, asked: boolean }
}

/** Also replayGainTrackGain, replayGainTrackPeak and those of the album, in dB and with 1 as full scale. */
export interface Tags { title?: string, artist?: string, album?: string, albumArtist?: string, date?: string, genre?: string, track?: number, disc?: number, comment?: string, [more: string]: unknown }

/** A track of the server's list (GET /api/library). */
export interface LibraryTrack {
  id: string, path: string, folder: string, format: string, codec: string, sampleRate: number, channels: number, bitDepth: number
  totalSamples: number, duration: number, size: number, hasCover: boolean, hasLyrics?: boolean, tags: Tags
}
export interface Library { scanning: boolean, version: number, folders: string[], tracks: LibraryTrack[], refused?: { path: string, reason: string }[] }

/** What can be played: a track or its ID; a file, which is sent to the server first, if that takes uploads; a session
 * that somebody else made. */
export type Playable = LibraryTrack | string | Blob | { session: string, trackId?: string }

export interface Item { readonly id: number, readonly title?: string, readonly track?: LibraryTrack }
export interface Queue { items: Item[], current: number, repeat: Repeat }
export type Repeat = 'off' | 'all' | 'one'

/** How much is kept decoded: conservative 0 slices behind and 1 ahead, balanced 2 and 4, aggressive 5 and 10. */
export type BufferStrategy = 'conservative' | 'balanced' | 'aggressive'
export type ReplayGain = 'off' | 'track' | 'album'
/** How much is fetched ahead, within that: a few; by how downloads, silence and seeks went; only what has to follow. */
export type PrefetchStrategy = 'linear' | 'adaptive' | 'none'

export interface Options {
  /** The server's address; the one this module came from by default. */
  server?: string | URL
  /** A bearer token, for a server that asks for one. */
  token?: string
  /** Take only the server with this identity, as "SHA256:…", and only if this browser knows no other at the address.
   * Without one the first that answers is remembered. */
  fingerprint?: string
  /** 1 for servers that know no other. Browsers without X25519 and Ed25519 speak 1 with servers they do not know. */
  protocol?: 1 | 2
  buffer?: BufferStrategy
  prefetch?: PrefetchStrategy
  /** Amplitude, 0 to 1; 1 leaves samples untouched. */
  volume?: number
  /** Brings tracks or albums to one loudness by their ReplayGain tags, never above full scale; off by default. */
  replayGain?: ReplayGain
  /** Bytes of decoded sound, 96 MiB by default; at least two slices are kept. */
  budget?: number
  /** Makes the context of a rate; an OfflineAudioContext will do. */
  context?: (sampleRate: number) => BaseAudioContext
  /** Where the sound goes; the context's destination by default. */
  output?: (context: BaseAudioContext) => AudioNode
}

export interface State {
  isPlaying: boolean, isPaused: boolean, isBuffering: boolean, isEnded: boolean
  currentTime: number, duration: number, currentSlice: number, totalSlices: number
  currentTrack?: Item & { tags: Tags, hasCover: boolean }
  trackCount: number, trackIndex: number, volume: number, muted: boolean
}

export declare const SliceState: Readonly<{ waiting: 0, fetching: 1, opened: 2, playing: 3, wiped: 4, refused: 5 }>

export interface Protection {
  protocol: 1 | 2, cipher: string, compression: string
  /** The fingerprint of the server's identity, empty under protocol 1; whether it was met for the first time. */
  identity: string, first: boolean
  /** Whether ML-KEM-768 took part in the keys. */
  kem: boolean
  keySince: number, exchanges: number, session: string, address: string
  fetched: number, verified: number, refused: number, retried: number, wireBytes: number, bufferedBytes: number
  /** Slices that were refused and are silent; six in a row end the track. */
  silenced: number
  codec: string, format: string, sampleRate: number, channels: number, bitDepth: number, sampleFormat?: string, contextRate?: number
  /** One SliceState for each slice, and where each begins. */
  states: Uint8Array, starts: number[], slices: { start: number, samples: number, preroll: number }[], scheduled: number
}

export interface Pin { address: string, key: string, fingerprint: string, first: string, last: string }

/** The events and their detail. */
export interface Events {
  play: {}, pause: {}, stop: {}, ended: {}, volumechange: {}, queue: {}
  seek: { time: number, slice: number, offset: number }
  timeupdate: { currentTime: number, duration: number, progress: number }
  buffering: { slice: number }, buffered: { slice: number }
  /** The browser waits for a click, or the system took the sound. */
  suspended: { message: string, state: string }
  trackchange: { track: Item, trackIndex: number }, trackended: { track: Item }
  error: { message: string, kind: Kind, hint: string, retryable: boolean, slice?: number, track?: Item, error: SecstreamError, identity?: SecstreamError['identity'] }
  /** Also of a slice that was refused, with its number: silence of its length stands in for it. */
  warning: { message: string, kind?: Kind, slice?: number, track?: Item }
  /** A track is open; a slice was opened, is on the clock, sounds. */
  loaded: { track: Item, info: Record<string, any>, tags: Tags }
  opened: { slice: number, track: Item }
  scheduled: { slice: number, track: Item, skip: number, frames: number, contextTime: number }
  slice: { slice: number, track: Item, contextTime: number }
  /** A server was met for the first time. */
  identity: { address: string, fingerprint: string }
}

/** Plays a queue of tracks of one server. */
export class Player extends EventTarget {
  constructor (options?: Options)
  addEventListener<K extends keyof Events> (type: K, listener: (event: CustomEvent<Events[K]>) => void, options?: boolean | AddEventListenerOptions): void
  addEventListener (type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void

  readonly address: string
  token: string
  library (how?: { signal?: AbortSignal }): Promise<Library>
  stats (how?: { signal?: AbortSignal }): Promise<Record<string, any>>
  cover (id: string, how?: { signal?: AbortSignal }): Promise<Blob>
  /** The words of a track, LRC where they have times. They are outside the seal, as covers are: show them as text. */
  lyrics (id: string, how?: { signal?: AbortSignal }): Promise<string>
  /** Which servers this browser knows; puts the one with this fingerprint in place of the known one; forgets one. */
  pins (): Promise<Pin[]>
  accept (fingerprint: string): Promise<void>
  forget (address?: string): Promise<void>

  readonly queue: Queue
  repeat: Repeat
  /** Replaces the queue and opens the track at index. Rejects with a SecstreamError. Does not play by itself. */
  load (what: Playable | Playable[], how?: { index?: number, progress?: (sent: number, total: number) => void }): Promise<void>
  /** At the end; right after the current one. They return IDs. */
  add (what: Playable | Playable[]): number[]
  playNext (what: Playable | Playable[]): number[]
  remove (id: number): Promise<void>
  move (id: number, by: number): void
  shuffle (): void
  clear (): void
  jump (id: number): Promise<void>
  next (): Promise<void>
  previous (): Promise<void>
  /** Has progress told of an upload that is to come. */
  watch (id: number, progress: (sent: number, total: number) => void): void

  /** Call it from a click or a key: browsers want one before there is sound. */
  play (): Promise<void>
  pause (): void
  stop (): void
  seek (seconds: number): Promise<void>
  volume: number
  muted: boolean
  replayGain: ReplayGain
  buffer: BufferStrategy
  prefetch: PrefetchStrategy

  readonly state: State
  /** Seconds of sound on the clock; whether that is all there is. */
  readonly ahead: number
  readonly complete: boolean
  readonly protection: Protection | null
  /** Ends sound, sessions and the worker. */
  close (): Promise<void>
}

export declare const V2: 'secstream/2'
export function isFingerprint (text: string): boolean
/** The frames of a slice out of what a decoder made of it. */
export function trim (buffer: AudioBuffer, slice: { samples: number, preroll: number }): AudioBuffer
