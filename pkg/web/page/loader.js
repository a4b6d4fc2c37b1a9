// @ts-check
// Which slices are fetched and which are kept: what plays, what follows it, and
// some of what was played.
import { buffers, prefetches } from './strategy.js'
import { SliceState, decode, silence } from './track.js'

const ENOUGH = 6 // seconds that are always fetched ahead, unless nothing is
const AT_ONCE = 3 // downloads
const { waiting, fetching, opened, wiped } = SliceState

/** @typedef {import('./track.js').Opened} Opened */

/** Fetches for a player, of which it sees tracks, place(), current(), next() and playing(). */
export class Loader {
  constructor (link, player, { budget, tell, pump }) {
    this.link = link
    this.player = player
    this.budget = budget
    this.tell = tell
    this.pump = pump
    this.buffer = 'balanced'
    /** @type {any} */
    this.prefetch = null
    this.downloads = 0
  }

  get lean () { return this.prefetch instanceof prefetches.none }

  // How many slices may be kept, by strategy and budget.
  reach () {
    const { behind, ahead } = buffers[this.buffer]
    const info = this.player.current()?.info
    if (!info) return { behind, ahead }
    const seconds = info.totalSamples / info.sampleRate / info.totalSlices
    const room = Math.max(2, Math.floor(this.budget / (seconds * info.sampleRate * info.channels * 4)))
    const most = Math.min(Math.max(ahead, this.lean ? 1 : Math.ceil(ENOUGH / seconds)), room - 1)
    return { ahead: most, behind: Math.max(0, Math.min(behind, room - 1 - most)), seconds }
  }

  /** Lets go of buffers that are behind, and far ahead after a seek. */
  release (head) {
    const { behind, ahead } = this.reach()
    const place = this.player.place() // not what sounded last: after a seek that is elsewhere
    for (const t of this.player.tracks.values()) {
      const here = t !== this.player.current() ? t === this.player.next() ? -1 : Infinity : place?.track === t ? place.slice : 0
      for (const i of t.buffers.keys()) {
        if (here < 0 ? i <= ahead : i >= here - behind && i <= here + ahead + 1) continue
        if (head?.track === t && i === head.slice) continue
        t.buffers.delete(i)
        t.states[i] = i < here ? wiped : waiting
      }
    }
  }

  /** Fetches what is to come, and gives up what is not. */
  fetchAhead () {
    const here = this.player.current()
    if (!here?.info) return
    const want = this.wanted(here)
    for (const t of this.player.tracks.values()) {
      for (const [i, job] of t.pending) if (!want.some(([w, k]) => w === t && k === i)) job.abort()
    }
    for (const [t, i] of want) {
      if (this.downloads >= AT_ONCE) break
      if (!t.buffers.has(i) && !t.pending.has(i) && !t.errors.has(i)) this.fetch(t, i)
    }
  }

  /** @returns {[Opened, number][]} */
  wanted (here) {
    const place = this.player.place() ?? { track: here, slice: 0 }
    const slice = place.track === here ? place.slice : 0
    const reach = this.reach()
    const at = { slice, total: here.slices.length, playing: this.player.playing() }
    const n = Math.min(reach.ahead, Math.max(this.prefetch.ahead(at), this.lean ? 1 : Math.ceil(ENOUGH / (reach.seconds || 1))))
    /** @type {[Opened, number][]} */
    const want = []
    for (let i = slice; i <= slice + n && i < here.slices.length; i++) want.push([here, i])
    const guess = this.prefetch.guess?.(at) ?? -1
    if (guess >= 0 && guess <= slice + reach.ahead) want.push([here, guess])
    const over = slice + n - here.slices.length + 1
    const next = this.player.next()
    if (over > 0 && next && next !== here && next.info) for (let i = 0; i < Math.min(over, next.slices.length); i++) want.push([next, i])
    if (over > 0 && next === here && at.playing) for (let i = 0; i < Math.min(over, slice); i++) want.push([here, i])
    return want
  }

  async fetch (t, i) {
    const job = new AbortController()
    t.pending.set(i, job)
    t.states[i] = fetching
    this.downloads++
    const take = buffer => {
      t.buffers.set(i, buffer)
      t.states[i] = opened
      this.tell('opened', { slice: i, track: t.item })
    }
    try {
      const got = await this.link.call('slice', { handle: t.handle, i }, { signal: job.signal })
      t.status = got.status
      this.prefetch.done(got.ms, true, 1000 * t.slices[i].samples / t.rate)
      const buffer = await decode(t, i, got, message => this.tell('warning', { message }))
      if (t.closed || job.signal.aborted) return
      t.lost.delete(i)
      take(buffer)
    } catch (err) {
      if (t.closed || job.signal.aborted || err.kind === 'aborted') return
      this.prefetch.done(0, false, 1)
      t.status = await this.link.call('status', { handle: t.handle }).catch(() => t.status)
      if (t.closed) return
      const quiet = (err.kind === 'forged' || err.kind === 'audio') && silence(t, i)
      if (!quiet) return void t.errors.set(i, err)
      // The rest of the track may well be whole.
      t.lost.set(i, err)
      this.tell('warning', { message: `slice ${i + 1} was refused and is silent: ${err.message}`, kind: err.kind, slice: i, track: t.item })
      take(quiet)
    } finally {
      this.downloads--
      t.pending.delete(i)
      if (t.states[i] === fetching) t.states[i] = waiting
      this.pump()
    }
  }
}
