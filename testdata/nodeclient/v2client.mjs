// A listener of protocol v2, written from docs/protocol.md (sections 4, 5 and
// 8) alone, with nothing but what Node brings. It knows no code of secstream's.
//
//   node v2client.mjs [--suite NAME] [--identity FINGERPRINT] ADDRESS OUTDIR [PATH...]
//
// plays the tracks of the library, or those with these paths, a session each,
// and writes what play.mjs writes, for the same judges.
//
// X25519, Ed25519, HKDF and AES-256-GCM are WebCrypto's, ChaCha20-Poly1305 is
// node:crypto's. ML-KEM is WebCrypto's from Node 24.7 on; an older one offers
// no mlkemKey.
import { createDecipheriv, createHash, webcrypto } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inflateRawSync } from 'node:zlib'

const { subtle } = webcrypto

export const PROTOCOL = 'secstream/2'
export const SUITES = ['AES-256-GCM', 'ChaCha20-Poly1305']
export const SAMPLE_BYTES = { u8: 1, alaw: 1, mulaw: 1, s16: 2, s24: 3, s32: 4, f32: 4, f64: 8 }

export function check (ok, what) {
  if (!ok) throw new Error(what)
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1
  return n >>> 0
})

export function crc32 (bytes) {
  let c = 0xffffffff
  for (const b of bytes) c = (c >>> 8) ^ crcTable[(c ^ b) & 0xff]
  return ((c ^ 0xffffffff) >>> 0).toString(16).padStart(8, '0')
}

// Fields.

const u32 = n => {
  check(Number.isInteger(n) && n >= 0 && n < 2 ** 32, `${n} is no number of 4 bytes`)
  const b = Buffer.alloc(4)
  b.writeUInt32BE(n)
  return b
}

// field encodes bytes, a text, a number, or an array of texts.
export function field (v) {
  if (Array.isArray(v)) return Buffer.concat([u32(v.length), ...v.map(field)])
  if (typeof v === 'number') v = u32(v)
  if (typeof v === 'string') v = Buffer.from(v, 'utf8')
  return Buffer.concat([u32(v.length), v])
}

export const fields = (...values) => Buffer.concat(values.map(field))
const sha256 = bytes => createHash('sha256').update(bytes).digest()
const none = Buffer.alloc(0)

// The exchange.

export const transcript = x => sha256(fields('secstream/2 handshake', x.session, x.track ?? '', x.clientKey, x.mlkemKey ?? none,
  x.suites, x.suite, x.serverKey, x.mlkemCiphertext ?? none, x.identity))

export const saltOf = (hash, signature) => sha256(fields('secstream/2 transcript', hash, signature))

export async function deriveKeys (ikm, salt) {
  const base = await subtle.importKey('raw', ikm, 'HKDF', false, ['deriveBits'])
  const bits = Buffer.from(await subtle.deriveBits(
    { name: 'HKDF', hash: 'SHA-256', salt, info: Buffer.from('secstream/2 keys') }, base, 512))
  return { slice: bits.subarray(0, 32), manifest: bits.subarray(32) }
}

// kemPair is a new pair of ML-KEM-768, or of the seed d ‖ z; null where Node has
// none.
export async function kemPair (seed) {
  if (typeof subtle.decapsulateBits !== 'function') return null
  const pair = seed === undefined
    ? await subtle.generateKey('ML-KEM-768', true, ['encapsulateBits', 'decapsulateBits'])
    : { privateKey: await subtle.importKey('raw-seed', seed, 'ML-KEM-768', true, ['decapsulateBits']) }
  const publicKey = pair.publicKey ?? await subtle.getPublicKey(pair.privateKey, ['encapsulateBits'])
  return {
    mlkemKey: Buffer.from(await subtle.exportKey('raw-public', publicKey)),
    decapsulate: async ciphertext => Buffer.from(await subtle.decapsulateBits('ML-KEM-768', pair.privateKey, ciphertext))
  }
}

// x25519 throws where the secret is all zero, whether WebCrypto does or not.
export async function x25519 (privateKey, publicKey) {
  check(publicKey.length === 32, `an X25519 key of ${publicKey.length} bytes`)
  const theirs = await subtle.importKey('raw', publicKey, { name: 'X25519' }, false, [])
  const secret = await subtle.deriveBits({ name: 'X25519', public: theirs }, privateKey, 256).then(Buffer.from, () => Buffer.alloc(32))
  check(secret.some(b => b !== 0), 'an X25519 key of low order')
  return secret
}

