// @ts-check
// Keeps the player, so that the page opens without its server. It is asked for
// again every time, so that a new server's player is not held back; nothing of
// the API is ever kept.
const CACHE = 'secstream'
const BEHIND = ['web/worker.js', 'web/pins.js', 'web/pcm.js', 'web/flac.js'] // of which the page does not tell

const worker = /** @type {any} */ (self)
const home = new URL('../', location.href).href
const ours = new URL('web/', home).href

worker.addEventListener('install', event => event.waitUntil((async () => {
  const cache = await caches.open(CACHE)
  const page = await (await fetch(home)).text()
  const files = Array.from(page.matchAll(/(?:href|src)="(web\/[^"]+)"/g), m => m[1])
  await cache.addAll([home, ...new Set([...files, ...BEHIND].map(f => new URL(f, home).href))])
  await worker.skipWaiting()
})()))

worker.addEventListener('activate', event => event.waitUntil(worker.clients.claim()))

worker.addEventListener('fetch', event => {
  const url = new URL(event.request.url)
  url.hash = url.search = ''
  if (event.request.method !== 'GET' || url.href !== home && !url.href.startsWith(ours)) return
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
