// A client that goes about things as the published 0.2.1 browser client does
// (protocol v1, sections 1 to 5, 7 and 12), held against a running server: it
// knows only the published fields, takes WAV slices apart by hand, and finds
// the slice for a time by division. Written from the protocol page.
//
//   SECSTREAM_ADDRESS=http://… SECSTREAM_FILES=FOLDER node v1client.test.mjs
//
// The server serves FOLDER with --allow-upload and trusts
// https://player.example. FOLDER holds wav-KIND.wav files, and others.
import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { inflateRawSync } from 'node:zlib'

const { subtle } = webcrypto
const address = process.env.SECSTREAM_ADDRESS
const folder = process.env.SECSTREAM_FILES
assert.ok(address && folder, 'SECSTREAM_ADDRESS and SECSTREAM_FILES are not set')
const files = readdirSync(folder).sort().map(name => join(folder, name))

const curve = { name: 'ECDH', namedCurve: 'P-256' }
const aes = { name: 'AES-GCM', length: 256 }
const metadata = { algorithm: 'ECDH', curve: 'P-256', keyType: 'CryptoKey' }

const table = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1
  return n
})
const crc32 = bytes => {
  let c = -1
  for (const b of bytes) c = (c >>> 8) ^ table[(c ^ b) & 255]
  return (~c >>> 0).toString(16).toUpperCase().padStart(8, '0')
}

// The transport: how the published demo talks to its server.
const transport = {
  async answer (resp) {
    const body = await resp.json()
    if (!resp.ok) {
      assert.equal(typeof body.error, 'string', `an error without text: ${JSON.stringify(body)}`)
      throw Object.assign(new Error(body.error), { status: resp.status })
    }
    return body
  },
  async createSession (file, randomize) {
    const form = new FormData()
    form.append('audio', new Blob([readFileSync(file)]), basename(file))
    if (randomize !== undefined) form.append('randomizeSliceLength', randomize)
    return this.answer(await fetch(`${address}/api/sessions`, { method: 'POST', body: form }))
  },
  async keyExchange (session, request, track) {
    return this.answer(await fetch(`${address}/api/sessions/${session}/key-exchange`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(track ? { ...request, trackId: track } : request)
    }))
  },
  async info (session) {
    return this.answer(await fetch(`${address}/api/sessions/${session}/info`))
  },
  async slice (session, id) {
    const resp = await fetch(`${address}/api/sessions/${session}/slices/${id}`)
    if (!resp.ok) return this.answer(resp)
    const need = name => {
      const value = resp.headers.get(name)
      assert.notEqual(value, null, `${name} is missing`)
      return value
    }
    const body = new Uint8Array(await resp.arrayBuffer())
    const [cipher, iv] = [Number(need('X-Encrypted-Data-Length')), Number(need('X-IV-Length'))]
    assert.equal(cipher + iv, body.length)
    assert.equal(need('X-Slice-ID'), id)
    assert.equal(need('X-Session-ID'), session)
    assert.equal(need('X-CRC32-Hash').toUpperCase(), crc32(body))
    return { data: body.subarray(0, cipher), iv: body.subarray(cipher), sequence: Number(need('X-Slice-Sequence')) }
  }
}

// One listener. Keys are kept by track, that of a session of one track under
// the name "default".
class Client {
  keys = new Map()

  async start (session) {
    this.session = session
    this.info = await this.exchange()
    this.active = this.info.tracks?.[0].trackId ?? 'default'
    this.keys.set(this.active, this.key)
    return this.info
  }

  async exchange (track) {
    const pair = await subtle.generateKey(curve, true, ['deriveKey'])
    const publicKey = Buffer.from(await subtle.exportKey('spki', pair.publicKey)).toString('base64')
    const answer = await transport.keyExchange(this.session, { publicKey, metadata }, track)
    assert.equal(answer.publicKey.length, 124)
    assert.deepEqual(answer.metadata, metadata)
    const theirs = await subtle.importKey('spki', Buffer.from(answer.publicKey, 'base64'), curve, true, [])
    this.key = await subtle.deriveKey({ name: 'ECDH', public: theirs }, pair.privateKey, aes, true, ['encrypt', 'decrypt'])
    return answer.sessionInfo
  }

