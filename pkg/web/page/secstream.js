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
import { buffers, prefetches } from './strategy.js'

export { SecstreamError, isFingerprint, V2 }

/** What a slice is at. */
export const SliceState = Object.freeze({ waiting: 0, fetching: 1, opened: 2, playing: 3, wiped: 4 })
const { waiting, fetching, opened, playing, wiped } = SliceState

const LEAD = 0.06 // seconds from a decision to its sound
const START = 0.4 // seconds that are decoded before sound begins, or the slice that begins and the next
const LATE = 0.005 // a slice that is ready so long before its time still goes on in time
const FADE = 0.008 // of sound that is cut off, and that starts in the middle
const TICK = 200 // ms
const SOON = 10 // seconds before the end of a track when the next one is opened
const ENOUGH = 6 // seconds that are always fetched ahead, unless nothing is
const BUDGET = 96 << 20 // bytes of decoded sound
const AT_ONCE = 3 // downloads

/** The one rule by which markup of ours becomes a script's address. */
const policy = (() => {
  try {
    return globalThis.trustedTypes?.createPolicy('secstream', {
      createScriptURL: url => {
        const { href } = new URL(url, import.meta.url)
        if (href.startsWith('blob:') || ['worker.js', 'sw.js'].some(name => href === new URL(name, import.meta.url).href)) return href
        throw new TypeError(`${url} is no script of secstream`)
      }
    })
  } catch {
    return undefined // the page has rules of its own
  }
})()

/** The address of one of our scripts. @param {string} name */
export const script = name => /** @type {any} */ (policy ? policy.createScriptURL(new URL(name, import.meta.url).href) : new URL(name, import.meta.url))

/** The worker, and calls to it. */
class Link {
  constructor (tick) {
    const here = new URL('worker.js', import.meta.url)
    let address = script('worker.js')
    if (here.origin !== location.origin) { // a worker has to be of the page's own origin; what it imports need not
      const blob = URL.createObjectURL(new Blob([`import ${JSON.stringify(here.href)}`], { type: 'text/javascript' }))
      address = policy ? policy.createScriptURL(blob) : blob
    }
    this.worker = new Worker(address, { type: 'module', name: 'secstream' })
    this.calls = new Map()
    this.last = 0
    this.worker.onmessage = ({ data }) => {
      if (data.tick) return tick()
      const call = this.calls.get(data.id)
      if (data.progress) return call?.progress?.(data.progress.sent, data.progress.total)
      this.calls.delete(data.id)
      if (data.error) call?.reject(new SecstreamError(data.error.kind, data.error.message, data.error))
      else call?.resolve(data.result)
    }
    this.worker.onerror = e => {
      e.preventDefault?.()
      for (const call of this.calls.values()) call.reject(new SecstreamError('protocol', 'the worker does not start', { hint: 'the browser may be too old for module workers' }))
      this.calls.clear()
    }
  }

  /** @returns {Promise<any>} */
  call (op, args = {}, { signal = undefined, progress = undefined } = {}) {
    const id = ++this.last
    return new Promise((resolve, reject) => {
      this.calls.set(id, { resolve, reject, progress })
      signal?.addEventListener('abort', () => this.worker.postMessage({ op: 'abort', args: { id } }), { once: true })
      this.worker.postMessage({ id, op, args })
    })
  }
}

/** A track of the queue that is open, or about to be. */
class Opened {
  constructor (item) {
    this.item = item
    /** @type {any} */
    this.info = null
    this.handle = 0
    this.tags = {}
    this.hasCover = false
    this.first = false
    /** @type {any} */
    this.status = null
    /** @type {Map<number, AudioBuffer>} */
    this.buffers = new Map()
    /** @type {Map<number, AbortController>} */
    this.pending = new Map()
    /** @type {Map<number, any>} */
    this.errors = new Map()
    this.states = new Uint8Array(0)
    this.error = undefined
    this.ready = undefined
    this.closed = false
  }

  get rate () { return this.info.sampleRate }
  get slices () { return this.info.slices }

  /** The slice that frame lies in. */
  find (frame) {
    let low = 0
    let high = this.slices.length - 1
    while (low < high) {
      const mid = (low + high + 1) >> 1
      if (this.slices[mid].start <= frame) low = mid
      else high = mid - 1
    }
    return low
  }
}

/** @typedef {{track: Opened, slice: number, from: number, frames: number, at: number, node: AudioBufferSourceNode}} Piece */

