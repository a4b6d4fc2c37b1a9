// @ts-check
// Which servers this browser has met, in IndexedDB, by the rules of the player in
// the terminal: the first identity of an address is remembered, another one is
// refused from then on, and only who names its fingerprint replaces it.
import { SecstreamError, fail, fingerprint, isFingerprint, toBase64 } from './protocol.js'

/** @typedef {{address: string, key: string, fingerprint: string, first: string, last: string}} Pin */

const STORE = 'pins'
const ANEW = 'delete the data of this site in the browser. The server is new then: compare its fingerprint'

/** @returns {Promise<IDBDatabase>} */
const open = () => new Promise((resolve, reject) => {
  const req = indexedDB.open('secstream', 1)
  req.onupgradeneeded = () => req.result.createObjectStore(STORE, { keyPath: 'address' })
  req.onsuccess = () => resolve(req.result)
  req.onerror = () => reject(req.error)
})

/**
 * Pins that outlive the page. Where the browser says that it keeps nothing, as in
 * some private windows, they are in memory, as long as the worker is there. Where it
 * cannot say what it keeps, nobody is taken for new.
 */
export class Pins {
  constructor () {
    /** @type {Map<string, Pin>|undefined} */
    this.memory = undefined
    /** @type {Promise<IDBDatabase>|undefined} */
    this.db = undefined
    this.kept = false // it could be opened before
  }

  /** @returns {Promise<IDBDatabase|void>} nothing where pins are in memory */
  async base () {
    if (this.memory) return
    const shut = () => { this.db = undefined }
    try {
      const db = await (this.db ??= open())
      db.onclose = shut
      db.onversionchange = () => { shut(); db.close() }
      this.kept = true
      return db
    } catch (err) {
      shut()
      if (this.kept || !['SecurityError', 'InvalidStateError'].includes(err?.name) && globalThis.indexedDB) throw err
      this.memory ??= new Map()
    }
  }

  /**
   * Asks for one thing, in one transaction. work gets what was found, and may return
   * a pin to be put: no other tab gets in between.
   * @param {'get'|'getAll'|'delete'} what @param {string} [address] @param {(found: any) => Pin|void} [work] @returns {Promise<any>}
   */
  async run (what, address, work = found => {}) {
    try {
      const db = await this.base()
      if (db) {
        return await new Promise((resolve, reject) => {
          let why
          const all = db.transaction(STORE, 'readwrite')
          const store = all.objectStore(STORE)
          const req = store[what](/** @type {any} */ (address))
          req.onsuccess = () => {
            try {
              const pin = work(req.result)
              if (pin) store.put(pin)
            } catch (err) {
              why = err
              all.abort()
            }
          }
          all.oncomplete = () => resolve(req.result)
          all.onabort = () => reject(why ?? all.error)
        })
      }
      const found = what === 'getAll' ? [...this.memory.values()] : this.memory[what](address)
      const pin = work(found)
      if (pin) this.memory.set(address, pin)
      return found
    } catch (err) {
      throw err instanceof SecstreamError ? err : new SecstreamError('identity', `which servers are known cannot be told (${err?.name})`, { hint: ANEW })
    }
  }

  /** @returns {Promise<Pin|undefined>} */
  find (address) { return this.run('get', address) }

  /** @returns {Promise<Pin[]>} */
  list () { return this.run('getAll') }

  async forget (address) { await this.run('delete', address) }

  /** Puts the server with this fingerprint in place of the one that was known. */
  async accept (address, print) {
    if (!isFingerprint(print)) fail('refused', 'this is no fingerprint')
    const now = new Date().toISOString()
    await this.run('get', address, () => ({ address, key: '', fingerprint: print, first: now, last: now }))
  }

  /**
   * What Track asks of those who trust. want is a fingerprint that was given, if
   * any: it is compared besides the pin, and replaces none.
   */
  trust (address, want = '') {
    const compare = (pin, got) => {
      if (pin && !isFingerprint(pin.fingerprint)) fail('identity', 'what is known of this server is damaged', { hint: ANEW })
      const asked = want !== '' && want !== got
      if (asked || pin && pin.fingerprint !== got) {
        fail('identity', asked ? 'this is not the server that the address names' : 'this is not the server that was here before', {
          identity: { known: asked ? want : pin.fingerprint, got, asked },
          hint: 'whoever runs the server can tell you its fingerprint'
        })
      }
    }
    return {
      known: async () => want !== '' || await this.find(address) !== undefined,
      check: async identity => compare(await this.find(address), await fingerprint(identity)),
      met: async identity => {
        const got = await fingerprint(identity)
        const now = new Date().toISOString()
        let news
        await this.run('get', address, pin => {
          compare(pin, got)
          news = !pin
          if (!pin?.key || now.slice(0, 10) !== pin.last?.slice(0, 10)) return { address, key: toBase64(identity), fingerprint: got, first: pin?.first ?? now, last: now }
        }).catch(err => { if (news !== false) throw err }) // that a known one is not noted again does no harm
        return news
      }
    }
  }
}
