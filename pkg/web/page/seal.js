// @ts-check
// What protocols v1 and v2 of the slice API do to bytes, by the browser's
// WebCrypto: fields, the exchange, seals, padding, DEFLATE.

/** What can go wrong. @typedef {'network'|'refused'|'token'|'identity'|'forged'|'protocol'|'rekey'|'gone'|'insecure'|'audio'|'aborted'} Kind */

/** An error that says of which kind it is, and what to do. */
export class SecstreamError extends Error {
  /** @param {Kind} kind @param {string} message @param {object} [more] */
  constructor (kind, message, more = {}) {
    super(message)
    this.name = 'SecstreamError'
    this.kind = kind
    this.hint = ''
    this.status = 0
    /** @type {{known: string, got: string, asked: boolean}|undefined} */
    this.identity = undefined
    Object.assign(this, more)
  }
}

/** @returns {never} */
export function fail (kind, message, more) { throw new SecstreamError(kind, message, more) }
export const must = (ok, message, kind = 'protocol') => ok || fail(kind, message)

export const V2 = 'secstream/2'
export const SUITES = ['AES-256-GCM'] // WebCrypto has no ChaCha20-Poly1305
export const SAMPLE_BYTES = { u8: 1, alaw: 1, mulaw: 1, s16: 2, s24: 3, s32: 4, f32: 4, f64: 8 }

// A bound on what a server may send.
export const MAX_SLICE = 160 << 20 // bytes of a slice, sealed or expanded

export const subtle = globalThis.crypto?.subtle
const text = new TextEncoder()
export const none = new Uint8Array(0)

// Bytes.

/** @param {Uint8Array[]} parts */
export function concat (...parts) {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const p of parts) {
    all.set(p, at)
    at += p.length
  }
  return all
}

const u32 = n => Uint8Array.of(n >>> 24, n >>> 16 & 255, n >>> 8 & 255, n & 255)

/** One field: its length, then its bytes; a list is its count and its fields. */
export function field (v) {
  if (Array.isArray(v)) return concat(u32(v.length), ...v.map(field))
  if (typeof v === 'number') v = u32(v)
  else if (typeof v === 'string') v = text.encode(v)
  return concat(u32(v.length), v)
}

export const fields = (...values) => concat(...values.map(field))
const sha256 = async bytes => new Uint8Array(await subtle.digest('SHA-256', bytes))

export const toBase64 = bytes => btoa(Array.from(bytes, b => String.fromCharCode(b)).join(''))

/** Standard base64 with padding, and nothing that is only like it. */
export function fromBase64 (value, length, what) {
  must(typeof value === 'string', `${what} is missing`)
  let raw
  try {
    raw = atob(value)
  } catch {
    fail('protocol', `${what} is not base64`)
  }
  const bytes = Uint8Array.from(raw, c => c.charCodeAt(0))
  must(value.length % 4 === 0 && !/\s/.test(value) && (bytes.length > 3e6 || toBase64(bytes) === value), `${what} is not base64`)
  must(length === undefined || bytes.length === length, `${what} has ${bytes.length} bytes, not ${length}`)
  return bytes
}

/** What people compare: SHA256: and 32 pairs of digits. */
export const fingerprint = async identity => 'SHA256:' + Array.from(await sha256(identity), b => b.toString(16).padStart(2, '0')).join(':').toUpperCase()

/** Says whether a text is a fingerprint. */
export const isFingerprint = s => /^SHA256:[0-9A-F]{2}(:[0-9A-F]{2}){31}$/.test(s)

const crcTable = Int32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? n >>> 1 ^ 0xedb88320 : n >>> 1
  return n
})

/** CRC-32 (IEEE) */
export function crc32 (bytes) {
  let c = -1
  for (let i = 0; i < bytes.length; i++) c = c >>> 8 ^ crcTable[(c ^ bytes[i]) & 255]
  return (~c >>> 0).toString(16).padStart(8, '0')
}

// What the browser can do.

