// @ts-check
// What is to be played, in order. It knows of nothing else, and tells nobody:
// its owner sees to what a change means.

/** @typedef {{id: number, source: any, title?: string, track?: any, progress?: Function}} Item */

/** A list of entries, and which of them plays. */
export class Queue {
  constructor () {
    this.items = /** @type {Item[]} */ ([])
    this.at = -1
    this.repeat = 'off'
    this.last = 0
  }

  get current () { return this.items[this.at] }

  item (what) {
    const id = ++this.last
    if (typeof what === 'string') return { id, source: { id: what } }
    if (what instanceof Blob) return { id, source: { file: what }, title: /** @type {any} */ (what).name ?? '' }
    if (what?.session) return { id, source: { session: what.session, trackId: what.trackId } }
    return { id, source: { id: what.id }, track: what, title: what.tags?.title || what.path?.split('/').pop() || '' }
  }

  set (what, progress) {
    this.items = (Array.isArray(what) ? what : [what]).map(w => this.item(w))
    for (const item of this.items) item.progress = progress
    this.at = -1
  }

  /** @returns {number[]} the IDs of what was put in */
  insert (at, what) {
    const items = (Array.isArray(what) ? what : [what]).map(w => this.item(w))
    this.items.splice(at, 0, ...items)
    return items.map(i => i.id)
  }

  find (id) { return this.items.findIndex(i => i.id === id) }

  /** @returns {boolean} whether it was the current one; what follows that is current then */
  remove (at) {
    this.items.splice(at, 1)
    if (at < this.at) this.at--
    else return at === this.at
    return false
  }

  move (id, by) {
    const from = this.find(id)
    if (from < 0) return
    const current = this.current
    this.items.splice(Math.max(0, Math.min(this.items.length - 1, from + by)), 0, ...this.items.splice(from, 1))
    this.at = this.items.indexOf(current)
  }

  /** Mixes what is to come. */
  shuffle () {
    const rest = this.items.splice(this.at + 1)
    for (let i = rest.length - 1; i > 0; i--) {
      const j = Math.floor(Math.random() * (i + 1))
      ;[rest[i], rest[j]] = [rest[j], rest[i]]
    }
    this.items.push(...rest)
  }

  /** All that is to come goes. */
  clear () { this.items.splice(this.at + 1) }

  /** Where the entry behind that at is, -1 when there is none. asked: by the listener, who wants another. */
  following (asked = false, at = this.at) {
    if (this.repeat === 'one' && !asked) return at
    if (at + 1 < this.items.length) return at + 1
    return this.repeat === 'all' && this.items.length > 0 ? 0 : -1
  }
}
