// What the page's sound is.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { difference, fromPage, loudest, reference } from './reference.mjs'
import { T, serve } from './servers.mjs'

const code = readFileSync(new URL('sound.js', import.meta.url), 'utf8')

/** A tab with the player's library and this test's own tools, which its policy would keep out. */
export async function tools (browser, address) {
  const p = await browser.page({ context: 'own' })
  await p.send('Page.setBypassCSP', { enabled: true })
  await p.open(`${address}/`)
  await p.run(async text => {
    globalThis.tools = await import(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })))
    globalThis.ss = await import('/web/secstream.js')
  }, code)
  return p
}

const library = p => p.run(async () => (await new ss.Player().library()).tracks)

const play = (p, what, how) => p.run(async (what, how) => {
  const { planes, ...rest } = await tools.offline(ss.Player, what, how)
  return { ...rest, data: tools.base64(planes) }
}, what, how)

// Full scale is 1; a step of 16 bits is 3e-5. Lossless is to the bit, but for what
// Chromium's own mixing of floats may do far below that.
const LIMITS = { pcm: 1e-9, flac: 1e-9, mp3: 4e-6, vorbis: 1e-6, opus: 2e-5 }

/** What the browser makes of a whole file. */
const decoded = async (p, file, t) => fromPage(await p.run(async (text, rate) => {
  const b = await new OfflineAudioContext(2, 1, rate).decodeAudioData(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer)
  return tools.base64(Array.from({ length: b.numberOfChannels }, (_, c) => b.getChannelData(c)))
}, readFileSync(file).toString('base64'), t.sampleRate))

/** Plays tracks one by one and holds them against what other decoders say. */
async function exact (p, folder, tracks, { options = {}, limits = LIMITS } = {}) {
  const worst = {}
  const one = async t => {
    const r = await play(p, t, { frames: t.totalSamples, rate: t.sampleRate, channels: t.channels, step: 1, options })
    assert.deepEqual([r.warnings, r.errors], [[], []], t.path)
    const got = fromPage(r.data)
    const other = t.path === 'flac-32.flac' ? '../raw/32.wav' : t.path // older ffmpegs decode 24 bits at most
    let want = await reference(join(folder, other), t.codec)
    assert.equal(want.length, t.totalSamples * t.channels, `${t.path}: ${want.length / t.channels} frames by another decoder, ${t.totalSamples} here`)
    const at = r.slices[0][1]
    let next = at
    for (const [, from, frames] of r.slices) {
      assert.equal(from, next, `${t.path}: a slice begins at ${from}, not ${next}`)
      next += frames
    }
    assert.equal(next - at, t.totalSamples, `${t.path}: frames that were scheduled`)
    // Chromium decodes some files of LAME otherwise than mpg123 and ffmpeg do, which agree. There slices are held
    // against what it makes of the whole file.
    if (t.codec === 'mp3' && t.path.startsWith('mp3-')) want = await decoded(p, join(folder, t.path), t)
    const { max, where } = difference(got, at * t.channels, want)
    assert.ok(max <= limits[t.codec], `${t.path}: off by ${max} at frame ${Math.floor(where / t.channels)}`)
    assert.equal(loudest(got, 0, at * t.channels), 0, `${t.path}: sound before it begins`)
    assert.equal(loudest(got, next * t.channels, got.length), 0, `${t.path}: sound after its end`)
    worst[t.codec] = Math.max(worst[t.codec] ?? 0, max)
  }
  const left = [...tracks]
  await Promise.all([1, 2, 3].map(async () => { for (let t; (t = left.shift());) await one(t) }))
  return `${tracks.length} tracks; off by at most ${Object.entries(worst).map(([c, m]) => `${(m * 32768).toFixed(m < 1e-9 ? 0 : 4)} (${c})`).join(', ')} of a step of 16 bits`
}

