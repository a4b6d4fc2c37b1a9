// @ts-check
// How long a file of MP3 or Ogg is, before a browser decodes it: that makes as
// much sound as there is in it, whatever the server said of it, or none of it.
import { SecstreamError } from './protocol.js'

const bad = what => { throw new SecstreamError('audio', `a slice is not what it should be: ${what}`) }
const is = (bytes, at, text) => [...text].every((c, i) => bytes[at + i] === c.charCodeAt(0))

const KBITS = [[4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40], [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 18, 20]] // by 8

// Frames of layer III (ISO 11172-3 section 2.4.1.3), one behind the other, or
// behind what is none.
function mp3 (bytes) {
  let seconds = 0
  let at = is(bytes, 0, 'ID3') ? 10 + (bytes[6] << 21 | bytes[7] << 14 | bytes[8] << 7 | bytes[9]) : 0
  const first = at
  while (at + 4 <= bytes.length) {
    const [, b, c] = bytes.subarray(at, at + 3)
    const halved = [2, 9, 1, 0][b >> 3 & 3] // MPEG 2.5, none, 2, 1
    const kbits = KBITS[halved ? 1 : 0][(c >> 4) - 1]
    const rate = [44100, 48000, 32000][c >> 2 & 3] >> halved
    if (bytes[at] === 255 && (b & 0xe6) === 0xe2 && halved < 9 && kbits && rate) {
      const samples = halved ? 576 : 1152
      seconds += samples / rate
      at += Math.floor(samples * kbits * 1000 / rate) + (c >> 1 & 1)
    } else if (at === first) bad('no MP3')
    else at++
  }
  return seconds
}

// Packets of one stream (RFC 3533), by what is in front of each.
function ogg (bytes, { codec, channels, sampleRate }) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const opus = codec === 'opus'
  let seconds = 0
  let each = 0 // what a packet of Vorbis has at least
  let packets = 0
  let head = /** @type {number[]} */ ([])
  for (let at = 0; at + 27 <= bytes.length;) {
    if (!is(bytes, at, 'OggS')) {
      if (at++ === 0) bad('no Ogg')
      continue
    }
    if ((bytes[at + 5] & 2) !== (at === 0 ? 2 : 0) || view.getUint32(at + 14) !== view.getUint32(14)) bad('several streams')
    const sizes = bytes.subarray(at + 27, at += 27 + bytes[at + 26])
    for (const size of sizes) {
      head.push(...bytes.subarray(at, at + Math.min(size, 30 - head.length)))
      at += size
      if (size === 255) continue
      const [a, b] = head
      if (packets === 0) {
        const rate = head[12] | head[13] << 8 | head[14] << 16
        const [low, high] = [head[28] & 15, head[28] >> 4]
        if (!is(head, 0, opus ? 'OpusHead' : '\x01vorbis') || head[opus ? 9 : 11] !== channels || !opus && (rate !== sampleRate || head[15] || high < low)) bad('another kind of sound')
        each = Math.max(1 << low, 1 << high >> 4) / 2 / rate
      } else if (!opus && packets > 2) seconds += each
      else if (opus && packets > 1 && head.length > 0) { // RFC 6716 section 3.1
        const size = a >= 128 ? 120 << (a >> 3 & 3) : a >= 96 ? 480 << (a >> 3 & 1) : Math.min(480 << (a >> 3 & 3), 2880)
        seconds += [1, 2, 2, b & 63][a & 3] * size / 48000
      }
      packets++
      head = []
    }
  }
  return seconds
}

/** Refuses a slice that is a second longer than it should be, or of another kind. */
export function weigh (bytes, info, { samples, preroll, open }) {
  const seconds = info.format === 'mp3' ? mp3(bytes) : info.format === 'ogg' ? ogg(bytes, info) : bad(`no kind of sound is called ${info.format}`)
  const most = (open ? 2 : 1) * (preroll + samples) / info.sampleRate + 1
  if (!(seconds <= most)) bad(`${seconds.toFixed(1)} seconds, not ${most.toFixed(1)}`)
}
