// Sessions, keys and their renewal, in Node, against a server of protocol v2 that
// seals as ours does, and does otherwise where a test says so.
import assert from 'node:assert/strict'
import { createCipheriv, createHash, createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync, randomBytes, sign, webcrypto } from 'node:crypto'
import { test } from 'node:test'

globalThis.crypto ??= webcrypto
const page = new URL('../../../pkg/web/page/', import.meta.url)
const p = await import(new URL('protocol.js', page))

const field = b => Buffer.concat([Buffer.from(Uint32Array.of(b.length).buffer).swap32(), b])
const number = n => Buffer.from(Uint32Array.of(n).buffer).swap32()
const fields = (...all) => Buffer.concat(all.map(f => Array.isArray(f) ? Buffer.concat([number(f.length), ...f.map(x => field(Buffer.from(x)))]) : field(typeof f === 'number' ? number(f) : Buffer.from(f))))
const sha256 = b => createHash('sha256').update(b).digest()
const raw = key => Buffer.from(key.export({ format: 'jwk' }).x, 'base64url')
const seal = (key, plain, data) => {
  const nonce = randomBytes(12)
  const c = createCipheriv('aes-256-gcm', key, nonce)
  c.setAAD(data)
  return Buffer.concat([nonce, c.update(plain), c.final(), c.getAuthTag()])
}
const FRAMES = 4

/** A server: state is what it says and counts, meddle(path, method, state) may answer in its place. */
function serve (meddle = () => {}) {
  const identity = generateKeyPairSync('ed25519')
  const state = { identity, calls: [], live: new Map(), made: 0, info: {}, slices: {}, manifest: {}, rekey: false }
  const session = () => {
    const id = `S${++state.made}`
    state.live.set(id, null)
    return { sessionId: id }
  }
  const exchange = (id, ask) => {
    const pair = generateKeyPairSync('x25519')
    const theirs = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: Buffer.from(ask.publicKey, 'base64').toString('base64url') }, format: 'jwk' })
    const key = raw(state.identity.publicKey)
    const hash = sha256(fields('secstream/2 handshake', id, '', Buffer.from(ask.publicKey, 'base64'), '', ask.suites, 'AES-256-GCM', raw(pair.publicKey), '', key))
    const signature = sign(null, hash, state.identity.privateKey)
    const keys = Buffer.from(hkdfSync('sha256', diffieHellman({ privateKey: pair.privateKey, publicKey: theirs }), sha256(fields('secstream/2 transcript', hash, signature)), 'secstream/2 keys', 64))
    const info = {
      sessionId: id, cipher: 'AES-256-GCM', compression: 'none', format: 'wav', codec: 'pcm', sampleFormat: 's16', sampleRate: 8000, channels: 1, bitDepth: 16,
      totalSlices: 2, totalSamples: 2 * FRAMES, sliceIds: [`${id}a${randomBytes(4).toString('hex')}`, `${id}b${randomBytes(4).toString('hex')}`],
      slices: [0, 1].map(i => ({ start: i * FRAMES, samples: FRAMES, preroll: 0, ...state.slices })), ...state.info
    }
    const old = state.live.get(id)
    state.live.set(id, [...old ?? [], { key: keys.subarray(0, 32), info, head: state.manifest.headBytes ?? 0 }])
    const manifest = JSON.stringify({ version: 1, source: 'x', tags: {}, headBytes: 0, sessionInfo: info, ...state.manifest })
    return { protocol: 'secstream/2', suite: 'AES-256-GCM', publicKey: raw(pair.publicKey).toString('base64'), identity: key.toString('base64'), signature: signature.toString('base64'),
      manifest: seal(keys.subarray(32), manifest, fields('secstream/2 manifest', id, '')).toString('base64') }
  }
  const slice = (id, name) => {
    const at = state.live.get(id).find(k => k.info.sliceIds.includes(name))
    if (!at) return [404, { error: 'no such slice', code: 'slice_not_found' }]
    const i = at.info.sliceIds.indexOf(name)
    const plain = at.head + 2 * FRAMES
    const body = seal(at.key, Buffer.alloc(plain, i + 1), fields('secstream/2 slice', id, '', name, i, 2, 'wav', 'none', plain))
    return [200, body, { 'X-IV-Length': '12', 'X-Encrypted-Data-Length': String(body.length - 12), 'X-CRC32-Hash': p.crc32(body), ...state.rekey ? { 'X-Rekey': '1' } : {} }]
  }
  const get = async (url, { method = 'GET', body } = {}) => {
    const path = new URL(url).pathname
    const [,, , id, what, name] = path.split('/')
    state.calls.push(`${method} ${what ?? id ?? ''}`.trim())
    const instead = await meddle(path, method, state)
    if (instead) return new Response(JSON.stringify(instead.body ?? {}), { status: instead.status })
    const json = value => new Response(JSON.stringify(value))
    if (!id) return json(session())
    if (!state.live.has(id)) return new Response('{"error":"no session","code":"session_not_found"}', { status: 404 })
    if (method === 'DELETE') return state.live.delete(id) && new Response(null, { status: 204 })
    if (what === 'key-exchange') return json(exchange(id, JSON.parse(body)))
    const [status, answer, headers] = slice(id, name)
    return new Response(status === 200 ? answer : JSON.stringify(answer), { status, headers })
  }
  return { state, session, server: new p.Server('http://127.0.0.1:1', { fetch: get }), print: () => p.fingerprint(raw(state.identity.publicKey)) }
}
const opened = (s, how = {}, source = { id: 'x' }) => new p.Track(s.server, source, { delays: [1, 1, 1], ...how }).open()
const facts = t => [t.session, t.key, t.info, t.identity, t.headBytes, t.padded, t.tags, t.exchanges]
const is = (slice, i) => assert.deepEqual([...slice], Array(2 * FRAMES).fill(i + 1))