/** @type {Promise<{v2: boolean, kem: boolean}>|undefined} */
let abilities

/** Tries X25519, Ed25519 and ML-KEM-768 once. */
export function able () {
  abilities ??= (async () => {
    if (!subtle) fail('insecure', 'the browser has no cryptography for this page', { hint: 'open it over HTTPS or as localhost' })
    const can = make => Promise.resolve().then(make).then(() => true, () => false)
    const v2 = await can(() => subtle.generateKey({ name: 'X25519' }, false, ['deriveBits'])) &&
      await can(() => subtle.importKey('raw', new Uint8Array(32).fill(0x66).fill(0x58, 0, 1), { name: 'Ed25519' }, false, ['verify'])) // the base point: some look whether it is one
    return { v2, kem: v2 && await can(async () => must((await kemPair()) !== null, 'none')) }
  })()
  return abilities
}

/** A pair of ML-KEM-768; null where there is none. */
export async function kemPair () {
  if (typeof subtle.decapsulateBits !== 'function') return null
  const pair = await subtle.generateKey({ name: 'ML-KEM-768' }, false, ['encapsulateBits', 'decapsulateBits'])
  return {
    mlkemKey: new Uint8Array(await subtle.exportKey('raw-public', pair.publicKey)),
    decapsulate: async c => new Uint8Array(await subtle.decapsulateBits({ name: 'ML-KEM-768' }, pair.privateKey, c))
  }
}

// The exchange of v2 (docs/protocol.md section 8).

export const transcript = x => sha256(fields('secstream/2 handshake', x.session, x.track ?? '', x.clientKey, x.mlkemKey ?? none,
  x.suites, x.suite, x.serverKey, x.mlkemCiphertext ?? none, x.identity))

/** Keys of an exchange, which never leave the browser's cryptography again. */
export async function deriveKeys (ikm, salt) {
  const base = await subtle.importKey('raw', ikm, 'HKDF', false, ['deriveBits'])
  const bits = new Uint8Array(await subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt, info: text.encode('secstream/2 keys') }, base, 512))
  const key = part => subtle.importKey('raw', part, 'AES-GCM', false, ['decrypt'])
  try {
    return { slice: await key(bits.subarray(0, 32)), manifest: await key(bits.subarray(32)) }
  } finally {
    bits.fill(0)
  }
}

/** The shared secret. One of low order, which is all zero, is refused. */
export async function x25519 (privateKey, publicKey) {
  must(publicKey.length === 32, `an X25519 key of ${publicKey.length} bytes`)
  const theirs = await subtle.importKey('raw', publicKey, { name: 'X25519' }, false, [])
  const secret = await subtle.deriveBits({ name: 'X25519', public: theirs }, privateKey, 256).then(b => new Uint8Array(b), () => new Uint8Array(32))
  must(secret.some(b => b !== 0), 'an X25519 key of low order')
  return secret
}

/**
 * agree takes the server's half of an exchange. check is asked about the
 * identity before anything else that the server said is believed.
 */
export async function agree (offer, privateKey, reply, check = async identity => {}, decapsulate = undefined) {
  must(reply.identity.length === 32 && reply.signature.length === 64, 'an identity or a signature of another length')
  await check(reply.identity)
  must(offer.suites.includes(reply.suite), `the suite ${reply.suite} was not offered`)
  must((reply.mlkemCiphertext !== undefined) === (decapsulate !== undefined) && (reply.mlkemCiphertext?.length ?? 1088) === 1088,
    'an mlkemCiphertext that was not asked for, or none, or one of another length')
  const hash = await transcript({
    ...offer, suite: reply.suite, serverKey: reply.publicKey, mlkemCiphertext: reply.mlkemCiphertext, identity: reply.identity
  })
  const key = await subtle.importKey('raw', reply.identity, { name: 'Ed25519' }, false, ['verify'])
  must(await subtle.verify({ name: 'Ed25519' }, key, reply.signature, hash), 'the signature is wrong')
  const secrets = [await x25519(privateKey, reply.publicKey)]
  try {
    if (decapsulate !== undefined) secrets.unshift(await decapsulate(reply.mlkemCiphertext))
    const ikm = concat(...secrets)
    secrets.push(ikm)
    const salt = await sha256(fields('secstream/2 transcript', hash, reply.signature))
    return { hash, salt, keys: await deriveKeys(ikm, salt) }
  } finally {
    for (const secret of secrets) secret.fill(0)
  }
}

