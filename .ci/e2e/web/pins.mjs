// Who is remembered as which server, in a real browser's IndexedDB.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { between } from './proxy.mjs'
import { T, serve } from './servers.mjs'
import { tools } from './sound.mjs'

const music = join(T, 'cut')
const other = print => print.replace(/.$/, d => d === '0' ? '1' : '0')

/** Runs work on a page that has the library of a server alone, of a browser that knows nobody yet. */
async function alone (browser, name, work) {
  const server = await serve(name, [music])
  const p = await tools(browser, server.address)
  try {
    await p.run(async () => {
      globalThis.Pins = (await import('/web/pins.js')).Pins
      const { fingerprint } = await import('/web/protocol.js')
      globalThis.A = new Uint8Array(32).fill(1)
      globalThis.B = new Uint8Array(32).fill(2)
      globalThis.prints = { a: await fingerprint(A), b: await fingerprint(B) }
      globalThis.said = work => work.then(v => v, err => `${err.name} ${err.kind}`)
      globalThis.meet = async (options = {}) => {
        const player = new ss.Player(options)
        const { tracks } = await player.library()
        const end = await player.load(tracks[0]).then(() => 'loaded', err => `${err.kind}: ${err.message}; ${err.hint}`)
        await player.close()
        return end
      }
      globalThis.store = (work, version = 1) => new Promise((resolve, reject) => {
        const req = indexedDB.open('secstream', version)
        req.onerror = () => reject(req.error)
        req.onsuccess = () => {
          if (!work) return resolve(req.result.close())
          const all = req.result.transaction('pins', 'readwrite')
          work(all.objectStore('pins'))
          all.oncomplete = () => resolve(req.result.close())
        }
      })
    })
    await work(p, server)
  } finally {
    await p.close()
    await server.stop()
  }
}