export async function signed (identity, hash, signature) {
  const key = await subtle.importKey('raw', identity, { name: 'Ed25519' }, false, ['verify'])
  return subtle.verify('Ed25519', key, signature, hash)
}

// agree takes the server's half of an exchange. known is the fingerprint the
// server has to have, if any; decapsulate makes the secret of ML-KEM, for who
// offered an mlkemKey.
export async function agree (offer, privateKey, reply, { known, decapsulate } = {}) {
  check(offer.suites.includes(reply.suite), `suite ${reply.suite} was not offered`)
  check(reply.identity.length === 32 && reply.signature.length === 64, 'an identity or a signature of another length')
  check(known === undefined || fingerprint(reply.identity) === known, `another identity: ${fingerprint(reply.identity)}`)
  const hash = transcript({
    ...offer, suite: reply.suite, serverKey: reply.publicKey, mlkemCiphertext: reply.mlkemCiphertext, identity: reply.identity
  })
  check(await signed(reply.identity, hash, reply.signature), 'the signature is wrong')
  const secrets = [await x25519(privateKey, reply.publicKey)]
  if (reply.mlkemCiphertext !== undefined) {
    check(decapsulate !== undefined && reply.mlkemCiphertext.length === 1088, 'an mlkemCiphertext that was not asked for, or is too short')
    secrets.unshift(await decapsulate(reply.mlkemCiphertext))
  }
  const ikm = Buffer.concat(secrets)
  const salt = saltOf(hash, reply.signature)
  return { hash, ikm, salt, keys: await deriveKeys(ikm, salt) }
}

export const fingerprint = identity => 'SHA256:' + sha256(identity).toString('hex').toUpperCase().match(/../g).join(':')

// base64 takes standard base64 with padding, and nothing that is only like it.
function base64 (text, length, what) {
  check(typeof text === 'string', `${what} is missing`)
  const bytes = Buffer.from(text, 'base64')
  check(bytes.toString('base64') === text, `${what} is not base64`)
  check(length === undefined || bytes.length === length, `${what} has ${bytes.length} bytes, not ${length}`)
  return bytes
}

// Seals.

export const manifestData = (session, track) => fields('secstream/2 manifest', session, track ?? '')

export const sliceData = x => fields('secstream/2 slice', x.session, x.track ?? '', x.id, x.number, x.total, x.encoding, x.compression, x.plain)

export async function openSealed (suite, key, sealed, data) {
  check(sealed.length >= 12 + 16, 'a seal is too short')
  const nonce = sealed.subarray(0, 12)
  if (suite === 'AES-256-GCM') {
    const aes = await subtle.importKey('raw', key, 'AES-GCM', false, ['decrypt'])
    return Buffer.from(await subtle.decrypt({ name: 'AES-GCM', iv: nonce, additionalData: data, tagLength: 128 }, aes, sealed.subarray(12)))
  }
  check(suite === 'ChaCha20-Poly1305', `suite ${suite}`)
  const chacha = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
  const body = sealed.subarray(12, sealed.length - 16)
  chacha.setAAD(data, { plaintextLength: body.length })
  chacha.setAuthTag(sealed.subarray(sealed.length - 16))
  return Buffer.concat([chacha.update(body), chacha.final()])
}

const log2 = n => 31 - Math.clz32(n)

// padme is the length that n bytes are padded to (Nikitin et al., section 4).
export function padme (n) {
  if (n < 2) return 2
  const e = log2(n)
  const low = 2 ** (e - (log2(e) + 1))
  return Math.ceil(n / low) * low
}

export function unpad (bytes) {
  let n = bytes.length
  while (n > 0 && bytes[n - 1] === 0) n--
  check(n > 0 && bytes[n - 1] === 0x80, 'the padding does not end')
  return bytes.subarray(0, n - 1)
}

export function plainLength (manifest, i) {
  const info = manifest.sessionInfo
  if (info.codec !== 'pcm') return 0
  check(info.sampleFormat in SAMPLE_BYTES, `sampleFormat ${info.sampleFormat}`)
  const head = manifest.headBytes ?? 0
  const n = info.slices[i].samples * info.channels * SAMPLE_BYTES[info.sampleFormat]
  return head + n + (head > 0 ? n % 2 : 0) // a RIFF file ends at an even place
}