test('a session by protocol v2', async () => {
  const s = serve()
  const met = []
  const t = await opened(s, { met: async id => met.push(Buffer.from(id)) })
  is(await t.slice(0), 0)
  is(await t.slice(1), 1)
  assert.deepEqual(met, [raw(s.state.identity.publicKey)])
  await t.close()
  assert.equal(s.state.live.size, 0)
})

test('an exchange that fails leaves all as it was', async () => {
  for (const [name, lie, told] of [
    ['another track', { manifest: { source: 'y', headBytes: 2, tags: { title: 'y' }, padded: true } }, /another track/],
    ['no slices', { info: { sliceIds: [] }, manifest: { headBytes: 2, tags: { title: 'y' } } }, /number of slices/],
    ['other slices', { info: { totalSamples: 10 }, slices: {} }, /cover the track/],
    ['a pin', {}, /: a pin$/]
  ]) {
    const s = serve()
    let met = async () => {}
    const t = await opened(s, { met: id => met(id) })
    const before = facts(t)
    Object.assign(s.state, lie)
    met = async () => {
      assert.equal(name, 'a pin', 'the server is noted before all is as it must be')
      await Promise.all([t.slice(0), t.slice(1)]) // while it is being noted: by what was agreed on before
      throw new p.SecstreamError('identity', 'a pin')
    }
    await assert.rejects(t.renew(), told, name)
    assert.deepEqual(facts(t).map((f, i) => f === before[i]), before.map(() => true), name)
    is(await t.slice(1), 1)
  }
})

test('what comes with another key is taken together', async () => {
  const s = serve()
  let met = async () => {}
  const t = await opened(s, { met: id => met(id) })
  s.state.manifest = { headBytes: 2, tags: { title: 'new' } }
  const before = facts(t)
  met = async () => assert.deepEqual(facts(t), before)
  await t.renew()
  assert.deepEqual([t.headBytes, t.tags.title, t.exchanges, t.key === before[1]], [2, 'new', 2, false])
  assert.equal((await t.slice(0)).length, 2 * FRAMES + 2)
})

test('with another key the sound is of the same kind', async () => {
  for (const other of [{ codec: 'flac' }, { sampleFormat: 's24' }, { sampleFormat: 'f32' }, { sampleRate: 16000 }, { channels: 2 }, { bitDepth: 24 }, { format: 'riff' }]) {
    const s = serve()
    const t = await opened(s)
    s.state.info = other
    await assert.rejects(t.renew(), /otherwise than before/, JSON.stringify(other))
    assert.equal(t.exchanges, 1)
  }
})

test('while a key cannot be renewed the old one serves, and trying goes on', async () => {
  let broken = 100
  const s = serve(path => path.endsWith('key-exchange') && broken < 100 && broken-- > 0 ? { status: 503 } : undefined)
  const t = await opened(s)
  s.state.rekey = true
  broken = 6
  for (let i = 0; i < 12 && t.exchanges === 1; i++) {
    is(await t.slice(i % 2), i % 2)
    await new Promise(resolve => setTimeout(resolve, 3))
  }
  await t.renewing
  assert.equal(t.exchanges, 2)
  s.state.rekey = false
  is(await t.slice(0), 0)
  // One that is gone is renewed by the retrying way.
  const slices = s.state.live.get(t.session)
  slices.splice(0)
  broken = 2
  is(await t.slice(1), 1)
  assert.equal(t.exchanges, 3)
})

test('a session that is gone is replaced, also when that shows while a key is renewed', async () => {
  const s = serve()
  const t = await opened(s)
  s.state.live.clear()
  const [a, b] = await Promise.all([t.slice(0), t.slice(1)])
  is(a, 0)
  is(b, 1)
  assert.deepEqual([t.session, s.state.made, t.exchanges], ['S2', 2, 2])
  s.state.rekey = true
  is(await t.slice(0), 0)
  s.state.live.clear()
  is(await t.slice(1), 1)
  await t.close()
  assert.equal(s.state.live.size, 0)
  // One that was sent cannot be sent again unasked.
  s.state.manifest = { source: undefined }
  const sent = await opened(s, { send: async () => s.session() }, { file: new Blob(['music']) })
  s.state.live.clear()
  const err = await sent.slice(0).catch(e => e)
  assert.deepEqual([err.kind, err.hint], ['gone', 'open the track again'])
})

