// @ts-check
// Protocols v1 and v2 of the slice API: how a track is opened and its slices
// fetched. Nothing here knows of sound or of a page; it runs in a worker, and in
// Node for tests.
import {
  SecstreamError, fail, must, V2, SUITES, SAMPLE_BYTES, MAX_SLICE, subtle, none, concat, toBase64,
  fromBase64, fingerprint, crc32, able, kemPair, agree, manifestData, sliceData, openSealed, unpad, gather, inflate, expand, plainLength
} from './seal.js'

export * from './seal.js'

// Bounds on what a server may send.
const MAX_ANSWER = 64 << 20 // bytes of a manifest
const MAX_LIBRARY = 128 << 20
const MAX_COVER = 16 << 20
const MAX_LYRICS = 1 << 20
export const MAX_SMALL = 64 << 10 // of refusals, and of all answers that are short
const MAX_SLICES = 131072
const MIN_RATE = 3000 // Web Audio has no others
const MAX_RATE = 768000
const MAX_CHANNELS = 32
const PATIENCE = 45000 // ms, and three times that before an answer to what is sent: a server may have to read a file before it agrees on a key
const SLOWEST = 4 // bytes in a ms, beyond that

// What a server says of a track.

const whole = (n, least, most) => Number.isInteger(n) && n >= least && n <= most

/** Checks a sessionInfo, and gives one from a published server the fields of ours. */
export function checkInfo (info) {
  must(typeof info === 'object' && info !== null && Array.isArray(info.sliceIds), 'no list of slices')
  must(whole(info.sampleRate, 1, MAX_RATE) && whole(info.channels, 1, MAX_CHANNELS), 'a rate or channels that cannot be')
  must(info.sampleRate >= MIN_RATE, `browsers play nothing below ${MIN_RATE} Hz, and this is of ${info.sampleRate} Hz`, 'audio')
  must(whole(info.totalSlices, 1, MAX_SLICES) && info.sliceIds.length === info.totalSlices, 'the number of slices is another')
  must(info.sliceIds.every(id => typeof id === 'string' && id !== '' && id.length <= 256) && new Set(info.sliceIds).size === info.totalSlices, 'slice IDs that are none')
  if (info.slices === undefined) return published(info)
  must(Array.isArray(info.slices) && info.slices.length === info.totalSlices, 'the number of slices is another')
  must(info.sampleFormat === undefined || Object.hasOwn(SAMPLE_BYTES, info.sampleFormat), 'a kind of samples that is not known')
  let at = 0
  for (const s of info.slices) {
    must(s.start === at && fits(info, s.samples) && whole(s.samples, 1, MAX_RATE * 60) && whole(s.preroll, 0, MAX_RATE), 'slices that do not follow one another')
    at += s.samples
  }
  must(at === info.totalSamples, 'slices that do not cover the track')
  return info
}

// Whether a slice of so many frames fits, as it comes and as it sounds.
const fits = (info, frames) => frames * info.channels * Math.max(4, SAMPLE_BYTES[info.sampleFormat] ?? 0) <= MAX_SLICE

// A published server says neither what a slice is nor where it starts.
function published (info) {
  const width = { 16: 's16', 24: 's24', 32: info.isFloat32 ? 'f32' : 's32' }[info.bitDepth] ?? 's16'
  const each = Math.floor(info.sampleRate * info.sliceDuration / 1000)
  must(whole(each, 1, MAX_RATE * 60) && fits(info, each), 'a slice length that cannot be')
  const slices = info.sliceIds.map((_, i) => ({ start: i * each, samples: each, preroll: 0, open: true }))
  const total = each * info.totalSlices
  return { ...info, codec: info.format === 'wav' ? 'pcm' : info.format, sampleFormat: info.format === 'wav' ? width : undefined, slices, totalSamples: total, duration: total / info.sampleRate }
}

// HTTP.

const CODES = { __proto__: null, unauthorized: 'token', rekey: 'rekey', session_not_found: 'gone', slice_not_found: 'rekey', unsupported_audio: 'audio', track_changed: 'refused' }
const HINTS = {
  __proto__: null,
  track_changed: 'the file was replaced: open the track again',
  session_not_found: 'open the track again',
  unauthorized: 'whoever runs the server makes tokens with "secstream token add"',
  track_not_found: 'the list may be old: load it again',
  unsupported_audio: '"secstream probe FILE" says what is wrong with it'
}

