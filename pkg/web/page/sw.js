// @ts-check
// Keeps the player, so that the page opens without its server. It is asked for
// again every time, so that a new server's player is not held back; nothing of
// the API is ever kept.
const CACHE = 'secstream'
const FILES = ['./', 'web/app.css', 'web/app.js', 'web/dom.js', 'web/views.js', 'web/panel.js', 'web/dialogs.js', 'web/media.js', 'web/lyrics.js', 'web/secstream.js', 'web/link.js', 'web/shelf.js', 'web/queue.js', 'web/track.js', 'web/loader.js', 'web/timeline.js', 'web/gain.js', 'web/protocol.js', 'web/seal.js', 'web/strategy.js',
  'web/worker.js', 'web/pins.js', 'web/pcm.js', 'web/flac.js', 'web/icon.svg', 'web/app.webmanifest']

const worker = /** @type {any} */ (self)
const home = new URL('../', location.href)
const ours = new Set(FILES.map(f => new URL(f, home).href))

worker.addEventListener('install', event => event.waitUntil((async () => {
  const cache = await caches.open(CACHE)
  await cache.addAll([...ours])
  await worker.skipWaiting()
})()))

worker.addEventListener('activate', event => event.waitUntil(worker.clients.claim()))

worker.addEventListener('fetch', event => {
  const url = new URL(event.request.url)
  url.hash = url.search = ''
  if (event.request.method !== 'GET' || !ours.has(url.href)) return
  event.respondWith((async () => {
    const cache = await caches.open(CACHE)
    try {
      const answer = await fetch(event.request)
      if (answer.ok) await cache.put(url.href, answer.clone())
      return answer
    } catch (err) {
      const kept = await cache.match(url.href, { ignoreVary: true })
      if (kept) return kept
      throw err
    }
  })())
})
