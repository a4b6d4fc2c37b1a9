// A listener written from docs/protocol.md alone, with nothing but what Node
// brings: WebCrypto, zlib, fetch. It knows no code of secstream's, so what it
// plays shows that the protocol page is enough.
//
//   node play.mjs [--native] ADDRESS OUTDIR          every track of the library, a session each
//   node play.mjs --upload ADDRESS OUTDIR FILE...    the files, sent first
//
// --native asks for the samples of WAV files as they are stored.
//
// For track N it writes the plain slices as OUTDIR/N/00000.flac and so on,
// OUTDIR/N/info.json, and for shell scripts OUTDIR/N/track (path, format,
// codec, channels, bits, kind of PCM, by tabs) and OUTDIR/N/samples (frames of
// each slice, a line each). It checks what the protocol promises on the way.
import { webcrypto } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

const { subtle } = webcrypto

function check (ok, what) {
  if (!ok) throw new Error(what)
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1
  return n >>> 0
})

function crc32 (bytes) {
  let c = 0xffffffff
  for (const b of bytes) c = (c >>> 8) ^ crcTable[(c ^ b) & 0xff]
  return ((c ^ 0xffffffff) >>> 0).toString(16).padStart(8, '0')
}

const sampleBytes = { u8: 1, alaw: 1, mulaw: 1, s16: 2, s24: 3, s32: 4, f32: 4, f64: 8 }

async function json (url, init) {
  const resp = await fetch(url, init)
  const body = await resp.json()
  if (!resp.ok) throw new Error(`${url}: ${resp.status} ${JSON.stringify(body)}`)
  return body
}

const post = value => ({
  method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(value)
})

async function exchange (session) {
  const pair = await subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveKey'])
  const spki = Buffer.from(await subtle.exportKey('spki', pair.publicKey))
  const answer = await json(`${session}/key-exchange`, post({
    publicKey: spki.toString('base64'),
    ...(native ? { pcm: 'native' } : {}),
    metadata: { algorithm: 'ECDH', curve: 'P-256', keyType: 'CryptoKey' }
  }))
  const theirs = await subtle.importKey('spki', Buffer.from(answer.publicKey, 'base64'),
    { name: 'ECDH', namedCurve: 'P-256' }, false, [])
  const key = await subtle.deriveKey({ name: 'ECDH', public: theirs }, pair.privateKey,
    { name: 'AES-GCM', length: 256 }, false, ['decrypt'])
  return { key, info: answer.sessionInfo, raw: JSON.stringify(answer.sessionInfo) }
}

async function slice (session, id, index, key) {
  const resp = await fetch(`${session}/slices/${id}`)
  const body = new Uint8Array(await resp.arrayBuffer())
  check(resp.ok, `slice ${index}: ${resp.status}`)
  const h = name => resp.headers.get(name)
  check(h('content-type') === 'application/octet-stream', `slice ${index}: type ${h('content-type')}`)
  check(h('x-slice-id') === id, `slice ${index}: X-Slice-ID ${h('x-slice-id')}`)
  check(h('x-slice-sequence') === String(index), `slice ${index}: X-Slice-Sequence ${h('x-slice-sequence')}`)
  check(session.endsWith(h('x-session-id')), `slice ${index}: X-Session-ID`)
  check(h('x-crc32-hash') === crc32(body), `slice ${index}: X-CRC32-Hash`)
  const cipherLength = Number(h('x-encrypted-data-length'))
  const ivLength = Number(h('x-iv-length'))
  check(ivLength === 12 && cipherLength + ivLength === body.length, `slice ${index}: lengths`)
  const iv = body.subarray(cipherLength)
  const packed = await subtle.decrypt({ name: 'AES-GCM', iv }, key, body.subarray(0, cipherLength))
  return inflateRawSync(Buffer.from(packed))
}

async function play (session, path, out) {
  mkdirSync(out, { recursive: true })
  const { key, info, raw } = await exchange(session)
  const again = await json(`${session}/info`)
  check(JSON.stringify(again) === raw, 'info differs from the key exchange')
  check(info.sliceIds.length === info.totalSlices, 'totalSlices')
  check(new Set(info.sliceIds).size === info.totalSlices, 'a slice ID comes twice')
  check(info.slices.length === info.totalSlices, 'slices')
  check(Math.abs(info.duration - info.totalSamples / info.sampleRate) < 1e-6, 'duration')
  const frame = info.channels * (sampleBytes[info.sampleFormat] ?? 0)
  check(info.format !== 'wav' || frame > 0, `sampleFormat ${info.sampleFormat}`)
  let at = 0
  for (const [i, { start, samples, preroll }] of info.slices.entries()) {
    check(start === at && samples > 0 && preroll >= 0, `slice ${i} has ${samples} samples from ${start}, not ${at}`)
    at += samples
    const plain = await slice(session, info.sliceIds[i], i, key)
    check(info.format !== 'wav' || plain.length === samples * frame, `slice ${i}: ${plain.length} bytes of PCM, not ${samples * frame}`)
    writeFileSync(join(out, `${String(i).padStart(5, '0')}.${info.codec === 'opus' ? 'opus' : info.format}`), plain)
  }
  check(at === info.totalSamples, 'slices do not cover the track')
  writeFileSync(join(out, 'info.json'), raw)
  writeFileSync(join(out, 'samples'), info.slices.map(s => `${s.samples}\n`).join(''))
  writeFileSync(join(out, 'track'),
    [path, info.format, info.codec, info.channels, info.bitDepth, info.sampleFormat ?? '-'].join('\t') + '\n')
  const end = await fetch(session, { method: 'DELETE' })
  check(end.status === 204, `the end of the session: ${end.status}`)
  check((await fetch(`${session}/info`)).status === 404, 'the session outlives its end')
  return info
}

async function upload (address, file) {
  const form = new FormData()
  form.append('audio', new Blob([readFileSync(file)]), basename(file))
  form.append('randomizeSliceLength', 'true')
  const made = await json(`${address}/api/sessions`, { method: 'POST', body: form })
  check(made.configuration.randomizeSliceLength === true, 'configuration')
  return made
}

async function library (address) {
  for (;;) {
    const list = await json(`${address}/api/library`)
    if (!list.scanning) return list.tracks
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

async function main (address, out, ...files) {
  const tracks = sending ? files.map(path => ({ path })) : await library(address)
  check(tracks.length > 0, 'there is nothing to play')
  let slices = 0
  for (const [n, track] of tracks.entries()) {
    try {
      const made = await (sending ? upload(address, track.path) : json(`${address}/api/sessions`, post({ tracks: [track.id] })))
      check(made.message === 'Session created successfully', 'message')
      const info = await play(`${address}/api/sessions/${made.sessionId}`, sending ? basename(track.path) : track.path, join(out, String(n)))
      const facts = sending ? made.metadata : track
      for (const name of ['format', 'sampleRate', 'channels', 'duration']) {
        check(info[name] === facts[name], `${name} is ${info[name]} and was ${facts[name]}`)
      }
      check(sending || info.totalSamples === track.totalSamples, 'totalSamples')
      slices += info.totalSlices
    } catch (err) {
      throw new Error(`${track.path}: ${err.message}`)
    }
  }
  console.log(`${tracks.length} tracks, ${slices} slices`)
}

const options = process.argv.slice(2).filter(a => a.startsWith('--'))
const native = options.includes('--native')
const sending = options.includes('--upload')
main(...process.argv.slice(2).filter(a => !a.startsWith('--'))).catch(err => {
  console.error(`play.mjs: ${err.message}`)
  process.exit(1)
})
