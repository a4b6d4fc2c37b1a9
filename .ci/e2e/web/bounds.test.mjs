// What a server may make the browser's modules do: how much they take of it,
// how long they wait, and what they make of nonsense. In Node.
import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { deflateRawSync, gzipSync } from 'node:zlib'

globalThis.crypto ??= webcrypto
const page = new URL('../../../pkg/web/page/', import.meta.url)
const p = await import(new URL('protocol.js', page))
const { samples } = await import(new URL('pcm.js', page))
const { flac } = await import(new URL('flac.js', page))
const { weigh } = await import(new URL('length.js', page))
const { parse } = await import(new URL('lyrics.js', page))
const { Loader } = await import(new URL('loader.js', page))
const { Opened } = await import(new URL('track.js', page))
const audio = name => new Uint8Array(readFileSync(new URL(`../../../testdata/audio/${name}`, import.meta.url)))

const error = work => work.then(v => assert.fail(`taken: ${String(v).slice(0, 80)}`), err => (assert.ok(err instanceof p.SecstreamError, err.stack), err))

/** A real server that answers as answer(req, resp) likes. */
async function listening (answer, work, more) {
  const server = createServer(answer)
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  try {
    return await work(new p.Server(`http://127.0.0.1:${server.address().port}`, more))
  } finally {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
}

// Sends for ever, or so many bytes; stops when nobody listens.
function pour (resp, count = Infinity) {
  const part = Buffer.alloc(1 << 16, 120)
  let sent = 0
  const on = () => {
    while (sent < count && !resp.destroyed) {
      sent += part.length
      if (!resp.write(part)) return void resp.once('drain', on)
    }
    resp.end()
  }
  resp.on('close', () => { sent = Infinity })
  on()
}

test('no answer is longer than it may be, whatever it says of its length', async () => {
  const id = 'x'
  const asks = [['library', 128 << 20], ['stats', 64 << 10], ['lyrics', 1 << 20, id], ['cover', 16 << 20, id]]
  let taken = 0
  await listening((req, resp) => { resp.on('close', () => { taken = resp.socket?.bytesWritten ?? taken }); pour(resp) }, async server => {
    for (const [name, most, ...args] of asks.slice(1)) {
      const err = await error(server[name](...args))
      assert.match(err.message, new RegExp(`longer than it should be: more than ${most} bytes`), name)
      assert.equal(err.kind, 'protocol')
    }
    await server.lyrics(id).catch(() => {})
    assert.match((await error(server.post('/api/sessions', {}))).message, /more than 65536 bytes/)
  })
  // As little of what gzip makes of a few bytes.
  const bomb = gzipSync(Buffer.alloc(140 << 20, 32))
  await listening((req, resp) => { resp.writeHead(200, { 'Content-Encoding': 'gzip', 'Content-Length': bomb.length }); resp.end(bomb) }, async server => {
    for (const [name, most, ...args] of asks) assert.match((await error(server[name](...args))).message, new RegExp(`more than ${most} bytes`), name)
  })
  // A refusal is no longer than that either.
  await listening((req, resp) => { resp.writeHead(403); pour(resp) }, async server => {
    assert.match((await error(server.library())).message, /more than 65536 bytes/)
  })
  // What fits is taken whole.
  await listening((req, resp) => pour(resp, 1 << 20), async server => {
    assert.equal((await server.lyrics(id)).length, 1 << 20)
    assert.equal((await server.cover(id)).size, 1 << 20)
  })
})

test('a slice is as long as the manifest says, and no longer', async () => {
  const info = { ...described(), sliceIds: ['a'], totalSlices: 1 }
  for (const [slice, most] of [[{}, 20 + 2 + 4096], [{ open: true }, 160 << 20]]) {
    const asked = []
    const t = new p.Track({ request: async (...a) => { asked.push(a[2]); throw new p.SecstreamError('refused', 'no') } }, { id: 'x' })
    t.info = { ...info, slices: [{ start: 0, samples: 10, preroll: 0, ...slice }] }
    await error(t.slice(0))
    assert.deepEqual(asked, [most])
  }
})

test('who drips is given up, who is slow is not', async () => {
  const drip = (text, ms) => (req, resp) => {
    let i = 0
    const timer = setInterval(() => resp.write(text[i++] ?? ' '), ms)
    resp.on('close', () => clearInterval(timer))
  }
  for (const [name, answer] of [['drips', drip('{"tracks":[', 20)], ['is silent', () => {}], ['stops', (req, resp) => resp.write('{')]]) {
    const err = await listening(answer, server => error(server.library()), { patience: 300 })
    assert.deepEqual([err.kind, err.message], ['network', 'the server takes too long'], name)
  }
  const text = JSON.stringify({ version: 1, tracks: [], more: 'x'.repeat(8000) })
  await listening((req, resp) => { // 8 kB in more time than patience is
    let at = 0
    const timer = setInterval(() => { if (at < text.length) resp.write(text.slice(at, at += 1000)); else { clearInterval(timer); resp.end() } }, 60)
  }, async server => assert.equal((await server.library()).version, 1), { patience: 300 })
  // Who is given up by the listener is no failure of the server.
  await listening(() => {}, async server => {
    const job = new AbortController()
    const wait = error(server.library(job.signal))
    job.abort()
    assert.equal((await wait).kind, 'aborted')
    assert.equal((await error(server.library(job.signal))).kind, 'aborted')
  })
})

test('DEFLATE is expanded as far as was declared', async () => {
  const bomb = new Uint8Array(deflateRawSync(Buffer.alloc(64 << 20), { level: 9 }))
  let fed = 0
  const Stream = globalThis.DecompressionStream
  globalThis.DecompressionStream = class {
    constructor (kind) {
      const inner = new Stream(kind)
      const count = new TransformStream({ transform (chunk, c) { fed = Math.max(fed, chunk.length); c.enqueue(chunk) } }, undefined, { highWaterMark: 0 })
      count.readable.pipeTo(inner.writable).catch(() => {})
      this.writable = count.writable
      this.readable = inner.readable
    }
  }
  try {
    await error(p.inflate(bomb, 1000))
  } finally {
    globalThis.DecompressionStream = Stream
  }
  assert.ok(fed <= 4096, `${fed} bytes of ${bomb.length} went in at once, each of which makes a thousand`)
  const noise = Uint8Array.from({ length: 100000 }, (_, i) => Math.imul(i, 2654435761) >>> 13)
  assert.deepEqual(await p.inflate(new Uint8Array(deflateRawSync(noise)), noise.length), noise)
})

const described = more => ({ sessionId: 's', totalSlices: 1, sliceIds: ['a'], sampleRate: 44100, channels: 1, bitDepth: 16, format: 'wav', codec: 'pcm', sampleFormat: 's16', totalSamples: 10, cipher: 'AES-256-GCM', compression: 'none', slices: [{ start: 0, samples: 10, preroll: 0 }], ...more })

test('no slice is larger than memory that is set aside for one', () => {
  const of = (samples, more) => described({ totalSamples: samples, slices: [{ start: 0, samples, preroll: 0 }], ...more })
  const most = 160 << 20
  for (const [frames, more] of [[most / 4, {}], [most / 4 / 32, { channels: 32 }], [most / 8 / 8, { channels: 8, sampleFormat: 'f64' }], [most / 4 / 2, { channels: 2, codec: 'flac', format: 'flac', sampleFormat: undefined }]]) {
    const rate = { sampleRate: 768000, ...more }
    assert.ok(p.checkInfo(of(frames, rate)))
    assert.throws(() => p.checkInfo(of(frames + 1, rate)), p.SecstreamError)
  }
  const published = each => ({ totalSlices: 1, sliceIds: ['a'], sampleRate: 768000, channels: 32, bitDepth: 16, format: 'wav', sliceDuration: each })
  assert.ok(p.checkInfo(published(1000)))
  assert.throws(() => p.checkInfo(published(2000)), p.SecstreamError)
})

test('what Web Audio cannot play is refused by its name, and so are too many slices', () => {
  for (const sampleRate of [3000, 768000]) assert.ok(p.checkInfo(described({ sampleRate })))
  assert.throws(() => p.checkInfo(described({ sampleRate: 2999 })), err => err.kind === 'audio' && /below 3000 Hz.*2999 Hz/.test(err.message))
  assert.throws(() => p.checkInfo(described({ sampleRate: 768001 })), p.SecstreamError)
  const many = n => described({ totalSlices: n, totalSamples: n, sliceIds: Array.from({ length: n }, (_, i) => String(i)), slices: Array.from({ length: n }, (_, start) => ({ start, samples: 1, preroll: 0 })) })
  assert.ok(p.checkInfo(many(131072)))
  assert.throws(() => p.checkInfo(many(131073)), p.SecstreamError)
})

test('a browser that has no buffer for silence is not asked for ever', async () => {
  const t = Object.assign(new Opened({ id: 1 }), { info: { ...described(), channels: 64 }, states: new Uint8Array(1), handle: 1 })
  globalThis.AudioBuffer = class { constructor ({ numberOfChannels }) { if (numberOfChannels > 32) throw new DOMException('no', 'NotSupportedError') } }
  let asked = 0
  let finished
  const over = new Promise(resolve => { finished = resolve })
  const loader = new Loader({ call: async op => { if (op === 'slice') { asked++; throw new p.SecstreamError('forged', 'changed') } } },
    { tracks: new Map([[1, t]]), place: () => null, current: () => t, next: () => undefined, playing: () => true },
    { budget: 1e9, tell () {}, pump () { if (asked > 5) finished(); else { loader.fetchAhead(); if (loader.downloads === 0) finished() } } })
  loader.prefetch = { ahead: () => 1, done () {} }
  loader.fetchAhead()
  await over
  delete globalThis.AudioBuffer
  assert.deepEqual([asked, t.errors.get(0)?.kind, t.lost.size], [1, 'forged', 0])
})

test('words of a refusal are words', async () => {
  for (const code of ['constructor', '__proto__', 'toString', 'hasOwnProperty', 7, null, {}, ['rekey']]) {
    const err = p.refused(400, { error: 'x', code })
    assert.deepEqual([err.kind, err.hint, typeof err.code], ['refused', '', 'string'], String(code))
    structuredClone({ ...err, kind: err.kind })
  }
  assert.equal(p.refused(400, { code: 'rekey' }).kind, 'rekey')
})

test('lists and numbers have the kinds that the page relies on', async () => {
  const good = { id: 'ok', path: 'a/b.wav', folder: 'a', codec: 'pcm', sampleRate: 8000, channels: 1, duration: 1, size: 5, tags: { title: 'T', track: 1 } }
  const list = { tracks: [good, { id: 'b', path: 5, folder: {}, tags: { title: { toString: 1 }, artist: ['x'], disc: 2 } }, { id: 'c', tags: null, duration: '1e9' }, null, 7, {}, { id: 9 }], folders: ['a', 5, null], scanning: 'yes' }
  const answers = { '/api/library': list, '/api/stats': { uptime: 'long', maxUpload: 5, version: 'x' } }
  await listening((req, resp) => resp.end(JSON.stringify(answers[req.url])), async server => {
    const got = await server.library()
    assert.deepEqual(got.tracks.map(t => t.id), ['ok', 'b', 'c'])
    assert.deepEqual(got.tracks[0], good)
    assert.deepEqual(got.tracks[1], { id: 'b', path: '', folder: '', codec: '', sampleRate: 0, channels: 0, duration: 0, tags: { disc: 2 } })
    assert.deepEqual([got.tracks[2].duration, got.tracks[2].tags, got.folders, got.scanning, got.version], [0, {}, ['a'], false, 0])
    const s = await server.stats()
    assert.deepEqual([s.uptime, s.maxUpload, s.libraryTracks, s.version], [0, 5, 0, 'x'])
    for (const bad of [null, [], {}, { tracks: {} }, 'x']) {
      answers['/api/library'] = bad
      assert.equal((await error(server.library())).kind, 'protocol')
    }
    answers['/api/stats'] = {}
    assert.equal((await server.stats()).slicesServed, 0)
  })
})

test('no sample is beyond what a volume can hold, and none is no number', () => {
  const odd = [1e30, -1e30, Infinity, -Infinity, NaN, 8, -8, 0.5]
  const want = [8, -8, 8, -8, 0, 8, -8, 0.5]
  assert.deepEqual([...samples(new Uint8Array(Float32Array.from(odd).buffer), 'f32', 1)[0]], want)
  assert.deepEqual([...samples(new Uint8Array(Float64Array.from(odd).buffer), 'f64', 1)[0]], want)
  const file = audio('speech-french-8k.flac')
  for (let at = 100; at < 6000; at += 7) {
    const hostile = file.slice(0, 8000)
    hostile[at] ^= 255
    try {
      for (const plane of flac(hostile, 4096)) assert.ok(plane.every(v => v >= -8 && v <= 8))
    } catch (err) {
      assert.ok(err instanceof p.SecstreamError, err.stack)
    }
  }
})

test('FLAC has one STREAMINFO, which is first, and the channels that were told', () => {
  const file = audio('speech-french-8k.flac')
  assert.equal(flac(file, 154931, 1).length, 1)
  assert.throws(() => flac(file, 154931, 2), /another number of channels/)
  for (const [at, v] of [[4, 1], [7, 33], [6, 1], [5, 1]]) {
    const hostile = file.slice()
    hostile[at] = v
    assert.throws(() => flac(hostile, 154931, 1), /no STREAMINFO/)
  }
  const info = file.slice(4, 42)
  info[0] &= 127
  const many = p.concat(file.slice(0, 4), ...Array.from({ length: 20000 }, () => info), Uint8Array.of(0x81, 0, 0, 0))
  const Floats = globalThis.Float32Array
  let made = 0
  globalThis.Float32Array = class extends Floats { constructor (n) { super(n); made += this.length } }
  try {
    assert.throws(() => flac(many, 1 << 16, 1), p.SecstreamError)
  } finally {
    globalThis.Float32Array = Floats
  }
  assert.ok(made <= 1 << 16, `${made} samples`)
})

// One page of Ogg (RFC 3533), without its checksum.
const ogg = (flags, packets, serial = 7) => {
  const sizes = packets.flatMap(b => [...Array(Math.floor(b.length / 255)).fill(255), b.length % 255])
  const head = Buffer.alloc(27)
  head.write('OggS')
  head[5] = flags
  head.writeUInt32LE(serial, 14)
  head[26] = sizes.length
  return Buffer.concat([head, Buffer.from(sizes), ...packets])
}

test('what a browser would decode is as long as the server says', () => {
  const slice = (seconds, rate, more) => ({ samples: Math.round(seconds * rate), preroll: 0, ...more })
  const heavy = (bytes, info, cut, like) => assert.throws(() => weigh(bytes, info, cut), err => err instanceof p.SecstreamError && err.kind === 'audio' && like.test(err.message), String(like))
  // MP3: so many frames of 8 kbit/s at 8 kHz, of 72 ms in 72 bytes.
  const mp3 = { format: 'mp3', codec: 'mp3', channels: 1, sampleRate: 8000 }
  const frame = Buffer.alloc(72)
  frame.set([0xff, 0xe3, 0x18, 0xc4])
  const frames = n => new Uint8Array(Buffer.concat(Array(n).fill(frame)))
  weigh(frames(100), mp3, slice(7.2, 8000))
  weigh(frames(100), mp3, slice(6.3, 8000))
  weigh(frames(100), mp3, { samples: 8000, preroll: 5.3 * 8000 })
  heavy(frames(100), mp3, slice(6.1, 8000), /7\.2 seconds, not 7\.1/)
  heavy(frames(9000), { ...mp3, sampleRate: 768000 }, slice(1, 768000), /648\.0 seconds, not 2\.0/)
  heavy(p.concat(Uint8Array.from([73, 68, 51, 4, 0, 0, 0, 0, 0, 2, 9, 9]), frames(100)), mp3, slice(1, 8000), /7\.2 seconds/)
  heavy(p.concat(frames(1), new Uint8Array(99), frames(99)), mp3, slice(1, 8000), /7\.2 seconds/)
  for (const other of [audio('speech-french-8k.flac'), new Uint8Array(100), new Uint8Array(0).fill(0), Uint8Array.from([0x1a, 0x45, 0xdf, 0xa3, 0, 0, 0])].slice(0, 2)) heavy(other, mp3, slice(9, 8000), /no MP3/)
  // Opus: two frames of 60 ms in two bytes.
  const opus = { format: 'ogg', codec: 'opus', channels: 2, sampleRate: 48000 }
  const head = Buffer.alloc(19)
  head.write('OpusHead')
  head[9] = 2
  const start = [ogg(2, [head]), ogg(0, [Buffer.from('OpusTags')])]
  const tiny = Buffer.from([3 << 3 | 3, 2])
  const file = n => new Uint8Array(Buffer.concat([...start, ...Array.from({ length: n }, () => ogg(0, Array(255).fill(tiny)))]))
  weigh(file(1), opus, slice(30.6, 48000))
  heavy(file(1), opus, slice(29.5, 48000), /30\.6 seconds/)
  heavy(file(300), opus, slice(5, 48000), /9180\.0 seconds/)
  heavy(file(1), { ...opus, channels: 1 }, slice(40, 48000), /another kind/)
  heavy(new Uint8Array(Buffer.concat([...start, ogg(2, [head])])), opus, slice(1, 48000), /several streams/)
  heavy(new Uint8Array(Buffer.concat([...start, ogg(0, [tiny], 8)])), opus, slice(1, 48000), /several streams/)
  for (const [toc, ms] of [[0, 10], [1 << 3, 20], [3 << 3, 60], [12 << 3, 10], [13 << 3, 20], [16 << 3, 2.5], [31 << 3, 20], [31 << 3 | 1, 40]]) {
    const bytes = new Uint8Array(Buffer.concat([...start, ogg(0, Array(200).fill(Buffer.from([toc, 0])))]))
    weigh(bytes, opus, slice(0.2 * ms, 48000))
    if (ms > 6) heavy(bytes, opus, slice(0.2 * ms - 1.1, 48000), /seconds, not/)
  }
  // Vorbis: packets of a bit, whose least length is known.
  const vorbis = { format: 'ogg', codec: 'vorbis', channels: 1, sampleRate: 8000 }
  const id = Buffer.alloc(30)
  id.write('\x01vorbis', 'latin1')
  id[11] = 1
  id.writeUInt32LE(8000, 12)
  id[28] = 0xb8
  const said = n => new Uint8Array(Buffer.concat([ogg(2, [id]), ogg(0, [Buffer.alloc(9), Buffer.alloc(9)]), ...Array.from({ length: n }, () => ogg(0, Array(255).fill(Buffer.alloc(1))))]))
  weigh(said(1), vorbis, slice(4, 8000))
  heavy(said(100), vorbis, slice(4, 8000), /408\.0 seconds/)
  heavy(said(1), { ...vorbis, sampleRate: 44100 }, slice(100, 44100), /another kind/)
  heavy(new Uint8Array(50), vorbis, slice(4, 8000), /no Ogg/)
  heavy(new Uint8Array(50), { ...vorbis, format: 'aac' }, slice(4, 8000), /no kind of sound is called aac/)
})

test('words are lines of a length, and so many of them', () => {
  assert.equal(parse('\n'.repeat(262144)).lines.length, 5000)
  const stamped = parse('[0:0]'.repeat(26000) + 'w'.repeat(130000))
  assert.equal(stamped.lines.length, 16)
  assert.ok(stamped.lines.every(l => l.text.length <= 1000))
  assert.ok(parse(('[0:1]'.repeat(16) + 'x\n').repeat(3000)).lines.length <= 5015)
  assert.equal(parse('w'.repeat(5000)).lines[0].text.length, 1000)
})

test('a canvas is painted when slices changed, with a rectangle for a pixel at most', async () => {
  const style = { getPropertyValue: n => n }
  Object.assign(globalThis, { devicePixelRatio: 1, getComputedStyle: () => style, document: { documentElement: {} } })
  const { paintSlices } = await import(new URL('panel.js', page))
  const drawn = []
  let fillStyle
  const g = { clearRect () {}, set fillStyle (c) { fillStyle = c }, fillRect: (x, y, w) => drawn.push([x, w, fillStyle]) }
  const canvas = { clientWidth: 1000, clientHeight: 6, width: 0, height: 0, getContext: () => g }
  const n = 131072
  const states = new Uint8Array(n)
  states[70000] = 3
  const p = { states, starts: Array.from({ length: n }, (_, i) => i) }
  const paint = (duration = n) => { drawn.length = 0; paintSlices(canvas, { ...p, states: states.slice() }, duration); return drawn.length }
  assert.ok(paint() <= 1000, `${drawn.length} rectangles`)
  assert.ok(drawn.length > 900)
  assert.equal(drawn.filter(d => d[2] === '--slice-playing').length, 1, 'what plays is seen among all the others')
  assert.ok(Math.abs(drawn.find(d => d[2] === '--slice-playing')[0] - 534) < 2)
  assert.equal(drawn.reduce((sum, d) => sum + d[1], 0) > 999, true, 'nothing is left out')
  assert.equal(paint(), 0)
  states[9] = 2
  assert.ok(paint() > 900)
  assert.equal(paint(), 0)
  canvas.clientWidth = 500
  assert.ok(paint() <= 500 && drawn.length > 450)
  const t = Object.assign(new Opened({ id: 1 }), { info: described() })
  assert.equal(t.starts, t.starts, 'where slices begin is reckoned once')
})
