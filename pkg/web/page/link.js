// @ts-check
// The workers: the one that has the keys, and calls to it; and the one that keeps
// the player.
import { SecstreamError } from './protocol.js'

let blob = ''

/** The one rule by which markup of ours becomes a script's address. */
const policy = (() => {
  try {
    return globalThis.trustedTypes?.createPolicy('secstream', {
      createScriptURL: url => {
        const { href } = new URL(url, import.meta.url)
        if (href === blob || ['worker.js', 'sw.js'].some(name => href === new URL(name, import.meta.url).href)) return href
        throw new TypeError(`${url} is no script of secstream`)
      }
    })
  } catch {
    return undefined // the page has rules of its own
  }
})()

/** The address of one of our scripts. @param {string} name @returns {any} */
const script = name => {
  const { href } = new URL(name, import.meta.url)
  return policy ? policy.createScriptURL(href) : href
}

/**
 * Has the player be kept below base. Another program that had this address once
 * may have left a worker of its own, through which all would go.
 */
export async function keep (base) {
  const all = navigator.serviceWorker
  if (!all) return
  const address = script('sw.js')
  let strange = false
  for (const r of await all.getRegistrations()) {
    if (!r.scope.startsWith(base) || [r.installing, r.waiting, r.active].every(w => !w || w.scriptURL === String(address))) continue
    await r.unregister()
    strange = true
  }
  await all.register(address, { scope: base, updateViaCache: 'none' })
  if (strange) location.reload() // what is here may have come through it
}

/** The worker, and calls to it. tick is called as often as was asked for by the call "tick". */
export class Link {
  constructor (tick) {
    const here = new URL('worker.js', import.meta.url)
    let address = script('worker.js')
    if (here.origin !== location.origin) { // a worker has to be of the page's own origin; what it imports need not
      blob ||= URL.createObjectURL(new Blob([`import ${JSON.stringify(here.href)}`], { type: 'text/javascript' }))
      address = script(blob)
    }
    this.worker = new Worker(address, { type: 'module', name: 'secstream' })
    this.calls = new Map()
    this.last = 0
    this.dead = /** @type {SecstreamError|undefined} */ (undefined)
    let alive = false
    this.worker.onmessage = ({ data }) => {
      alive = true
      if (data.tick) return tick()
      const call = this.calls.get(data.id)
      if (data.progress) return call?.progress?.(data.progress.sent, data.progress.total)
      this.calls.delete(data.id)
      if (data.error) call?.reject(new SecstreamError(data.error.kind, data.error.message, data.error))
      else call?.resolve(data.result)
    }
    this.worker.onerror = e => {
      e.preventDefault?.()
      if (alive) return
      this.dead = new SecstreamError('protocol', 'the worker does not start', { hint: 'the browser may be too old for module workers' })
      for (const call of this.calls.values()) call.reject(this.dead)
      this.calls.clear()
    }
  }

  /** @returns {Promise<any>} */
  call (op, args = {}, { signal = undefined, progress = undefined } = {}) {
    const id = ++this.last
    return new Promise((resolve, reject) => {
      if (this.dead) return reject(this.dead)
      this.calls.set(id, { resolve, reject, progress })
      signal?.addEventListener('abort', () => this.worker.postMessage({ op: 'abort', args: { id } }), { once: true })
      this.worker.postMessage({ id, op, args })
    })
  }
}