/** A server: its address, and what lets one in. */
export class Server {
  /** @param {string|URL} address @param {{token?: string, fetch?: typeof fetch, patience?: number}} [more] */
  constructor (address, { token = '', fetch: get = (...a) => globalThis.fetch(...a), patience = PATIENCE } = {}) {
    const url = new URL(address)
    url.hash = url.search = ''
    /** @type {string} without a slash at its end */
    this.address = url.href.replace(/\/+$/, '')
    this.token = token
    this.get = get
    this.patience = patience
  }

  headers (more = {}) { return this.token ? { ...more, Authorization: `Bearer ${this.token}` } : more }

  /**
   * An answer that is ok, and all of its bytes, at most most of them. One that
   * stands still, or comes so slowly that it never ends, is given up.
   * @returns {Promise<{headers: Headers, bytes: Uint8Array}>}
   */
  async request (path, { signal, ...init } = /** @type {any} */ ({}), most = MAX_SMALL) {
    const job = new AbortController()
    const stop = () => job.abort()
    const patience = this.patience * (init.method ? 3 : 1)
    const begin = Date.now()
    let timer
    const told = n => {
      clearTimeout(timer)
      timer = setTimeout(stop, Math.min(patience, begin + patience + n / SLOWEST - Date.now()))
    }
    let resp
    try {
      if (signal?.aborted) stop()
      signal?.addEventListener('abort', stop)
      told(0)
      resp = await this.get(this.address + path, { cache: 'no-store', credentials: 'omit', redirect: 'error', ...init, signal: job.signal, headers: this.headers(init.headers) })
      const { ok, status, headers, body } = resp
      const bytes = body ? await gather(body, ok ? most : MAX_SMALL, told) : none
      if (ok) return { headers, bytes }
      throw refused(status, parse(bytes), Number(headers.get('Retry-After')))
    } catch (err) {
      if (signal?.aborted) fail('aborted', 'given up')
      if (err instanceof SecstreamError) throw err
      fail('network', job.signal.aborted ? 'the server takes too long' : resp ? 'the connection broke' : 'the server does not answer', { hint: 'is it still running?' })
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
      stop()
    }
  }

  async json (path, init, most) {
    const value = parse((await this.request(path, init, most)).bytes)
    must(value !== undefined, 'the answer is no JSON')
    return value
  }

  post (path, value, signal) {
    return this.json(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(value), signal }, path === '/api/sessions' ? MAX_SMALL : MAX_ANSWER)
  }

  async library (signal) { return listed(await this.json('/api/library', { signal }, MAX_LIBRARY)) }
  async stats (signal) { return counted(await this.json('/api/stats', { signal })) }
  async lyrics (id, signal) { return decode((await this.request(`/api/library/${encodeURIComponent(id)}/lyrics`, { signal }, MAX_LYRICS)).bytes) }
  async cover (id, signal) {
    const { bytes, headers } = await this.request(`/api/library/${encodeURIComponent(id)}/cover`, { signal }, MAX_COVER)
    return new Blob([bytes], { type: headers.get('Content-Type') ?? '' })
  }
}

const decode = bytes => new TextDecoder().decode(bytes)

/** What JSON says, undefined where it is none. */
function parse (bytes) {
  try {
    return JSON.parse(decode(bytes))
  } catch { /* it is none */ }
}

// Lists and numbers, of the kinds that they should have.

const text = v => typeof v === 'string' ? v : ''
const number = v => Number.isFinite(v) ? v : 0

function listed (l) {
  must(Array.isArray(l?.tracks), 'the list of tracks is none')
  return {
    ...l, version: number(l.version), scanning: l.scanning === true, folders: [l.folders].flat().filter(text),
    tracks: l.tracks.filter(t => text(t?.id)).map(t => ({
      ...t, path: text(t.path), folder: text(t.folder), codec: text(t.codec), sampleRate: number(t.sampleRate), channels: number(t.channels), duration: number(t.duration), tags: tagged(t.tags)
    }))
  }
}

const tagged = tags => Object.fromEntries(Object.entries(tags ?? {}).filter(([, v]) => ['string', 'number'].includes(typeof v)))

const counted = s => ({ ...s, ...Object.fromEntries(['uptime', 'libraryTracks', 'activeSessions', 'totalSessions', 'slicesServed', 'bytesServed', 'keyExchanges', 'refusals', 'maxUpload'].map(n => [n, number(s?.[n])])) })