export async function sound (test) {
  const files = join(T, 'files')

  await test('every file sounds as it is, to the sample, by protocol v2', async browser => {
    const server = await serve('sound', [files])
    const p = await tools(browser, server.address)
    const said = await exact(p, files, await library(p))
    await p.close()
    await server.stop()
    return said
  })

  await test('so do slices of random lengths that are padded, as PCM, with new keys all the time', async browser => {
    const server = await serve('odd', ['--slice', '1s', '--randomize', '--pad', '--decode', 'always', '--rekey-after', '3', '--no-web=false', files])
    const p = await tools(browser, server.address)
    const tracks = (await library(p)).filter(t => ['music-drums.wav', 'music-guitar.flac', 'speech-russian-8k.ogg', 'flac-24.flac', 'wav-u8.wav'].includes(t.path))
    assert.equal(tracks.length, 5)
    // Decoded there to 16 bits, what is lossy is off by half a step.
    const said = await exact(p, files, tracks, { limits: { ...LIMITS, vorbis: 4e-5 } })
    await p.close()
    await server.stop()
    return said
  })

  await test('and by protocol v1, as a browser without X25519 speaks it', async browser => {
    const server = await serve('v1', [files])
    const p = await tools(browser, server.address)
    const tracks = (await library(p)).filter(t => /^(wav|music-(drums|tabla|safari))|22k/.test(t.path))
    const said = await exact(p, files, tracks, { options: { protocol: 1 } })
    await p.close()
    await server.stop()
    return said
  })

  await test('tracks follow one another without a gap, and a seek lands on its frame', async browser => {
    const server = await serve('gap', ['--slice', '1s', join(T, 'cut')])
    const p = await tools(browser, server.address)
    const tracks = await library(p)
    const whole = await reference(join(T, 'raw/whole.wav'), 'pcm')
    const two = tracks.filter(t => t.path.endsWith('.wav'))
    const frames = whole.length / 2
    const r = await play(p, two, { frames, rate: 44100, channels: 2 })
    let d = difference(fromPage(r.data), r.slices[0][1] * 2, whole)
    assert.ok(d.max <= LIMITS.pcm, `off by ${d.max} at frame ${d.where / 2}`)
    assert.deepEqual(r.slices.map(s => s[0]), [0, 1, 2, 0, 1])

    const [flac] = tracks.filter(t => t.path.endsWith('.flac'))
    const target = 123457
    const sought = await p.run(async (track, frames, target) => {
      const { planes, ...rest } = await tools.offline(ss.Player, track, { frames, rate: 44100, channels: 2, during: async (player, at) => { if (at === 1) await player.seek(target / 44100) } })
      return { ...rest, data: tools.base64(planes) }
    }, flac, frames, target)
    const got = fromPage(sought.data)
    const after = sought.slices.findIndex(s => s[0] === 2 && s[2] < 44100)
    const [, at, n] = sought.slices[after]
    const soft = 512 // it comes in softly
    d = difference(got, (at + soft) * 2, whole, (target + soft) * 2)
    assert.ok(d.max <= LIMITS.flac, `after the seek: off by ${d.max} at frame ${d.where / 2} behind`)
    assert.ok(n > 0 && sought.slices.slice(after).reduce((sum, s) => sum + s[2], 0) === frames - target)
    await p.close()
    await server.stop()
  })

  await test('in real time, out of the AudioContext: the same samples, over the end of a track', async browser => {
    const server = await serve('live', ['--slice', '1s', join(T, 'cut')])
    const p = await tools(browser, server.address)
    const two = (await library(p)).filter(t => t.path.endsWith('.wav'))
    const whole = await reference(join(T, 'raw/whole.wav'), 'pcm')
    const r = await p.run(async what => {
      const { planes, ...rest } = await tools.live(ss.Player, what, { rate: 44100, channels: 2, seconds: 12 })
      return { ...rest, data: tools.base64(planes) }
    }, two)
    assert.deepEqual(r.errors, [])
    assert.deepEqual(r.events, ['trackchange', 'play', 'trackended', 'trackchange', 'trackended', 'ended'], r.events.join(' '))
    const d = difference(fromPage(r.data), r.slices[0][1] * 2, whole)
    assert.ok(d.max <= LIMITS.pcm, `off by ${d.max} at frame ${d.where / 2}`)
    assert.equal(r.state.isEnded, true)

    const paused = await p.run(async what => {
      const { planes, ...rest } = await tools.live(ss.Player, what, { rate: 44100, channels: 2, seconds: 12, during: async player => {
        await new Promise(resolve => setTimeout(resolve, 900))
        player.pause()
        const at = player.state.currentTime
        await new Promise(resolve => setTimeout(resolve, 400))
        if (player.state.currentTime !== at) throw new Error('the time goes on in a pause')
        await player.play()
      } })
      return { ...rest, data: tools.base64(planes) }
    }, two)
    assert.deepEqual(paused.events, ['trackchange', 'play', 'pause', 'play', 'trackended', 'trackchange', 'trackended', 'ended'])
    const frame = (i => paused.slices[i])(paused.slices.findIndex((s, i) => i > 0 && s[0] <= paused.slices[i - 1][0] && s[2] !== 44100))
    assert.ok(frame, 'no place where it goes on')
    await p.close()
    await server.stop()
  })

  await test('a library for pages of other servers, where --cors names them', async browser => {
    const home = await serve('home', [join(T, 'cut')])
    const server = await serve('away', ['--cors', home.address, join(T, 'cut')])
    const p = await browser.page({ context: 'own' })
    await p.send('Page.setBypassCSP', { enabled: true })
    await p.open(`${home.address}/`)
    const got = await p.run(async (address, text) => {
      const { Player } = await import(`${address}/web/secstream.js`)
      const tools = await import(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })))
      const lister = new Player()
      const { tracks } = await lister.library()
      const r = await tools.offline(Player, tracks[0], { frames: tracks[0].totalSamples, rate: 44100, channels: 2 })
      return { address: lister.address, frames: r.slices.reduce((n, s) => n + s[2], 0), want: tracks[0].totalSamples }
    }, server.address, code)
    assert.equal(got.address, server.address)
    assert.equal(got.frames, got.want)
    const other = await serve('closed', [join(T, 'cut')])
    await assert.rejects(p.run(async address => { await import(`${address}/web/secstream.js`) }, other.address), /dynamically imported/)
    await p.close()
    for (const s of [home, server, other]) await s.stop()
  })
}
