// @ts-check
// The tracks that are open: each has a session at the server and a key in the
// worker until it is closed.
import { Opened } from './track.js'

/** Open tracks by the ID of their entry in the queue. @extends {Map<number, Opened>} */
export class Shelf extends Map {
  /** @param {any} link @param {any} server @param {any} options @param {{tell: Function, fail: Function}} hear */
  constructor (link, server, options, { tell, fail }) {
    super()
    Object.assign(this, { link, server, options, hear: { tell, fail } })
  }

  /** The track of an entry; it is open, or has an error, once it is ready. @returns {Opened} */
  open (item) {
    const known = this.get(item.id)
    if (known) return known
    const track = new Opened(item)
    this.set(item.id, track)
    track.ready = this.fill(track, item)
    return track
  }

  async fill (track, item) {
    const { link, server: { address, token }, options: { fingerprint, protocol }, hear } = /** @type {any} */ (this)
    try {
      const got = await link.call('open', { address, token, source: item.source, want: fingerprint, protocol }, { progress: (sent, total) => item.progress?.(sent, total) })
      if (track.closed) return void link.call('close', { handle: got.handle })
      Object.assign(track, got)
      if (track.tags.title) item.title = track.tags.title
      track.states = new Uint8Array(got.info.totalSlices)
      if (protocol !== 1 && got.status.protocol === 1) {
        hear.tell('warning', { message: 'this browser cannot check who the server is: it has no X25519 and Ed25519' })
      }
      if (track.first) hear.tell('identity', { address, fingerprint: got.status.identity })
      if (track.first && got.forgets) hear.tell('warning', { message: 'this browser keeps nothing: the server is known until this page is closed' })
      hear.tell('loaded', { track: item, info: got.info, tags: got.tags })
    } catch (err) {
      track.error = err
      if (!track.closed) hear.fail(err, { track: item })
    }
  }

  /** Closes all but those to be kept, by their entries' IDs. @returns {Promise<any>} when their sessions have ended */
  keep (ids = new Set()) {
    const ends = [...this].filter(([id]) => !ids.has(id)).map(([id, t]) => {
      t.closed = true
      for (const job of t.pending.values()) job.abort()
      t.buffers.clear()
      this.delete(id)
      return t.handle ? /** @type {any} */ (this).link.call('close', { handle: t.handle }) : undefined
    })
    return Promise.allSettled(ends)
  }
}
