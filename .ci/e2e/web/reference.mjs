// What files sound like to the decoders of others, and how what was heard
// compares with that.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const floats = b => new Float32Array(b.buffer.slice(b.byteOffset, b.byteOffset + b.length))

/** The samples of a file, interleaved, of full scale 1. */
export async function reference (file, codec) {
  const [name, ...args] = codec === 'opus'
    ? ['opusdec', '--quiet', '--float', '--rate', '48000', file, '-']
    : ['ffmpeg', '-nostdin', '-v', 'quiet', '-i', file, '-map', '0:a', '-f', 'f32le', '-']
  return floats((await promisify(execFile)(name, args, { maxBuffer: 1 << 30, encoding: 'buffer' })).stdout)
}

/** Samples that a page gave as base64. */
export const fromPage = text => floats(Buffer.concat((text.match(/.{1,32768}/g) ?? []).map(s => Buffer.from(s, 'base64'))))

/** The largest difference of n values, and where it is. */
export function difference (got, at, want, from = 0, n = want.length - from) {
  let max = 0
  let where = 0
  for (let i = 0; i < n; i++) {
    const d = Math.abs(got[at + i] - want[from + i])
    if (!(d <= max)) { max = Number.isNaN(d) ? Infinity : d; where = i }
  }
  return { max, where }
}

/** The loudest of what should be silent. */
export function loudest (got, from, to) {
  let max = 0
  for (let i = Math.max(from, 0); i < Math.min(to, got.length); i++) max = Math.max(max, Math.abs(got[i]))
  return max
}