  // switchTrack agrees on a track's key the first time it is played, and has
  // the track's fields take the top level.
  async switchTrack (id) {
    if (!this.keys.has(id)) {
      const info = await this.exchange(id)
      this.keys.set(id, this.key)
      this.info.tracks = info.tracks
    }
    this.active = id
    const { trackId, trackIndex, ...fields } = this.info.tracks.find(t => t.trackId === id)
    Object.assign(this.info, fields)
  }

  async plain (i) {
    const s = await transport.slice(this.session, this.info.sliceIds[i])
    assert.equal(s.sequence, i)
    const packed = await subtle.decrypt({ name: 'AES-GCM', iv: s.iv }, this.keys.get(this.active), s.data)
    return inflateRawSync(Buffer.from(packed))
  }

  // samples is how the client reads a WAV slice: no header, so by bitDepth
  // and isFloat32 alone.
  async samples (i) {
    const b = await this.plain(i)
    const read = {
      16: o => b.readInt16LE(o) / 0x8000,
      24: o => b.readIntLE(o, 3) / 0x800000,
      32: this.info.isFloat32 ? o => b.readFloatLE(o) : o => b.readInt32LE(o) / 0x80000000
    }[this.info.bitDepth]
    const width = this.info.bitDepth / 8
    assert.equal(b.length % (width * this.info.channels), 0)
    return Float64Array.from({ length: b.length / width }, (_, k) => read(k * width))
  }

  async all () {
    const parts = []
    for (let i = 0; i < this.info.totalSlices; i++) parts.push(await this.samples(i))
    return parts
  }

  sliceAt (seconds) {
    return Math.floor(seconds / (this.info.sliceDuration / 1000))
  }
}

// G.711 from its definition: sign, segment, four bits, each segment twice as
// coarse as the last.
const mulaw = c => {
  const v = ((((~c & 15) << 3) + 132) << (~c >> 4 & 7)) - 132
  return c & 128 ? v : -v
}
const alaw = c => {
  const [bits, segment] = [(c ^ 0x55) & 15, (c ^ 0x55) >> 4 & 7]
  const v = segment === 0 ? bits * 16 + 8 : (bits * 16 + 264) << (segment - 1)
  return c & 128 ? v : -v
}

// wav reads a file as this test understands it: [kind, channels, samples].
function wav (path) {
  const b = readFileSync(path)
  let form, data
  for (let at = 12; at + 8 <= b.length; at += 8 + b.readUInt32LE(at + 4) + (b.readUInt32LE(at + 4) & 1)) {
    const body = b.subarray(at + 8, at + 8 + b.readUInt32LE(at + 4))
    const id = b.toString('latin1', at, at + 4)
    if (id === 'fmt ') form = body
    if (id === 'data') data = body
  }
  const tag = form.readUInt16LE(0) === 0xfffe ? form.readUInt16LE(24) : form.readUInt16LE(0)
  const bits = form.readUInt16LE(14)
  const read = {
    '1.8': o => (data[o] - 128) / 128,
    '1.16': o => data.readInt16LE(o) / 0x8000,
    '1.24': o => data.readIntLE(o, 3) / 0x800000,
    '1.32': o => data.readInt32LE(o) / 0x80000000,
    '3.32': o => data.readFloatLE(o),
    '3.64': o => Math.fround(data.readDoubleLE(o)), // the one conversion that may round
    '6.8': o => alaw(data[o]) / 0x8000,
    '7.8': o => mulaw(data[o]) / 0x8000
  }[`${tag}.${bits}`]
  return Float64Array.from({ length: data.length / (bits / 8) }, (_, k) => read(k * bits / 8))
}

function equal (parts, want) {
  let at = 0
  for (const p of parts) {
    for (const v of p) {
      if (v !== want[at]) assert.fail(`sample ${at} is ${v}, not ${want[at]}`)
      at++
    }
  }
  assert.equal(at, want.length)
}