test('a track that is closed has no key, and no session anywhere', async () => {
  for (const [where, gone] of [['key-exchange', false], ['key-exchange', true], ['sessions', true]]) {
    let hold
    const s = serve(async path => { if (hold && path.endsWith(where)) await hold(path) })
    const t = await opened(s)
    if (gone) s.state.live.clear()
    let reached
    const there = new Promise(resolve => { reached = resolve })
    let go
    const on = new Promise(resolve => { go = resolve })
    hold = async path => {
      if (gone && path.includes('/S1/')) return
      reached()
      await on
    }
    const renewed = t.renew().then(() => 'renewed', e => e.kind)
    await there
    await t.close()
    go()
    assert.equal(await renewed, 'aborted', where)
    for (let i = 0; i < 100 && s.state.live.size > 0; i++) await new Promise(resolve => setTimeout(resolve, 2))
    assert.deepEqual([t.key, s.state.live.size], [undefined, 0], where)
    assert.equal((await t.slice(0).catch(e => e)).kind, 'aborted')
  }
})

test('no file goes to a server that is known before it has proved who it is', async () => {
  const file = new Blob(['music of my own'.repeat(100)])
  const go = async (known, wrong) => {
    const s = serve()
    s.state.manifest = { source: undefined }
    const sent = []
    const print = await s.print()
    const check = async id => { if (wrong || await p.fingerprint(id) !== print) throw new p.SecstreamError('identity', 'another') }
    const told = []
    const t = new p.Track(s.server, { file }, { check, met: async () => false, known: async () => known, progress: () => told.push(1), delays: [1], send: async (server, what, progress) => {
      sent.push(what)
      progress?.()
      return s.session()
    } })
    const end = await t.open().then(() => 'open', e => e.kind)
    await t.close()
    await new Promise(resolve => setTimeout(resolve, 5))
    return { end, sent, told: told.length, live: s.state.live.size, t, s }
  }
  const bad = await go(true, true)
  assert.deepEqual([bad.end, bad.sent.length, bad.told, bad.live], ['identity', 1, 0, 0])
  assert.ok(bad.sent[0] !== file && bad.sent[0].size < 50)
  const head = new Uint8Array(await bad.sent[0].arrayBuffer())
  assert.equal(new TextDecoder().decode(head.subarray(0, 4)) + new DataView(head.buffer).getUint32(4, true), `RIFF${head.length - 8}`)
  const good = await go(true, false)
  assert.deepEqual([good.end, good.sent.length, good.sent[1] === file, good.told, good.live], ['open', 2, true, 1, 0])
  const stranger = await go(false, false)
  assert.deepEqual([stranger.end, stranger.sent.length], ['open', 1])
  // Nor to one that becomes another in between.
  const s = serve()
  s.state.manifest = { source: undefined }
  const end = await new p.Track(s.server, { file }, { known: async () => true, send: async (server, what) => {
    if (what === file) s.state.identity = generateKeyPairSync('ed25519')
    return s.session()
  } }).open().catch(e => e)
  assert.match(end.message, /a moment ago/)
})

test('secrets are overwritten when an exchange fails, too', async () => {
  const { subtle } = crypto
  const real = subtle.deriveBits
  const seen = []
  subtle.deriveBits = async function (...args) {
    const bits = await real.apply(this, args)
    seen.push(new Uint8Array(bits))
    return bits
  }
  try {
    const s = serve()
    await opened(s)
    const pair = await subtle.generateKey({ name: 'X25519' }, false, ['deriveBits'])
    const clientKey = new Uint8Array(await subtle.exportKey('raw', pair.publicKey))
    const serverKey = generateKeyPairSync('x25519').publicKey
    const identity = generateKeyPairSync('ed25519')
    const offer = { session: 's', clientKey, mlkemKey: new Uint8Array(1184), suites: p.SUITES }
    const reply = { suite: p.SUITES[0], publicKey: new Uint8Array(raw(serverKey)), mlkemCiphertext: new Uint8Array(1088), identity: new Uint8Array(raw(identity.publicKey)) }
    reply.signature = new Uint8Array(sign(null, await p.transcript({ ...offer, suite: reply.suite, serverKey: reply.publicKey, mlkemCiphertext: reply.mlkemCiphertext, identity: reply.identity }), identity.privateKey))
    const failing = async () => { throw new Error('the secret cannot be had') }
    await assert.rejects(p.agree(offer, pair.privateKey, reply, undefined, failing), /cannot be had/)
  } finally {
    delete subtle.deriveBits
  }
  assert.equal(seen.length, 3) // two secrets of X25519, and the keys
  for (const bits of seen) assert.ok(bits.every(b => b === 0), 'it is still there')
})