/** The error for an answer that is one. */
export function refused (status, body, wait = 0) {
  const said = typeof body?.error === 'string' ? body.error.slice(0, 300) : `the server answers with ${status}`
  const code = text(body?.code)
  const kind = CODES[code] ?? (status === 401 ? 'token' : status >= 500 || status === 429 ? 'network' : 'refused')
  return new SecstreamError(kind, said, { status, code, hint: HINTS[code] ?? '', wait: Math.min(Math.max(wait || 0, 0), 60) * 1000 })
}

/** Waits, or gives up with signal. */
const pause = (ms, signal) => new Promise((resolve, reject) => {
  const done = () => { clearTimeout(timer); reject(new SecstreamError('aborted', 'given up')) }
  const timer = setTimeout(() => { signal?.removeEventListener('abort', done); resolve(undefined) }, ms)
  signal?.addEventListener('abort', done, { once: true })
})

/** What waiting may mend is tried again, three times, later each time. */
export async function retrying (work, signal, delays = [500, 1500, 4000], told = err => {}) {
  for (const delay of [...delays, -1]) {
    if (signal?.aborted) fail('aborted', 'given up')
    try {
      return await work()
    } catch (err) {
      if (!(err instanceof SecstreamError) || err.kind !== 'network' || delay < 0) throw err
      told(err)
      await pause(Math.max(delay, err.wait ?? 0), signal)
    }
  }
}

const path = session => `/api/sessions/${encodeURIComponent(session)}`

// The shortest WAV there is, nearly.
const SILENCE = new Blob(['RIFF&\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0@\x1f\0\0@\x1f\0\0\x01\0\b\0data\x02\0\0\0\0\0'])

// Whether a later exchange tells of the same sound, cut in the same way.
const alike = (a, b, names) => names.split(' ').every(n => a[n] === b[n])
const same = (was, now) => alike(was, now, 'totalSamples totalSlices format codec sampleFormat sampleRate channels bitDepth') &&
  now.slices.every((s, i) => alike(s, was.slices[i], 'start samples preroll'))

/**
 * Track is one track of a session, open. Its keys are the browser's: no script
 * can read them.
 */
export class Track {
  /**
   * @param {Server} server
   * @param {{id?: string, file?: Blob, session?: string, trackId?: string}} source
   * @param {{check?: (identity: Uint8Array) => Promise<void>, met?: (identity: Uint8Array) => Promise<boolean|void>, known?: () => Promise<boolean>,
   *   protocol?: 1|2, progress?: (sent: number, total: number) => void, send?: Function, delays?: number[]}} [how]
   */
  constructor (server, source, how = {}) {
    this.server = server
    this.source = source
    this.how = how
    this.session = source.session ?? ''
    this.trackId = source.trackId
    this.identity = ''
    this.first = false // its server was met for the first time
    this.cipher = 'AES-256-GCM'
    this.kem = false
    this.exchanges = 0
    this.keySince = 0
    this.counts = { fetched: 0, verified: 0, refused: 0, retried: 0, wireBytes: 0 }
    this.headBytes = 0
    this.padded = false
    /** @type {any} */
    this.info = null
    this.tags = {}
    this.hasCover = false
    /** @type {CryptoKey|undefined} */
    this.key = undefined
    this.renewing = undefined
    this.closed = false
  }

  async again (work, signal) { return retrying(work, signal, this.how.delays, () => this.counts.retried++) }

  /** Makes the session, where there is none yet, and agrees on a key. */
  async open (signal) {
    const { how, server, source } = this
    const { v2 } = await able()
    this.v2 = (how.protocol ?? 2) === 2 && v2
    const known = await how.known?.()
    if (known && !this.v2) {
      fail('identity', 'this server is known by its identity, which this browser cannot check', { hint: 'it takes X25519 and Ed25519: update the browser' })
    }
    if (known && source.file && source.file !== SILENCE) { // a session alone shows who it is: one that gives nothing away
      const t = new Track(server, { file: SILENCE }, { ...how, progress: undefined })
      await t.open(signal).finally(() => t.close())
      this.identity = t.identity
      this.first = t.first
    }
    if (!this.session) {
      this.session = await this.begin(signal)
      this.owned = true
    }
    await this.again(() => this.exchange(this.session, signal), signal)
    return this
  }