/**
 * The frames of a slice out of what a decoder made of it: all of them, where it
 * dropped what goes before by itself, or those behind preroll. What is missing
 * at the end is silence.
 */
export function trim (buffer, { samples, preroll }) {
  if (buffer.length === samples) return buffer
  const drop = buffer.length >= preroll + samples ? preroll : Math.max(0, Math.min(preroll, buffer.length - samples))
  const out = new AudioBuffer({ length: samples, numberOfChannels: buffer.numberOfChannels, sampleRate: buffer.sampleRate })
  for (let c = 0; c < buffer.numberOfChannels; c++) out.copyToChannel(buffer.getChannelData(c).subarray(drop, drop + samples), c)
  return out
}

const fromPlanes = (planes, sampleRate) => {
  const out = new AudioBuffer({ length: planes[0].length, numberOfChannels: planes.length, sampleRate })
  planes.forEach((p, c) => out.copyToChannel(p, c))
  return out
}

/** Plays a queue of tracks of one server. */
export class Player extends EventTarget {
  #link
  #server
  #options
  #queue = /** @type {any[]} */ ([])
  #at = -1
  #ids = 0
  #tracks = new Map() // item ID to Opened
  #context = /** @type {any} */ (null)
  #volume = /** @type {GainNode|any} */ (null)
  #level = 1
  #muted = false
  #generation = /** @type {GainNode|any} */ (null)
  #pieces = /** @type {Piece[]} */ ([])
  #head = /** @type {{track: Opened, slice: number, skip: number}|null} */ (null)
  #next = /** @type {number|null} */ (null) // the frame of the context's clock that is to be filled next
  #wish = /** @type {'playing'|'paused'|'stopped'} */ ('stopped')
  #hungry = false
  #ended = false
  #now = /** @type {{track: Opened, slice: number}|null} */ (null) // as was told last
  #told = 0
  #prefetch = /** @type {any} */ (null)
  #repeat = 'off'
  #closed = false
  #downloads = 0

  constructor (options = {}) {
    super()
    const { server = new URL('..', import.meta.url), token = '', fingerprint = '', protocol = 2, buffer = 'balanced', prefetch = 'linear', volume = 1, budget = BUDGET } = options
    if (fingerprint && !isFingerprint(fingerprint)) throw new SecstreamError('refused', `${fingerprint} is no fingerprint`)
    this.#options = { fingerprint, protocol, budget, context: options.context, output: options.output, buffer: 'balanced' }
    this.#server = new Server(server, { token })
    this.#link = new Link(() => this.#tick())
    this.buffer = buffer
    this.prefetch = prefetch
    this.volume = volume
  }

  // The server.

