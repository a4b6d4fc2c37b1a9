// The listener of v2client.mjs, held against running servers.
//
//   SECSTREAM_ADDRESS=http://… SECSTREAM_IDENTITY=SHA256:… SECSTREAM_ODD=http://… \
//   SECSTREAM_FILES=FOLDER SECSTREAM_ORIGINAL=FILE node v2client.test.mjs
//
// Both servers serve FOLDER, that of SECSTREAM_ODD with --pad --decode always
// --rekey-after 3. FOLDER holds wav-KIND.wav files, those of testdata/audio,
// and flac-0.flac, made of the WAV file SECSTREAM_ORIGINAL.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Listener, SAMPLE_BYTES, SUITES, deriveKeys, fields, fingerprint, json, library, manifestData, open, openSealed, padme, post } from './v2client.mjs'

const { SECSTREAM_ADDRESS: address, SECSTREAM_ODD: odd, SECSTREAM_IDENTITY: identity, SECSTREAM_FILES: folder, SECSTREAM_ORIGINAL: original } = process.env
assert.ok(address && odd && identity && folder && original, 'the SECSTREAM_ variables are not all set')

const tracks = new Map((await library(address)).map(t => [t.path, t]))

async function start (path, options, server = address) {
  const { id } = server === address ? tracks.get(path) : (await library(server)).find(t => t.path === path)
  const listener = await open(server, [id], { source: id, ...options })
  await listener.exchange()
  return listener
}

// samples is what the data chunk of a WAV file holds.
function samples (path) {
  const b = readFileSync(path)
  for (let at = 12; at + 8 <= b.length; at += 8 + b.readUInt32LE(at + 4) + (b.readUInt32LE(at + 4) & 1)) {
    if (b.toString('latin1', at, at + 4) === 'data') return b.subarray(at + 8, at + 8 + b.readUInt32LE(at + 4))
  }
  assert.fail(`${path} has no samples`)
}

const same = (got, want) => assert.ok(Buffer.concat(got).equals(want), 'the slices joined are not the samples of the file')

const refused = (promise, status, code) => assert.rejects(promise, err => {
  assert.deepEqual([err.status, err.code], [status, code], err.message)
  return true
})

for (const suite of SUITES) {
  for (const kind of ['u8', 's16le', 's24le', 's32le', 'f32le', 'f64le', 'alaw', 'mulaw']) {
    test(`a WAV file of ${kind} by ${suite}`, async () => {
      const listener = await start(`wav-${kind}.wav`, { suites: [suite], identity })
      assert.equal(listener.suite, suite)
      assert.equal(listener.info.format, 'wav')
      assert.equal(listener.info.sampleFormat, kind.replace('le', '')) // as stored, not widened
      assert.equal(listener.manifest.padded ?? false, false)
      same(await listener.all(), samples(join(folder, `wav-${kind}.wav`)))
      assert.equal(listener.refetched, 0)
      await listener.end()
    })
  }
}

test('padded slices have lengths of Padmé and the same samples', async () => {
  for (const suite of SUITES) {
    const listener = await start('music-drums.wav', { suites: [suite] }, odd)
    assert.equal(listener.manifest.padded, true)
    assert.equal(listener.info.compression, 'deflate')
    const inside = await listener.inside(0)
    assert.equal(padme(inside.length), inside.length)
    await listener.exchange()
    const parts = []
    for (let i = 0; i < listener.info.totalSlices; i++) {
      parts.push(await listener.plain(i))
      if (listener.rekey) await listener.exchange()
    }
    same(parts, samples(join(folder, 'music-drums.wav')))
    assert.equal(listener.refetched, 0)
  }
})

test('FLAC converted for those who cannot decode it is the WAV file it was made of', async () => {
  const listener = await start('flac-0.flac', {}, odd)
  const { info, manifest } = listener
  assert.equal(info.format, 'riff')
  const parts = []
  for (const [i, { samples: n, preroll }] of info.slices.entries()) {
    const plain = await listener.plain(i)
    assert.equal(preroll, 0)
    assert.equal(plain.toString('latin1', 0, 4) + plain.toString('latin1', 8, 12), 'RIFFWAVE')
    assert.equal(plain.readUInt32LE(4), plain.length - 8)
    const size = n * info.channels * SAMPLE_BYTES[info.sampleFormat]
    assert.equal(manifest.headBytes + size, plain.length)
    assert.equal(plain.readUInt32LE(manifest.headBytes - 4), size)
    parts.push(plain.subarray(manifest.headBytes))
  }
  same(parts, samples(original))
})

