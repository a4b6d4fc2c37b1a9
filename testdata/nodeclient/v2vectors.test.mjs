// Recomputes testdata/vectors/v2.json with the listener of v2client.mjs. Where
// Node has no ML-KEM, its secret is taken from the file.
//
//   node v2vectors.test.mjs
import assert from 'node:assert/strict'
import { createCipheriv, createHash, createHmac, createPrivateKey, createPublicKey, sign, webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { SUITES, agree, expand, fields, fingerprint, kemPair, manifestData, openSealed, padme, sliceData, transcript, unpad, x25519 } from './v2client.mjs'

const { subtle } = webcrypto
const vectors = JSON.parse(readFileSync(new URL('../vectors/v2.json', import.meta.url)))
const hex = text => text === undefined ? undefined : Buffer.from(text, 'hex')
const named = name => vectors.exchanges.find(x => x.name === name) ?? assert.fail(`no exchange "${name}"`)

// Private keys in PKCS #8 (RFC 8410).
const pkcs8 = (last, bytes) => Buffer.concat([hex(`302e020100300506032b65${last}04220420`), hex(bytes)])
const privateX = bytes => subtle.importKey('pkcs8', pkcs8('6e', bytes), { name: 'X25519' }, false, ['deriveBits'])
const publicOf = (last, bytes) => createPublicKey(createPrivateKey({ key: pkcs8(last, bytes), format: 'der', type: 'pkcs8' }))
  .export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')

const identityOf = x => {
  const key = createPrivateKey({ key: pkcs8('70', x.identitySeed), format: 'der', type: 'pkcs8' })
  return { sign: hash => sign(null, hex(hash), key).toString('hex') }
}

const offerOf = x => ({ session: x.session, track: x.track, clientKey: hex(x.clientPublic), mlkemKey: hex(x.mlkemKey), suites: x.suites })
const replyOf = x => ({
  suite: x.suite, publicKey: hex(x.serverPublic), mlkemCiphertext: hex(x.mlkemCiphertext), identity: hex(x.identity), signature: hex(x.signature)
})
const options = x => x.mlkemSecret === undefined ? {} : { decapsulate: async () => hex(x.mlkemSecret) }

test('there is what there should be', () => {
  assert.deepEqual(vectors.exchanges.map(x => x.mlkemKey !== undefined), [false, true])
  for (const kind of ['manifest', 'slice']) {
    for (const suite of SUITES) assert.ok(vectors.seals.some(s => s.kind === kind && named(s.exchange).suite === suite), `${kind} by ${suite}`)
  }
  for (const list of [vectors.padding.made, vectors.padding.lengths, vectors.padding.refused, vectors.refused.offers, vectors.refused.replies]) assert.ok(list.length > 3)
})

for (const x of vectors.exchanges) {
  test(`exchange: ${x.name}`, async () => {
    assert.equal(publicOf('6e', x.clientPrivate), x.clientPublic)
    assert.equal(publicOf('6e', x.serverPrivate), x.serverPublic)
    assert.equal(publicOf('70', x.identitySeed), x.identity)
    assert.equal(fingerprint(hex(x.identity)), x.fingerprint)
    assert.equal(identityOf(x).sign(x.hash), x.signature)
    const shared = await x25519(await privateX(x.serverPrivate), hex(x.clientPublic))
    assert.equal(shared.toString('hex'), x.shared)

    const kem = x.mlkemSeed === undefined ? null : await kemPair(hex(x.mlkemSeed))
    if (kem !== null) {
      assert.equal(kem.mlkemKey.toString('hex'), x.mlkemKey)
      assert.equal((await kem.decapsulate(hex(x.mlkemCiphertext))).toString('hex'), x.mlkemSecret)
    }

    const got = await agree(offerOf(x), await privateX(x.clientPrivate), replyOf(x), { known: x.fingerprint, ...options(x) })
    assert.deepEqual(
      [got.hash, got.ikm, got.salt, got.keys.slice, got.keys.manifest].map(b => b.toString('hex')),
      [x.hash, x.ikm, x.salt, x.sliceKey, x.manifestKey])
    assert.equal(x.ikm, (x.mlkemSecret ?? '') + x.shared)
    await assert.rejects(agree(offerOf(x), await privateX(x.clientPrivate), replyOf(x), { known: 'SHA256:00', ...options(x) }), /another identity/)
  })
}

// seal is what a server does, to see that nothing else is in the vector.
function seal (suite, key, nonce, plain, data) {
  const cipher = createCipheriv(suite === 'AES-256-GCM' ? 'aes-256-gcm' : 'chacha20-poly1305', key, nonce, { authTagLength: 16 })
  cipher.setAAD(data, { plaintextLength: plain.length })
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

for (const s of vectors.seals) {
  test(`seal: ${s.name}`, async () => {
    const x = named(s.exchange)
    const slice = s.kind === 'slice'
    const data = slice ? sliceData({ ...x, ...s }) : manifestData(x.session, x.track)
    assert.equal(data.toString('hex'), s.data)
    const key = hex(slice ? x.sliceKey : x.manifestKey)
    assert.equal(seal(x.suite, key, hex(s.nonce), hex(s.inside), data).toString('hex'), s.sealed)
    let inside = await openSealed(x.suite, key, hex(s.sealed), data)
    assert.equal(inside.toString('hex'), s.inside)
    if (!slice) return assert.equal(JSON.parse(inside).version, 1)
    if (s.padded) {
      assert.equal(padme(inside.length), inside.length)
      inside = unpad(inside)
    }
    assert.equal(expand(inside, s.compression, s.plain).toString('hex'), s.content)
  })
}

test('padding', () => {
  for (const { plain, padded } of vectors.padding.made) {
    const bytes = hex(padded)
    assert.equal(unpad(bytes).toString('hex'), plain)
    assert.equal(bytes.length, padme(hex(plain).length + 1))
  }
  for (const [n, padded] of vectors.padding.lengths) assert.equal(padme(n), padded, String(n))
  for (const bad of vectors.padding.refused) assert.throws(() => unpad(hex(bad)), /padding/, bad)
})

// kemKey says whether an encapsulation key of ML-KEM-768 has the right length
// and coefficients below 3329 (FIPS 203, section 7.2).
function kemKey (bytes) {
  if (bytes.length !== 1184) return false
  for (let i = 0; i < 1152; i += 3) {
    if ((bytes[i] | (bytes[i + 1] & 15) << 8) >= 3329 || (bytes[i + 1] >> 4 | bytes[i + 2] << 4) >= 3329) return false
  }
  return true
}

test('offers that a server refuses', async () => {
  const judge = async o => {
    if (!SUITES.some(s => o.suites.includes(s)) || o.suites.length > 8) return 'suites'
    if (o.mlkemKey !== undefined && !kemKey(hex(o.mlkemKey))) return 'publicKey'
    return x25519(await privateX(vectors.exchanges[0].serverPrivate), hex(o.publicKey)).then(() => 'none', () => 'publicKey')
  }
  for (const o of vectors.refused.offers) assert.equal(await judge(o), o.error, o.name)
  for (const x of vectors.exchanges) assert.equal(await judge({ ...x, publicKey: x.clientPublic }), 'none', x.name)
})

const hashOf = (x, r) => transcript({ ...offerOf(x), ...replyOf(r), serverKey: hex(r.serverPublic) }).toString('hex')

test('replies that a client refuses', async () => {
  for (const r of vectors.refused.replies) {
    const x = named(r.exchange)
    const why = await agree(offerOf(x), await privateX(x.clientPrivate), replyOf(r), options(x)).then(() => 'none', err => err.message)
    assert.match(why, {
      signature: /signature is wrong/,
      reply: /not offered|other length|low order|X25519 key of|too short/
    }[r.error] ?? assert.fail(`${r.name}: ${r.error}`), r.name)
    // What a dishonest server signed is refused for what it is, not for its signature.
    assert.equal(r.signed, identityOf(x).sign(r.hash) === r.signature && r.hash === hashOf(x, r), r.name)
  }
})

// Pairing: section 9.
const digits = 'abcdefghijklmnopqrstuvwxyz234567'

// base32 are the bytes of a secret's text, and an error for any other text.
function base32 (text) {
  const values = [...text].map(c => digits.indexOf(c))
  if (values.length !== 26 || values.includes(-1)) throw new Error('not 26 letters and digits')
  const bits = values.map(v => v.toString(2).padStart(5, '0')).join('')
  if (bits.slice(128) !== '00') throw new Error('the last two bits are not 0')
  if (!bits.includes('1')) throw new Error('nothing but zeros')
  return Buffer.from(bits.slice(0, 128).match(/.{8}/g).map(b => parseInt(b, 2)))
}

// pairAddress takes an address for pairing apart.
function pairAddress (text) {
  const m = /^(secstreams?):\/\/([a-z0-9.-]+(?::[0-9]+)?)(\/[^?#]*)\?pair=([^#]*)#(SHA256:(?:[0-9A-F]{2}:){31}[0-9A-F]{2})$/.exec(text)
  if (m === null) throw new Error('no such form')
  const [, scheme, host, path, secret, known] = m
  return { url: `${scheme === 'secstreams' ? 'https' : 'http'}://${host}${path.replace(/\/$/, '')}`, secret: base32(secret), known }
}

const sha256 = bytes => createHash('sha256').update(bytes).digest()
const proofData = (publicKey, mlkemKey, identity, name) => fields('secstream/2 pair', publicKey, mlkemKey ?? Buffer.alloc(0), sha256(identity), name)
const proofOf = (secret, data) => createHmac('sha256', secret).update(data).digest('hex')

for (const p of vectors.pairing.made) {
  test(`pairing: ${p.name}`, async () => {
    const x = p.exchange
    const address = pairAddress(p.address)
    assert.deepEqual([address.url, address.secret.toString('hex'), address.known], [p.url, p.secret, x.fingerprint])
    const data = proofData(hex(x.clientPublic), hex(x.mlkemKey), hex(x.identity), x.track)
    assert.equal(data.toString('hex'), p.data)
    assert.equal(proofOf(hex(p.secret), data), p.proof)
    assert.equal(x.session, 'pair')
    if (x.mlkemSeed !== undefined) {
      const kem = await kemPair(hex(x.mlkemSeed))
      if (kem !== null) assert.equal((await kem.decapsulate(hex(x.mlkemCiphertext))).toString('hex'), x.mlkemSecret)
    }
    const { keys } = await agree(offerOf(x), await privateX(x.clientPrivate), replyOf(x), { known: address.known, ...options(x) })
    const inside = await openSealed(x.suite, keys.manifest, hex(p.sealed.sealed), manifestData('pair', x.track))
    assert.deepEqual(JSON.parse(inside), { version: 1, token: p.token })
    assert.equal(seal(x.suite, keys.manifest, hex(p.sealed.nonce), inside, manifestData('pair', x.track)).toString('hex'), p.sealed.sealed)
    await assert.rejects(openSealed(x.suite, keys.manifest, hex(p.sealed.sealed), manifestData('pair', 'cellar')))
  })
}

test('proofs that a server refuses', () => {
  const [{ secret, exchange }] = vectors.pairing.made
  assert.ok(vectors.pairing.proofs.length > 11)
  for (const r of vectors.pairing.proofs) {
    assert.notEqual(proofOf(hex(secret), proofData(hex(r.publicKey), hex(r.mlkemKey), hex(exchange.identity), r.player)), r.proof, r.name)
  }
})

test('addresses that are none for pairing', () => {
  assert.ok(vectors.pairing.refused.length > 11)
  for (const text of vectors.pairing.refused) assert.throws(() => pairAddress(text), text)
})