export function expand (bytes, compression, plain) {
  if (compression === 'deflate') {
    check(plain > 0, 'deflate without a length')
    const { buffer, engine } = inflateRawSync(bytes, { maxOutputLength: plain, info: true })
    check(engine.bytesWritten === bytes.length, 'bytes follow the end of DEFLATE')
    bytes = buffer
  } else check(compression === 'none', `compression ${compression}`)
  check(plain === 0 || bytes.length === plain, `${bytes.length} bytes, not ${plain}`)
  return bytes
}

// HTTP.

export async function json (url, init) {
  const resp = await fetch(url, init)
  const body = await resp.json()
  if (!resp.ok) throw Object.assign(new Error(`${url}: ${resp.status} ${JSON.stringify(body)}`), { status: resp.status, code: body.code })
  return body
}

export const post = value => ({
  method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(value)
})

// Listener plays one track of a session. identity is the fingerprint it knows,
// source the track it asks for; either may be left out.
export class Listener {
  constructor (address, session, { track, suites = SUITES, identity, source } = {}) {
    Object.assign(this, { address, session, track, suites, known: identity, source, refetched: 0 })
    this.url = `${address}/api/sessions/${session}`
  }

  async exchange () {
    const pair = await subtle.generateKey({ name: 'X25519' }, false, ['deriveBits'])
    const clientKey = Buffer.from(await subtle.exportKey('raw', pair.publicKey))
    const kem = await kemPair()
    const answer = await json(`${this.url}/key-exchange`, post({
      protocol: PROTOCOL, publicKey: clientKey.toString('base64'), mlkemKey: kem?.mlkemKey.toString('base64'), suites: this.suites, trackId: this.track
    }))
    this.answer = answer
    check(answer.protocol === PROTOCOL, `protocol ${answer.protocol}`)
    check((answer.mlkemCiphertext === undefined) === (kem === null), 'an mlkemCiphertext for no key, or none for one')
    const reply = {
      suite: answer.suite,
      publicKey: base64(answer.publicKey, 32, 'publicKey'),
      mlkemCiphertext: kem === null ? undefined : base64(answer.mlkemCiphertext, 1088, 'mlkemCiphertext'),
      identity: base64(answer.identity, 32, 'identity'),
      signature: base64(answer.signature, 64, 'signature')
    }
    const offer = { session: this.session, track: this.track, clientKey, mlkemKey: kem?.mlkemKey, suites: this.suites }
    const { keys } = await agree(offer, pair.privateKey, reply, { known: this.known, decapsulate: kem?.decapsulate })
    Object.assign(this, { suite: reply.suite, identity: reply.identity, keys })
    const sealed = base64(answer.manifest, undefined, 'manifest')
    this.take(JSON.parse(await openSealed(this.suite, this.keys.manifest, sealed, manifestData(this.session, this.track))))
  }

  take (manifest) {
    check(manifest.version === 1, `a manifest of version ${manifest.version}`)
    check(this.source === undefined || manifest.source === this.source, 'another track')
    const info = manifest.sessionInfo
    check(info.cipher === this.suite, `cipher ${info.cipher}`)
    check(info.compression === 'none' || (info.compression === 'deflate' && info.codec === 'pcm'), `${info.codec} by ${info.compression}`)
    check(info.sessionId === this.session, 'the manifest of another session')
    check(info.sliceIds.length === info.totalSlices && info.slices.length === info.totalSlices, 'totalSlices')
    check(new Set(info.sliceIds).size === info.totalSlices, 'a slice ID comes twice')
    let at = 0
    for (const [i, s] of info.slices.entries()) {
      check(s.start === at && s.samples > 0 && s.preroll >= 0, `slice ${i} has ${s.samples} samples from ${s.start}, not ${at}`)
      at += s.samples
    }
    check(at === info.totalSamples, 'slices do not cover the track')
    check(Math.abs(info.duration - at / info.sampleRate) < 1e-6, 'duration')
    this.manifest = manifest
    this.info = info
  }

  // data is the additional data of slice i, changes aside.
  data (i, changes) {
    const info = this.info
    return sliceData({
      session: this.session, track: this.track, id: info.sliceIds[i], number: i, total: info.totalSlices,
      encoding: info.format, compression: info.compression, plain: plainLength(this.manifest, i), ...changes
    })
  }