const refused = (promise, ...statuses) => assert.rejects(promise, err => {
  assert.ok(statuses.includes(err.status), `${err.status} ${err.message}`)
  return true
})

const kinds = { u8: 16, s16le: 16, s24le: 24, s32le: 32, f32le: 32, f64le: 32, alaw: 16, mulaw: 16 }

async function library () {
  for (;;) {
    const list = await (await fetch(`${address}/api/library`)).json()
    if (!list.scanning) return list.tracks
  }
}

const ids = async (...names) => {
  const tracks = await library()
  return names.map(n => tracks.find(t => t.path === n).id)
}

const open = async (tracks, more) => transport.answer(await fetch(`${address}/api/sessions`, {
  method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ tracks, ...more })
}))

test('the vector of section 3 opens', async () => {
  const key = await subtle.importKey('raw', Buffer.from('ccfc261f58193c98ca4ad4a53bbac6f0ee29bc4d48438090446908622ca79af6', 'hex'), aes, true, ['decrypt'])
  const body = Buffer.from('c2387055446d2c4f308a643bf56f545e4b81b933969fe8d05fcdf81a1a892811d68aa19f3c8c2ffd5497835f83f4830df3e58b7aa2000102030405060708090a0b', 'hex')
  assert.equal(crc32(body).toLowerCase(), '702fca97')
  const packed = await subtle.decrypt({ name: 'AES-GCM', iv: body.subarray(53) }, key, body.subarray(0, 53))
  assert.equal(inflateRawSync(Buffer.from(packed)).toString(), 'secstream wire vector: 0123456789 0123456789 0123456789')
})

for (const [kind, bits] of Object.entries(kinds)) {
  test(`a WAV file of ${kind}, sent and played`, async () => {
    const path = join(folder, `wav-${kind}.wav`)
    const made = await transport.createSession(path)
    assert.equal(made.message, 'Session created successfully')
    assert.equal(made.configuration.randomizeSliceLength, false)
    assert.equal(made.metadata.format, 'wav')
    const client = new Client()
    const info = await client.start(made.sessionId)
    assert.equal(info.sessionId, made.sessionId)
    assert.equal(info.format, 'wav')
    assert.equal(info.bitDepth, bits)
    assert.equal(info.isFloat32 ?? false, kind.startsWith('f'))
    assert.equal(info.sliceDuration, 5000)
    assert.equal(info.sampleRate, made.metadata.sampleRate)
    const want = wav(path)
    assert.equal(info.totalSlices, Math.ceil(want.length / info.channels / (info.sampleRate * 5)))
    assert.ok(Math.abs(made.metadata.duration - want.length / info.channels / info.sampleRate) < 1e-6)
    equal(await client.all(), want)
  })
}

test('a time leads to its slice by division', async () => {
  for (const path of files) {
    const client = new Client()
    const info = await client.start((await transport.createSession(path)).sessionId)
    const seconds = info.totalSamples / info.sampleRate
    assert.equal(info.totalSlices, Math.ceil(seconds * 1000 / info.sliceDuration), path)
    for (const [i, s] of info.slices.entries()) {
      assert.equal(client.sliceAt((s.start + s.samples / 2) / info.sampleRate), i, path)
      // A slice begins with a frame of its codec; in these files they last up to 4096/8000 s.
      assert.ok(Math.abs(s.start / info.sampleRate - i * info.sliceDuration / 1000) <= 0.512, `${path}: slice ${i} starts at ${s.start}`)
    }
    assert.equal(client.sliceAt(seconds - 0.01), info.totalSlices - 1, path)
  }
})

