// What goes wrong around a server and its listeners, done on purpose. Each
// command is one part of faults.sh:
//
//   proxy ADDRESS MODE         stands between; prints "listening on URL" and changes slices:
//                              forge  flips a bit and mends the checksum
//                              flip   flips a bit
//                              cut    drops the last 100 bytes and mends the checksum
//                              break  ends the connection in the middle
//                              key    answers the key exchange with a key of its own
//   drain ADDRESS TRACK        reads one slice for some seconds; prints "reading" when it has begun
//   hostile ADDRESS            requests no client sends
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { webcrypto } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

const table = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1
  return n
})
function crc32 (bytes) {
  let c = -1
  for (const b of bytes) c = (c >>> 8) ^ table[(c ^ b) & 255]
  return (~c >>> 0).toString(16).padStart(8, '0')
}

function check (ok, what) {
  if (!ok) throw new Error(what)
}

const json = body => ({ method: 'POST', headers: { 'content-type': 'application/json' }, body: typeof body === 'string' ? body : JSON.stringify(body) })

async function publicKey () {
  const pair = await webcrypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveKey'])
  return Buffer.from(await webcrypto.subtle.exportKey('spki', pair.publicKey)).toString('base64')
}

async function library (address) {
  for (;;) {
    const list = await (await fetch(`${address}/api/library`)).json()
    if (!list.scanning) return list.tracks
    await sleep(50)
  }
}

// open makes a session with its key exchange done.
async function open (address, path) {
  const track = (await library(address)).find(t => !path || t.path === path)
  check(track, `there is no ${path}`)
  const made = await (await fetch(`${address}/api/sessions`, json({ tracks: [track.id] }))).json()
  const session = `${address}/api/sessions/${made.sessionId}`
  const answer = await (await fetch(`${session}/key-exchange`, json({ publicKey: await publicKey() }))).json()
  return { session, id: made.sessionId, track: track.id, info: answer.sessionInfo }
}

const change = {
  forge: b => { b[b.length >> 1] ^= 1; return b },
  flip: b => { b[b.length >> 1] ^= 1; return b },
  cut: b => b.subarray(0, b.length - 100),
  break: b => b,
  key: b => b
}

