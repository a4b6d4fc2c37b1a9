// @ts-check
// Media keys, headphones and lock screens. Browsers give them to pages that have
// a media element which plays; sound by way of Web Audio is none, so that a
// silent one plays along.
import { coverOf, shown } from './views.js'

/** Ten seconds of nothing, as a WAV file of 8 kHz and 8 bits. */
function silence () {
  const n = 80000
  const v = new DataView(new ArrayBuffer(44 + n))
  const text = (at, s) => [...s].forEach((c, i) => v.setUint8(at + i, c.charCodeAt(0)))
  text(0, 'RIFF'); v.setUint32(4, 36 + n, true); text(8, 'WAVEfmt '); v.setUint32(16, 16, true)
  v.setUint16(20, 1, true); v.setUint16(22, 1, true); v.setUint32(24, 8000, true); v.setUint32(28, 8000, true)
  v.setUint16(32, 1, true); v.setUint16(34, 8, true); text(36, 'data'); v.setUint32(40, n, true)
  new Uint8Array(v.buffer).fill(128, 44)
  return URL.createObjectURL(new Blob([v.buffer], { type: 'audio/wav' }))
}

/** Connects a player with the system's controls. cover(id) is the address of a picture, or null. */
export function controls (player, cover) {
  const session = navigator.mediaSession
  if (!session) return
  const quiet = new Audio(silence())
  quiet.loop = true
  const quietly = work => () => { Promise.resolve(work()).catch(() => {}) }
  const on = (name, work) => {
    try {
      session.setActionHandler(/** @type {any} */ (name), work)
    } catch { /* not every browser has every action */ }
  }
  on('play', quietly(() => player.play()))
  on('pause', () => player.pause())
  on('stop', () => player.stop())
  on('nexttrack', quietly(() => player.next()))
  on('previoustrack', quietly(() => player.previous()))
  on('seekbackward', e => player.seek(player.state.currentTime - (e.seekOffset ?? 10)))
  on('seekforward', e => player.seek(player.state.currentTime + (e.seekOffset ?? 10)))
  on('seekto', e => player.seek(e.seekTime))

  const describe = async () => {
    const { currentTrack: t } = player.state
    if (!t) { session.metadata = null; return }
    const s = shown({ ...(t.track ?? { title: t.title }), tags: { ...t.track?.tags, ...t.tags } })
    const data = { title: s.title, artist: s.artist, album: s.album }
    session.metadata = new MediaMetadata(data)
    const url = coverOf(t.track) ? await cover(coverOf(t.track)) : null
    if (url && player.state.currentTrack?.id === t.id) session.metadata = new MediaMetadata({ ...data, artwork: [{ src: url }] })
  }
  const place = () => {
    const s = player.state
    session.playbackState = s.isPlaying ? 'playing' : s.currentTrack ? 'paused' : 'none'
    if (s.duration > 0) session.setPositionState?.({ duration: s.duration, position: Math.min(s.currentTime, s.duration), playbackRate: 1 })
  }
  for (const name of ['trackchange', 'loaded']) player.addEventListener(name, () => { describe() })
  for (const name of ['play', 'pause', 'stop', 'seek', 'loaded', 'ended', 'trackchange', 'buffered']) player.addEventListener(name, place)
  player.addEventListener('play', () => { quiet.play().catch(() => {}) })
  for (const name of ['pause', 'stop', 'ended']) player.addEventListener(name, () => quiet.pause())
}
