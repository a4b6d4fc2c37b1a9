// @ts-check
// Which slices are kept and which are fetched ahead: the strategies of the
// published player by name. Pure, so that they can be tested without a browser.

/** What a strategy is told. @typedef {{slice: number, total: number, playing: boolean}} Place */

const clamp = (n, least, most) => Math.min(Math.max(n, least), most)
const mean = list => list.reduce((a, b) => a + b, 0) / list.length

/**
 * How many slices behind and ahead of the one that plays stay decoded. What is
 * further away goes; a budget of bytes comes on top.
 */
export const buffers = {
  conservative: { behind: 0, ahead: 1 },
  balanced: { behind: 2, ahead: 4 },
  aggressive: { behind: 5, ahead: 10 }
}

/** Keeps count of how downloads went. A download counts once, whatever became of it. */
class History {
  constructor (size) {
    this.size = size
    /** @type {{ms: number, ok: boolean, span: number}[]} */
    this.list = []
  }

  /** @param {number} ms it took @param {boolean} ok @param {number} span ms of sound in it */
  add (ms, ok, span) {
    this.list.push({ ms, ok, span })
    if (this.list.length > this.size) this.list.shift()
  }

  /** How long downloads take, as a part of how long they play; undefined before there are enough of them. */
  load (least) {
    const done = this.list.filter(d => d.ok)
    return done.length < least ? undefined : mean(done.map(d => d.ms / d.span))
  }

  get failures () { return this.list.length ? this.list.filter(d => !d.ok).length / this.list.length : 0 }
}

/** A few ahead, more when downloads take long. */
export class Linear {
  constructor () { this.history = new History(10) }
  seeked () {}
  starved () {}
  done (ms, ok, span) { this.history.add(ms, ok, span) }

  /** @param {Place} place */
  ahead (place) {
    const load = this.history.load(2) ?? 0
    let n = load > 0.5 ? 4 : load > 0.25 ? 3 : 2
    if (this.history.failures > 0.2) n += 2
    return clamp(n, 1, 8)
  }
}

/** Learns from downloads, from silence and from seeks. */
export class Adaptive {
  constructor () {
    this.history = new History(15)
    this.hungry = 0
    /** @type {number[]} */
    this.seeks = []
  }

  /** @param {number} from @param {number} to slices */
  seeked (from, to) {
    this.seeks.push(to - from)
    if (this.seeks.length > 10) this.seeks.shift()
  }

  starved () { this.hungry = Math.min(this.hungry + 1, 3) }

  done (ms, ok, span) {
    this.history.add(ms, ok, span)
    if (ok && ms < span / 4 && this.history.list.length % 5 === 0) this.hungry = Math.max(this.hungry - 1, 0)
  }

  /** @param {Place} place */
  ahead ({ playing }) {
    const load = this.history.load(3) ?? 0
    let n = playing ? 4 : 2
    n *= load > 0.6 ? 2 : load > 0.4 ? 1.6 : load > 0.25 ? 1.3 : 1
    n = Math.round(n) + this.hungry
    n += this.history.failures > 0.25 ? 3 : this.history.failures > 0.15 ? 2 : 0
    return clamp(n, 2, 12)
  }

  /** The slice a listener who skips is likely to ask for next. */
  guess ({ slice, total }) {
    const next = this.seeks.length >= 2 ? slice + Math.round(mean(this.seeks)) : -1
    return next > slice && next < total ? next : -1
  }
}

/** Only what plays, and what has to follow it without a gap. */
export class None {
  seeked () {}
  starved () {}
  done () {}
  ahead () { return 1 }
}

export const prefetches = { linear: Linear, adaptive: Adaptive, none: None }
