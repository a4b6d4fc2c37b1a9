// Who the server is, who may come in, and what the page refuses to become.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { between } from './proxy.mjs'
import { T, serve } from './servers.mjs'
import { tools } from './sound.mjs'

const open = async (browser, address, own = true) => {
  const p = await browser.page({ context: own === true ? 'own' : own })
  await p.open(address)
  return p
}
const rows = p => p.until(() => document.querySelectorAll('.card, .row').length > 0)
const music = join(T, 'cut')

export async function trust (test) {
  await test('a server whose key changed is refused until its fingerprint is named', async browser => {
    const before = await serve('before', [music])
    const p = await open(browser, `${before.address}/`)
    await rows(p)
    await p.click('.card .face')
    await p.click('.row .go')
    await p.until(() => secstream.state.currentTime > 0.1)
    assert.equal(await p.run(() => secstream.protection.identity), before.identity)
    assert.equal((await p.run(() => secstream.pins())).length, 1)
    await before.stop()
    const after = await serve('after', [music], { listen: `127.0.0.1:${before.port}` })
    assert.notEqual(after.identity, before.identity)
    await p.open('about:blank') // the same address would be a reload, which keeps the view
    await p.open(`${after.address}/`)
    await rows(p)
    await p.click('.card .face')
    await p.click('.row .go')
    const said = await p.until(() => document.querySelector('dialog.other')?.innerText)
    assert.ok(said.includes(before.identity) && said.includes(after.identity), said)
    assert.deepEqual(await p.run(() => [secstream.state.isPlaying, secstream.protection]), [false, null])
    const answer = async text => {
      await p.run(t => { document.querySelector('dialog.other input').value = t }, text)
      await p.click('dialog.other .danger')
    }
    await answer(before.identity)
    assert.match(await p.until(() => document.querySelector('dialog.other [role=alert]').textContent), /do not go on/)
    assert.equal((await p.run(() => secstream.pins()))[0].fingerprint, before.identity)
    await answer(`identity ${after.identity}`)
    await p.until(() => !document.querySelector('dialog.other'))
    await p.click('.row .go')
    await p.until(() => secstream.state.currentTime > 0.1)
    assert.equal(await p.run(() => secstream.protection.identity), after.identity)
    await p.close()
    await after.stop()
  })

  await test('an address with a fingerprint takes that server alone', async browser => {
    const server = await serve('named', [music])
    for (const [print, plays] of [[server.identity, true], [server.identity.replace(/.$/, d => d === '0' ? '1' : '0'), false]]) {
      const p = await open(browser, `${server.address}/#${print}`)
      await rows(p)
      await p.click('#play')
      if (plays) await p.until(() => secstream.state.currentTime > 0.05)
      else {
        const said = await p.until(() => document.querySelector('dialog.other')?.innerText)
        assert.ok(said.includes('asks for one server') && !(await p.run(() => document.querySelector('dialog.other form'))), said)
        assert.equal((await p.run(() => secstream.pins())).length, 0)
      }
      await p.close()
    }
    await server.stop()
  })

  await test('half a fingerprint in the address is no leave to take any server', async browser => {
    const server = await serve('half', [music])
    for (const [hash, ok] of [[server.identity.slice(0, 40), false], ['sha256', false], ['SHA256:00:11', false], [server.identity.slice(1), false], ['%', true], ['%E0%A4%A', true], [server.identity.toLowerCase().replaceAll(':', '%3a'), true]]) {
      const p = await open(browser, `${server.address}/#${hash}`)
      if (ok) {
        await rows(p)
        await p.click('#play')
        await p.until(() => secstream.state.currentTime > 0.05)
      } else {
        assert.match(await p.until(() => document.querySelector('.explain')?.innerText), /names no server/)
        assert.deepEqual(await p.run(() => [typeof secstream, document.querySelector('.bar').offsetParent]), ['undefined', null])
      }
      assert.deepEqual(p.problems, [], hash)
      await p.close()
    }
    await server.stop()
  })

  await test('a browser without X25519 is told what it cannot do, and knows no server by v1', async browser => {
    const server = await serve('elder', [music])
    let old = false
    const proxy = await between(server.address, () => false, (path, body) => old && path.endsWith('/seal.js')
      ? Buffer.from(String(body).replace(/(name:["']X2551)9(["']\},(?:false|!1))/, '$18$2'))
      : old === 'dead' && path.endsWith('/worker.js') ? Buffer.from('import "./none.js"') : body)
    const p = await browser.page({ context: 'own' })
    try {
      const play = async work => {
        await p.open('about:blank')
        await p.open(`${proxy.address}/`)
        await rows(p)
        await p.click('#play')
        return p.until(work)
      }
      old = true
      assert.match(await play(() => secstream.state.currentTime > 0.05 && document.getElementById('toasts').innerText), /cannot check who the server is/)
      assert.deepEqual(await p.run(() => [secstream.protection.protocol, secstream.protection.identity]), [1, ''])
      old = false
      await play(() => secstream.state.currentTime > 0.05)
      assert.equal(await p.run(() => secstream.protection.protocol), 2)
      old = true // who was known is not taken for an elder
      assert.match(await play(() => document.querySelector('.toast.bad')?.innerText), /which this browser cannot check/)
      assert.equal(await p.run(() => secstream.protection), null)
      old = 'dead'
      p.problems.length = 0
      await p.open('about:blank')
      await p.open(`${proxy.address}/`)
      await rows(p)
      for (const attempt of [1, 2]) { // the second one is no slower
        await p.click('#play')
        assert.match(await p.until(() => document.querySelector('.toast.bad')?.innerText), /worker does not start/, String(attempt))
        await p.run(() => document.getElementById('toasts').replaceChildren())
      }
    } finally {
      await p.close()
      await proxy.stop()
      await server.stop()
    }
  })

  await test('names and tags are texts, whatever they try to be', async browser => {
    const server = await serve('hostile', [join(T, 'hostile')])
    const p = await open(browser, `${server.address}/`)
    await p.run(() => { globalThis.hacked = () => { globalThis.wasHacked = true } })
    await rows(p)
    await p.run(() => secstream.library().then(l => Promise.all([secstream.load(l.tracks), secstream.play()])))
    await p.click('#show-queue')
    for (const view of ['albums', 'tracks', 'folders']) {
      await p.click(`[data-view=${view}]`)
      await new Promise(resolve => setTimeout(resolve, 150))
      const bad = await p.run(() => [...document.querySelectorAll('main *, #queue *, .bar *')].filter(e => ['SCRIPT', 'IMG', 'STYLE', 'IFRAME', 'B'].includes(e.tagName) && !e.src?.startsWith('blob:') || [...e.attributes].some(a => a.name.startsWith('on'))).map(e => e.outerHTML))
      assert.deepEqual(bad, [], view)
    }
    await p.click('.folders button')
    assert.deepEqual(await p.run(() => [...document.querySelectorAll('.path button')].map(b => b.innerText)), ['Folders', '<img src=x onerror=hacked()>'])
    assert.equal(await p.run(() => document.querySelector('.path').innerText), 'Folders\n/\n<img src=x onerror=hacked()>')
    await p.click('[data-view=tracks]')
    const text = await p.until(() => document.querySelector('main').innerText)
    assert.ok(text.includes('<script>hacked()</script><img src=x onerror=hacked()>'), text)
    assert.ok(!/[\u202e\u0001\u001b]/.test(text))
    assert.equal(await p.run(() => globalThis.wasHacked), undefined)
    assert.ok(await p.until(() => document.title.length > 0))
    await p.close()
    await server.stop()
  })

  await test('the policy: no script in the page, none from elsewhere, no markup out of text', async browser => {
    const server = await serve('policy', [music])
    const p = await open(browser, `${server.address}/`)
    await rows(p)
    assert.deepEqual(p.problems, [], 'the page itself breaks nothing')
    const got = await p.run(async () => {
      const seen = []
      addEventListener('securitypolicyviolation', e => seen.push(e.effectiveDirective))
      const tries = []
      try { document.body.innerHTML = '<img src=x onerror=hacked()>' } catch (err) { tries.push(err.name) }
      try { document.body.append(Object.assign(document.createElement('script'), { textContent: 'globalThis.wasHacked = true' })) } catch (err) { tries.push(err.name) }
      try { new Worker('https://example.org/x.js') } catch (err) { tries.push(err.name) }
      try { trustedTypes.createPolicy('mine', {}) } catch (err) { tries.push(err.name) }
      await fetch('https://example.org/').catch(() => {})
      const img = new Image()
      await new Promise(resolve => { img.onerror = resolve; img.src = 'https://example.org/x.png' })
      await new Promise(resolve => setTimeout(resolve, 100))
      return { tries, seen: [...new Set(seen)].sort(), hacked: globalThis.wasHacked }
    })
    assert.deepEqual(got.tries, ['TypeError', 'TypeError', 'TypeError', 'TypeError'])
    assert.equal(got.hacked, undefined)
    for (const d of ['connect-src', 'img-src', 'require-trusted-types-for', 'trusted-types']) assert.ok(got.seen.includes(d), `${d} in ${got.seen}`)
    await p.close()
    await server.stop()
  })

  await test('a worker that another program left at the address goes, and nobody else is kept for us', async browser => {
    const left = "oninstall=()=>skipWaiting();onactivate=e=>e.waitUntil(clients.claim());onfetch=e=>{if(e.request.mode==='navigate')e.respondWith(new Response('<title>theirs</title>',{headers:{'Content-Type':'text/html'}}))}"
    const program = body => (req, resp) => {
      resp.setHeader('Content-Type', req.url === '/' ? 'text/html' : 'text/javascript')
      resp.end(req.url === '/' ? body : left)
    }
    const register = (script, scope) => `<title>early</title><script>navigator.serviceWorker.register(${JSON.stringify(script)}, { scope: ${JSON.stringify(scope)} })</script>`
    const workers = p => p.run(() => navigator.serviceWorker.getRegistrations().then(all => all.map(r => [r.active, r.waiting, r.installing].find(Boolean)?.scriptURL.replace(location.origin, ''))))
    for (const [script, more] of [['/evil.js', []], ['/web/app.js', []], ['/evil.js', ['--no-web']]]) {
      const early = createServer(program(register(script, script.replace(/[^/]*$/, ''))))
      await new Promise(resolve => early.listen(0, '127.0.0.1', resolve))
      const { port } = early.address()
      const address = `http://127.0.0.1:${port}/`
      const p = await open(browser, address)
      await p.until(() => navigator.serviceWorker.getRegistrations().then(all => all[0]?.active))
      early.closeAllConnections()
      await new Promise(resolve => early.close(resolve))
      const server = await serve(`strange-${script.length}${more.length}`, [...more, music], { listen: `127.0.0.1:${port}` })
      for (let n = 0; n < 20 && (await workers(p)).includes(script); n++) {
        await p.open('about:blank')
        await p.open(address)
        await new Promise(resolve => setTimeout(resolve, 700))
      }
      assert.deepEqual(await workers(p), more.length ? [] : ['/web/sw.js'], script)
      assert.notEqual(await p.run(() => document.title), 'theirs')
      if (more.length === 0) {
        // The cache has all files of one version, and what is at the address meanwhile does not come into it.
        const kept = () => p.run(async () => {
          const names = (await caches.keys()).filter(n => n.startsWith('secstream'))
          return [names.length, (await (await caches.open(names[0])).keys()).length, await (await caches.match(location.origin + '/'))?.text()]
        })
        await p.until(() => navigator.serviceWorker.controller?.scriptURL.endsWith('/web/sw.js'))
        const before = await kept()
        assert.equal(before[0], 1)
        assert.ok(before[1] > 20 && before[2].includes('Skip to the music'), before)
        await server.stop()
        const late = createServer(program('<title>another</title>'))
        await new Promise(resolve => late.listen(port, '127.0.0.1', resolve))
        await p.open('about:blank')
        await p.open(address)
        assert.equal(await p.run(() => document.title), 'another', 'who answers is asked first')
        late.closeAllConnections()
        await new Promise(resolve => late.close(resolve))
        await p.open('about:blank')
        await p.open(address)
        assert.deepEqual([await p.run(() => document.title), await kept()], ['secstream', before])
      }
      await p.close()
      await server.stop()
    }
  })

  await test('a server with tokens asks for one, and keeps it no longer than it should', async browser => {
    const file = join(T, 'tokens')
    const token = execFileSync(process.env.SECSTREAM_SERVER, ['token', 'add', '--token-file', file, 'web'], { encoding: 'utf8', stdio: 'pipe' }).match(/\S{20,}/)[0]
    const server = await serve('tokens', ['--token-file', file, music])
    const p = await open(browser, `${server.address}/`)
    const enter = async text => {
      await p.until(() => document.querySelector('dialog.token input'))
      await p.run(t => { document.querySelector('dialog.token input').value = t }, text)
      await p.click('dialog.token .filled')
    }
    await p.until(() => document.querySelector('dialog.token'))
    await p.key('Escape') // it can be had again
    await p.until(() => !document.querySelector('dialog'))
    assert.match(await p.run(() => document.getElementById('notice').innerText), /asks for a token/)
    await p.click('#notice button')
    await enter('wrong')
    assert.match(await p.until(() => document.querySelector('dialog.token [role=alert]').textContent), /does not know/)
    await enter(token)
    await rows(p)
    await p.click('#play')
    await p.until(() => secstream.state.currentTime > 0.05)
    await p.reload()
    await rows(p)
    assert.deepEqual(await p.run(() => [Object.keys(localStorage).filter(k => k.includes('token')).length, sessionStorage.length]), [0, 1])
    const other = await open(browser, `${server.address}/`, p.context)
    await other.until(() => document.querySelector('dialog.token'))
    // One that is remembered is forgotten when the listener says so, and when the server knows it no more.
    const left = () => p.run(() => [localStorage, sessionStorage].map(s => Object.keys(s).filter(k => k.includes('token')).length))
    const remember = async () => {
      await p.until(() => document.querySelector('dialog.token input'))
      await p.click('dialog.token [type=checkbox]')
      await enter(token)
      await p.until(() => !document.querySelector('dialog'))
      await rows(p)
    }
    await other.close()
    await p.send('Page.bringToFront') // a page behind is told late that a dialog is closed
    await p.run(() => sessionStorage.clear())
    await p.reload()
    await remember()
    assert.deepEqual(await left(), [1, 1])
    await p.click('#help')
    const loaded = p.event('Page.loadEventFired')
    await p.click('dialog .danger')
    await loaded
    await p.until(() => document.querySelector('dialog.token'))
    assert.deepEqual(await left(), [0, 0])
    assert.equal(await p.run(() => {
      document.getElementById('help').click()
      const help = [...document.querySelectorAll('dialog')].at(-1)
      help.close()
      return help.querySelector('.danger')
    }), null)
    await remember()
    execFileSync(process.env.SECSTREAM_SERVER, ['token', 'remove', '--token-file', file, 'web'], { stdio: 'pipe' })
    await p.until(() => fetch('/api/stats', { headers: { Authorization: `Bearer ${secstream.token}` } }).then(r => r.status === 401))
    await p.click('#play')
    assert.match(await p.until(() => document.querySelector('dialog.token [role=alert]')?.textContent), /does not know this token/)
    assert.deepEqual([await left(), await p.run(() => secstream.token)], [[0, 0], ''])
    await p.close()
    await server.stop()
  })

  await test('where the browser has no cryptography the page says why, and what helps', async browser => {
    const server = await serve('insecure', [music], { listen: '0.0.0.0:0' })
    const p = await open(browser, `http://music.test:${server.port}/`)
    const text = await p.until(() => document.querySelector('.explain')?.innerText)
    for (const word of ['--tls self', '--acme', 'ssh -L', 'music.test', 'secstream play']) assert.ok(text.includes(word), `${word} in ${text}`)
    assert.equal(await p.run(() => document.querySelector('.bar').offsetParent), null)
    await p.close()
    await server.stop()
  })

  await test('a page that speaks v1 as the published client does plays too', async browser => {
    const server = await serve('published', ['--allow-upload', music])
    const p = await tools(browser, server.address)
    const got = await p.run(async () => {
      // Knows the published fields alone: finds slices by division, reads WAV by bitDepth, leaves the rest to the browser.
      const post = async (path, body, headers) => (await fetch(path, { method: 'POST', body, headers })).json()
      const curve = { name: 'ECDH', namedCurve: 'P-256' }
      const wav = await (async () => { // a second of a ramp, 16 bits, mono, 8 kHz
        const v = new DataView(new ArrayBuffer(44 + 16000))
        const text = (at, s) => [...s].forEach((c, i) => v.setUint8(at + i, c.charCodeAt(0)))
        text(0, 'RIFF'); v.setUint32(4, 16036, true); text(8, 'WAVEfmt '); v.setUint32(16, 16, true); v.setUint16(20, 1, true); v.setUint16(22, 1, true)
        v.setUint32(24, 8000, true); v.setUint32(28, 16000, true); v.setUint16(32, 2, true); v.setUint16(34, 16, true); text(36, 'data'); v.setUint32(40, 16000, true)
        for (let i = 0; i < 8000; i++) v.setInt16(44 + 2 * i, (i * 37) % 20000 - 10000, true)
        return new Blob([v])
      })()
      const form = new FormData()
      form.append('audio', wav, 'ramp.wav')
      const { sessionId } = await post('/api/sessions', form)
      const pair = await crypto.subtle.generateKey(curve, true, ['deriveKey'])
      const spki = btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey))))
      const { publicKey, sessionInfo: info } = await post(`/api/sessions/${sessionId}/key-exchange`, JSON.stringify({ publicKey: spki, metadata: { algorithm: 'ECDH', curve: 'P-256', keyType: 'CryptoKey' } }), { 'Content-Type': 'application/json' })
      const theirs = await crypto.subtle.importKey('spki', Uint8Array.from(atob(publicKey), c => c.charCodeAt(0)), curve, true, [])
      const key = await crypto.subtle.deriveKey({ name: 'ECDH', public: theirs }, pair.privateKey, { name: 'AES-GCM', length: 256 }, true, ['encrypt', 'decrypt'])
      const heard = []
      for (const id of info.sliceIds) {
        const resp = await fetch(`/api/sessions/${sessionId}/slices/${id}`)
        const body = new Uint8Array(await resp.arrayBuffer())
        const n = Number(resp.headers.get('X-Encrypted-Data-Length'))
        const packed = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: body.subarray(n) }, key, body.subarray(0, n))
        const plain = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate-raw'))).arrayBuffer()
        heard.push(...new Int16Array(plain))
      }
      return { n: heard.length, right: heard.every((x, i) => x === (i * 37) % 20000 - 10000), info: [info.format, info.bitDepth, info.sampleRate] }
    })
    assert.deepEqual(got, { n: 8000, right: true, info: ['wav', 16, 8000] })
    const trailing = await p.run(async () => {
      const { inflate } = await import('/web/protocol.js')
      const deflated = new Uint8Array(await new Response(new Blob(['hello']).stream().pipeThrough(new CompressionStream('deflate-raw'))).arrayBuffer())
      const plain = (await inflate(deflated, 5)).length
      return [plain, await inflate(new Uint8Array([...deflated, 1]), 5).then(() => 'taken', err => err.kind)]
    })
    assert.deepEqual(trailing, [5, 'protocol'])
    const later = await p.run(async () => { // as far from the end as it likes
      const { inflate } = await import('/web/protocol.js')
      const noise = crypto.getRandomValues(new Uint8Array(30000))
      const deflated = new Uint8Array(await new Response(new Blob([noise]).stream().pipeThrough(new CompressionStream('deflate-raw'))).arrayBuffer())
      const same = (await inflate(deflated, 30000)).every((b, i) => b === noise[i])
      return [same, await inflate(new Uint8Array([...deflated, ...new Uint8Array(9000)]), 30000).then(() => 'taken', err => err.kind), await inflate(deflated.subarray(0, 25000), 30000).then(() => 'taken', err => err.kind)]
    })
    assert.deepEqual(later, [true, 'protocol', 'protocol'])
    await p.close()
    await server.stop()
  })
}