  get address () { return this.#server.address }
  get token () { return this.#server.token }
  set token (token) { this.#server.token = token }

  /** The server's list, once it has looked through its folders or wait is false. */
  library ({ signal } = /** @type {any} */ ({})) { return this.#server.library(signal) }
  stats ({ signal } = /** @type {any} */ ({})) { return this.#server.stats(signal) }
  cover (id, { signal } = /** @type {any} */ ({})) { return this.#server.cover(id, signal) }
  pins () { return this.#link.call('pins') }
  accept (fingerprint) { return this.#link.call('accept', { address: this.address, fingerprint }) }
  forget (address = this.address) { return this.#link.call('forget', { address }) }

  // The queue.

  get queue () { return { items: this.#queue.map(({ progress, ...i }) => i), current: this.#at, repeat: this.#repeat } }
  get repeat () { return this.#repeat }
  set repeat (how) {
    if (!['off', 'all', 'one'].includes(how)) throw new TypeError('repeat is off, all or one')
    this.#repeat = how
    this.#queueChanged()
  }

  #item (what) {
    const id = ++this.#ids
    if (typeof what === 'string') return { id, source: { id: what } }
    if (what instanceof Blob) return { id, source: { file: what }, title: /** @type {any} */ (what).name ?? '' }
    if (what?.session) return { id, source: { session: what.session, trackId: what.trackId } }
    return { id, source: { id: what.id }, track: what, title: what.tags?.title || what.path?.split('/').pop() || '' }
  }

  #items (what) { return (Array.isArray(what) ? what : [what]).map(w => this.#item(w)) }

  /** Replaces the queue, and opens its first track, or that at index. */
  async load (what, { index = 0, progress } = /** @type {any} */ ({})) {
    this.stop()
    this.#queue = this.#items(what)
    this.#queue.forEach(item => { item.progress = progress })
    this.#at = -1
    this.#closeOthers()
    this.#tell('queue')
    if (this.#queue.length === 0) return
    await this.#go(Math.max(0, Math.min(index, this.#queue.length - 1)), 0)
  }

  add (what) { return this.#insert(this.#queue.length, what) }
  playNext (what) { return this.#insert(this.#at + 1, what) }

  #insert (at, what) {
    const items = this.#items(what)
    this.#queue.splice(at, 0, ...items)
    this.#queueChanged()
    return items.map(i => i.id)
  }

  async remove (id) {
    const at = this.#queue.findIndex(i => i.id === id)
    if (at < 0) return
    const was = this.#wish
    this.#queue.splice(at, 1)
    if (at < this.#at) this.#at--
    if (at !== this.#at) return this.#queueChanged()
    if (this.#at < this.#queue.length) await this.#go(this.#at, 0, was)
    else {
      this.#at = this.#queue.length - 1
      this.stop()
    }
    this.#queueChanged()
  }

  /** Tells how far the upload of an entry got. */
  watch (id, progress) {
    const item = this.#queue.find(i => i.id === id)
    if (item) item.progress = progress
  }

  move (id, by) {
    const from = this.#queue.findIndex(i => i.id === id)
    if (from < 0) return
    const to = Math.max(0, Math.min(this.#queue.length - 1, from + by))
    const current = this.#queue[this.#at]
    this.#queue.splice(to, 0, ...this.#queue.splice(from, 1))
    this.#at = this.#queue.indexOf(current)
    this.#queueChanged()
  }

  /** Mixes what is to come. */
  shuffle () {
    const rest = this.#queue.splice(this.#at + 1)
    for (let i = rest.length - 1; i > 0; i--) {
      const j = Math.floor(Math.random() * (i + 1))
      ;[rest[i], rest[j]] = [rest[j], rest[i]]
    }
    this.#queue.push(...rest)
    this.#queueChanged()
  }

  /** All that is to come goes; what plays goes on. */
  clear () {
    this.#queue.splice(this.#at + 1)
    this.#queueChanged()
  }

  async jump (id) {
    const at = this.#queue.findIndex(i => i.id === id)
    if (at >= 0) await this.#go(at, 0, 'playing')
  }

  async next () {
    const at = this.#following(true)
    if (at >= 0) await this.#go(at, 0)
  }

  /** The beginning of this track or, within three seconds of it, the track before. */
  async previous () {
    if (this.state.currentTime > 3 || this.#at <= 0) await this.seek(0)
    else await this.#go(this.#at - 1, 0)
  }

  // The entry behind that at, -1 when there is none.
  #following (asked = false, at = this.#at) {
    if (this.#repeat === 'one' && !asked) return at
    if (at + 1 < this.#queue.length) return at + 1
    return this.#repeat === 'all' && this.#queue.length > 0 ? 0 : -1
  }

  // What is scheduled of tracks to come may be another now.
  #queueChanged () {
    const here = this.#current()
    const first = this.#pieces.findIndex(p => p.track !== here && p.at > this.#frame())
    if (here && first >= 0) {
      this.#next = this.#pieces[first].at
      for (const p of this.#pieces.splice(first)) this.#unplug(p)
      this.#head = { track: here, slice: here.slices.length, skip: 0 }
    } else if (here && this.#head && this.#head.track !== here) this.#head = { track: here, slice: here.slices?.length ?? 0, skip: 0 }
    this.#closeOthers()
    this.#tell('queue')
    this.#pump()
  }

  // Transport.

  async play () {
    if (this.#closed) throw new SecstreamError('aborted', 'the player is closed')
    if (this.#queue.length === 0) return
    const here = this.#current()
    if (this.#ended) return this.#go(this.#at, 0, 'playing')
    if (!here || here.error) return this.#go(Math.max(this.#at, 0), 0, 'playing')
    if (this.#wish === 'playing') return this.#wake()
    for (const t of this.#tracks.values()) t.errors.clear()
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
    if (this.#wish === 'stopped' && !this.#head) return
    const here = this.#current()
    this.#halt('stopped')
    this.#head = here ? { track: here, slice: 0, skip: 0 } : null
    this.#ended = false
    this.#tell('stop')
  }

  #halt (wish) {
    this.#rewindTo(this.#place())
    this.#wish = wish
    this.#hungry = false
    this.#link.call('tick', { ms: 0 })
    const context = this.#context
    setTimeout(() => {
      if (context === this.#context && this.#wish !== 'playing' && isLive(context)) context.suspend()
    }, 60)
  }

  /** @param {number} seconds */
  async seek (seconds) {
    const here = this.#current()
    if (!here?.info) return
    const frame = Math.max(0, Math.min(Math.round(seconds * here.rate), here.info.totalSamples - 1))
    const slice = here.find(frame)
    this.#prefetch.seeked(this.#now?.slice ?? 0, slice)
    const was = this.#ended
    this.#ended = false
    this.#rewindTo({ track: here, slice, skip: frame - here.slices[slice].start })
    this.#tell('seek', { time: frame / here.rate, slice, offset: (frame - here.slices[slice].start) / here.rate })
    if (was) await this.play()
    this.#pump()
  }

  get volume () { return this.#level }
  set volume (amplitude) {
    this.#level = Math.max(0, Math.min(1, Number(amplitude) || 0))
    this.#applyVolume()
  }

  get muted () { return this.#muted }
  set muted (muted) {
    this.#muted = Boolean(muted)
    this.#applyVolume()
  }

  #applyVolume () {
    const gain = this.#muted ? 0 : this.#level
    if (this.#volume) {
      const at = this.#context.currentTime
      this.#volume.gain.cancelScheduledValues(at)
      this.#volume.gain.setTargetAtTime(gain, at, 0.01)
      this.#volume.gain.setValueAtTime(gain, at + 0.1)
    }
    this.#tell('volumechange')
  }

  // How much is kept and fetched ahead.

  get buffer () { return this.#options.buffer }
  set buffer (name) {
    if (!Object.hasOwn(buffers, name)) throw new TypeError(`buffer is ${Object.keys(buffers).join(', ')}`)
    this.#options.buffer = name
  }

  get prefetch () { return Object.keys(prefetches).find(n => this.#prefetch instanceof prefetches[n]) ?? '' }
  set prefetch (name) {
    if (!Object.hasOwn(prefetches, name)) throw new TypeError(`prefetch is ${Object.keys(prefetches).join(', ')}`)
    this.#prefetch = new prefetches[name]()
  }

  // What goes on.

  get state () {
    const here = this.#current()
    const info = here?.info
    const place = this.#place()
    const rate = info?.sampleRate ?? 1
    const frame = info && place && place.slice < info.totalSlices ? info.slices[place.slice].start + place.skip : place && info ? info.totalSamples : 0
    return {
      isPlaying: this.#wish === 'playing', isPaused: this.#wish === 'paused', isBuffering: this.#hungry, isEnded: this.#ended,
      currentTime: this.#ended ? (info?.totalSamples ?? 0) / rate : frame / rate, duration: info ? info.totalSamples / rate : 0,
      currentSlice: place ? Math.min(place.slice, Math.max((info?.totalSlices ?? 1) - 1, 0)) : 0, totalSlices: info?.totalSlices ?? 0,
      currentTrack: this.#queue[this.#at] ? { ...this.#queue[this.#at], tags: here?.tags ?? {}, hasCover: here?.hasCover ?? false } : undefined,
      trackCount: this.#queue.length, trackIndex: this.#at, volume: this.#level, muted: this.#muted
    }
  }

  /** How many seconds of sound are scheduled from now on. */
  get ahead () { return this.#next === null ? 0 : Math.max(0, (this.#next - this.#frame()) / this.#context.sampleRate) }

  /** Whether all of the queue that is to come is scheduled. */
  get complete () { return this.#head !== null && this.#head.slice >= (this.#head.track.info?.totalSlices ?? Infinity) && this.#following(false, this.#queue.indexOf(this.#head.track.item)) < 0 }

  /** What the connection of the current track is, and its slices. */
  get protection () {
    const here = this.#current()
    if (!here?.info) return null
    const states = Uint8Array.from(here.states)
    const now = this.#now
    if (now?.track === here && this.#pieces.length > 0) states[now.slice] = playing
    let buffered = 0
    for (const t of this.#tracks.values()) for (const b of t.buffers.values()) buffered += b.length * b.numberOfChannels * 4
    return {
      ...here.status, first: here.first, address: this.address, codec: here.info.codec, format: here.info.format, sampleRate: here.rate,
      channels: here.info.channels, bitDepth: here.info.bitDepth, sampleFormat: here.info.sampleFormat, contextRate: this.#context?.sampleRate,
      states, starts: here.slices.map(s => s.start / here.rate), slices: here.slices, bufferedBytes: buffered, scheduled: this.#pieces.length
    }
  }

  #tell (type, detail = {}) { this.dispatchEvent(new CustomEvent(type, { detail })) }

  #fail (err, detail = {}) {
    const { kind = 'protocol', message = String(err), hint = '', identity } = err ?? {}
    this.#tell('error', { message, kind, hint, identity, retryable: kind === 'network', error: err, ...detail })
  }

  // Opening tracks.

  #current () { return this.#tracks.get(this.#queue[this.#at]?.id) }

  async #go (at, frame, wish = this.#wish) {
    const item = this.#queue[at]
    const changed = at !== this.#at || !this.#tracks.has(item.id)
    this.#rewindTo(null)
    this.#at = at
    this.#ended = false
    this.#now = null
    if (this.#tracks.get(item.id)?.error) this.#tracks.delete(item.id)
    const track = this.#open(item)
    this.#head = { track, slice: 0, skip: 0 }
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

  #open (item) {
    const known = this.#tracks.get(item.id)
    if (known) return known
    const track = new Opened(item)
    this.#tracks.set(item.id, track)
    track.ready = (async () => {
      try {
        const o = this.#options
        const got = await this.#link.call('open', { address: this.address, token: this.token, source: item.source, want: o.fingerprint, protocol: o.protocol }, { progress: (sent, total) => item.progress?.(sent, total) })
        if (track.closed) return void this.#link.call('close', { handle: got.handle })
        Object.assign(track, { handle: got.handle, info: got.info, tags: got.tags, hasCover: got.hasCover, first: got.first, status: got.status })
        if (track.tags.title) item.title = track.tags.title
        track.states = new Uint8Array(got.info.totalSlices)
        if (track.first) this.#tell('identity', { address: this.address, fingerprint: got.status.identity })
        this.#tell('loaded', { track: item, info: got.info })
      } catch (err) {
        track.error = err
        if (!track.closed) this.#fail(err, { track: item })
      }
    })()
    return track
  }

  // Of tracks only the current one and its neighbour in time stay open.
  #closeOthers () {
    const keep = new Set([this.#queue[this.#at]?.id, this.#queue[this.#following()]?.id])
    for (const p of this.#pieces) keep.add(p.track.item.id)
    for (const item of this.#queue) if (item.source.file) keep.add(item.id) // it would have to be sent again
    for (const [id, t] of this.#tracks) if (!keep.has(id)) this.#closeTrack(id, t)
  }

  #closeTrack (id, t) {
    t.closed = true
    for (const job of t.pending.values()) job.abort()
    t.buffers.clear()
    if (t.handle) this.#link.call('close', { handle: t.handle })
    this.#tracks.delete(id)
  }

  // The clock.

  #frame () { return this.#context ? Math.round(this.#context.currentTime * this.#context.sampleRate) : 0 }

  #begin (rate) {
    if (this.#context && (this.#context.sampleRate === rate || this.#context.wanted === rate)) return
    const old = this.#context
    if (old && isLive(old)) setTimeout(() => old.close(), 100)
    let context
    try {
      context = this.#options.context?.(rate) ?? new AudioContext({ sampleRate: rate, latencyHint: 'playback' })
    } catch {
      context = new AudioContext({ latencyHint: 'playback' }) // the browser resamples; this is not exact any more
      this.#tell('warning', { message: `the browser does not play ${rate} Hz as it is` })
    }
    context.wanted = rate
    this.#context = context
    this.#volume = context.createGain()
    this.#volume.gain.value = this.#muted ? 0 : this.#level
    const out = this.#options.output?.(context) ?? context.destination
    if (out === context.destination && out.maxChannelCount > 2) out.channelCount = out.maxChannelCount
    this.#volume.connect(out)
    this.#generation = null
    this.#next = null
    context.onstatechange = () => {
      if (context !== this.#context || this.#wish !== 'playing') return
      if (context.state === 'interrupted') this.#tell('suspended', { message: 'the system took the sound away', state: context.state })
      if (context.state === 'running') this.#pump()
    }
  }

  async #wake () {
    const context = this.#context
    if (!context || !isLive(context) || context.state === 'running') return
    const started = context.resume().catch(err => err)
    await Promise.race([started, new Promise(resolve => setTimeout(resolve, 1500))])
    if (context.state !== 'running' && context === this.#context && this.#wish === 'playing') {
      this.#tell('suspended', { message: 'the browser waits for a click or a key before it plays', state: context.state })
    }
  }

  // Where the listener is: what is heard now, or what will be first.
  #place () {
    if (this.#pieces.length === 0) return this.#head
    const late = Math.round((this.#context.outputLatency || 0) * this.#context.sampleRate)
    const now = this.#frame() - late
    let at = this.#pieces[0]
    for (const p of this.#pieces) if (p.at <= now) at = p
    const scale = this.#context.sampleRate / at.track.rate
    const done = Math.max(0, Math.min(Math.floor((now - at.at) / scale), at.frames))
    const skip = at.from - at.track.slices[at.slice].start + done
    if (skip < at.track.slices[at.slice].samples) return { track: at.track, slice: at.slice, skip }
    return { track: at.track, slice: at.slice + 1, skip: 0 }
  }

  #unplug (p) {
    p.node.onended = null
    p.node.stop()
    p.node.disconnect()
  }

  // Ends what sounds, softly, and has head come next.
  #rewindTo (head) {
    const { currentTime: at = 0 } = this.#context ?? {}
    const gone = this.#pieces
    this.#pieces = []
    this.#next = null
    this.#head = head
    const generation = this.#generation
    this.#generation = null
    if (generation && gone.length > 0) {
      generation.gain.cancelScheduledValues(at)
      generation.gain.setValueAtTime(1, at)
      generation.gain.linearRampToValueAtTime(0, at + FADE)
      for (const p of gone) {
        p.node.onended = null
        p.node.stop(at + FADE + 0.001)
      }
      setTimeout(() => generation.disconnect(), 200)
    }
    for (const p of gone) if (p.track.states[p.slice] === playing) p.track.states[p.slice] = opened
  }

  // Schedules all that is there, from where the clock is filled to.
  #pump () {
    if (this.#wish === 'playing' && this.#context) {
      this.#notice()
      while (this.#head && this.#step(this.#head)) { /* on */ }
    }
    this.#fetchAhead()
  }

  #step (h) {
    const t = h.track
    if (!t.info) return false
    if (h.slice >= t.slices.length) return this.#turn()
    const buffer = t.buffers.get(h.slice)
    if (!buffer) return false
    const context = this.#context
    const rate = context.sampleRate
    if (context.wanted !== t.rate && rate !== t.rate) return false
    const fresh = this.#next === null || this.#next < (context.currentTime + LATE) * rate
    if (fresh && !this.#enough(h, buffer)) return false
    if (fresh) this.#anchor(h, rate)
    const node = context.createBufferSource()
    node.buffer = buffer
    node.connect(this.#generation)
    const frames = buffer.length - h.skip
    const at = this.#next ?? 0
    if (h.skip > 0) node.start(at / rate, h.skip / buffer.sampleRate)
    else node.start(at / rate)
    this.#pieces.push({ track: t, slice: h.slice, from: t.slices[h.slice].start + h.skip, frames, at, node })
    this.#next = at + Math.round(frames * rate / t.rate)
    this.#tell('scheduled', { slice: h.slice, track: t.item, skip: h.skip, frames, contextTime: at / rate })
    this.#head = { track: t, slice: h.slice + 1, skip: 0 }
    if (this.#hungry) {
      this.#hungry = false
      this.#tell('buffered', { slice: h.slice })
    }
    return true
  }

  // Whether sound may begin: where it begins just before the end of a slice, it
  // would break off at once if the next one is not there.
  #enough ({ track, slice, skip }, buffer) {
    const after = slice + 1
    return buffer.length - skip >= START * buffer.sampleRate || after >= track.slices.length || track.buffers.has(after) || track.errors.has(after)
  }

  // Begins anew on the clock: at once, and softly unless it is where a track begins.
  #anchor (h, rate) {
    const context = this.#context
    const at = Math.ceil((context.currentTime + LEAD) * rate)
    const generation = context.createGain()
    if (h.slice > 0 || h.skip > 0) {
      generation.gain.setValueAtTime(0, at / rate)
      generation.gain.linearRampToValueAtTime(1, at / rate + FADE)
    }
    generation.connect(this.#volume)
    this.#generation = generation
    this.#next = at
  }

  // The track is scheduled to its end: what comes behind it.
  #turn () {
    const here = this.#head?.track
    const at = here ? this.#following(false, this.#queue.indexOf(here.item)) : -1
    if (at < 0 || !here) return false
    const left = this.#next === null ? 0 : (this.#next - this.#frame()) / this.#context.sampleRate
    const item = this.#queue[at]
    const again = item === here.item
    if (again ? left > SOON : here !== this.#current()) return false // two ahead are too many
    const track = again ? here : left < SOON || this.#tracks.has(item.id) ? this.#open(item) : undefined
    if (!track?.info) {
      track?.ready.then(() => { if (!track.error) this.#pump() })
      return false
    }
    if (track.error || track.rate !== here.rate) return false // for #finish
    this.#head = { track, slice: 0, skip: 0 }
    return true
  }

  // All that was scheduled has sounded.
  #finish () {
    const at = this.#following()
    this.#tell('trackended', { track: this.#queue[this.#at] })
    if (at >= 0) return void this.#go(at, 0, 'playing').catch(err => this.#skip(err))
    this.#ended = true
    this.#halt('stopped')
    this.#head = null
    this.#tell('ended')
  }

  // A track that cannot be opened: the next, unless all would fare the same.
  #skip (err) {
    if (['network', 'identity', 'token', 'insecure', 'aborted'].includes(err?.kind) || this.#at + 1 >= this.#queue.length) return
    this.#go(this.#at + 1, 0, 'playing').catch(e => this.#skip(e))
  }

  #tick () {
    if (this.#wish !== 'playing' || !this.#context) return
    this.#pump()
    const now = this.#frame()
    const h = this.#head
    if (this.#next !== null && now >= this.#next && h) {
      const t = h.track
      if (t.info && h.slice >= t.slices.length && (this.#pieces.length > 0 || this.#now)) {
        const at = this.#following()
        const next = at >= 0 ? this.#tracks.get(this.#queue[at].id) : undefined
        if (at < 0 || !next || next.error || next.info) return this.#finish()
      }
      const err = t.errors.get(h.slice)
      if (err) {
        this.#halt('paused')
        this.#fail(err, { slice: h.slice })
        return this.#tell('pause')
      }
      if (!this.#hungry) {
        this.#hungry = true
        this.#prefetch.starved()
        this.#tell('buffering', { slice: h.slice })
      }
    } else if (this.#next === null && h?.track.info && h.track.errors.has(h.slice)) {
      const err = h.track.errors.get(h.slice)
      this.#halt('paused')
      this.#fail(err, { slice: h.slice })
      return this.#tell('pause')
    }
    if (performance.now() - this.#told > 240) {
      this.#told = performance.now()
      const s = this.state
      this.#tell('timeupdate', { currentTime: s.currentTime, duration: s.duration, progress: s.duration ? s.currentTime / s.duration : 0 })
    }
  }

  // Tells of slices and tracks that began, and lets go of what was played.
  #notice () {
    const now = this.#frame()
    while (this.#pieces.length > 0) {
      const p = this.#pieces[0]
      if (now >= p.at && (this.#now?.track !== p.track || this.#now.slice !== p.slice)) this.#began(p)
      const over = now >= p.at + Math.round(p.frames * this.#context.sampleRate / p.track.rate)
      if (!over || this.#pieces.length === 1) break // the last one stays, for the place
      p.node.disconnect()
      p.track.states[p.slice] = p.track.buffers.has(p.slice) ? opened : wiped
      this.#pieces.shift()
    }
    this.#release()
  }

  #began (p) {
    const before = this.#now?.track
    this.#now = { track: p.track, slice: p.slice }
    if (before && before !== p.track) {
      this.#at = Math.max(0, this.#queue.indexOf(p.track.item))
      this.#tell('trackended', { track: before.item })
      this.#tell('trackchange', { track: p.track.item, trackIndex: this.#at })
      this.#closeOthers()
    }
    this.#tell('slice', { slice: p.slice, track: p.track.item, contextTime: p.at / this.#context.sampleRate })
  }

  // Lets go of buffers that are behind, and far ahead after a seek.
  #release () {
    const { behind, ahead } = this.#reach()
    const place = this.#place() // not what sounded last: after a seek that is elsewhere
    for (const t of this.#tracks.values()) {
      const here = t !== this.#current() ? -1 : place?.track === t ? place.slice : 0
      for (const i of t.buffers.keys()) {
        if (here < 0 ? i > ahead : i < here - behind || i > here + ahead + 1) {
          if (this.#head?.track === t && i === this.#head.slice) continue
          t.buffers.delete(i)
          t.states[i] = i < here ? wiped : waiting
        }
      }
    }
  }

  // How many slices may be kept, by strategy and budget.
  #reach () {
    const { behind, ahead } = buffers[this.buffer]
    const info = this.#current()?.info
    if (!info) return { behind, ahead }
    const seconds = info.totalSamples / info.sampleRate / info.totalSlices
    const bytes = seconds * info.sampleRate * info.channels * 4
    const room = Math.max(2, Math.floor(this.#options.budget / bytes))
    const most = Math.min(Math.max(ahead, this.prefetch === 'none' ? 1 : Math.ceil(ENOUGH / seconds)), room - 1)
    return { ahead: most, behind: Math.max(0, Math.min(behind, room - 1 - most)), seconds }
  }

  #fetchAhead () {
    const here = this.#current()
    if (!here?.info || this.#closed) return
    const place = this.#place() ?? { track: here, slice: 0 }
    const slice = place.track === here ? place.slice : 0
    const reach = this.#reach()
    const at = { slice, total: here.slices.length, playing: this.#wish === 'playing' }
    const n = Math.min(reach.ahead, Math.max(this.#prefetch.ahead(at), this.prefetch === 'none' ? 1 : Math.ceil(ENOUGH / (reach.seconds || 1))))
    /** @type {[Opened, number][]} */
    const want = []
    for (let i = slice; i <= slice + n && i < here.slices.length; i++) want.push([here, i])
    const guess = this.#prefetch.guess?.(at) ?? -1
    if (guess >= 0 && guess <= slice + reach.ahead) want.push([here, guess])
    const over = slice + n - here.slices.length + 1
    const next = this.#tracks.get(this.#queue[this.#following()]?.id)
    if (over > 0 && next && next !== here && next.info) for (let i = 0; i < Math.min(over, next.slices.length); i++) want.push([next, i])
    if (over > 0 && next === here && this.#wish === 'playing') for (let i = 0; i < Math.min(over, slice); i++) want.push([here, i])
    for (const t of this.#tracks.values()) {
      for (const [i, job] of t.pending) if (!want.some(([w, k]) => w === t && k === i)) job.abort()
    }
    for (const [t, i] of want) {
      if (this.#downloads >= AT_ONCE) break
      if (!t.buffers.has(i) && !t.pending.has(i) && !t.errors.has(i)) this.#fetch(t, i)
    }
  }

  async #fetch (t, i) {
    const job = new AbortController()
    t.pending.set(i, job)
    t.states[i] = fetching
    this.#downloads++
    try {
      const got = await this.#link.call('slice', { handle: t.handle, i }, { signal: job.signal })
      t.status = got.status
      this.#prefetch.done(got.ms, true, 1000 * t.slices[i].samples / t.rate)
      const buffer = await this.#decode(t, i, got)
      if (t.closed || job.signal.aborted) return
      t.buffers.set(i, buffer)
      t.states[i] = opened
      this.#tell('opened', { slice: i, track: t.item })
    } catch (err) {
      if (t.closed || job.signal.aborted || err.kind === 'aborted') return
      this.#prefetch.done(0, false, 1)
      t.errors.set(i, err)
      if (err.kind === 'forged' || err.kind === 'identity') this.#tell('warning', { message: `slice ${i + 1} was refused: ${err.message}`, kind: err.kind })
    } finally {
      this.#downloads--
      t.pending.delete(i)
      if (t.states[i] === fetching) t.states[i] = waiting
      this.#pump()
    }
  }

  async #decode (t, i, { planes, bytes }) {
    const cut = t.slices[i]
    if (planes) {
      if (planes[0].length !== cut.samples && !cut.open) throw new SecstreamError('audio', `slice ${i + 1} has ${planes[0].length} frames, not ${cut.samples}`)
      return fromPlanes(planes, t.rate)
    }
    let raw
    try {
      const decoder = new OfflineAudioContext(Math.min(t.info.channels, 32), 1, t.rate)
      const file = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer
      raw = await decoder.decodeAudioData(file)
    } catch {
      throw new SecstreamError('audio', `this browser cannot decode slice ${i + 1} (${t.info.codec})`)
    }
    if (cut.open) return raw
    if (raw.length !== cut.samples && raw.length < cut.preroll + cut.samples) this.#tell('warning', { message: `the browser decodes slice ${i + 1} to ${raw.length} frames, not ${cut.samples}` })
    return trim(raw, cut)
  }

  /** Ends everything: sound, sessions, the worker. */
  async close () {
    if (this.#closed) return
    this.stop()
    this.#closed = true
    const ends = [...this.#tracks.values()].map(t => {
      t.closed = true
      for (const job of t.pending.values()) job.abort()
      t.buffers.clear()
      return t.handle ? this.#link.call('close', { handle: t.handle }) : undefined
    })
    this.#tracks.clear()
    if (this.#context && isLive(this.#context)) this.#context.close()
    await Promise.race([Promise.all(ends), new Promise(resolve => setTimeout(resolve, 1000))])
    this.#link.worker.terminate()
  }
}

const isLive = context => context !== null && 'baseLatency' in context
