// @ts-check
// secstream for web pages: plays what a secstream server serves, gapless and to
// the sample. Any page may import it, from its own server or, where that was told
// to trust the page ("serve --cors"), from another:
//
//   import { Player } from 'https://music.example.org/web/secstream.js'
//   const player = new Player()
//   const { tracks } = await player.library()
//   await player.load(tracks)
//   await player.play()                       // from a click: browsers want one
//
// secstream.d.ts has the types, and what everything means.
import { SecstreamError, Server, V2, isFingerprint } from './protocol.js'
import { Link } from './link.js'
import { Loader } from './loader.js'
import { Queue } from './queue.js'
import { Shelf } from './shelf.js'
import { buffers, prefetches } from './strategy.js'
import { Timeline, isLive } from './timeline.js'
import { SliceState, trim } from './track.js'

export { SecstreamError, SliceState, V2, isFingerprint, trim }

const TICK = 200 // ms
const SOON = 10 // seconds before the end of a track when the next one is opened
const BUDGET = 96 << 20 // bytes of decoded sound

/** Plays a queue of tracks of one server. */
export class Player extends EventTarget {
  #link
  #server
  #queue = new Queue()
  #tracks
  #line
  #loader
  #wish = /** @type {'playing'|'paused'|'stopped'} */ ('stopped')
  #hungry = false
  #idle = 0 // ticks without sound since it was asked for
  #ended = false
  #now = /** @type {{track: import('./track.js').Opened, slice: number}|null} */ (null) // as was told last
  #told = 0
  #closed = false

  constructor (options = {}) {
    super()
    const { server = new URL('..', import.meta.url), token = '', fingerprint = '', protocol = 2, buffer = 'balanced', prefetch = 'linear', volume = 1, replayGain = 'off', budget = BUDGET } = options
    if (fingerprint && !isFingerprint(fingerprint)) throw new SecstreamError('refused', `${fingerprint} is no fingerprint`)
    const tell = (type, detail) => this.#tell(type, detail)
    this.#server = new Server(server, { token })
    this.#link = new Link(() => this.#tick())
    this.#tracks = new Shelf(this.#link, this.#server, { fingerprint, protocol }, { tell, fail: (err, detail) => this.#fail(err, detail) })
    this.#line = new Timeline(options, tell)
    this.#loader = new Loader(this.#link, {
      tracks: this.#tracks, place: () => this.#line.place(), current: () => this.#current(), next: () => this.#following(), playing: () => this.#wish === 'playing'
    }, { budget, tell, pump: () => this.#pump() })
    this.buffer = buffer
    this.prefetch = prefetch
    this.replayGain = replayGain
    this.volume = volume
  }

  // The server.

