// @ts-check
// Sound on the clock of an AudioContext: each slice is started at the frame where
// the last one ends. Places are frames of the track's own rate, times on the
// clock are frames of the context's.
import { factor } from './gain.js'
import { SliceState } from './track.js'

const LEAD = 0.06 // seconds from a decision to its sound
const START = 0.4 // seconds that are decoded before sound begins, or the slice that begins and the next
const LATE = 0.005 // a slice that is ready so long before its time still goes on in time
const MOST_LOST = 5 // slices in a row; more is not damage but a track that cannot be played
const FADE = 0.008 // of sound that is cut off, and that starts in the middle

/** @typedef {import('./track.js').Opened} Opened */
/** @typedef {{track: Opened, slice: number, skip: number}} Place */
/** @typedef {{track: Opened, slice: number, from: number, frames: number, at: number, node: AudioBufferSourceNode}} Piece */

/** Whether a context has a clock that runs by itself. */
export const isLive = context => context !== null && 'baseLatency' in context

/** What is scheduled, and where it goes. */
export class Timeline {
  /** @param {{context?: Function, output?: Function}} how @param {(type: string, detail?: any) => void} tell */
  constructor ({ context, output }, tell) {
    this.how = { context, output }
    this.tell = tell
    /** @type {any} */
    this.context = null
    /** @type {GainNode|any} */
    this.volume = null
    this.level = 1
    this.muted = false
    this.loudness = /** @type {'off'|'track'|'album'} */ ('off')
    /** @type {Map<Opened, GainNode>} one for each track that sounds since the clock was begun on */
    this.norms = new Map()
    /** @type {GainNode|any} */
    this.generation = null
    /** @type {Piece[]} */
    this.pieces = []
    /** @type {Place|null} what is to be scheduled next */
    this.head = null
    /** @type {number|null} the frame of the clock that is to be filled next */
    this.next = null
    this.silent = 0 // slices in a row, up to the head, that silence stands in for
  }

  /** Why the slice at the head will not sound, if that is known. */
  get fault () {
    const { track: { errors, lost }, slice } = /** @type {Place} */ (this.head)
    return errors.get(slice) ?? (this.silent >= MOST_LOST ? lost.get(slice) : undefined)
  }

  get frame () { return this.context ? Math.round(this.context.currentTime * this.context.sampleRate) : 0 }

  /** How many seconds are scheduled from now on. */
  get ahead () { return this.next === null ? 0 : Math.max(0, (this.next - this.frame) / this.context.sampleRate) }

  /** Makes a context of a rate, unless there is one. @returns {boolean} whether it is a new one */
  begin (rate) {
    if (this.context && (this.context.sampleRate === rate || this.context.wanted === rate)) return false
    const old = this.context
    if (isLive(old)) setTimeout(() => old.close(), 100)
    let context
    try {
      context = this.how.context?.(rate) ?? new AudioContext({ sampleRate: rate, latencyHint: 'playback' })
    } catch {
      context = new AudioContext({ latencyHint: 'playback' }) // the browser resamples; this is not exact any more
      this.tell('warning', { message: `the browser does not play ${rate} Hz as it is` })
    }
    context.wanted = rate
    this.context = context
    this.volume = context.createGain()
    this.volume.gain.value = this.muted ? 0 : this.level
    const out = this.how.output?.(context) ?? context.destination
    if (out === context.destination && out.maxChannelCount > 2) out.channelCount = out.maxChannelCount
    this.volume.connect(out)
    this.generation = null
    this.norms.clear()
    this.next = null
    return true
  }

  /** Sets volume, mute and loudness, without a click. */
  apply () {
    if (!this.volume) return
    const at = this.context.currentTime
    const turn = ({ gain }, to) => {
      gain.cancelScheduledValues(at)
      gain.setTargetAtTime(to, at, 0.01)
      gain.setValueAtTime(to, at + 0.1)
    }
    turn(this.volume, this.muted ? 0 : this.level)
    for (const [t, norm] of this.norms) turn(norm, this.factor(t))
  }

  factor (t) { return factor(this.loudness, { ...t.item.track?.tags, ...t.tags }) }

  /** Where the listener is: what is heard now, or what will be first. @returns {Place|null} */
  place () {
    if (this.pieces.length === 0) return this.head
    const late = Math.round((this.context.outputLatency || 0) * this.context.sampleRate)
    const now = this.frame - late
    let at = this.pieces[0]
    for (const p of this.pieces) if (p.at <= now) at = p
    const scale = this.context.sampleRate / at.track.rate
    const done = Math.max(0, Math.min(Math.floor((now - at.at) / scale), at.frames))
    const skip = at.from - at.track.slices[at.slice].start + done
    if (skip < at.track.slices[at.slice].samples) return { track: at.track, slice: at.slice, skip }
    return { track: at.track, slice: at.slice + 1, skip: 0 }
  }