test('the manifest says what is played', async () => {
  const listener = await start('music-guitar.flac')
  const { manifest, info } = listener
  const track = tracks.get('music-guitar.flac')
  assert.deepEqual(manifest.tags, track.tags)
  assert.equal(manifest.hasCover, track.hasCover)
  assert.equal(manifest.source, track.id)
  for (const name of ['codec', 'sampleRate', 'channels', 'bitDepth', 'totalSamples', 'duration']) assert.equal(info[name], track[name], name)
  assert.equal(info.compression, 'none')
  assert.equal((await listener.plain(0)).toString('latin1', 0, 4), 'fLaC')
  assert.throws(() => Object.assign(listener, { source: tracks.get('music-drums.wav').id }).take(manifest), /another track/)
  assert.throws(() => listener.take({ ...manifest, version: 2 }), /version 2/)
})

test('the identity is the one the server printed, and no other will do', async () => {
  const listener = await start('wav-u8.wav', { identity })
  assert.equal(fingerprint(listener.identity), identity)
  const other = identity.replace(/.$/, c => c === '0' ? '1' : '0')
  await assert.rejects(start('wav-u8.wav', { identity: other }), /another identity/)
})

test('what was changed on the way does not pass', async () => {
  const changes = {
    suite: () => 'ChaCha20-Poly1305',
    publicKey: () => Buffer.alloc(32, 9).toString('base64'),
    identity: () => Buffer.alloc(32, 9).toString('base64'),
    signature: old => Buffer.from(old, 'base64').map((b, i) => i === 63 ? b ^ 1 : b).toString('base64'),
    manifest: old => Buffer.from(old, 'base64').map((b, i) => i === 20 ? b ^ 1 : b).toString('base64')
  }
  const { fetch } = globalThis
  try {
    for (const [name, change] of Object.entries(changes)) {
      globalThis.fetch = async (url, init) => {
        const resp = await fetch(url, init)
        if (!String(url).endsWith('/key-exchange')) return resp
        const answer = await resp.json()
        return Response.json({ ...answer, [name]: change(answer[name]) })
      }
      await assert.rejects(start('wav-u8.wav'), undefined, name)
    }
    for (const [name, value] of Object.entries({ suites: [SUITES[0]], trackId: '', publicKey: Buffer.alloc(32, 9).toString('base64') })) {
      globalThis.fetch = (url, init) => !String(url).endsWith('/key-exchange')
        ? fetch(url, init)
        : fetch(url, { ...init, body: JSON.stringify({ ...JSON.parse(init.body), [name]: value }) })
      if (name === 'trackId') await start('wav-u8.wav') // empty is none
      else await assert.rejects(start('wav-u8.wav'), /the signature is wrong/, name)
    }
  } finally {
    globalThis.fetch = fetch
  }
})

test('a slice opens in its own place alone', async () => {
  for (const suite of SUITES) {
    const listener = await start('wav-s24le.wav', { suites: [suite] })
    const sealed = await listener.fetch(0)
    const data = listener.data(0)
    await openSealed(suite, listener.keys.slice, sealed, data)
    const never = (key, seal, ad, what) => assert.rejects(openSealed(suite, key, seal, ad), undefined, what)
    for (const change of [{ session: 'x' }, { track: 'x' }, { id: 'x' }, { number: 1 }, { total: 9 }, { encoding: 'riff' }, { compression: 'none' }, { plain: 1 }]) {
      await never(listener.keys.slice, sealed, listener.data(0, change), JSON.stringify(change))
    }
    await never(listener.keys.slice, sealed, Buffer.alloc(0), 'no data')
    await never(listener.keys.manifest, sealed, data, 'the manifest key')
    for (const at of [0, 11, 12, sealed.length - 17, sealed.length - 16, sealed.length - 1]) {
      await never(listener.keys.slice, Buffer.from(sealed).fill(sealed[at] ^ 1, at, at + 1), data, `byte ${at}`)
    }
    await never(listener.keys.slice, sealed.subarray(0, -1), data, 'short')
    const manifest = Buffer.from(listener.answer.manifest, 'base64')
    await openSealed(suite, listener.keys.manifest, manifest, manifestData(listener.session))
    await never(listener.keys.manifest, manifest, manifestData('x'), 'another session')
    await never(listener.keys.manifest, manifest, manifestData(listener.session, 'x'), 'another track')
    await never(listener.keys.slice, manifest, manifestData(listener.session), 'the slice key')
  }
})

test('a session of several tracks', async () => {
  const names = ['wav-s24le.wav', 'music-guitar.flac', 'wav-f64le.wav']
  const first = await open(address, names.map(n => tracks.get(n).id), { identity })
  await first.exchange() // no trackId: the first
  same(await first.all(), samples(join(folder, names[0])))
  const { tracks: list } = await json(`${first.url}/info`)
  assert.equal(list.length, 3)
  for (const [i, { trackId }] of list.entries()) {
    const listener = new Listener(address, first.session, { track: trackId, identity, source: tracks.get(names[i]).id })
    await listener.exchange()
    assert.equal(listener.info.totalSamples, tracks.get(names[i]).totalSamples)
    assert.equal(listener.info.tracks, undefined) // this one alone
    const parts = await listener.all()
    if (names[i].startsWith('wav')) same(parts, samples(join(folder, names[i])))
  }
  // Naming the track is part of what is signed and sealed.
  const unnamed = new Listener(address, first.session, { source: tracks.get(names[1]).id })
  await assert.rejects(unnamed.exchange(), /another track/)
  same(await first.all(), samples(join(folder, names[0]))) // its keys live on
})