// Seals.

export const manifestData = (session, track) => fields('secstream/2 manifest', session, track ?? '')

export const sliceData = x => fields('secstream/2 slice', x.session, x.track ?? '', x.id, x.number, x.total, x.encoding, x.compression, x.plain)

/** Opens nonce ‖ ciphertext ‖ tag. */
export async function openSealed (key, sealed, additionalData) {
  must(sealed.length >= 28, 'a seal is too short', 'forged')
  try {
    return new Uint8Array(await subtle.decrypt({ name: 'AES-GCM', iv: sealed.subarray(0, 12), additionalData }, key, sealed.subarray(12)))
  } catch {
    fail('forged', 'what came does not open: it was changed on its way, or moved')
  }
}

const log2 = n => 31 - Math.clz32(n)

/** The length that n bytes are padded to (Padmé). */
export function padme (n) {
  if (n < 2) return 2
  const e = log2(n)
  const low = 2 ** (e - (log2(e) + 1))
  return Math.ceil(n / low) * low
}

export function unpad (bytes) {
  let n = bytes.length
  while (n > 0 && bytes[n - 1] === 0) n--
  must(n > 0 && bytes[n - 1] === 0x80, 'the padding does not end')
  must(padme(n) === bytes.length, 'the padding has another length')
  return bytes.subarray(0, n - 1)
}

/** All that a stream brings, and an error once that is more than most bytes. told hears how many there are. */
export async function gather (stream, most, told = n => {}) {
  const reader = stream.getReader()
  let all = new Uint8Array(Math.min(most, 65536))
  let n = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return all.subarray(0, n)
      const to = n + value.length
      must(to <= most, `what came is longer than it should be: more than ${most} bytes`)
      if (to > all.length) {
        const more = new Uint8Array(Math.min(most, 2 * to))
        more.set(all)
        all = more
      }
      all.set(value, n)
      told(n = to)
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}

/**
 * inflate expands raw DEFLATE, to exactly plain bytes or, where plain is 0, to
 * at most most of them. What follows the end of the stream is an error. It goes
 * in by pieces, when they are wanted: what is too long is not expanded first.
 */
export async function inflate (bytes, plain, most = MAX_SLICE) {
  let at = 0
  const pieces = new ReadableStream({ pull: c => at < bytes.length ? c.enqueue(bytes.slice(at, at += 4096)) : c.close() }, { highWaterMark: 0 })
  let all
  try {
    all = await gather(pieces.pipeThrough(new DecompressionStream('deflate-raw')), plain || most)
  } catch (err) {
    if (err instanceof SecstreamError) throw err
    fail('protocol', 'a slice cannot be expanded')
  }
  must(!plain || all.length === plain, `a slice of ${all.length} bytes, not ${plain}`)
  return all
}

export async function expand (bytes, compression, plain) {
  if (compression === 'deflate') return inflate(bytes, plain || fail('protocol', 'deflate without a length'))
  must(compression === 'none', `the compression ${compression} is not known`)
  must(plain === 0 || bytes.length === plain, `a slice of ${bytes.length} bytes, not ${plain}`)
  return bytes
}

/** The length of a slice of PCM once it is expanded, 0 for all others. */
export function plainLength (info, headBytes, i) {
  if (info.codec !== 'pcm' && info.format !== 'riff') return 0
  const n = info.slices[i].samples * info.channels * SAMPLE_BYTES[info.sampleFormat]
  return headBytes + n + (headBytes > 0 ? n % 2 : 0) // a RIFF file ends at an even place
}
