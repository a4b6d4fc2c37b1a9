// @ts-check
// FLAC (RFC 9639), decoded to the bit: browsers scale its integers each in their
// own way, Chromium so that half of all samples are off by up to 0.7 of the last
// of 16 bits. Its checksums are left alone: the seal has vouched for the slice.
import { sane } from './pcm.js'
import { SecstreamError } from './protocol.js'

const bad = what => { throw new SecstreamError('audio', `a slice of FLAC is damaged: ${what}`) }

class Bits {
  constructor (bytes, at) {
    this.b = bytes
    this.p = 8 * at
    this.end = 8 * bytes.length
  }

  /** n bits, 0 to 25 */
  get (n) {
    if (n === 0) return 0
    const { b, p } = this
    const i = p >> 3
    this.p = p + n
    return ((b[i] << 24 | b[i + 1] << 16 | b[i + 2] << 8 | b[i + 3]) << (p & 7)) >>> (32 - n)
  }

  /** n bits, 0 to 40 */
  long (n) { return n <= 25 ? this.get(n) : this.get(n - 16) * 65536 + this.get(16) }

  /** n bits, 1 to 40, of two's complement */
  signed (n) {
    const v = this.long(n)
    return v >= 2 ** (n - 1) ? v - 2 ** n : v
  }

  /** How many zeros there are before a one. */
  unary () {
    for (let n = 0; ;) {
      const { b, p } = this
      const i = p >> 3
      const word = (b[i] << 24 | b[i + 1] << 16 | b[i + 2] << 8 | b[i + 3]) << (p & 7)
      if (word !== 0) {
        const zeros = Math.clz32(word)
        this.p = p + zeros + 1
        return n + zeros
      }
      this.p = p + 32 - (p & 7)
      n += 32 - (p & 7)
      if (this.p > this.end) bad('it ends early')
    }
  }

  align () { this.p = (this.p + 7) & ~7 }
}

// The residual, behind order samples of warm-up (section 9.2.7).
function residual (r, out, order, size) {
  const kind = r.get(2)
  if (kind > 1) bad('a reserved kind of residual')
  const width = kind === 0 ? 4 : 5
  const escape = kind === 0 ? 15 : 31
  const partitions = 1 << r.get(4)
  const each = size / partitions
  if (!Number.isInteger(each) || each < order) bad('partitions that do not fit')
  let i = order
  for (let part = 1; part <= partitions; part++) {
    const k = r.get(width)
    const until = part * each
    if (k === escape) {
      const n = r.get(5)
      for (; i < until; i++) out[i] = n === 0 ? 0 : r.signed(n)
    } else {
      const low = 2 ** k
      for (; i < until; i++) {
        const v = r.unary() * low + r.long(k)
        out[i] = v % 2 === 0 ? v / 2 : -(v + 1) / 2
      }
    }
    if (r.p > r.end) bad('it ends early')
  }
}

const FIXED = [[], [1], [2, -1], [3, -3, 1], [4, -6, 4, -1]]

// Adds what coefficients predict, the newest sample first (section 9.2.6). Sums
// stay below 2^53, so that doubles are exact: 33 bits of a difference, 15 of a
// coefficient, and 5 for 32 of them.
function predict (out, size, coefficients, shift) {
  const order = coefficients.length
  const scale = 2 ** -shift
  for (let i = order; i < size; i++) {
    let sum = 0
    for (let k = 0; k < order; k++) sum += coefficients[k] * out[i - 1 - k]
    out[i] += Math.floor(sum * scale)
  }
}

// One subframe of samples of bits bits (section 9.2).
function subframe (r, out, size, bits) {
  if (r.get(1) !== 0) bad('a subframe that is none')
  const type = r.get(6)
  const wasted = r.get(1) === 1 ? r.unary() + 1 : 0
  bits -= wasted
  if (bits < 1) bad('samples without bits')
  if (type === 0) out.fill(r.signed(bits), 0, size)
  else if (type === 1) for (let i = 0; i < size; i++) out[i] = r.signed(bits)
  else if (type >= 8 && type <= 12 || type >= 32) {
    const order = type >= 32 ? type - 31 : type - 8
    if (order > size) bad('an order that does not fit')
    for (let i = 0; i < order; i++) out[i] = r.signed(bits)
    let coefficients = FIXED[order]
    let shift = 0
    if (type >= 32) {
      const precision = r.get(4) + 1
      shift = r.get(5)
      if (precision === 16 || shift > 15) bad('a reserved precision')
      coefficients = Array.from({ length: order }, () => r.signed(precision))
    }
    residual(r, out, order, size)
    if (order > 0) predict(out, size, coefficients, shift)
  } else bad('a reserved kind of subframe')
  if (r.p > r.end) bad('it ends early')
  if (wasted > 0) for (let i = 0; i < size; i++) out[i] *= 2 ** wasted
}

