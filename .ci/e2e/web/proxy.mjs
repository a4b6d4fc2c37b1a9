// Somebody on the way: passes requests on to a server, and may hold slices up or
// change them, checksum and all.
import { createServer, request } from 'node:http'

const table = Int32Array.from({ length: 256 }, (_, n) => { for (let k = 0; k < 8; k++) n = n & 1 ? n >>> 1 ^ 0xedb88320 : n >>> 1; return n })
const crc32 = b => { let c = -1; for (const v of b) c = table[(c ^ v) & 255] ^ c >>> 8; return ((c ^ -1) >>> 0).toString(16).padStart(8, '0') }

/**
 * Listens in front of a server. slice(n, body) is called for each answer that is
 * one: n counts slices from 0 in the order in which they were asked for first. It
 * returns whether it changed the body, or a promise of that. file(path, body)
 * returns what comes in place of one of the player's own files.
 */
export async function between (address, slice, file = (path, body) => body) {
  const to = new URL(address)
  const seen = []
  const proxy = createServer((req, resp) => {
    const id = /\/slices\/([^?]+)/.exec(req.url)?.[1]
    if (id && !seen.includes(id)) seen.push(id)
    const on = request({ host: to.hostname, port: to.port, path: req.url, method: req.method, headers: { ...req.headers, 'accept-encoding': 'identity', 'if-none-match': '""' } }, async answer => {
      const parts = []
      try {
        for await (const part of answer) parts.push(part)
      } catch { return resp.destroy() }
      let body = Buffer.concat(parts)
      const headers = { ...answer.headers }
      if (req.url.startsWith('/web/') && answer.statusCode === 200) {
        body = file(req.url, body)
        headers['content-length'] = body.length
      }
      if (id && answer.statusCode === 200 && await slice(seen.indexOf(id), body)) headers['x-crc32-hash'] = crc32(body)
      resp.writeHead(answer.statusCode, headers)
      resp.end(body)
    })
    on.on('error', () => resp.destroy())
    resp.on('close', () => on.destroy())
    req.pipe(on)
  })
  await new Promise(resolve => proxy.listen(0, '127.0.0.1', resolve))
  return {
    address: `http://127.0.0.1:${proxy.address().port}`,
    stop: () => new Promise(resolve => { proxy.close(resolve); proxy.closeAllConnections() })
  }
}