  /** Ends what sounds, softly, and has head come next. @param {Place|null} head */
  rewind (head) {
    const { currentTime: at = 0 } = this.context ?? {}
    const gone = this.pieces
    const generation = this.generation
    this.pieces = []
    this.next = null
    this.head = head
    this.silent = 0
    this.generation = null
    this.norms.clear()
    if (generation && gone.length > 0) {
      generation.gain.cancelScheduledValues(at)
      generation.gain.setValueAtTime(1, at)
      generation.gain.linearRampToValueAtTime(0, at + FADE)
      for (const p of gone) p.node.stop(at + FADE + 0.001)
      setTimeout(() => generation.disconnect(), 200)
    }
  }

  /** Takes back what is scheduled of other tracks than here. */
  only (here) {
    const first = this.pieces.findIndex(p => p.track !== here && p.at > this.frame)
    if (first >= 0) {
      this.next = this.pieces[first].at
      for (const p of this.pieces.splice(first)) {
        p.node.stop()
        p.node.disconnect()
      }
    } else if (!this.head || this.head.track === here) return
    this.head = { track: here, slice: here.slices?.length ?? 0, skip: 0 }
  }

  /** Schedules the slice at the head, if it is there. @returns {boolean} */
  step () {
    const h = /** @type {Place} */ (this.head)
    const { track: t, slice, skip } = h
    const buffer = t.buffers.get(slice)
    const context = this.context
    const rate = context.sampleRate
    if (!buffer || this.fault || (context.wanted !== t.rate && rate !== t.rate)) return false
    const fresh = this.next === null || this.next < (context.currentTime + LATE) * rate
    if (fresh && !this.enough(h, buffer)) return false
    if (fresh) this.anchor(h, rate)
    const node = context.createBufferSource()
    node.buffer = buffer
    node.connect(this.norm(t))
    const frames = buffer.length - skip
    const at = this.next ?? 0
    if (skip > 0) node.start(at / rate, skip / buffer.sampleRate)
    else node.start(at / rate)
    this.pieces.push({ track: t, slice, from: t.slices[slice].start + skip, frames, at, node })
    this.next = at + Math.round(frames * rate / t.rate)
    this.head = { track: t, slice: slice + 1, skip: 0 }
    this.silent = t.lost.has(slice) ? slice > 0 ? this.silent + 1 : 1 : 0
    this.tell('scheduled', { slice, track: t.item, skip, frames, contextTime: at / rate })
    return true
  }

  // Whether sound may begin: where it begins just before the end of a slice, it
  // would break off at once if the next one is not there.
  enough ({ track, slice, skip }, buffer) {
    const after = slice + 1
    return buffer.length - skip >= START * buffer.sampleRate || after >= track.slices.length || track.buffers.has(after) || track.errors.has(after)
  }

  // Begins anew on the clock: at once, and softly unless it is where a track begins.
  anchor (h, rate) {
    const context = this.context
    const at = Math.ceil((context.currentTime + LEAD) * rate)
    const generation = context.createGain()
    if (h.slice > 0 || h.skip > 0) {
      generation.gain.setValueAtTime(0, at / rate)
      generation.gain.linearRampToValueAtTime(1, at / rate + FADE)
    }
    generation.connect(this.volume)
    this.generation = generation
    this.norms.clear()
    this.next = at
  }

  // The gain of a track, 1 but for ReplayGain.
  norm (t) {
    let norm = this.norms.get(t)
    if (!norm) {
      norm = /** @type {GainNode} */ (this.context.createGain())
      norm.gain.value = this.factor(t)
      norm.connect(this.generation)
      this.norms.set(t, norm)
    }
    return norm
  }

  /** Tells began of pieces that sound by now, and lets go of what was played. @param {(p: Piece) => void} began */
  notice (began) {
    const now = this.frame
    while (this.pieces.length > 0) {
      const p = this.pieces[0]
      if (now >= p.at) began(p)
      const over = now >= p.at + Math.round(p.frames * this.context.sampleRate / p.track.rate)
      if (!over || this.pieces.length === 1) break // the last one stays, for the place
      p.node.disconnect()
      p.track.states[p.slice] = p.track.buffers.has(p.slice) ? SliceState.opened : SliceState.wiped
      this.pieces.shift()
      if (!this.pieces.some(q => q.track === p.track)) this.norms.delete(p.track)
    }
  }
}
