// @ts-check
// A track that is open, and its sound: what a slice is once it is decoded, exactly
// as many frames as the server said.
import { SecstreamError } from './protocol.js'

/** What a slice is at. */
export const SliceState = Object.freeze({ waiting: 0, fetching: 1, opened: 2, playing: 3, wiped: 4, refused: 5 })

/** A track of the queue that is open, or about to be. */
export class Opened {
  constructor (item) {
    this.item = item
    /** @type {any} */
    this.info = null
    this.handle = 0
    this.tags = {}
    this.hasCover = false
    this.first = false
    /** @type {any} */
    this.status = null
    /** @type {Map<number, AudioBuffer>} */
    this.buffers = new Map()
    /** @type {Map<number, AbortController>} */
    this.pending = new Map()
    /** @type {Map<number, any>} */
    this.errors = new Map()
    /** @type {Map<number, any>} silence stands in for them, and why */
    this.lost = new Map()
    this.states = new Uint8Array(0)
    this.error = undefined
    /** @type {number[]|undefined} */
    this.begins = undefined
    this.ready = undefined
    this.closed = false
  }

  get rate () { return this.info.sampleRate }
  get slices () { return this.info?.slices }

  /** Where slices begin, in seconds. */
  get starts () { return (this.begins ??= this.slices.map(s => s.start / this.rate)) }

  /** Has what was missing be asked for once more. */
  retry () {
    this.errors.clear()
    for (const i of this.lost.keys()) this.buffers.delete(i)
  }

  /** The slice that frame lies in. */
  find (frame) {
    let low = 0
    let high = this.slices.length - 1
    while (low < high) {
      const mid = (low + high + 1) >> 1
      if (this.slices[mid].start <= frame) low = mid
      else high = mid - 1
    }
    return low
  }
}

/**
 * The frames of a slice out of what a decoder made of it: all of them, where it
 * dropped what goes before by itself, or those behind preroll. What is missing
 * at the end is silence.
 */
export function trim (buffer, { samples, preroll }) {
  if (buffer.length === samples) return buffer
  const drop = buffer.length >= preroll + samples ? preroll : Math.max(0, Math.min(preroll, buffer.length - samples))
  const out = new AudioBuffer({ length: samples, numberOfChannels: buffer.numberOfChannels, sampleRate: buffer.sampleRate })
  for (let c = 0; c < buffer.numberOfChannels; c++) out.copyToChannel(buffer.getChannelData(c).subarray(drop, drop + samples), c)
  return out
}

const fromPlanes = (planes, sampleRate) => {
  const out = new AudioBuffer({ length: planes[0].length, numberOfChannels: planes.length, sampleRate })
  planes.forEach((p, c) => out.copyToChannel(p, c))
  return out
}

/** Silence in place of slice i; none where the browser makes no such buffer. */
export function silence (t, i) {
  try {
    return new AudioBuffer({ length: t.slices[i].samples, numberOfChannels: t.info.channels, sampleRate: t.rate })
  } catch { /* undefined */ }
}

/** Slice i out of what the worker made of it. warn is told where a browser makes it of another length. */
export async function decode (t, i, { planes, bytes }, warn) {
  const cut = t.slices[i]
  if (planes) {
    if (planes[0].length !== cut.samples && !cut.open) throw new SecstreamError('audio', `slice ${i + 1} has ${planes[0].length} frames, not ${cut.samples}`)
    return fromPlanes(planes, t.rate)
  }
  let raw
  try {
    const decoder = new OfflineAudioContext(Math.min(t.info.channels, 32), 1, t.rate)
    const file = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer
    raw = await decoder.decodeAudioData(file)
  } catch {
    throw new SecstreamError('audio', `this browser cannot decode slice ${i + 1} (${t.info.codec})`)
  }
  if (cut.open) return raw
  if (raw.length !== cut.samples && raw.length < cut.preroll + cut.samples) warn(`the browser decodes slice ${i + 1} to ${raw.length} frames, not ${cut.samples}`)
  return trim(raw, cut)
}
