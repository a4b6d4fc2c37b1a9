// @ts-check
// Keeps the player, so that the page opens without its server. The server is
// asked first, every time; nothing of the API is ever kept. When a file is
// another, so is this one, as the server fills it in: it keeps all files of one
// version or none, and none that came from anybody else at this address.
const [VERSION, ...FILES] = 'KEPT'.split(' ')

const worker = /** @type {any} */ (self)
const KIND = `secstream ${location.href} `
const CACHE = KIND + VERSION
const ours = new Set(FILES.map(f => new URL(f, location.href).href))

worker.addEventListener('install', event => event.waitUntil((async () => {
  const answers = await Promise.all([...ours].map(async url => {
    const answer = await fetch(url, { cache: 'reload' })
    if (!answer.ok || answer.headers.get('Secstream-Web') !== VERSION) throw new TypeError(`${url} is of another version`)
    return [url, answer]
  }))
  const cache = await caches.open(CACHE)
  await Promise.all(answers.map(a => cache.put(...a)))
  await worker.skipWaiting()
})()))

worker.addEventListener('activate', event => event.waitUntil((async () => {
  for (const name of await caches.keys()) if ((name === 'secstream' || name.startsWith(KIND)) && name !== CACHE) await caches.delete(name)
  await worker.clients.claim()
})()))

worker.addEventListener('fetch', event => {
  const url = new URL(event.request.url)
  url.hash = url.search = ''
  if (event.request.method !== 'GET' || !ours.has(url.href)) return
  event.respondWith(fetch(event.request).catch(async err => {
    const kept = await caches.match(url.href, { cacheName: CACHE, ignoreVary: true })
    if (kept) return kept
    throw err
  }))
})
