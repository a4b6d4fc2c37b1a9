// The page as people use it: with a keyboard, by ear, on a phone, without its server.
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { difference, fromPage, reference } from './reference.mjs'
import { T, serve } from './servers.mjs'
import { tools } from './sound.mjs'

const wait = ms => new Promise(resolve => setTimeout(resolve, ms))
const music = join(T, 'cut')
const open = async (browser, address) => {
  const p = await browser.page({ context: 'own' })
  await p.open(`${address}/`)
  await p.until(() => document.querySelectorAll('.card').length > 0)
  return p
}

// The contrast of every text in sight with what it stands on (WCAG 2.2, 1.4.3).
const contrasts = () => {
  const rgb = text => { const m = text.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0]; return m.length < 4 ? [...m, 1] : m }
  const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1)
  const light = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 }); return 0.2126 * r + 0.7152 * g + 0.0722 * b }
  const bad = []
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  let n = 0
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement
    const box = e.getBoundingClientRect()
    if (!texts.currentNode.data.trim() || !e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || box.width < 2 || e.closest('.hidden, .skip, .art, :disabled')) continue
    const stack = []
    let opacity = 1
    for (let at = e; at; at = at.parentElement) { const s = getComputedStyle(at); stack.push(rgb(s.backgroundColor)); opacity *= Number(s.opacity) }
    const ground = stack.reverse().reduce((g, c) => over(c, g), [255, 255, 255, 1])
    const ink = rgb(getComputedStyle(e).color)
    ink[3] *= opacity
    const [a, b] = [light(over(ink, ground)), light(ground)].sort((x, y) => y - x)
    const size = parseFloat(getComputedStyle(e).fontSize)
    const ratio = (a + 0.05) / (b + 0.05)
    n++
    if (ratio < (size >= 24 ? 3 : 4.5)) bad.push(`${ratio.toFixed(2)} ${e.tagName}.${e.className}: ${texts.currentNode.data.trim().slice(0, 30)}`)
  }
  return { n, bad }
}