  // Has the server make a session.
  async begin (signal) {
    const { how, server, source } = this
    const made = source.file
      ? await how.send(server, source.file, how.progress, signal)
      : await this.again(() => server.post('/api/sessions', { tracks: [source.id] }, signal), signal)
    must(typeof made?.sessionId === 'string' && made.sessionId !== '', 'no session')
    return made.sessionId
  }

  // Agrees on a key. What comes with it is taken whole, once all of it is as it must
  // be: until then what was agreed on before serves.
  async exchange (session, signal) {
    const { proved, ...now } = await (this.v2 ? this.exchangeV2(session, signal) : this.exchangeV1(session, signal))
    if (this.info) must(same(this.info, now.info), 'the server cuts the track otherwise than before')
    const first = proved && await this.how.met?.(proved) === true || this.first
    if (this.closed) fail('aborted', 'the track is closed')
    Object.assign(this, now, { session, first, exchanges: this.exchanges + 1, keySince: Date.now() })
  }

  async exchangeV2 (session, signal) {
    const pair = await subtle.generateKey({ name: 'X25519' }, false, ['deriveBits'])
    const clientKey = new Uint8Array(await subtle.exportKey('raw', pair.publicKey))
    const kem = (await able()).kem ? await kemPair() : null
    const answer = await this.server.post(`${path(session)}/key-exchange`, {
      protocol: V2, publicKey: toBase64(clientKey), mlkemKey: kem ? toBase64(kem.mlkemKey) : undefined, suites: SUITES, trackId: this.trackId
    }, signal)
    must(answer?.protocol === V2, 'asked for protocol secstream/2, the server answers with another')
    const bytes = (name, n) => fromBase64(answer[name], n, name)
    const reply = {
      suite: answer.suite,
      publicKey: bytes('publicKey', 32),
      mlkemCiphertext: answer.mlkemCiphertext === undefined ? undefined : bytes('mlkemCiphertext', 1088),
      identity: bytes('identity', 32),
      signature: bytes('signature', 64)
    }
    const offer = { session, track: this.trackId, clientKey, mlkemKey: kem?.mlkemKey, suites: SUITES }
    const print = await fingerprint(reply.identity)
    must(!this.identity || this.identity === print, 'the server is not the one that it was a moment ago', 'identity')
    const { keys } = await agree(offer, pair.privateKey, reply, this.how.check, kem?.decapsulate)
    must(typeof answer.manifest === 'string' && answer.manifest.length <= MAX_ANSWER, 'no manifest')
    const sealed = fromBase64(answer.manifest, undefined, 'manifest')
    let manifest
    try {
      manifest = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await openSealed(keys.manifest, sealed, manifestData(session, this.trackId))))
    } catch (err) {
      fail('protocol', err instanceof SecstreamError ? `the manifest: ${err.message}` : 'the manifest is no JSON')
    }
    return { ...this.readManifest(session, manifest), key: keys.slice, kem: kem !== null, identity: print, proved: reply.identity }
  }

  readManifest (session, m) {
    must(m?.version === 1, 'a manifest of another version')
    must(this.source.id === undefined || m.source === this.source.id, 'the server opened another track than the one that was asked for', 'forged')
    const info = checkInfo(m.sessionInfo)
    must(info.slices[0].open === undefined && info.sessionId === session && info.cipher === SUITES[0], 'the manifest is of something else')
    const pcm = info.codec === 'pcm' || info.format === 'riff'
    must(info.compression === 'none' || info.compression === 'deflate' && pcm, `${info.codec} by ${info.compression}`)
    must(!pcm || Object.hasOwn(SAMPLE_BYTES, info.sampleFormat), 'PCM of no kind')
    must(m.headBytes === undefined || whole(m.headBytes, 0, 4096), 'headBytes')
    return { info, headBytes: m.headBytes ?? 0, padded: m.padded === true, tags: tagged(m.tags), hasCover: m.hasCover === true }
  }

  async exchangeV1 (session, signal) {
    const curve = { name: 'ECDH', namedCurve: 'P-256' }
    const pair = await subtle.generateKey(curve, false, ['deriveKey'])
    const answer = await this.server.post(`${path(session)}/key-exchange`, {
      publicKey: toBase64(new Uint8Array(await subtle.exportKey('spki', pair.publicKey))), trackId: this.trackId, pcm: 'native',
      metadata: { algorithm: 'ECDH', curve: 'P-256', keyType: 'CryptoKey' }
    }, signal)
    must(answer?.metadata?.curve === undefined || answer.metadata.curve === 'P-256', 'the server agrees on keys in another way')
    const spki = fromBase64(answer.publicKey, 91, 'publicKey')
    let key
    try {
      const theirs = await subtle.importKey('spki', spki, curve, false, [])
      key = await subtle.deriveKey({ name: 'ECDH', public: theirs }, pair.privateKey, { name: 'AES-GCM', length: 256 }, false, ['decrypt'])
    } catch {
      fail('protocol', 'the server has a public key that is none')
    }
    const info = checkInfo(answer.sessionInfo)
    must(info.cipher === undefined || info.cipher === SUITES[0], `the cipher ${info.cipher} is not known`)
    must(info.compression === undefined || info.compression === 'deflate' || info.compression === 'none', `the compression ${info.compression} is not known`)
    return { info, key }
  }

  /** Another key, once for all who ask; for a session that is no more, another session. */
  renew () {
    this.renewing ??= this.again(() => this.exchange(this.session)).catch(async err => {
      if (err.kind !== 'gone' || !this.source.id) throw err
      const session = await this.begin()
      await this.again(() => this.exchange(session)).catch(why => {
        this.end(session)
        throw why
      })
    }).finally(() => { this.renewing = undefined })
    return this.renewing
  }

  /** The plain bytes of slice i: a file, or samples without a header. */
  async slice (i, signal) {
    must(whole(i, 0, this.info.totalSlices - 1), `there is no slice ${i}`)
    let renewed = 0
    for (let forged = 0; ;) {
      const key = this.key
      try {
        return await this.again(() => this.once(i, signal), signal)
      } catch (err) {
        const kind = err instanceof SecstreamError ? err.kind : ''
        if ((kind === 'rekey' || kind === 'gone') && renewed++ < 2) {
          if (key === this.key) await this.renew()
        } else if (kind === 'forged' && forged++ < 1) {
          this.counts.retried++
        } else throw err
      }
    }
  }

  async once (i, signal) {
    if (this.closed) fail('aborted', 'the track is closed')
    const now = { ...this } // of one exchange
    const { info, key } = now
    const id = info.sliceIds[i]
    const query = this.trackId ? `?trackId=${encodeURIComponent(this.trackId)}` : ''
    const plain = info.slices[i].open ? 0 : plainLength(info, now.headBytes, i)
    const most = plain ? plain + (plain >> 3) + 4096 : MAX_SLICE // padding, or what does not compress
    const { headers, bytes: body } = await this.server.request(`${path(now.session)}/slices/${encodeURIComponent(id)}${query}`, { signal }, most)
    this.counts.fetched++
    this.counts.wireBytes += body.length
    const h = name => headers.get(name)
    try {
      must(h('X-IV-Length') === '12' && h('X-Encrypted-Data-Length') === String(body.length - 12), 'a slice of another length', 'forged')
      must(h('X-CRC32-Hash')?.toLowerCase() === crc32(body), 'a slice was damaged on its way', 'forged')
      const plain = await (this.v2 ? this.openV2(now, i, body) : this.openV1(info, key, i, body))
      this.counts.verified++
      if (h('X-Rekey') === '1' && key === this.key) this.renew().catch(() => {}) // this key still serves for a while
      return plain
    } catch (err) {
      this.counts.refused++
      throw err
    }
  }

  async openV2 ({ info, key, session, headBytes, padded }, i, body) {
    const plain = plainLength(info, headBytes, i)
    const inside = await openSealed(key, body, sliceData({
      session, track: this.trackId, id: info.sliceIds[i], number: i, total: info.totalSlices,
      encoding: info.format, compression: info.compression, plain
    }))
    return expand(padded ? unpad(inside) : inside, info.compression, plain)
  }

  // v1 has the IV behind, and tells of no length but that of PCM.
  async openV1 (info, key, i, body) {
    const n = body.length - 12
    must(n >= 16, 'a slice is too short', 'forged')
    const moved = concat(body.subarray(n), body.subarray(0, n))
    const inside = await openSealed(key, moved, none)
    if (info.compression === 'none') return inside
    return inflate(inside, info.format === 'wav' && !info.slices[i].open ? plainLength(info, 0, i) : 0)
  }

  async end (session) { await this.server.request(path(session), { method: 'DELETE', keepalive: true }).catch(() => {}) }

  /** Ends the session, if it was made here. */
  async close () {
    this.closed = true
    this.key = undefined
    if (this.owned) await this.end(this.session)
  }
}
