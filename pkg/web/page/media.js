// @ts-check
// Media keys, headphones and lock screens. Browsers give them to pages that have
// a media element which plays; sound by way of Web Audio is none, so that a
// silent one plays along.
import { coverOf, shown } from './views.js'

const HEAD = 'RIFF\xa4\x38\x01\0WAVEfmt \x10\0\0\0\x01\0\x01\0@\x1f\0\0@\x1f\0\0\x01\0\x08\0data\x80\x38\x01\0'

/** Ten seconds of nothing, as a WAV file: 80,000 samples of 8 bits at 8 kHz. */
const silence = () => URL.createObjectURL(new Blob([Uint8Array.from(HEAD, c => c.charCodeAt(0)), new Uint8Array(80000).fill(128)], { type: 'audio/wav' }))

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