export async function page (test) {
  await test('it plays by keyboard alone, and says what it does', async browser => {
    const server = await serve('keys', [music])
    const p = await open(browser, server.address)
    await p.key('Tab')
    assert.equal(await p.run(() => document.activeElement.className), 'skip')
    await p.key('Enter')
    assert.deepEqual(await p.run(() => [document.activeElement.id, location.hash]), ['main', ''])
    await p.key('/')
    assert.equal(await p.run(() => document.activeElement.id), 'search')
    await p.send('Input.insertText', { text: '3.fl' })
    await p.until(() => document.querySelectorAll('main .row').length === 1)
    await p.key('Tab')
    for (let i = 0; i < 12 && !await p.run(() => document.activeElement.classList.contains('go')); i++) await p.key('Tab')
    await p.key('Enter')
    await p.until(() => secstream.state.currentTime > 0.2)
    assert.match(await p.run(() => document.getElementById('say').textContent), /Now: 3\.flac/)
    await p.run(() => document.activeElement.blur())
    await p.key(' ')
    assert.equal(await p.run(() => secstream.state.isPaused), true)
    const at = await p.run(() => secstream.state.currentTime)
    await p.key('ArrowLeft')
    assert.equal(await p.run(() => secstream.state.currentTime), 0, `from ${at}`)
    await p.key('m')
    assert.equal(await p.run(() => [secstream.muted, document.getElementById('mute').getAttribute('aria-pressed')].join()), 'true,true')
    await p.key('p')
    assert.equal(await p.run(() => document.body.dataset.panel), 'protection')
    await p.until(() => document.querySelector('#protection .print').textContent.length > 90)
    const order = []
    await p.key('Escape')
    assert.equal(await p.run(() => [document.body.dataset.panel, document.activeElement.id].join()), ',show-protection')
    await p.run(() => document.getElementById('shuffle').focus())
    for (let i = 0; i < 6; i++) { order.push(await p.run(() => document.activeElement.id)); await p.key('Tab') }
    assert.deepEqual(order, ['shuffle', 'previous', 'play', 'next', 'repeat', 'seek'])
    assert.match(await p.run(() => document.getElementById('seek').getAttribute('aria-valuetext')), /^\d+ seconds? of 4 seconds$/)
    const { nodes } = await p.send('Accessibility.getFullAXTree')
    const nameless = nodes.filter(n => !n.ignored && ['button', 'textbox', 'searchbox', 'slider', 'checkbox', 'tab', 'dialog', 'img', 'Canvas'].includes(n.role?.value) && !n.name?.value).map(n => n.role.value)
    assert.deepEqual(nameless, [])
    assert.deepEqual(await p.run(() => [...document.querySelectorAll('[role=tablist] > *')].map(e => e.role)), ['tab', 'tab', 'tab'])
    await p.key('ArrowDown') // from a button of the bar
    assert.equal(await p.run(() => document.getElementById('volume').value), '95')
    // Single keys can be turned off.
    await p.key('?')
    await p.click('dialog input[type=checkbox]')
    await p.key('Escape')
    await p.until(() => !document.querySelector('dialog'))
    for (const key of ['m', 'p', '/', '?']) await p.key(key)
    assert.deepEqual(await p.run(() => [secstream.muted, document.body.dataset.panel, document.querySelector('dialog')]), [true, '', null])
    // On a phone the panel lies over all else: the focus stays in it, and is seen.
    await p.size(390, 844, 1, true)
    await p.run(() => document.getElementById('show-protection').click())
    const seen = new Set()
    for (let i = 0; i < 8; i++) {
      await p.key('Tab')
      const [id, inside, outline] = await p.run(() => [document.activeElement.id, document.activeElement.closest('#panel, #toasts') !== null || document.activeElement === document.body, getComputedStyle(document.activeElement).outlineStyle])
      seen.add(id)
      assert.ok(inside && (outline !== 'none' || id === ''), `${id}: ${inside}, ${outline}`)
    }
    assert.ok(seen.has('panel-close') && seen.has('protection'), [...seen].join())
    await p.key('Escape')
    assert.equal(await p.run(() => document.activeElement.id), 'show-protection')
    assert.deepEqual(p.problems, [])
    await p.close()
    await server.stop()
  })

  await test('five thousand tracks come as one looks, and keep their place', async browser => {
    const server = await serve('many', [music])
    const p = await browser.page({ context: 'own' })
    const tracks = Array.from({ length: 5000 }, (_, i) => ({
      id: `t${i}`, path: `A${(i / 10 | 0) % 97}/B${i / 10 | 0}/${i}.flac`, folder: `A${(i / 10 | 0) % 97}/B${i / 10 | 0}`, format: 'flac', codec: 'flac', sampleRate: 44100, channels: 2, bitDepth: 16, totalSamples: 441000, duration: 10, size: 1e6, hasCover: false,
      tags: { title: i === 4321 ? 'Bj\u00f6rk: \u05e9\u05d9\u05e8 \u05d0\u05e8\u05d5\u05da' : `Title ${i}`, album: `Album ${i / 10 | 0}`, track: i % 10 + 1 }
    }))
    let version = 1
    let scanning = true
    const answer = async () => {
      for (;;) {
        const { requestId } = await p.event('Fetch.requestPaused')
        const body = JSON.stringify({ scanning, version: version++, folders: ['', ...new Set(tracks.flatMap(t => [t.folder.split('/')[0], t.folder]))], tracks })
        p.send('Fetch.fulfillRequest', { requestId, responseCode: 200, body: Buffer.from(body).toString('base64') }).catch(() => {})
      }
    }
    answer()
    await p.send('Fetch.enable', { patterns: [{ urlPattern: '*/api/library' }] })
    await p.size(1280, 800)
    await p.open(`${server.address}/`)
    await p.until(() => document.querySelectorAll('.card').length > 0)
    const first = await p.run(() => document.querySelectorAll('*').length)
    assert.ok(first < 2500, `${first} elements at first`)
    // To the end at once, again and again.
    for (let rows = 0; rows < 500;) {
      rows = await p.run(() => { const m = document.querySelector('main'); m.scrollTop = m.scrollHeight; return document.querySelectorAll('.card').length })
      await p.until(n => document.querySelectorAll('.card').length > n || n === 500, rows)
    }
    // While the server finds more the place is kept.
    await p.run(() => { document.activeElement.blur(); document.querySelector('main').scrollTop = 6000 })
    const now = version
    while (version < now + 2) await wait(100)
    scanning = false
    await wait(300)
    assert.equal(await p.run(() => document.querySelector('main').scrollTop), 6000)
    // And in an album, and back.
    await p.run(() => { document.querySelectorAll('.card .face')[100].click() })
    await p.until(() => document.querySelector('main h2')?.innerText.startsWith('Album') && document.querySelectorAll('.row').length === 10)
    await p.click('.back')
    await p.until(() => document.querySelectorAll('.card').length > 100)
    assert.equal(await p.run(() => document.querySelector('main').scrollTop), 6000)
    // Found without its accent, and told from its own side.
    await p.key('/')
    await p.send('Input.insertText', { text: 'bjork' })
    await p.until(() => document.querySelectorAll('main .row').length === 1)
    await p.run(() => { for (let i = 0; i < 300; i++) document.getElementById('search').oninput() })
    assert.equal(await p.run(() => getComputedStyle(document.querySelector('main .row strong')).unicodeBidi), 'plaintext')
    await p.click('[data-view=folders]')
    assert.deepEqual(await p.run(() => [...document.querySelectorAll('.folders button')].slice(0, 2).map(b => b.innerText.replace(/\n/g, ' '))), ['A0 60 tracks', 'A1 60 tracks'])
    assert.deepEqual(p.problems, [])
    await p.close()
    await server.stop()
    return `${first} elements at first`
  })

  await test('a file of the listener is sent, described and played', async browser => {
    const server = await serve('upload', ['--allow-upload', music])
    const p = await open(browser, server.address)
    await p.until(() => !document.getElementById('add').hidden)
    const { root } = await p.send('DOM.getDocument')
    const { nodeId } = await p.send('DOM.querySelector', { nodeId: root.nodeId, selector: '#file' })
    await p.send('DOM.setFileInputFiles', { nodeId, files: ['music-guitar.flac', 'music-chimes.ogg'].map(f => join(T, 'files', f)) })
    const facts = await p.until(() => /slices/.test(document.querySelector('.upload')?.innerText) && document.querySelector('.upload').innerText)
    assert.match(facts, /music-guitar\.flac\s+FLAC 44\.1 kHz, 0:09, 2 slices of 5 s/)
    await p.until(() => secstream.state.currentTime > 0.1)
    // The second waits for its turn.
    assert.deepEqual(await p.run(() => [secstream.state.trackIndex, secstream.queue.items.length]), [0, 2])
    await p.run(() => secstream.seek(secstream.state.duration - 0.7))
    await p.until(() => secstream.state.trackIndex === 1 && secstream.state.currentTime > 0.1)
    assert.match(await p.run(() => document.querySelectorAll('.upload')[1].innerText), /Maxstack – Chimes They Fade\s+Endgame: .*, Vorbis 48 kHz, 0:42, 9 slices/)
    // Dropped, and no audio; and what the server finds to be none.
    await p.run(() => {
      const data = new DataTransfer()
      data.items.add(new File(['no sound at all'], '<b>x</b>.mp3'))
      data.items.add(new File(['RIFF1234WAVE and nothing'], 'y.wav'))
      dispatchEvent(new DragEvent('dragenter', { dataTransfer: data }))
      if (document.getElementById('drop').hidden) throw new Error('nothing says where to drop it')
      dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true }))
    })
    assert.match(await p.until(() => document.querySelector('.upload.bad')?.innerText), /<b>x<\/b>\.mp3\s+This is no WAV/)
    await p.until(() => document.querySelectorAll('.toast.bad').length === 2)
    assert.deepEqual(await p.run(() => [document.querySelectorAll('.toast.bad')[1].innerText.split('\n')[0], secstream.queue.items.length]), ['y.wav', 2])
    assert.equal((await p.run(() => secstream.stats())).maxUpload, 256 << 20)
    await p.close()
    await server.stop()
  })

  await test('media keys and the lock screen: what plays, where, and what they do', async browser => {
    const server = await serve('media', ['--slice', '1s', music])
    const p = await browser.page({ context: 'own' })
    await p.send('Page.addScriptToEvaluateOnNewDocument', { source: `globalThis.keys = {}
      const m = navigator.mediaSession
      for (const [name, hear] of [['setActionHandler', (n, f) => { keys[n] = f }], ['setPositionState', s => { keys.at = s; (keys.all ??= []).push(s.position) }]]) {
        const real = m[name].bind(m)
        m[name] = (...a) => { hear(...a); real(...a) }
      }` })
    await p.open(`${server.address}/`)
    await p.until(() => document.querySelectorAll('.card').length > 0)
    await p.click('#play')
    await p.until(() => secstream.state.currentTime > 0.1)
    const seen = () => p.run(() => { const { title } = navigator.mediaSession.metadata; return [title, navigator.mediaSession.playbackState, keys.at.duration, keys.at.position].join() })
    const [one, two] = await p.run(() => secstream.library().then(l => l.tracks.map(t => t.totalSamples / t.sampleRate)))
    const first = await seen()
    assert.ok(first.startsWith(`1.wav,playing,${one},`) && Number(first.split(',')[3]) < 0.5, first)
    await p.run(() => keys.pause())
    assert.match(await seen(), /^1.wav,paused,/)
    await p.run(t => { keys.play(); keys.seekto({ seekTime: t }) }, one - 0.6)
    assert.equal((await seen()).slice(0, 14), '1.wav,playing,')
    // On to the next by itself: its length, and its beginning.
    await p.until(() => secstream.state.trackIndex === 1)
    const [title, state, length, at] = (await seen()).split(',')
    assert.deepEqual([title, state, Number(length)], ['2.wav', 'playing', two])
    assert.ok(Number(at) < 0.5, `${at} s`)
    await p.run(() => keys.previoustrack())
    await p.until(() => secstream.state.trackIndex === 0)
    await p.run(() => keys.nexttrack())
    await p.until(() => secstream.state.trackIndex === 1 && secstream.state.currentTime > 0.1)
    await p.run(() => { keys.seekforward({ seekOffset: 1 }); keys.all = []; keys.seekbackward({ seekOffset: 100 }) })
    await p.until(() => keys.all.includes(0))
    await p.run(() => keys.stop())
    await p.until(() => !secstream.state.isPlaying && navigator.mediaSession.playbackState === 'paused')
    await p.close()
    await server.stop()
  })

  await test('words go with the music as text, and loudness by tags stays below full scale', async browser => {
    const server = await serve('words', [join(T, 'words')])
    const p = await open(browser, server.address)
    await p.run(() => { globalThis.hacked = () => { globalThis.wasHacked = true } })
    await p.run(() => secstream.library().then(l => secstream.load(l.tracks)).then(() => secstream.seek(1.2)))
    await p.click('#show-lyrics')
    assert.match(await p.until(() => document.querySelector('#lyrics [aria-current]')?.textContent), /^<img/) // nothing plays yet
    assert.deepEqual(await p.until(() => document.querySelector('#lyrics li') && [...document.querySelectorAll('#lyrics li')].map(e => e.textContent)), ['first', '<img src=x onerror=hacked()>', 'third'])
    await p.click('#play')
    await p.until(() => document.querySelector('#lyrics [aria-current]')?.textContent === 'third')
    await p.run(() => { secstream.pause(); return secstream.seek(0) })
    await p.until(() => document.querySelector('#lyrics [aria-current]')?.textContent === 'first')
    await p.click('#lyrics li:last-child button')
    assert.equal(await p.run(() => secstream.state.currentTime), 2.5)
    assert.deepEqual(await p.run(() => [globalThis.wasHacked === true, document.querySelectorAll('#lyrics img').length]), [false, 0])
    await p.click('#loudness')
    assert.deepEqual(await p.run(() => [secstream.replayGain, document.getElementById('loudness').ariaLabel]), ['track', 'Loudness: all tracks alike'])
    assert.deepEqual(p.problems, [])
    await p.close()
    const q = await tools(browser, server.address)
    const whole = await reference(join(T, 'words/1.flac'), 'flac')
    for (const [replayGain, by] of [['track', 1.25], ['album', 10 ** -0.301], ['off', 1]]) {
      const r = await q.run(async replayGain => {
        const [t] = (await new ss.Player().library()).tracks
        const { planes, ...rest } = await tools.offline(ss.Player, t, { frames: t.totalSamples, rate: 44100, channels: 2, options: { replayGain } })
        return { ...rest, data: tools.base64(planes) }
      }, replayGain)
      const { max } = difference(fromPage(r.data), r.slices[0][1] * 2, whole.map(v => v * by))
      assert.ok(max < (by === 1 ? 1e-9 : 1e-6), `${replayGain}: off by ${max}`)
    }
    await q.close()
    await server.stop()
  })

  await test('words that are gone by the time they are asked for', async browser => {
    const folder = join(T, 'wordless')
    cpSync(join(T, 'words'), folder, { recursive: true })
    const server = await serve('wordless', [folder])
    const p = await open(browser, server.address)
    const [id] = await p.run(() => secstream.library().then(l => l.tracks.filter(t => t.hasLyrics).map(t => t.id)))
    rmSync(join(folder, '1.lrc'))
    assert.equal(await p.run(id => fetch(`/api/library/${id}/lyrics`).then(r => r.json()).then(e => e.code), id), 'no_lyrics')
    await p.click('#play')
    await p.click('#show-lyrics')
    assert.equal(await p.until(() => /words/.test(document.getElementById('lyrics').innerText) && document.getElementById('lyrics').innerText.trim()), 'There are no words with this track.')
    await p.close()
    await server.stop()
  })

  await test('it opens without its server, and finds it again', async browser => {
    const server = await serve('offline', [music])
    const p = await open(browser, server.address)
    await p.run(() => navigator.serviceWorker.ready.then(() => true))
    await p.until(async () => (await caches.keys()).some(n => n.startsWith('secstream ')))
    const kept = await p.run(async () => (await (await caches.open((await caches.keys())[0])).keys()).map(r => new URL(r.url).pathname))
    assert.ok(!kept.some(path => path.includes('/api/')), kept.join(' '))
    await server.stop()
    await p.reload()
    assert.match(await p.until(() => document.getElementById('notice').innerText), /does not answer/)
    assert.doesNotMatch(await p.run(() => document.querySelector('main').innerText), /No music/) // who knows?
    const again = await serve('offline', [music], { listen: `127.0.0.1:${server.port}` })
    await p.until(() => document.querySelectorAll('.card').length > 0 && document.getElementById('notice').innerText === '')
    await p.close()
    await again.stop()
  })

  await test('it asks nobody but its server for anything', async browser => {
    const server = await serve('alone', [join(T, 'files')])
    const p = await browser.page({ context: 'own' })
    const asked = new Set()
    const hear = async () => { for (;;) asked.add(new URL((await p.event('Network.requestWillBeSent')).request.url).origin) }
    hear()
    await p.open(`${server.address}/`)
    await p.until(() => document.querySelectorAll('.card').length > 0)
    await p.click('#play')
    await p.until(() => secstream.state.currentTime > 0.3)
    assert.deepEqual([...asked].filter(o => o !== server.address && o !== 'null'), [])
    await p.close()
    await server.stop()
  })

  await test('what was played is let go of, and what is ahead is bounded', async browser => {
    const server = await serve('memory', ['--slice', '1s', join(T, 'files')])
    const p = await open(browser, server.address)
    const most = await p.run(async () => {
      const { Player } = await import('/web/secstream.js')
      const track = (await secstream.library()).tracks.find(t => t.path === 'music-march-vbr.mp3')
      const context = new OfflineAudioContext(2, track.totalSamples + 48000, 48000)
      const player = new Player({ context: () => context, buffer: 'aggressive', budget: 4 << 20 })
      await player.load(track)
      let most = 0
      for (let at = 0.5; at < 40; at += 0.5) {
        context.suspend(at).then(async () => {
          for (let i = 0; i < 800 && player.ahead < 1 && !player.complete; i++) await new Promise(resolve => setTimeout(resolve, 5))
          most = Math.max(most, player.protection.bufferedBytes)
          context.resume()
        })
      }
      await player.play()
      for (let i = 0; i < 400 && player.ahead < 1; i++) await new Promise(resolve => setTimeout(resolve, 5))
      await context.startRendering()
      await player.close()
      return most
    })
    assert.ok(most > 1 << 20 && most <= 5 << 20, `${most} bytes`)
    await p.close()
    await server.stop()
    return `${(most / 1e6).toFixed(1)} MB at most, of 4.2 and a slice`
  })

  await test('every text can be read, on every screen, in light and dark', async browser => {
    const server = await serve('screens', ['--allow-upload', process.env.SECSTREAM_DEMO ?? join(T, 'files')])
    const folder = process.env.SECSTREAM_SHOTS
    if (folder) mkdirSync(folder, { recursive: true })
    let texts = 0
    const screens = [['desktop-light', 1280, 800, 'light', ''], ['desktop-dark', 1280, 800, 'dark', 'protection'], ['phone-light', 390, 844, 'light', ''], ['phone-dark', 390, 844, 'dark', 'protection'], ['narrow', 320, 640, 'dark', 'queue'], ['wide', 1800, 900, 'light', 'queue']]
    await Promise.all(screens.map(async ([name, w, h, scheme, panel]) => {
      const p = await browser.page({ context: 'own' })
      await p.size(w, h, 1, w < 500)
      await p.look({ 'prefers-color-scheme': scheme, 'prefers-reduced-motion': 'reduce' })
      await p.open(`${server.address}/`)
      await p.until(() => document.querySelectorAll('.card').length > 0)
      await p.run(() => secstream.library().then(l => { const name = l.tracks[0].tags.album; return Promise.all([secstream.load(l.tracks.filter(t => t.tags.album === name)), secstream.play()]) }))
      await p.until(() => secstream.state.currentTime > 0.2)
      await p.run(() => secstream.seek(secstream.state.duration * 0.45))
      await wait(900)
      if (panel) await p.click(`#show-${panel}`)
      if (panel === 'protection') await p.until(() => document.querySelector('#protection .print').textContent.length > 90)
      await p.run(() => document.getElementById('toasts').replaceChildren())
      await wait(300)
      const { n, bad } = await p.run(contrasts)
      assert.deepEqual(bad, [], name)
      texts += n
      assert.ok(await p.run(() => document.documentElement.scrollWidth <= innerWidth), `${name} is wider than the screen`)
      assert.ok(!panel || await p.run(() => document.getElementById('panel-close').getBoundingClientRect().right <= innerWidth), `${name}: the panel does not close`)
      assert.equal(await p.run(() => document.getAnimations().length), 0, 'motion')
      assert.deepEqual(await p.run(() => ['shuffle', 'previous', 'play', 'next', 'repeat', 'seek', 'mute', 'volume', 'show-queue', 'show-protection'].filter(id => { // what the bar has is there, and nothing over it
        const e = document.getElementById(id)
        const r = e.getBoundingClientRect()
        return r.width < 24 || r.right > innerWidth || r.bottom > innerHeight || document.body.dataset.panel === '' && !e.contains(document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2))
      })), [], name)
      assert.deepEqual(p.problems, [], name)
      if (folder) writeFileSync(join(folder, `web-${name}.png`), await p.shot())
      await p.close()
    }))
    await server.stop()
    return `${texts} texts`
  })
}