  async fetch (i) {
    const id = this.info.sliceIds[i]
    const resp = await fetch(`${this.url}/slices/${id}${this.track ? `?trackId=${this.track}` : ''}`)
    if (!resp.ok) throw Object.assign(new Error(`slice ${i}: ${resp.status}`), { status: resp.status, code: (await resp.json()).code })
    const body = Buffer.from(await resp.arrayBuffer())
    const h = name => resp.headers.get(name)
    check(h('content-type') === 'application/octet-stream', `slice ${i}: type ${h('content-type')}`)
    check(h('x-slice-id') === id, `slice ${i}: X-Slice-ID ${h('x-slice-id')}`)
    check(h('x-slice-sequence') === String(i), `slice ${i}: X-Slice-Sequence ${h('x-slice-sequence')}`)
    check(h('x-session-id') === this.session, `slice ${i}: X-Session-ID`)
    check(h('x-iv-length') === '12' && h('x-encrypted-data-length') === String(body.length - 12), `slice ${i}: lengths`)
    check(h('x-crc32-hash') === crc32(body), `slice ${i}: X-CRC32-Hash`)
    this.rekey = h('x-rekey') === '1'
    return body
  }

  // inside opens a slice; what comes is compressed, and padded if the manifest
  // says so.
  async inside (i) {
    return openSealed(this.suite, this.keys.slice, await this.fetch(i), this.data(i))
  }

  async once (i) {
    let bytes = await this.inside(i)
    if (this.manifest.padded) {
      check(padme(bytes.length) === bytes.length, `slice ${i} is padded to ${bytes.length}`)
      bytes = unpad(bytes)
    }
    return expand(bytes, this.info.compression, plainLength(this.manifest, i))
  }

  async plain (i) {
    try {
      return await this.once(i)
    } catch (err) {
      if (err.status !== undefined) throw err
      this.refetched++
      return this.once(i)
    }
  }

  async all () {
    const parts = []
    for (let i = 0; i < this.info.totalSlices; i++) parts.push(await this.plain(i))
    return parts
  }

  async end () {
    const resp = await fetch(this.url, { method: 'DELETE' })
    check(resp.status === 204, `the end of the session: ${resp.status}`)
  }
}

export async function library (address) {
  for (;;) {
    const list = await json(`${address}/api/library`)
    if (!list.scanning) return list.tracks
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

export async function open (address, ids, options = {}) {
  const made = await json(`${address}/api/sessions`, post({ tracks: ids }))
  return new Listener(address, made.sessionId, options)
}

async function play (address, track, out, options) {
  const listener = await open(address, [track.id], { ...options, source: track.id })
  await listener.exchange()
  const info = listener.info
  for (const name of ['sampleRate', 'channels', 'duration', 'totalSamples']) {
    check(info[name] === track[name], `${name} is ${info[name]} and was ${track[name]}`)
  }
  mkdirSync(out, { recursive: true })
  for (let i = 0; i < info.totalSlices; i++) {
    const name = `${String(i).padStart(5, '0')}.${info.codec === 'opus' ? 'opus' : info.format}`
    writeFileSync(join(out, name), await listener.plain(i))
  }
  writeFileSync(join(out, 'samples'), info.slices.map(s => `${s.samples}\n`).join(''))
  writeFileSync(join(out, 'track'),
    [track.path, info.format, info.codec, info.channels, info.bitDepth, info.sampleFormat ?? '-'].join('\t') + '\n')
  check(listener.refetched === 0, 'slices had to be fetched again')
  await listener.end()
  return info.totalSlices
}

async function main (args) {
  const options = {}
  while (args[0]?.startsWith('--')) {
    const [name, value] = args.splice(0, 2)
    if (name === '--suite') options.suites = [value]
    else if (name === '--identity') options.identity = value
    else throw new Error(`unknown option ${name}`)
  }
  const [address, out, ...paths] = args
  const tracks = (await library(address)).filter(t => paths.length === 0 || paths.includes(t.path))
  check(tracks.length > 0 && (paths.length === 0 || tracks.length === paths.length), 'not all of these are there to play')
  let slices = 0
  for (const [n, track] of tracks.entries()) {
    try {
      slices += await play(address, track, join(out, String(n)), options)
    } catch (err) {
      throw new Error(`${track.path}: ${err.message}`, { cause: err })
    }
  }
  console.log(`${tracks.length} tracks, ${slices} slices`)
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  main(process.argv.slice(2)).catch(err => {
    console.error(`v2client.mjs: ${err.message}`)
    process.exit(1)
  })
}
