// The browser's own modules, in Node, where they need no browser: protocol v2
// against its vectors, what has to be refused, PCM, FLAC, strategies, pins.
import assert from 'node:assert/strict'
import { createPrivateKey, sign, webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

globalThis.crypto ??= webcrypto
const page = new URL('../../../pkg/web/page/', import.meta.url)
const p = await import(new URL('protocol.js', page))
const { samples, riff } = await import(new URL('pcm.js', page))
const { flac } = await import(new URL('flac.js', page))
const { Linear, Adaptive, None, buffers } = await import(new URL('strategy.js', page))
const { Pins } = await import(new URL('pins.js', page))
const { parse, lineAt } = await import(new URL('lyrics.js', page))
const { factor } = await import(new URL('gain.js', page))
const { Queue } = await import(new URL('queue.js', page))
const { Opened } = await import(new URL('track.js', page))

const vectors = JSON.parse(readFileSync(new URL('../../../testdata/vectors/v2.json', import.meta.url)))
const hex = t => t === undefined ? undefined : new Uint8Array(Buffer.from(t, 'hex'))
const toHex = b => Buffer.from(b).toString('hex')
const named = name => vectors.exchanges.find(x => x.name === name)
const pkcs8 = (last, seed) => hex(`302e020100300506032b65${last}04220420${seed}`)
const privateX = seed => crypto.subtle.importKey('pkcs8', pkcs8('6e', seed), { name: 'X25519' }, false, ['deriveBits'])
const offerOf = x => ({ session: x.session, track: x.track, clientKey: hex(x.clientPublic), mlkemKey: hex(x.mlkemKey), suites: x.suites })
const replyOf = x => ({ suite: x.suite, publicKey: hex(x.serverPublic), mlkemCiphertext: hex(x.mlkemCiphertext), identity: hex(x.identity), signature: hex(x.signature) })
const kemOf = x => x.mlkemSecret === undefined ? undefined : async () => hex(x.mlkemSecret)
const rejects = async (work, like) => assert.rejects(work, err => err instanceof p.SecstreamError && like.test(err.message))

for (const x of vectors.exchanges) {
  test(`exchange: ${x.name}`, async () => {
    assert.equal(await p.fingerprint(hex(x.identity)), x.fingerprint)
    const seen = []
    const got = await p.agree(offerOf(x), await privateX(x.clientPrivate), replyOf(x), async id => { seen.push(toHex(id)) }, kemOf(x))
    assert.deepEqual(seen, [x.identity])
    assert.equal(toHex(got.hash), x.hash)
    assert.equal(toHex(got.salt), x.salt)
    for (const key of Object.values(got.keys)) {
      assert.equal(key.extractable, false)
      await assert.rejects(crypto.subtle.exportKey('raw', key))
    }
    let opened = 0
    for (const s of vectors.seals.filter(s => s.exchange === x.name && x.suite === 'AES-256-GCM')) {
      const data = s.kind === 'slice' ? p.sliceData({ ...x, ...s }) : p.manifestData(x.session, x.track)
      assert.equal(toHex(data), s.data)
      const inside = await p.openSealed(s.kind === 'slice' ? got.keys.slice : got.keys.manifest, hex(s.sealed), data)
      assert.equal(toHex(inside), s.inside)
      await rejects(p.openSealed(got.keys.slice, hex(s.sealed), p.concat(data, Uint8Array.of(0))), /does not open/)
      if (s.kind === 'slice') assert.equal(toHex(await p.expand(s.padded ? p.unpad(inside) : inside, s.compression, s.plain)), s.content)
      opened++
    }
    assert.ok(opened > 0 || x.suite !== 'AES-256-GCM')
    await rejects(p.agree(offerOf(x), await privateX(x.clientPrivate), replyOf(x), async () => { throw new p.SecstreamError('identity', 'another') }, kemOf(x)), /^another$/)
  })
}

test('replies that are refused', async () => {
  for (const r of vectors.refused.replies) {
    const x = named(r.exchange)
    await rejects(p.agree(offerOf(x), await privateX(x.clientPrivate), replyOf(r), undefined, kemOf(x)), /signature|not offered|another length|low order|X25519 key of|asked for/)
  }
  assert.ok(vectors.refused.replies.length > 3)
})

test('padding', () => {
  for (const { plain, padded } of vectors.padding.made) assert.equal(toHex(p.unpad(hex(padded))), plain)
  for (const [n, to] of vectors.padding.lengths) assert.equal(p.padme(n), to)
  for (const bad of vectors.padding.refused) assert.throws(() => p.unpad(hex(bad)), p.SecstreamError)
  assert.throws(() => p.unpad(hex('61800000')), /another length|does not end/)
})

test('the vector of v1', async () => {
  const body = hex('c2387055446d2c4f308a643bf56f545e4b81b933969fe8d05fcdf81a1a892811d68aa19f3c8c2ffd5497835f83f4830df3e58b7aa2000102030405060708090a0b')
  assert.equal(p.crc32(body), '702fca97')
  const key = await crypto.subtle.importKey('raw', hex('ccfc261f58193c98ca4ad4a53bbac6f0ee29bc4d48438090446908622ca79af6'), 'AES-GCM', false, ['decrypt'])
  const t = new p.Track(new p.Server('http://x'), { id: 'x' })
  const plain = await t.openV1({ compression: undefined, format: 'mp3', slices: [{}] }, key, 0, body)
  assert.equal(Buffer.from(plain).toString(), 'secstream wire vector: 0123456789 0123456789 0123456789')
  body[3] ^= 1
  await rejects(t.openV1({ format: 'mp3', slices: [{}] }, key, 0, body), /does not open/)
})

test('inflate is bounded and exact', async () => {
  const { deflateRawSync } = await import('node:zlib')
  const bomb = new Uint8Array(deflateRawSync(new Uint8Array(1 << 20)))
  assert.equal((await p.inflate(bomb, 1 << 20)).length, 1 << 20)
  await rejects(p.inflate(bomb, (1 << 20) - 1), /longer than it should/)
  await rejects(p.inflate(bomb, (1 << 20) + 1), /bytes, not/)
  await rejects(p.inflate(bomb, 0, 1000), /longer than it should/)
  await rejects(p.inflate(bomb.subarray(0, bomb.length - 3), 1 << 20), /cannot be expanded|bytes, not/)
})

test('base64 is taken to the letter', () => {
  assert.equal(toHex(p.fromBase64('AAEC', 3, 'x')), '000102')
  for (const bad of ['AAE', 'AA EC', 'AAEC\n', 'AAF=', '____', 7, undefined]) assert.throws(() => p.fromBase64(bad, undefined, 'x'), p.SecstreamError, String(bad))
  assert.throws(() => p.fromBase64('AAEC', 4, 'x'), /3 bytes, not 4/)
})

const info = more => ({ sessionId: 's', totalSlices: 2, sliceIds: ['a', 'b'], sampleRate: 8000, channels: 1, bitDepth: 16, format: 'wav', codec: 'pcm', sampleFormat: 's16', totalSamples: 30, duration: 0.00375, cipher: 'AES-256-GCM', compression: 'deflate', slices: [{ start: 0, samples: 10, preroll: 0 }, { start: 10, samples: 20, preroll: 0 }], ...more })

test('what a server may say of a track', () => {
  assert.ok(p.checkInfo(info({})))
  const s = (i, more) => info({}).slices.map((x, k) => k === i ? { ...x, ...more } : x)
  for (const bad of [null, {}, info({ sliceIds: ['a', 'a'] }), info({ sliceIds: ['a'] }), info({ totalSlices: 3 }), info({ totalSamples: 31 }), info({ sampleRate: 0 }), info({ sampleRate: 1.5 }),
    info({ channels: 33 }), info({ slices: s(1, { start: 11 }) }), info({ slices: s(1, { samples: -1 }) }), info({ slices: s(0, { preroll: -1 }) }), info({ slices: s(0, { samples: 1e12 }) }),
    info({ sampleFormat: 's12' }), info({ sampleFormat: 'constructor' }), info({ sliceIds: ['a', 7] }), info({ totalSlices: 0, sliceIds: [], slices: [] })]) {
    assert.throws(() => p.checkInfo(bad), p.SecstreamError, JSON.stringify(bad))
  }
  const published = p.checkInfo({ totalSlices: 2, sliceIds: ['a', 'b'], sampleRate: 8000, channels: 1, bitDepth: 24, format: 'wav', sliceDuration: 5000 })
  assert.deepEqual(published.slices.map(x => x.start), [0, 40000])
  assert.equal(published.sampleFormat, 's24')
})

// A server that answers as it likes, for a client that must not believe it.
function lying (lies) {
  const x = named('X25519')
  const calls = []
  const server = new p.Server('http://127.0.0.1:1/x/', { token: 'T', fetch: async (url, init) => {
    calls.push([init.method ?? 'GET', url, init.headers])
    const made = await lies(url, init, x)
    if (made instanceof Response) return made
    return new Response(JSON.stringify(made.body ?? made), { status: made.status ?? 200, headers: made.headers })
  } })
  return { server, calls }
}

test('a client that asked for v2 takes nothing else', async () => {
  for (const lie of [{ publicKey: 'AAAA' }, { protocol: 'secstream/1' }, { protocol: 'secstream/2', suite: 'AES-256-GCM' }, { status: 400, body: { error: 'what', code: 'unsupported_protocol' } }]) {
    const { server, calls } = lying(url => url.endsWith('/api/sessions') ? { sessionId: 'S' } : lie)
    const err = await new p.Track(server, { id: 'x' }, { delays: [] }).open().catch(e => e)
    assert.ok(err instanceof p.SecstreamError && ['protocol', 'refused'].includes(err.kind), String(err))
    assert.deepEqual(calls.map(c => c[0]), ['POST', 'POST'])
    assert.equal(calls[0][1], 'http://127.0.0.1:1/x/api/sessions')
    assert.equal(calls[1][2].Authorization, 'Bearer T')
  }
})

test('what waiting mends is tried again, other refusals are not', async () => {
  for (const [status, code, kind, times] of [[503, 'busy', 'network', 3], [429, 'too_many_requests', 'network', 3], [404, 'track_not_found', 'refused', 1], [401, 'unauthorized', 'token', 1], [415, 'unsupported_audio', 'audio', 1]]) {
    const { server, calls } = lying(() => ({ status, body: { error: 'no', code } }))
    const err = await new p.Track(server, { id: 'x' }, { delays: [1, 1] }).open().catch(e => e)
    assert.equal(err.kind, kind)
    assert.equal(calls.length, times, code)
  }
  const dead = new p.Server('http://127.0.0.1:1', { fetch: async () => { throw new TypeError('no') } })
  assert.equal((await new p.Track(dead, { id: 'x' }, { delays: [1] }).open().catch(e => e)).kind, 'network')
})

test('who is known is not taken for an old server', async () => {
  const { server } = lying(() => ({}))
  const err = await new p.Track(server, { id: 'x' }, { protocol: 1, known: async () => true }).open().catch(e => e)
  assert.equal(err.kind, 'identity')
})

test('pins: the first is remembered, another refused, and replaced only by name', async () => {
  const pins = new Pins() // no IndexedDB here: in memory
  const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
  const t = pins.trust('http://h')
  assert.equal(await t.known(), false)
  await t.check(a)
  assert.equal(await t.known(), false, 'a check alone is no meeting')
  assert.equal(await t.met(a), true)
  assert.equal(await t.met(a), false)
  await t.check(a)
  const err = await t.check(b).catch(e => e)
  assert.deepEqual(err.identity, { known: await p.fingerprint(a), got: await p.fingerprint(b), asked: false })
  assert.equal((await t.met(b).catch(e => e)).kind, 'identity')
  await pins.trust('http://h:2').check(b)
  await assert.rejects(pins.accept('http://h', 'SHA256:00'))
  await pins.accept('http://h', await p.fingerprint(b))
  assert.equal((await t.check(a).catch(e => e)).kind, 'identity')
  assert.equal(await t.met(b), false)
  assert.equal((await pins.list())[0].key, p.toBase64(b))
  const fixed = pins.trust('http://new', await p.fingerprint(a))
  assert.equal(await fixed.known(), true)
  assert.equal((await fixed.check(b).catch(e => e)).identity.asked, true)
  const named = pins.trust('http://h', await p.fingerprint(a)) // which overrules no pin
  for (const how of ['check', 'met']) assert.deepEqual((await named[how](a).catch(e => e)).identity, { known: await p.fingerprint(b), got: await p.fingerprint(a), asked: false })
  const once = await Promise.all([a, b].map(key => pins.trust('http://at-once').met(key).catch(e => e.kind)))
  assert.deepEqual(once, [true, 'identity'])
})

test('PCM', () => {
  const bytes = (...b) => Uint8Array.from(b)
  const is = (kind, b, want, channels = 1) => assert.deepEqual(samples(b, kind, channels).map(x => [...x]), want)
  is('u8', bytes(0, 128, 255), [[-1, 0, 127 / 128]])
  is('s16', bytes(0, 128, 255, 127, 1, 0, 255, 255), [[-1, 1 / 32768], [32767 / 32768, -1 / 32768]], 2)
  is('s24', bytes(0, 0, 128, 255, 255, 127, 255, 255, 255), [[-1, 8388607 / 8388608, -1 / 8388608]])
  is('s32', bytes(0, 0, 0, 128), [[-1]])
  is('f32', new Uint8Array(Float32Array.of(0.1, -2).buffer), [[Math.fround(0.1), -2]])
  is('f64', new Uint8Array(Float64Array.of(0.1).buffer), [[Math.fround(0.1)]])
  is('mulaw', bytes(0x00, 0xff, 0x80), [[-32124 / 32768, 0, 32124 / 32768]])
  is('alaw', bytes(0x2a, 0xd5, 0xaa), [[-32256 / 32768, 8 / 32768, 32256 / 32768]])
  assert.throws(() => samples(bytes(1), 'constructor', 1), p.SecstreamError)
  const text = s => [...s].map(c => c.charCodeAt(0))
  const file = Uint8Array.from([...text('RIFF'), 38, 0, 0, 0, ...text('WAVEfmt '), 16, 0, 0, 0, 1, 0, 1, 0, 64, 31, 0, 0, 128, 62, 0, 0, 2, 0, 16, 0, ...text('data'), 2, 0, 0, 0, 0, 64])
  assert.deepEqual([...riff(file)[0]], [0.5])
  for (let n = 0; n < file.length; n++) assert.throws(() => riff(file.subarray(0, n)), p.SecstreamError, `cut to ${n}`)
  for (let i = 0; i < file.length; i++) { const hostile = file.slice(); hostile[i] = 255; try { riff(hostile) } catch (err) { assert.ok(err instanceof p.SecstreamError, String(err)) } }
})

test('FLAC that is damaged ends with an error, and soon', () => {
  const file = new Uint8Array(readFileSync(new URL('../../../testdata/audio/speech-french-8k.flac', import.meta.url)))
  const total = 154931
  const whole = flac(file, total)
  assert.equal(whole[0].length, total)
  assert.throws(() => flac(file.subarray(0, file.length / 2), total), p.SecstreamError)
  assert.throws(() => flac(new Uint8Array(20), 10), p.SecstreamError)
  let state = 1
  const random = n => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % n
  let refused = 0
  const short = file.subarray(0, 30000)
  for (let run = 0; run < 300; run++) {
    const hostile = short.slice()
    for (let k = 0; k < 20; k++) hostile[4 + random(hostile.length - 4)] = random(256)
    try {
      flac(hostile, 16384)
    } catch (err) {
      assert.ok(err instanceof p.SecstreamError, String(err.stack))
      refused++
    }
  }
  assert.ok(refused > 50, `${refused} refused`)
})

test('strategies', () => {
  const at = { slice: 3, total: 100, playing: true }
  const linear = new Linear()
  assert.equal(linear.ahead(at), 2)
  for (let i = 0; i < 10; i++) linear.done(3000, true, 5000)
  assert.equal(linear.ahead(at), 4)
  for (let i = 0; i < 10; i++) linear.done(0, false, 1)
  assert.ok(linear.ahead(at) >= 4 && linear.ahead(at) <= 8)
  const adaptive = new Adaptive()
  assert.equal(adaptive.ahead(at), 4)
  assert.equal(adaptive.ahead({ ...at, playing: false }), 2)
  for (let i = 0; i < 15; i++) { adaptive.done(4900, true, 5000); adaptive.starved() }
  assert.ok(adaptive.ahead(at) > 8 && adaptive.ahead(at) <= 12)
  assert.equal(adaptive.guess(at), -1)
  adaptive.seeked(0, 10)
  adaptive.seeked(10, 20)
  assert.equal(adaptive.guess(at), 13)
  assert.equal(new None().ahead(), 1)
  assert.deepEqual(Object.keys(buffers), ['conservative', 'balanced', 'aggressive'])
})

test('the signatures of vectors are ours to make', () => { // so that the replies above are refused for what they are
  const x = vectors.exchanges[0]
  assert.equal(sign(null, hex(x.hash), createPrivateKey({ key: Buffer.from(pkcs8('70', x.identitySeed)), format: 'der', type: 'pkcs8' })).toString('hex'), x.signature)
})

test('words with times, and without', () => {
  assert.deepEqual(parse('one\r\n\n two \u202e\u0007<b>'), { synced: false, lines: ['one', '', 'two <b>'].map(text => ({ time: null, text })) })
  const { synced, lines } = parse('[ti:x]\n[offset:+500]\n[01:02.50]<01:02.50>la <01:03.00>la\n[00:01][00:03:25]twice\n[00:02.000]\nno time\n[00:00.2]first')
  assert.ok(synced)
  assert.deepEqual(lines, [[0, 'first'], [0.5, 'twice'], [1.5, ''], [2.75, 'twice'], [62, 'la la']].map(([time, text]) => ({ time, text })))
  assert.deepEqual([-1, 0, 0.49, 0.5, 3, 1e9].map(t => lineAt(lines, t)), [-1, 0, 0, 1, 3, 4])
  assert.ok(parse('[0:1]'.repeat(100000)).lines.length < 60000, 'more than a server may send')
})

test('loudness by tags never passes full scale', () => {
  const tags = { replayGainTrackGain: 6, replayGainTrackPeak: 0.4, replayGainAlbumGain: -6, replayGainAlbumPeak: 2 }
  const near = (got, want) => assert.ok(Math.abs(got - want) < 1e-12, `${got}, not ${want}`)
  assert.equal(factor('off', tags), 1)
  near(factor('track', tags), 10 ** 0.3)
  near(factor('track', { ...tags, replayGainTrackPeak: 0.8 }), 1.25)
  near(factor('track', { ...tags, replayGainTrackPeak: undefined }), 0.5) // the album's
  near(factor('album', tags), 0.5)
  near(factor('album', { replayGainTrackGain: -20 }), 0.1)
  near(factor('track', { replayGainTrackGain: -1000 }), 0.001)
  for (const odd of [undefined, null, {}, { replayGainTrackGain: 9 }, { replayGainTrackGain: '-9' }, { replayGainTrackGain: NaN }, { replayGainTrackGain: 9, replayGainTrackPeak: 0 }]) assert.equal(factor('track', odd), 1)
})

test('a queue keeps to what plays, whatever moves around it', () => {
  const q = new Queue()
  q.set(['a', 'b', 'c', { id: 'd', path: 'x/d.mp3' }])
  const names = () => q.items.map(i => i.source.id).join('')
  q.at = 1
  q.move(q.items[3].id, -3)
  assert.deepEqual([names(), q.current.source.id], ['dabc', 'b'])
  assert.equal(q.remove(0), false)
  assert.deepEqual([names(), q.at], ['abc', 1])
  assert.equal(q.insert(2, ['e', 'f']).length, 2)
  assert.equal(q.remove(1), true)
  assert.deepEqual([names(), q.current.source.id], ['aefc', 'e'])
  q.at = 3
  assert.deepEqual(['off', 'all', 'one'].map(how => { q.repeat = how; return [q.following(), q.following(true)] }), [[-1, -1], [0, 0], [3, -1]])
  q.at = 0
  q.shuffle()
  assert.equal([...names()].sort().join(''), 'acef')
  assert.equal(q.current.source.id, 'a')
  q.clear()
  assert.equal(names(), 'a')
})

test('who plays a track again has asked for what was refused of it', () => {
  const t = new Opened({ id: 1 })
  for (const i of [0, 1, 2]) t.buffers.set(i, /** @type {any} */ ({}))
  t.lost.set(1, new p.SecstreamError('forged', 'changed'))
  t.errors.set(3, new p.SecstreamError('network', 'gone'))
  t.retry()
  assert.deepEqual([[...t.buffers.keys()], t.errors.size, [...t.lost.keys()]], [[0, 2], 0, [1]]) // it stays marked until it came
})