test('randomised lengths are those of section 7', async () => {
  const path = join(folder, 'music-coffee-8k.wav')
  const made = await transport.createSession(path, 'true')
  assert.equal(made.configuration.randomizeSliceLength, true)
  const client = new Client()
  const info = await client.start(made.sessionId)
  const total = wav(path).length / info.channels
  const average = Math.floor(info.sampleRate * info.sliceDuration / 1000)
  let hash = 0
  for (let i = 0; i < made.sessionId.length; i++) hash = (Math.imul(31, hash) + made.sessionId.charCodeAt(i)) | 0
  let state = Math.abs(hash)
  const lengths = []
  for (let done = 0; done < total;) {
    state = (1103515245 * state + 12345) % 2 ** 31
    const length = Math.floor(average * (1 + (state / 2 ** 31 * 2 - 1) * 0.4))
    const rest = total - done
    if (rest < average * 0.3 && lengths.length > 0) {
      lengths[lengths.length - 1] += rest
      break
    }
    lengths.push(Math.min(length, rest))
    done += lengths[lengths.length - 1]
  }
  const parts = await client.all()
  assert.deepEqual(parts.map(p => p.length / info.channels), lengths)
  assert.notEqual(new Set(lengths).size, 1)
  equal(parts, wav(path))
  for (const text of ['TRUE', '1', 'false']) { // only the exact text turns it on
    assert.equal((await transport.createSession(path, text)).configuration.randomizeSliceLength, false, text)
  }
})

test('two listeners share a session', async () => {
  const path = join(folder, 'music-drums.wav')
  const { sessionId } = await transport.createSession(path)
  const [a, b] = [new Client(), new Client()]
  await a.start(sessionId)
  await b.start(sessionId)
  assert.deepEqual(await transport.info(sessionId), b.info)
  const want = wav(path)
  const [fromA, fromB] = await Promise.all([a.all(), b.all()])
  equal(fromA, want)
  equal(fromB, want)
  assert.notDeepEqual(await subtle.exportKey('raw', a.key), await subtle.exportKey('raw', b.key))
})

test('the same slice asked for twice is the same sound, and no IV serves two', async () => {
  const client = new Client()
  await client.start((await transport.createSession(join(folder, 'wav-u8.wav'))).sessionId)
  const twice = await Promise.all([0, 1].map(() => transport.slice(client.session, client.info.sliceIds[0])))
  const [one, two] = twice.map(slice => Buffer.from(slice.iv).toString('hex'))
  if (one === two) assert.deepEqual(twice[0], twice[1]) // kept, so it has to be the same to the byte
  assert.deepEqual(await client.plain(0), await client.plain(0))
})

test('a session of several tracks', async () => {
  const names = ['wav-s24le.wav', 'music-guitar.flac', 'wav-f64le.wav', 'music-drums.wav']
  const made = await open(await ids(...names))
  const client = new Client()
  const info = await client.start(made.sessionId)
  assert.equal(info.tracks.length, names.length)
  assert.equal(info.activeTrackId, info.tracks[0].trackId)
  assert.equal(new Set(info.tracks.map(t => t.trackId)).size, names.length)
  for (const [i, t] of info.tracks.entries()) {
    assert.equal(t.trackIndex, i)
    if (i === 0) {
      for (const name of ['totalSlices', 'sliceDuration', 'sampleRate', 'channels', 'bitDepth', 'sliceIds', 'format']) {
        assert.deepEqual(t[name], info[name], name)
      }
      continue
    }
    // No key yet: a placeholder.
    const { totalSlices, sampleRate, channels, sliceIds, duration, format, bitDepth } = t
    assert.deepEqual({ totalSlices, sampleRate, channels, sliceIds, duration, format, bitDepth },
      { totalSlices: 0, sampleRate: 0, channels: 0, sliceIds: [], duration: 0, format: undefined, bitDepth: undefined })
  }
  equal(await client.all(), wav(join(folder, names[0])))
  for (const i of [3, 2, 0, 3]) { // lazily, in any order, and back
    await client.switchTrack(info.tracks[i].trackId)
    equal(await client.all(), wav(join(folder, names[i])))
  }
  await client.switchTrack(client.info.tracks[1].trackId)
  assert.equal(client.info.format, 'flac')
  assert.equal((await client.plain(0)).toString('latin1', 0, 4), 'fLaC')
  assert.equal(client.info.tracks.filter(t => t.sliceIds.length > 0).length, names.length)
  const keys = await Promise.all([...client.keys.values()].map(async k => Buffer.from(await subtle.exportKey('raw', k)).toString('hex')))
  assert.equal(new Set(keys).size, names.length)

  const again = await transport.info(made.sessionId)
  assert.equal(again.tracks.length, names.length)
  assert.deepEqual(again.tracks[2].sliceIds, client.info.tracks[2].sliceIds)
  await refused(transport.keyExchange(made.sessionId, { publicKey: 'x', metadata }, 'no-such-track'), 400, 404)
})

