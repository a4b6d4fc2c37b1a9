// @ts-check
// PCM by hand: what a slice of samples, or a RIFF WAVE file of them, sounds
// like, as 32-bit floats of full scale 1. Integers of up to 24 bits come out
// exactly; 32-bit ones and 64-bit floats are rounded to the nearest.
import { SAMPLE_BYTES, SecstreamError } from './protocol.js'

/** A sample that no volume makes a bang of: what a server sends may be any number, or none. */
export const sane = v => v > 8 ? 8 : v < -8 ? -8 : v === v ? v : 0

// G.711.
const mulaw = c => {
  const v = ((((~c & 15) << 3) + 132) << (~c >> 4 & 7)) - 132
  return (c & 128 ? v : -v) / 32768
}
const alaw = c => {
  const [bits, segment] = [(c ^ 0x55) & 15, (c ^ 0x55) >> 4 & 7]
  const v = segment === 0 ? bits * 16 + 8 : (bits * 16 + 264) << (segment - 1)
  return (c & 128 ? v : -v) / 32768
}

/** @type {Record<string, (v: DataView, at: number) => number>} */
const read = {
  u8: (v, at) => (v.getUint8(at) - 128) / 128,
  s16: (v, at) => v.getInt16(at, true) / 32768,
  s24: (v, at) => (v.getUint16(at, true) | v.getInt8(at + 2) << 16) / 8388608,
  s32: (v, at) => v.getInt32(at, true) / 2147483648,
  f32: (v, at) => sane(v.getFloat32(at, true)),
  f64: (v, at) => sane(v.getFloat64(at, true)),
  alaw: (v, at) => alaw(v.getUint8(at)),
  mulaw: (v, at) => mulaw(v.getUint8(at))
}

/**
 * Interleaved samples as one array for each channel.
 * @param {Uint8Array} bytes @param {string} kind @param {number} channels
 */
export function samples (bytes, kind, channels) {
  const width = SAMPLE_BYTES[kind]
  if (!Object.hasOwn(SAMPLE_BYTES, kind)) throw new SecstreamError('audio', `samples of the kind ${kind} are not known`)
  const frames = Math.floor(bytes.length / (width * channels))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const get = read[kind]
  const planes = Array.from({ length: channels }, () => new Float32Array(frames))
  planes.forEach((plane, c) => {
    for (let i = 0, at = c * width, step = channels * width; i < frames; i++, at += step) plane[i] = get(view, at)
  })
  return planes
}

/**
 * The samples of a RIFF WAVE file.
 * @param {Uint8Array} bytes
 */
export function riff (bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const name = at => String.fromCharCode(...bytes.subarray(at, at + 4))
  const bad = () => { throw new SecstreamError('audio', 'a slice is no RIFF WAVE file') }
  if (bytes.length < 12 || name(0) !== 'RIFF' || name(8) !== 'WAVE') bad()
  let kind = ''
  let channels = 0
  for (let at = 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true)
    const body = at + 8
    if (size > bytes.length - body) bad()
    if (name(at) === 'fmt ' && size >= 16) {
      let tag = view.getUint16(body, true)
      if (tag === 0xfffe && size >= 26) tag = view.getUint16(body + 24, true)
      channels = view.getUint16(body + 2, true)
      kind = { '1.8': 'u8', '1.16': 's16', '1.24': 's24', '1.32': 's32', '3.32': 'f32', '3.64': 'f64', '6.8': 'alaw', '7.8': 'mulaw' }[`${tag}.${view.getUint16(body + 14, true)}`] ?? ''
    } else if (name(at) === 'data') {
      if (!kind || channels < 1 || channels > 32) bad()
      return samples(bytes.subarray(body, body + size), kind, channels)
    }
    at = body + size + size % 2
  }
  return bad()
}