  get address () { return this.#server.address }
  get token () { return this.#server.token }
  set token (token) { this.#server.token = token }

  library ({ signal } = /** @type {any} */ ({})) { return this.#server.library(signal) }
  stats ({ signal } = /** @type {any} */ ({})) { return this.#server.stats(signal) }
  cover (id, { signal } = /** @type {any} */ ({})) { return this.#server.cover(id, signal) }
  lyrics (id, { signal } = /** @type {any} */ ({})) { return this.#server.lyrics(id, signal) }
  pins () { return this.#link.call('pins') }
  accept (fingerprint) { return this.#link.call('accept', { address: this.address, fingerprint }) }
  forget (address = this.address) { return this.#link.call('forget', { address }) }

  // The queue.

  get queue () { return { items: this.#queue.items.map(({ progress, ...i }) => i), current: this.#queue.at, repeat: this.#queue.repeat } }
  get repeat () { return this.#queue.repeat }
  set repeat (how) {
    if (!['off', 'all', 'one'].includes(how)) throw new TypeError('repeat is off, all or one')
    this.#queue.repeat = how
    this.#queueChanged()
  }

  /** Replaces the queue, and opens its first track, or that at index. */
  async load (what, { index = 0, progress } = /** @type {any} */ ({})) {
    this.stop()
    this.#queue.set(what, progress)
    this.#closeOthers()
    this.#tell('queue')
    const n = this.#queue.items.length
    if (n > 0) await this.#go(Math.max(0, Math.min(index, n - 1)), 0)
  }

  add (what) { return this.#insert(this.#queue.items.length, what) }
  playNext (what) { return this.#insert(this.#queue.at + 1, what) }

  #insert (at, what) {
    const ids = this.#queue.insert(at, what)
    this.#queueChanged()
    return ids
  }

  async remove (id) {
    const at = this.#queue.find(id)
    if (at < 0) return
    const was = this.#wish
    if (this.#queue.remove(at)) {
      if (this.#queue.current) await this.#go(at, 0, was)
      else {
        this.#queue.at = at - 1
        this.stop()
      }
    }
    this.#queueChanged()
  }

  /** Tells how far the upload of an entry got. */
  watch (id, progress) {
    const item = this.#queue.items[this.#queue.find(id)]
    if (item) item.progress = progress
  }

  move (id, by) { this.#queue.move(id, by); this.#queueChanged() }
  shuffle () { this.#queue.shuffle(); this.#queueChanged() }
  clear () { this.#queue.clear(); this.#queueChanged() }

  async jump (id) {
    const at = this.#queue.find(id)
    if (at >= 0) await this.#go(at, 0, 'playing')
  }

  async next () {
    const at = this.#queue.following(true)
    if (at >= 0) await this.#go(at, 0)
  }

  /** The beginning of this track or, within three seconds of it, the track before. */
  async previous () {
    if (this.state.currentTime > 3 || this.#queue.at <= 0) await this.seek(0)
    else await this.#go(this.#queue.at - 1, 0)
  }

  // What is scheduled of tracks to come may be another now.
  #queueChanged () {
    const here = this.#current()
    if (here) this.#line.only(here)
    this.#closeOthers()
    this.#tell('queue')
    this.#pump()
  }

  // Transport.

  async play () {
    if (this.#closed) throw new SecstreamError('aborted', 'the player is closed')
    if (this.#queue.items.length === 0) return
    const here = this.#current()
    if (this.#ended) return this.#go(this.#queue.at, 0, 'playing')
    if (!here || here.error) return this.#go(Math.max(this.#queue.at, 0), 0, 'playing')
    if (this.#wish === 'playing') return this.#wake()
    for (const t of this.#tracks.values()) t.retry()
    this.#wish = 'playing'
    this.#link.call('tick', { ms: TICK })
    this.#tell('play')
    const rate = here.info?.sampleRate ?? here.item.track?.sampleRate // known at once: some browsers take no context after the click
    if (rate) this.#begin(rate)
    await this.#wake()
    this.#pump()
  }

  pause () {
    if (this.#wish !== 'playing') return
    this.#halt('paused')
    this.#tell('pause')
  }

  stop () {
    if (this.#wish === 'stopped' && !this.#line.head) return
    const here = this.#current()
    this.#halt('stopped')
    this.#line.head = here ? { track: here, slice: 0, skip: 0 } : null
    this.#ended = false
    this.#tell('stop')
  }

  #halt (wish) {
    this.#rewindTo(this.#line.place())
    this.#wish = wish
    this.#hungry = false
    this.#idle = 0
    this.#link.call('tick', { ms: 0 })
    const { context } = this.#line
    setTimeout(() => {
      if (context === this.#line.context && this.#wish !== 'playing' && isLive(context)) context.suspend()
    }, 60)
  }

  /** @param {number} seconds */
  async seek (seconds) {
    const here = this.#current()
    if (!here?.info || Number.isNaN(Number(seconds))) return
    const frame = Math.max(0, Math.min(Math.round(seconds * here.rate), here.info.totalSamples - 1))
    const slice = here.find(frame)
    this.#loader.prefetch.seeked(this.#now?.slice ?? 0, slice)
    const was = this.#ended
    this.#ended = false
    this.#rewindTo({ track: here, slice, skip: frame - here.slices[slice].start })
    this.#tell('seek', { time: frame / here.rate, slice, offset: (frame - here.slices[slice].start) / here.rate })
    if (was) await this.play()
    this.#pump()
  }

  get volume () { return this.#line.level }
  set volume (amplitude) {
    this.#line.level = Math.max(0, Math.min(1, Number(amplitude) || 0))
    this.#loud()
  }

  get muted () { return this.#line.muted }
  set muted (muted) {
    this.#line.muted = Boolean(muted)
    this.#loud()
  }

  get replayGain () { return this.#line.loudness }
  set replayGain (by) {
    if (!['off', 'track', 'album'].includes(by)) throw new TypeError('replayGain is off, track or album')
    this.#line.loudness = by
    this.#loud()
  }

  #loud () {
    this.#line.apply()
    this.#tell('volumechange')
  }

  // How much is kept and fetched ahead.

  get buffer () { return this.#loader.buffer }
  set buffer (name) {
    if (!Object.hasOwn(buffers, name)) throw new TypeError(`buffer is ${Object.keys(buffers).join(', ')}`)
    this.#loader.buffer = name
  }

  get prefetch () { return Object.keys(prefetches).find(n => this.#loader.prefetch instanceof prefetches[n]) ?? '' }
  set prefetch (name) {
    if (!Object.hasOwn(prefetches, name)) throw new TypeError(`prefetch is ${Object.keys(prefetches).join(', ')}`)
    this.#loader.prefetch = new prefetches[name]()
  }

  // What goes on.

  get state () {
    const here = this.#current()
    const info = here?.info
    const place = this.#line.place()
    const item = this.#queue.current
    const rate = info?.sampleRate ?? 1
    const frame = info && place && place.slice < info.totalSlices ? info.slices[place.slice].start + place.skip : place && info ? info.totalSamples : 0
    return {
      isPlaying: this.#wish === 'playing', isPaused: this.#wish === 'paused', isBuffering: this.#hungry, isEnded: this.#ended,
      currentTime: this.#ended ? (info?.totalSamples ?? 0) / rate : frame / rate, duration: info ? info.totalSamples / rate : 0,
      currentSlice: place ? Math.min(place.slice, Math.max((info?.totalSlices ?? 1) - 1, 0)) : 0, totalSlices: info?.totalSlices ?? 0,
      currentTrack: item ? { ...item, tags: here?.tags ?? {}, hasCover: here?.hasCover ?? false } : undefined,
      trackCount: this.#queue.items.length, trackIndex: this.#queue.at, volume: this.volume, muted: this.muted
    }
  }

  /** How many seconds of sound are scheduled from now on. */
  get ahead () { return this.#line.ahead }

  /** Whether all of the queue that is to come is scheduled. */
  get complete () {
    const { head } = this.#line
    return this.#ended || head !== null && head.slice >= (head.track.info?.totalSlices ?? Infinity) && this.#queue.following(false, this.#queue.items.indexOf(head.track.item)) < 0
  }

  /** What the connection of the current track is, and its slices. */
  get protection () {
    const here = this.#current()
    if (!here?.info) return null
    const states = here.states.slice()
    const now = this.#now
    if (now?.track === here && this.#line.pieces.length > 0) states[now.slice] = SliceState.playing
    for (const i of here.lost.keys()) states[i] = SliceState.refused
    let buffered = 0
    for (const t of this.#tracks.values()) for (const b of t.buffers.values()) buffered += b.length * b.numberOfChannels * 4
    return {
      ...here.status, first: here.first, address: this.address, codec: here.info.codec, format: here.info.format, sampleRate: here.rate,
      channels: here.info.channels, bitDepth: here.info.bitDepth, sampleFormat: here.info.sampleFormat, contextRate: this.#line.context?.sampleRate, silenced: here.lost.size,
      states, starts: here.starts, slices: here.slices, bufferedBytes: buffered, scheduled: this.#line.pieces.length
    }
  }

  #tell (type, detail = {}) { this.dispatchEvent(new CustomEvent(type, { detail })) }

  #fail (err, detail = {}) {
    const { kind = 'protocol', message = String(err), hint = '', identity } = err ?? {}
    this.#tell('error', { message, kind, hint, identity, retryable: kind === 'network', error: err, ...detail })
  }

  // Opening tracks.

  #current () { return this.#tracks.get(this.#queue.current?.id ?? 0) }
  #following () { return this.#tracks.get(this.#queue.items[this.#queue.following()]?.id) }

  async #go (at, frame, wish = this.#wish) {
    const item = this.#queue.items[at]
    const changed = at !== this.#queue.at || !this.#tracks.has(item.id)
    this.#rewindTo(null)
    this.#queue.at = at
    this.#ended = false
    this.#now = null
    if (this.#tracks.get(item.id)?.error) this.#tracks.delete(item.id)
    const track = this.#tracks.open(item)
    this.#line.head = { track, slice: 0, skip: 0 }
    this.#closeOthers()
    if (changed) this.#tell('trackchange', { track: item, trackIndex: at })
    if (wish === 'playing' && this.#wish !== 'playing') {
      this.#wish = 'playing'
      this.#link.call('tick', { ms: TICK })
      this.#tell('play')
    }
    await track.ready
    if (this.#current() !== track) return // another was chosen meanwhile
    if (track.error) {
      this.#halt('paused')
      throw track.error
    }
    if (frame > 0) await this.seek(frame / track.rate)
    if (this.#wish === 'playing') {
      this.#begin(track.rate)
      await this.#wake()
    }
    this.#pump()
  }

  // Of tracks only the current one and its neighbour in time stay open.
  #closeOthers () {
    const keep = new Set([this.#queue.current?.id, this.#queue.items[this.#queue.following()]?.id])
    for (const p of this.#line.pieces) keep.add(p.track.item.id)
    for (const item of this.#queue.items) if (item.source.file) keep.add(item.id) // it would have to be sent again
    this.#tracks.keep(keep)
  }

  // The clock.

  #begin (rate) {
    if (!this.#line.begin(rate)) return
    const { context } = this.#line
    context.onstatechange = () => {
      if (context !== this.#line.context || this.#wish !== 'playing') return
      if (context.state === 'interrupted') this.#tell('suspended', { message: 'the system took the sound away', state: context.state })
      if (context.state === 'running') this.#pump()
    }
  }

  async #wake () {
    const { context } = this.#line
    if (!context || !isLive(context) || context.state === 'running') return
    const started = context.resume().catch(err => err)
    await Promise.race([started, new Promise(resolve => setTimeout(resolve, 1500))])
    if (context.state !== 'running' && context === this.#line.context && this.#wish === 'playing') {
      this.#tell('suspended', { message: 'the browser waits for a click or a key before it plays', state: context.state })
    }
  }

  #rewindTo (head) {
    for (const p of this.#line.pieces) if (p.track.states[p.slice] === SliceState.playing) p.track.states[p.slice] = SliceState.opened
    this.#line.rewind(head)
  }

  // Schedules all that is there, from where the clock is filled to.
  #pump () {
    if (this.#closed) return
    const line = this.#line
    if (this.#wish === 'playing' && line.context) {
      line.notice(p => this.#began(p))
      this.#loader.release(line.head)
      while (line.head?.track.info) {
        if (line.head.slice >= line.head.track.slices.length) {
          if (!this.#turn(line.head.track)) break
        } else if (!line.step()) break
        else if (this.#hungry) {
          this.#hungry = false
          this.#tell('buffered', { slice: line.pieces[line.pieces.length - 1].slice })
        }
      }
    }
    this.#loader.fetchAhead()
  }

  // The track is scheduled to its end: what comes behind it.
  #turn (here) {
    const at = this.#queue.following(false, this.#queue.items.indexOf(here.item))
    if (at < 0) return false
    const item = this.#queue.items[at]
    const again = item === here.item
    const left = this.#line.ahead
    if (again ? left > SOON : here !== this.#current()) return false // two ahead are too many
    const track = again ? here : left < SOON || this.#tracks.has(item.id) ? this.#tracks.open(item) : undefined
    if (!track?.info) {
      track?.ready.then(() => { if (!track.error) this.#pump() })
      return false
    }
    if (track.error || track.rate !== here.rate) { // for #finish, on the dot
      if (left < 0.3) setTimeout(() => this.#tick(), 1000 * left)
      return false
    }
    this.#line.head = { track, slice: 0, skip: 0 }
    return true
  }

  // All that was scheduled has sounded.
  #finish () {
    const at = this.#queue.following()
    this.#tell('trackended', { track: this.#queue.current })
    if (at >= 0) return void this.#go(at, 0, 'playing').catch(err => this.#skip(err))
    this.#ended = true
    this.#halt('stopped')
    this.#line.head = null
    this.#tell('ended')
  }

  // A track that cannot be opened, or not be played on: the next, unless all would
  // fare the same.
  #skip (err) {
    const at = this.#queue.at + 1
    if (['network', 'identity', 'token', 'insecure', 'aborted'].includes(err?.kind) || at >= this.#queue.items.length) return
    this.#go(at, 0, 'playing').catch(e => this.#skip(e))
  }

  // A slice that does not come, nor silence for it.
  #broke (err, slice) {
    this.#halt('paused')
    this.#fail(err, { slice })
    this.#tell('pause')
    if (err.kind === 'forged' || err.kind === 'audio') this.#skip(err)
  }

  #tick () {
    const line = this.#line
    if (this.#wish !== 'playing' || !line.context) return
    this.#pump()
    const h = line.head
    if (h && (line.next === null || line.frame >= line.next)) {
      if (h.track.info && h.slice >= h.track.slices.length && line.next !== null && (line.pieces.length > 0 || this.#now)) {
        const next = this.#following()
        if (!next || next.error || next.info) return this.#finish()
      }
      const err = line.fault
      if (err) return this.#broke(err, h.slice)
      if (!this.#hungry && (line.next !== null || ++this.#idle > 4)) {
        this.#hungry = true
        if (line.next !== null) this.#loader.prefetch.starved()
        this.#tell('buffering', { slice: h.slice })
      }
    }
    if (performance.now() - this.#told > 240) {
      this.#told = performance.now()
      const s = this.state
      this.#tell('timeupdate', { currentTime: s.currentTime, duration: s.duration, progress: s.duration ? s.currentTime / s.duration : 0 })
    }
  }

  #began (p) {
    const before = this.#now?.track
    if (before === p.track && this.#now?.slice === p.slice) return
    this.#now = { track: p.track, slice: p.slice }
    if (before && before !== p.track) {
      this.#queue.at = Math.max(0, this.#queue.items.indexOf(p.track.item))
      this.#tell('trackended', { track: before.item })
      this.#tell('trackchange', { track: p.track.item, trackIndex: this.#queue.at })
      this.#closeOthers()
    }
    this.#tell('slice', { slice: p.slice, track: p.track.item, contextTime: p.at / this.#line.context.sampleRate })
  }

  /** Ends everything: sound, sessions, the worker. */
  async close () {
    if (this.#closed) return
    this.stop()
    this.#closed = true
    const ended = this.#tracks.keep()
    const { context } = this.#line
    if (isLive(context)) context.close()
    await Promise.race([ended, new Promise(resolve => setTimeout(resolve, 1000))])
    this.#link.worker.terminate()
  }
}