test('what is not there is 404, before the key exchange too', async () => {
  const { sessionId } = await transport.createSession(join(folder, 'wav-u8.wav'))
  await refused(transport.info(sessionId), 404)
  await refused(transport.slice(sessionId, 'AAAAAAAAAAAAAAAAAAAAA'), 404)
  const client = new Client()
  await client.start(sessionId)
  await refused(transport.slice(sessionId, 'AAAAAAAAAAAAAAAAAAAAA'), 404)
  await refused(transport.slice('session_0_none', client.info.sliceIds[0]), 404)
  await refused(transport.info('session_0_none'), 404)
  client.session = 'session_0_none'
  await refused(client.exchange(), 404)
})

test('what cannot be used is refused in JSON', async () => {
  const send = (body, headers) => fetch(`${address}/api/sessions`, { method: 'POST', body, headers }).then(r => transport.answer(r))
  const form = new FormData()
  form.append('other', 'x')
  await refused(send(form), 400) // no file
  await refused(send('text', { 'content-type': 'text/plain' }), 400, 415)
  const noAudio = new FormData()
  noAudio.append('audio', new Blob(['this is not audio']), 'song.mp3')
  await refused(send(noAudio), 400, 415)
  const silent = Buffer.from('524946462400000057415645666d7420100000000100000000000000000000000000000064617461ffffffff', 'hex')
  const endless = new FormData() // 44 bytes that 0.2.1 never finishes with: no channels, no rate
  endless.append('audio', new Blob([silent]), 'endless.wav')
  await refused(send(endless), 400, 415)
  const { sessionId } = await transport.createSession(join(folder, 'wav-u8.wav'))
  await refused(transport.keyExchange(sessionId, { metadata }), 400)
  await refused(transport.answer(await fetch(`${address}/api/nowhere`)), 404)
})

test('a page elsewhere may read the headers when it is trusted, and not otherwise', async () => {
  const from = async (origin, method = 'GET', path = '/health') => (await fetch(address + path, { method, headers: { origin } })).headers
  const trusted = await from('https://player.example')
  assert.equal(trusted.get('access-control-allow-origin'), 'https://player.example')
  const exposed = trusted.get('access-control-expose-headers').toLowerCase().split(/, */)
  for (const name of ['x-slice-id', 'x-slice-sequence', 'x-session-id', 'x-encrypted-data-length', 'x-iv-length', 'x-crc32-hash']) {
    assert.ok(exposed.includes(name), name)
  }
  assert.equal((await from('https://elsewhere.example')).get('access-control-allow-origin'), null)
  const preflight = await fetch(`${address}/api/sessions`, { method: 'OPTIONS', headers: { origin: 'https://player.example', 'access-control-request-method': 'POST' } })
  assert.equal(preflight.status, 204)
})

test('stats and health have the published fields', async () => {
  const stats = await (await fetch(`${address}/api/stats`)).json()
  for (const name of ['server', 'framework', 'timestamp']) assert.equal(typeof stats[name], 'string', name)
  for (const name of ['activeSessions', 'totalSessions']) assert.ok(stats[name] > 0, name)
  const health = await (await fetch(`${address}/health`)).json()
  assert.equal(health.status, 'ok')
  assert.ok(!Number.isNaN(Date.parse(health.timestamp)) && health.uptime > 0)
})
