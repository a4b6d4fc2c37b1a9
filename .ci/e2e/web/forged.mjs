// What becomes of slices that somebody on the way changes, or holds up.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { between } from './proxy.mjs'
import { difference, fromPage, loudest, reference } from './reference.mjs'
import { T, serve } from './servers.mjs'
import { tools } from './sound.mjs'

const flip = body => { body[body.length >> 1] ^= 1; return true }
const whole = () => reference(join(T, 'raw/whole.wav'), 'pcm')

/** Plays tracks of a server through somebody who meddles with slices. */
async function meddled (browser, name, slice, folder, work) {
  const server = await serve(name, ['--slice', '1s', join(T, folder)])
  const proxy = await between(server.address, slice)
  const p = await tools(browser, proxy.address)
  try {
    return await work(p, server)
  } finally {
    await p.close()
    await proxy.stop()
    await server.stop()
  }
}

export async function forged (test) {
  await test('a slice forged on its way is refused: silence of its length, and the rest as it is', browser => {
    const bad = n => n === 1
    return meddled(browser, 'forged', (n, body) => bad(n) && flip(body), 'cut', async p => {
      const r = await p.run(async () => {
        const { tracks } = await new ss.Player().library()
        const t = tracks.find(t => t.path.endsWith('.flac'))
        const warned = []
        const { planes, ...rest } = await tools.offline(ss.Player, t, { frames: t.totalSamples, rate: 44100, channels: 2, hear: (player, seen) => {
          player.addEventListener('warning', ({ detail: d }) => warned.push([d.kind, d.slice]))
          player.addEventListener('slice', () => { seen.protection = player.protection })
        } })
        const { refused, silenced, states, starts } = rest.protection
        return { ...rest, protection: { refused, silenced, states: [...states], starts }, warned, total: t.totalSamples, data: tools.base64(planes) }
      })
      assert.deepEqual(r.errors, [])
      assert.equal(r.warned.length, 1)
      const [kind, lost] = r.warned[0]
      assert.equal(kind, 'forged')
      assert.equal(r.protection.silenced, 1)
      assert.equal(r.protection.refused, 2, 'it was tried twice')
      assert.deepEqual(r.protection.states.flatMap((s, i) => s === 5 ? [i] : []), [lost])
      const at = r.slices[0][1] * 2
      const from = Math.round(r.protection.starts[lost] * 44100)
      const to = r.slices.find(s => s[0] === lost)[2] + from
      const want = (await whole()).fill(0, from * 2, to * 2)
      assert.equal(loudest(fromPage(r.data), at + from * 2, at + to * 2), 0, 'sound in place of what was refused')
      assert.ok(difference(fromPage(r.data), at, want).max <= 1e-9, 'other sound around it')
      assert.equal(r.slices.reduce((n, s) => n + s[2], 0), r.total)
      return `slice ${lost + 1}, ${to - from} frames`
    })
  })

  await test('six forged in a row end the track, and the next one plays', browser => {
    // The third comes after those behind it: it is the sixth that ends the track, not what comes sixth.
    const meddle = async (n, body) => {
      if (n === 2) await new Promise(resolve => setTimeout(resolve, 600))
      return n > 0 && n < 9 && flip(body)
    }
    return meddled(browser, 'forgeries', meddle, 'files', async p => {
      await p.run(() => {
        globalThis.heard = []
        globalThis.sounded = []
        globalThis.player = new ss.Player()
        for (const type of ['error', 'warning']) player.addEventListener(type, ({ detail: d }) => heard.push([type, d.kind, player.state.trackIndex, d.slice]))
        player.addEventListener('slice', e => { if (player.state.trackIndex === 0) sounded.push(e.detail.slice) })
        return player.library().then(l => player.load(['music-guitar.flac', 'music-drums.wav'].map(name => l.tracks.find(t => t.path === name)))).then(() => player.play())
      })
      await p.until(() => player.state.trackIndex === 1 && player.state.isPlaying && player.state.currentTime > 0.1)
      const [heard, sounded] = await p.run(() => [heard, sounded])
      assert.ok(heard.every(h => h[1] === 'forged'), JSON.stringify(heard))
      assert.deepEqual(heard.filter(h => h[0] === 'error'), [['error', 'forged', 0, 6]])
      assert.deepEqual(sounded, [0, 1, 2, 3, 4, 5])
      assert.equal(await p.run(() => player.protection.silenced), 0)
      await p.run(() => player.close())
    })
  })

  await test('after a seek to the end of a slice nothing breaks off, however late the next one is', browser =>
    meddled(browser, 'late', async n => { if (n > 1) await new Promise(resolve => setTimeout(resolve, 350)) }, 'cut', async p => {
      const r = await p.run(async () => {
        const t = (await new ss.Player().library()).tracks.find(t => t.path.endsWith('.flac'))
        const { planes, ...rest } = await tools.live(ss.Player, t, { rate: 44100, channels: 2, seconds: 6, during: async player => {
          const { slices } = player.protection
          await player.seek((slices[1].start + slices[1].samples - 2000) / 44100)
        } })
        return { ...rest, data: tools.base64(planes) }
      })
      assert.deepEqual(r.errors, [])
      const at = r.slices.findLastIndex(s => s[0] === 1)
      const sought = r.slices.slice(at)
      assert.equal(sought[0][2], 2000)
      assert.equal(sought[1][1], sought[0][1] + 2000, 'a gap behind the slice')
      const soft = 512
      const target = r.state.duration * 44100 - sought.reduce((n, s) => n + s[2], 0)
      // On a machine that is slow, a slice after these may come too late in earnest: up to there it is one sound.
      const gap = sought.findIndex((s, i) => i > 0 && s[1] !== sought[i - 1][1] + sought[i - 1][2])
      const joined = sought.slice(0, gap < 0 ? undefined : gap).reduce((n, s) => n + s[2], 0)
      const d = difference(fromPage(r.data), (sought[0][1] + soft) * 2, await whole(), (Math.round(target) + soft) * 2, (joined - soft) * 2)
      assert.ok(d.max <= 1e-9, `off by ${d.max} at frame ${d.where / 2} behind`)
    }))
}