const DEPTHS = [0, 8, 12, 0, 16, 20, 24, 32]

// A frame's header (section 9.1): how many samples, in how many channels, of how
// many bits.
function header (r, depth) {
  if (r.get(14) !== 0x3ffe || r.get(1) !== 0) bad('no frame where one should be')
  r.get(1)
  const sizeCode = r.get(4)
  const rateCode = r.get(4)
  const channels = r.get(4)
  const depthCode = r.get(3)
  if (r.get(1) !== 0 || sizeCode === 0 || rateCode === 15 || channels > 10 || depthCode === 3) bad('a reserved header')
  for (let more = Math.clz32(~(r.get(8) << 24)); more > 1; more--) r.get(8) // the number of the frame
  let size = sizeCode === 1 ? 192 : sizeCode < 6 ? 144 << sizeCode : 1 << sizeCode
  if (sizeCode === 6) size = r.get(8) + 1
  if (sizeCode === 7) size = r.get(16) + 1
  if (rateCode === 12) r.get(8)
  if (rateCode === 13 || rateCode === 14) r.get(16)
  r.get(8) // CRC-8
  return { size, channels, bits: DEPTHS[depthCode] || depth }
}

/**
 * Decodes a FLAC file of so many samples to one array for each channel.
 * @param {Uint8Array} bytes @param {number} total @param {number} [channels] that it must have
 */
export function flac (bytes, total, channels = 0) {
  if (String.fromCharCode(...bytes.subarray(0, 4)) !== 'fLaC') bad('it is none')
  if (bytes.length < 42 || bytes[4] & 127 || bytes[5] || bytes[6] || bytes[7] !== 34) bad('it has no STREAMINFO')
  const s = new Bits(bytes, 20)
  s.get(4)
  const wide = s.get(3) + 1
  const depth = s.get(5) + 1
  if (channels && wide !== channels) bad('another number of channels')
  let at = 4
  for (let last = false; !last;) {
    if (at + 4 > bytes.length) bad('it ends early')
    last = bytes[at] >= 128
    at += 4 + (bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3])
  }
  const planes = Array.from({ length: wide }, () => new Float32Array(total))
  const work = planes.map(() => new Float64Array(65536))
  const r = new Bits(bytes, at)
  for (let done = 0; done < total;) {
    const { size, channels, bits } = header(r, depth)
    const count = channels < 8 ? channels + 1 : 2
    if (count !== wide || done + size > total) bad('a frame that does not fit')
    for (let c = 0; c < count; c++) subframe(r, work[c], size, bits + (channels === 9 && c === 0 || (channels === 8 || channels === 10) && c === 1 ? 1 : 0))
    stereo(channels, work, size)
    const scale = 2 ** (1 - bits)
    for (let c = 0; c < count; c++) for (let i = 0, p = planes[c], w = work[c]; i < size; i++) p[done + i] = sane(w[i] * scale)
    r.align()
    r.get(16) // CRC-16
    done += size
  }
  return planes
}

// Left and right, out of one of them and their difference, or of middle and side.
function stereo (kind, [a, b], size) {
  if (kind === 8) for (let i = 0; i < size; i++) b[i] = a[i] - b[i]
  else if (kind === 9) for (let i = 0; i < size; i++) a[i] += b[i]
  else if (kind === 10) {
    for (let i = 0; i < size; i++) {
      const side = b[i]
      const twice = 2 * a[i] + (side % 2 === 0 ? 0 : 1)
      a[i] = (twice + side) / 2
      b[i] = (twice - side) / 2
    }
  }
}
