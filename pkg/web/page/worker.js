// @ts-check
// The worker: everything that has to do with keys, and what takes time. It
// fetches and opens slices, expands them, and reads PCM and FLAC. Plain slices
// leave it, keys never do.
import { MAX_SMALL, SecstreamError, Server, Track, refused } from './protocol.js'
import { Pins } from './pins.js'
import { flac } from './flac.js'
import { weigh } from './length.js'
import { riff, samples } from './pcm.js'

const pins = new Pins()
/** @type {Map<number, Track>} */
const tracks = new Map()
/** @type {Map<number, AbortController>} */
const jobs = new Map()
let handles = 0
let ticking = 0

const track = handle => tracks.get(handle) ?? (() => { throw new SecstreamError('aborted', 'the track is closed') })()

/** Sends a file and tells how far it got; fetch would not tell. */
function send (server, file, progress, signal) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest()
    const url = `${server.address}/api/sessions`
    xhr.open('POST', url)
    for (const [name, value] of Object.entries(server.headers({ 'Content-Type': 'application/octet-stream' }))) xhr.setRequestHeader(name, value)
    xhr.upload.onprogress = e => progress?.(e.loaded, e.total)
    xhr.responseType = 'json'
    const gone = () => reject(new SecstreamError(signal?.aborted ? 'aborted' : 'refused', 'the upload was broken off', { hint: 'the server may take no uploads, or none of this size' }))
    xhr.onprogress = e => { if (e.loaded > MAX_SMALL) xhr.abort() }
    xhr.onload = () => xhr.responseURL !== url ? gone() : xhr.status === 200 ? resolve(xhr.response) : reject(refused(xhr.status, xhr.response, Number(xhr.getResponseHeader('Retry-After'))))
    xhr.onerror = xhr.onabort = gone
    signal?.addEventListener('abort', () => xhr.abort(), { once: true })
    xhr.send(file)
  })
}

const status = t => ({
  ...t.counts, protocol: t.v2 ? 2 : 1, cipher: t.cipher, compression: t.info?.compression ?? 'deflate', identity: t.identity,
  kem: t.kem, keySince: t.keySince, exchanges: t.exchanges, session: t.session.slice(0, 6)
})

const operations = {
  async open ({ address, token, source, want, protocol }, signal, progress) {
    const server = new Server(address, { token })
    const t = new Track(server, source, { ...pins.trust(server.address, want), protocol, progress, send })
    try {
      await t.open(signal)
    } catch (err) {
      t.close()
      throw err
    }
    tracks.set(++handles, t)
    return { handle: handles, info: t.info, tags: t.tags, hasCover: t.hasCover, first: t.first, forgets: pins.memory !== undefined, status: status(t) }
  },

  async slice ({ handle, i }, signal) {
    const t = track(handle)
    const begin = performance.now()
    const bytes = await t.slice(i, signal)
    const ms = performance.now() - begin
    const { format, codec, sampleFormat, channels } = t.info
    let planes
    if (format === 'riff') planes = riff(bytes)
    else if (format === 'flac') planes = flac(bytes, t.info.slices[i].samples, channels)
    else if (codec === 'pcm') planes = samples(bytes, sampleFormat, channels)
    else weigh(bytes, t.info, t.info.slices[i])
    return { planes, bytes: planes ? undefined : bytes, ms, status: status(t) }
  },

  status: async ({ handle }) => status(track(handle)),
  async close ({ handle }) {
    const t = tracks.get(handle)
    tracks.delete(handle)
    await t?.close()
  },
  pins: () => pins.list(),
  accept: ({ address, fingerprint }) => pins.accept(address, fingerprint),
  forget: ({ address }) => pins.forget(address),

  // A page in the background has slow timers; a worker has not.
  async tick ({ ms }) {
    clearInterval(ticking)
    if (ms > 0) ticking = setInterval(() => postMessage({ tick: true }), ms)
  }
}

const plainError = err => err instanceof SecstreamError
  ? { ...err, kind: err.kind, message: err.message }
  : { kind: 'protocol', message: 'the server sent what makes no sense', hint: String(err?.message ?? err).slice(0, 300) }

addEventListener('message', async ({ data: { id, op, args } }) => {
  if (op === 'abort') return jobs.get(args.id)?.abort()
  const job = new AbortController()
  jobs.set(id, job)
  try {
    const result = await operations[op](args, job.signal, (sent, total) => postMessage({ id, progress: { sent, total } }))
    const moved = result?.planes?.map(p => p.buffer) ?? (result?.bytes ? [result.bytes.buffer] : [])
    postMessage({ id, result }, { transfer: [...new Set(moved)] })
  } catch (err) {
    postMessage({ id, error: JSON.parse(JSON.stringify(plainError(err))) }) // whatever it has, it can leave
  } finally {
    jobs.delete(id)
  }
})