test('an exchange disturbs no other, and shares nothing with it', async () => {
  const a = await start('music-drums.wav')
  const b = new Listener(address, a.session)
  await b.exchange()
  assert.deepEqual(a.info.slices, b.info.slices)
  assert.ok(!a.keys.slice.equals(b.keys.slice) && !a.keys.manifest.equals(b.keys.manifest))
  assert.ok(!a.info.sliceIds.some(id => b.info.sliceIds.includes(id)))
  const want = samples(join(folder, 'music-drums.wav'))
  same(await b.all(), want)
  same(await a.all(), want)
})

test('a key that has served its time asks for another, and goes', async () => {
  const listener = await start('music-chimes.ogg', {}, odd)
  const old = { ids: listener.info.sliceIds, slices: listener.info.slices, keys: listener.keys } // --rekey-after 3
  assert.ok(old.ids.length > 6)
  const asked = []
  for (let i = 0; i < 6; i++) {
    await listener.plain(i)
    asked.push(listener.rekey)
  }
  assert.deepEqual(asked, [false, false, false, true, true, true])
  await refused(listener.plain(6), 409, 'rekey')
  await listener.exchange()
  assert.deepEqual(listener.info.slices, old.slices)
  assert.ok(!listener.info.sliceIds.some(id => old.ids.includes(id)))
  assert.ok(!listener.keys.slice.equals(old.keys.slice))
  await listener.plain(6)
  assert.equal(listener.rekey, false)
  const gone = Object.assign(new Listener(odd, listener.session), { info: { sliceIds: old.ids } })
  await assert.rejects(gone.fetch(0), err => ['rekey', 'slice_not_found'].includes(err.code))
})

test('the server takes the first suite that it has', async () => {
  const { url } = await start('wav-u8.wav')
  const ask = async suites => (await json(`${url}/key-exchange`, post(request({ suites })))).suite
  assert.equal(await ask(['AES-256-GCM', 'ChaCha20-Poly1305']), 'AES-256-GCM')
  assert.equal(await ask(['ChaCha20-Poly1305', 'AES-256-GCM']), 'ChaCha20-Poly1305')
  assert.equal(await ask(['ROT-13', 'ChaCha20-Poly1305', 'AES-256-GCM']), 'ChaCha20-Poly1305')
})

const request = changes => ({ protocol: 'secstream/2', publicKey: Buffer.alloc(32, 9).toString('base64'), suites: SUITES, ...changes })

test('what cannot be agreed on is refused', async () => {
  const { url } = await start('wav-u8.wav')
  const hex = text => Buffer.from(text, 'hex').toString('base64')
  const bad = {
    'no key': { publicKey: undefined },
    'a short key': { publicKey: hex('09'.repeat(31)) },
    'a long key': { publicKey: hex('09'.repeat(33)) },
    'a key that is no base64': { publicKey: '*'.repeat(44) },
    'low order: 0': { publicKey: hex('00'.repeat(32)) },
    'low order: 1': { publicKey: hex('01' + '00'.repeat(31)) },
    'low order: 8': { publicKey: hex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800') },
    'low order: 2^255-20': { publicKey: hex('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f') },
    'no suites': { suites: [] },
    'no list of suites': { suites: undefined },
    'unknown suites': { suites: ['ROT-13'] },
    'nine suites': { suites: Array(9).fill('AES-256-GCM') },
    'a short mlkemKey': { mlkemKey: hex('09'.repeat(1183)) },
    'an mlkemKey out of range': { mlkemKey: hex('ff'.repeat(1184)) }
  }
  for (const [what, changes] of Object.entries(bad)) {
    await refused(json(`${url}/key-exchange`, post(request(changes))), 400, 'bad_request').catch(err => assert.fail(`${what}: ${err.message}`))
  }
  await refused(json(`${url}/key-exchange`, post(request({ protocol: 'secstream/3' }))), 400, 'unsupported_protocol')
  await refused(json(`${url}/key-exchange`, post(request({ trackId: 'none' }))), 404, 'track_not_found')
  const good = await json(`${url}/key-exchange`, post(request({ unknown: 1 }))) // after all of that
  assert.equal(good.protocol, 'secstream/2')
})

test('a field says how long it is', async () => {
  assert.equal(fields('ab', 3, ['c', ''], Buffer.from([4])).toString('hex'),
    '00000002' + '6162' + '00000004' + '00000003' + '00000002' + '00000001' + '63' + '00000000' + '00000001' + '04')
  assert.notDeepEqual(await deriveKeys(Buffer.alloc(32), Buffer.alloc(32)), await deriveKeys(Buffer.alloc(32), Buffer.alloc(32, 1)))
})
