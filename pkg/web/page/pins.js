// @ts-check
// Which servers this browser has met, in IndexedDB, by the rules of the player in
// the terminal: the first identity of an address is remembered, another one is
// refused from then on, and only who names its fingerprint replaces it.
import { SecstreamError, fingerprint, isFingerprint, toBase64 } from './protocol.js'

/** @typedef {{address: string, key: string, fingerprint: string, first: string, last: string}} Pin */

const STORE = 'pins'

/** @returns {Promise<IDBDatabase>} */
const open = () => new Promise((resolve, reject) => {
  const req = indexedDB.open('secstream', 1)
  req.onupgradeneeded = () => req.result.createObjectStore(STORE, { keyPath: 'address' })
  req.onsuccess = () => resolve(req.result)
  req.onerror = () => reject(req.error)
})

/** Pins that outlive the page, or where there is no IndexedDB, as in some private windows, the worker alone. */
export class Pins {
  constructor () {
    /** @type {Map<string, Pin>|undefined} */
    this.memory = undefined
    /** @type {Promise<IDBDatabase>|undefined} */
    this.db = undefined
  }

  /** One request within one transaction. */
  async run (mode, work) {
    if (!this.memory) {
      try {
        this.db ??= open()
        await this.db
      } catch {
        this.memory = new Map()
      }
    }
    if (this.memory) return work(memoryStore(this.memory), v => v)
    const store = (await this.db).transaction(STORE, mode).objectStore(STORE)
    const settled = req => new Promise((resolve, reject) => {
      req.onsuccess = () => resolve(req.result)
      req.onerror = () => reject(req.error)
    })
    return work(store, settled)
  }

  /** @returns {Promise<Pin|undefined>} */
  find (address) { return this.run('readonly', (store, settled) => settled(store.get(address))) }

  /** @returns {Promise<Pin[]>} */
  list () { return this.run('readonly', (store, settled) => settled(store.getAll())) }

  forget (address) { return this.run('readwrite', (store, settled) => settled(store.delete(address))) }

  /** Puts the server with this fingerprint in place of the one that was known. */
  async accept (address, print) {
    if (!isFingerprint(print)) throw new SecstreamError('refused', 'this is no fingerprint')
    const now = new Date().toISOString()
    await this.run('readwrite', (store, settled) => settled(store.put({ address, key: '', fingerprint: print, first: now, last: now })))
  }

  /**
   * What Track asks of those who trust. want is a fingerprint that was given, if
   * any.
   */
  trust (address, want = '') {
    const pinned = async identity => {
      const pin = await this.find(address)
      const got = await fingerprint(identity)
      const known = want || pin?.fingerprint
      if (known && known !== got) {
        throw new SecstreamError('identity', want ? 'this is not the server that the address names' : 'this is not the server that was here before', {
          identity: { known, got },
          hint: 'somebody may stand in between. If the server was set up anew, whoever runs it can tell you its fingerprint'
        })
      }
      return { pin, got }
    }
    return {
      known: async () => want !== '' || await this.find(address) !== undefined,
      check: async identity => { await pinned(identity) },
      met: async identity => {
        const { pin, got } = await pinned(identity)
        const now = new Date().toISOString()
        if (pin && pin.key !== '' && now.slice(0, 10) === pin.last.slice(0, 10)) return false
        await this.run('readwrite', (store, settled) => settled(store.put({ address, key: toBase64(identity), fingerprint: got, first: pin?.first ?? now, last: now })))
        return pin === undefined
      }
    }
  }
}

const memoryStore = map => ({
  get: k => map.get(k), getAll: () => [...map.values()], put: v => map.set(v.address, v), delete: k => map.delete(k)
})