function proxy (address, mode) {
  check(change[mode], `no mode ${mode}`)
  const server = createServer(async (req, res) => {
    try {
      const parts = []
      for await (const part of req) parts.push(part)
      const body = parts.length > 0 ? Buffer.concat(parts) : undefined
      const up = await fetch(address + req.url, { method: req.method, headers: { 'content-type': req.headers['content-type'] ?? '' }, body })
      let b = Buffer.from(await up.arrayBuffer())
      const headers = Object.fromEntries(up.headers)
      if (up.ok && req.url.includes('/slices/')) {
        b = Buffer.from(change[mode](b))
        if (mode !== 'flip') headers['x-crc32-hash'] = crc32(b)
        headers['content-length'] = b.length
        if (mode === 'break') {
          res.writeHead(up.status, headers)
          res.write(b.subarray(0, b.length >> 1), () => res.destroy())
          return
        }
      }
      if (up.ok && mode === 'key' && req.url.endsWith('/key-exchange')) {
        const answer = JSON.parse(b)
        answer.publicKey = await publicKey()
        b = Buffer.from(JSON.stringify(answer))
        headers['content-length'] = b.length
      }
      res.writeHead(up.status, headers)
      res.end(b)
    } catch {
      res.destroy() // the server is gone: so is this
    }
  })
  server.listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`))
}

async function drain (address, path) {
  const { session, info } = await open(address, path)
  const url = new URL(`${session}/slices/${info.sliceIds[0]}`)
  await new Promise((resolve, reject) => {
    // A small window, so that the answer does not fit between the two.
    const socket = connect({ port: Number(url.port), host: url.hostname, highWaterMark: 4096 })
    let head = ''
    let want = Infinity
    let got = 0
    let done = false
    socket.write(`GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: close\r\n\r\n`)
    socket.on('data', async b => {
      if (want === Infinity) {
        head += b.toString('latin1')
        const end = head.indexOf('\r\n\r\n')
        if (end < 0) return
        want = Number(/content-length: (\d+)/i.exec(head)[1])
        got = head.length - end - 4
        console.log('reading')
      } else {
        got += b.length
      }
      if (got === want) {
        done = true
        socket.end()
      } else {
        socket.pause()
        await sleep(b.length / 2000) // 2 MB/s
        socket.resume()
      }
    })
    socket.on('error', reject)
    socket.on('close', () => done ? resolve() : reject(new Error(`${got} bytes of ${want}`)))
  })
  console.log('all read')
}

async function hostile (address) {
  const { session, id, track, info } = await open(address)
  const good = await publicKey()
  const der = Buffer.from(good, 'base64')
  const off = Buffer.from(der)
  off[90] ^= 1 // no longer on the curve
  const infinity = Buffer.concat([der.subarray(0, 26), Buffer.alloc(65)])
  const compressed = Buffer.concat([der.subarray(0, 26), Buffer.from([2]), der.subarray(27, 59)])
  const deep = n => '['.repeat(n) + ']'.repeat(n)
  const long = 'A'.repeat(8000)
  const create = body => ['/api/sessions', json(body)]
  const exchange = body => [`/api/sessions/${id}/key-exchange`, json(body)]
  const key = k => exchange({ publicKey: k })
  const upload = (body, type) => ['/api/sessions', { method: 'POST', headers: { 'content-type': type }, body }]

  const requests = {
    'huge JSON': create(JSON.stringify({ tracks: ['x'.repeat(1 << 20)] })),
    'many tracks': create({ tracks: Array(2000).fill(track) }),
    'huge key': key('A'.repeat(1 << 20)),
    'deep JSON': create(deep(100000)),
    'deep inside': create(`{"tracks":${deep(20000)}}`),
    'not JSON': create('tracks'),
    'half JSON': create('{"tracks":["'),
    'empty body': create(''),
    'JSON null': create('null'),
    'a list': create('[]'),
    'tracks a number': create({ tracks: 1 }),
    'tracks of numbers': create({ tracks: [1, 2] }),
    'tracks of null': create({ tracks: [null] }),
    'no tracks': create({ tracks: [] }),
    'randomise a text': create({ tracks: [track], randomizeSliceLength: 'yes' }),
    'track ../': create({ tracks: ['../../../etc/passwd'] }),
    'track by path': create({ tracks: ['music-drums.wav'] }),
    'track with NUL': create({ tracks: ['\u0000'] }),
    'track very long': create({ tracks: [long] }),
    'no type': ['/api/sessions', { method: 'POST', body: new Uint8Array([1]) }],
    'XML': upload('<a/>', 'text/xml'),
    'form without boundary': upload('x', 'multipart/form-data'),
    'form cut short': upload('--b\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\nRIFF', 'multipart/form-data; boundary=b'),
    'form with long header': upload('--b\r\nX: ' + 'y'.repeat(1 << 20), 'multipart/form-data; boundary=b'),
    'form of nothing': upload('--b--\r\n', 'multipart/form-data; boundary=b'),
    'no key': exchange({}),
    'key a number': exchange({ publicKey: 5 }),
    'key empty': key(''),
    'key not base64': key('!!!!'),
    'key half': key(good.slice(0, 60)),
    'key off the curve': key(off.toString('base64')),
    'key at infinity': key(infinity.toString('base64')),
    'key compressed': key(compressed.toString('base64')),
    'key in zeros': key(Buffer.alloc(91).toString('base64')),
    'key with more behind': key(Buffer.concat([der, Buffer.alloc(3)]).toString('base64')),
    'key of another track': exchange({ publicKey: good, trackId: '../x' }),
    'track by query': [`/api/sessions/${id}/key-exchange?trackId=${encodeURIComponent('\u0000')}`, json({ publicKey: good })],
    'session ../': ['/api/sessions/..%2f..%2fetc%2fpasswd/info'],
    'session with NUL': ['/api/sessions/%00/info'],
    'session very long': [`/api/sessions/${long}/info`],
    'session empty': ['/api/sessions//info'],
    'slice ../': [`/api/sessions/${id}/slices/..%2f..%2f..%2fetc%2fpasswd`],
    'slice very long': [`/api/sessions/${id}/slices/${long}`],
    'slice unknown': [`/api/sessions/${id}/slices/${info.sliceIds[0].slice(0, -1)}!`],
    'slice out of range': [`/api/sessions/${id}/slices/${info.sliceIds[0].slice(0, -4)}____`],
    'slice of a track that is not': [`/api/sessions/${id}/slices/${info.sliceIds[0]}?trackId=x`],
    'slice of no session': [`/api/sessions/x/slices/${info.sliceIds[0]}`],
    'cover ../': ['/api/library/..%2f..%2fetc%2fpasswd/cover'],
    'a file': ['/music-drums.wav'],
    'a file by ../': ['/api/library/../../music-drums.wav'],
    'dot files': ['/.git/config'],
    'nothing': ['/api/nowhere'],
    'PUT': ['/api/sessions', { method: 'PUT', body: 'x' }],
    'PATCH': [`/api/sessions/${id}/info`, { method: 'PATCH', body: 'x' }],
    'POST to a slice': [`/api/sessions/${id}/slices/${info.sliceIds[0]}`, { method: 'POST', body: 'x' }],
    'DELETE the library': ['/api/library', { method: 'DELETE' }],
    'an invented method': ['/api/library', { method: 'PLUNDER' }],
    'end what is not': ['/api/sessions/x', { method: 'DELETE' }]
  }
  for (const [name, [path, init]] of Object.entries(requests)) {
    const resp = await fetch(address + path, init).catch(err => { throw new Error(`${name}: ${err.cause?.message ?? err.message}`) })
    const text = await resp.text()
    check(resp.status >= 400 && resp.status < 500, `${name}: ${resp.status} ${text.slice(0, 200)}`)
    let body
    try { body = JSON.parse(text) } catch { throw new Error(`${name}: ${resp.status} not JSON: ${text.slice(0, 200)}`) }
    check(typeof body.error === 'string' && body.error !== '', `${name}: no error text`)
    check(!/goroutine|panic|\/tmp\/|\.go:/.test(text), `${name}: tells too much: ${text.slice(0, 200)}`)
  }

  // What fetch would not send.
  const raw = {
    'no HTTP': 'hello\r\n\r\n',
    'path ../': 'GET /api/library/../../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n',
    'no host': 'GET /api/library HTTP/1.1\r\n\r\n',
    'two lengths': 'POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
    'length and chunks': 'POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'chunk of 2^64': 'POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}',
    'length below 0': 'POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
    'long header': `GET /api/library HTTP/1.1\r\nHost: x\r\nX-Y: ${'z'.repeat(1 << 17)}\r\n\r\n`,
    'bytes': Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7919) & 255)),
    'TLS': Buffer.from('1603010200010001fc0303', 'hex')
  }
  const { port, hostname } = new URL(address)
  for (const [name, bytes] of Object.entries(raw)) {
    const answer = await new Promise(resolve => {
      const s = connect(Number(port), hostname)
      let got = ''
      s.on('data', b => { got += b.toString('latin1') })
      s.on('error', () => {})
      s.on('close', () => resolve(got))
      s.write(bytes)
      setTimeout(() => s.destroy(), 300)
    })
    check(!/^HTTP\/1\.[01] (2|5)/.test(answer), `${name}: ${answer.slice(0, 100)}`)
  }

  // After all that the session still plays.
  const resp = await fetch(`${session}/slices/${info.sliceIds[0]}`)
  check(resp.ok && (await resp.arrayBuffer()).byteLength > 1000, 'the session no longer plays')
  console.log(`${Object.keys(requests).length} requests refused with 4xx and JSON, ${Object.keys(raw).length} broken ones survived`)
}

const [command, ...args] = process.argv.slice(2)
const run = { proxy, drain, hostile }[command]
Promise.resolve().then(() => run(...args)).catch(err => {
  console.error(`${command}: ${err.message}`)
  process.exit(1)
})