export async function pins (test) {
  await test('a fingerprint in the address neither overrules nor replaces what is known', async browser => {
    const before = await serve('pinned', [music])
    const p = await browser.page({ context: 'own' })
    const go = async hash => {
      await p.open('about:blank')
      await p.open(`http://127.0.0.1:${before.port}/${hash}`)
      await p.until(() => document.querySelectorAll('.card, .row').length > 0)
      await p.click('#play')
    }
    const plays = identity => p.until(i => secstream.state.currentTime > 0.05 && secstream.protection.identity === i, identity)
    const known = () => p.run(async () => (await secstream.pins()).map(x => x.fingerprint))
    const refused = async (...words) => {
      const text = await p.until(() => document.querySelector('dialog.other')?.innerText)
      for (const word of words) assert.ok(text.includes(word), `${word} in ${text}`)
      assert.equal(await p.run(() => secstream.protection), null)
    }
    await go('')
    await plays(before.identity)
    await before.stop()
    const after = await serve('unpinned', [music], { listen: `127.0.0.1:${before.port}` })
    await go(`#${after.identity}`) // it is the one that is asked for, and not the one that was met
    await refused('had another identity', before.identity, after.identity)
    assert.deepEqual(await known(), [before.identity])
    await go(`#${other(after.identity)}`) // neither
    await refused('asks for one server', other(after.identity), after.identity)
    assert.equal(await p.run(() => document.querySelector('dialog.other form')), null)
    assert.deepEqual(await known(), [before.identity])
    await go('')
    await refused('had another identity', before.identity, after.identity)
    await go(`#${after.identity}`)
    await p.until(() => document.querySelector('dialog.other input'))
    await p.run(text => { document.querySelector('dialog.other input').value = text }, after.identity)
    await p.click('dialog.other .danger')
    await p.until(() => !document.querySelector('dialog.other'))
    assert.deepEqual(await known(), [after.identity])
    await p.click('#play')
    await plays(after.identity)
    await p.close()
    await after.stop()
  })

  await test('of two servers that are met at once one is known, and who is accepted stays', browser => alone(browser, 'race', async p => {
    assert.deepEqual(await p.run(async () => {
      const [one, two] = ['http://x', 'http://x'].map(address => new Pins().trust(address))
      await one.check(A)
      await two.check(B)
      const met = await Promise.all([said(one.met(A)), said(two.met(B))])
      return [met, (await new Pins().find('http://x')).fingerprint === prints.a]
    }), [[true, 'SecstreamError identity'], true])
    assert.deepEqual(await p.run(async () => {
      const [one, two] = [new Pins(), new Pins()]
      const seen = new Set()
      for (let i = 0; i < 40; i++) { // accepted a little later each time
        await store(s => s.put({ address: 'http://y', key: 'k', fingerprint: prints.a, first: '2020-01-01', last: '2020-01-01' }))
        const met = said(one.trust('http://y').met(A))
        for (let k = 0; k < i; k++) await 0
        await Promise.all([met, two.accept('http://y', prints.b)])
        seen.add((await one.find('http://y')).fingerprint === prints.b)
      }
      return [...seen]
    }), [true])
  }))

  await test('where it cannot be told who is known, nobody is taken for new', browser => alone(browser, 'untold', async (p, server) => {
    const version = await p.run(async () => {
      const first = await meet()
      await store(s => { s.getAll().onsuccess = e => { for (const pin of e.target.result) s.put({ address: pin.address }) } })
      return [first, await meet(), await meet({ protocol: 1 })]
    })
    assert.equal(version[0], 'loaded')
    assert.match(version[1], /^identity: what is known of this server is damaged; delete the data of this site/)
    assert.match(version[2], /^identity: this server is known/)
    // A database of another version, of whatever player.
    assert.match(await p.run(async () => { await store(undefined, 2); return meet() }), /^identity: which servers are known cannot be told \(VersionError\); delete/)
    await p.send('Storage.clearDataForOrigin', { origin: server.address, storageTypes: 'indexeddb' })
    assert.equal(await p.run(() => meet()), 'loaded')
    // A database without the store.
    await p.send('Storage.clearDataForOrigin', { origin: server.address, storageTypes: 'indexeddb' })
    assert.match(await p.run(async () => { await store(); return meet() }), /^identity: which servers are known cannot be told \(NotFoundError\)/)
  }))

  await test('a database that is closed under the player is opened again', browser => alone(browser, 'reopened', async (p, server) => {
    const load = () => p.run(async () => {
      globalThis.player ??= new ss.Player()
      const { tracks } = await player.library()
      return player.load(tracks[0]).then(() => 'loaded', err => `${err.kind}: ${err.message}`)
    })
    assert.equal(await load(), 'loaded')
    await p.send('Storage.clearDataForOrigin', { origin: server.address, storageTypes: 'indexeddb' })
    assert.equal(await load(), 'loaded')
    // And gives way to those who change or delete it.
    assert.equal(await p.run(() => new Promise(resolve => {
      const req = indexedDB.deleteDatabase('secstream')
      req.onsuccess = () => resolve('deleted')
      req.onblocked = () => resolve('blocked')
    })), 'deleted')
    assert.equal(await load(), 'loaded')
    assert.equal((await p.run(() => player.pins())).length, 1)
    await p.run(() => player.close())
  }))

  await test('a browser that keeps nothing says so, and knows servers until the page is closed', async browser => {
    const server = await serve('private', [music])
    const proxy = await between(server.address, () => false, (path, body) => path.endsWith('/pins.js')
      ? Buffer.from(String(body).replace('indexedDB.open(', '(() => { throw new DOMException("no", "SecurityError") })(')) : body)
    const p = await browser.page({ context: 'own' })
    await p.open(`${proxy.address}/`)
    await p.until(() => document.querySelectorAll('.card, .row').length > 0)
    await p.click('#play')
    await p.until(() => secstream.state.currentTime > 0.05)
    assert.match(await p.until(() => document.querySelector('.toast.bad')?.innerText), /keeps nothing.* until this page is closed/)
    assert.deepEqual((await p.run(() => secstream.pins())).map(x => x.fingerprint), [server.identity])
    assert.match(await p.run(async wrong => {
      const player = new (await import('/web/secstream.js')).Player({ fingerprint: wrong })
      return player.load((await player.library()).tracks[0]).then(() => 'loaded', err => err.message)
    }, other(server.identity)), /not the server that the address names/)
    await p.close()
    await proxy.stop()
    await server.stop()
  })
}
