// @ts-check
// ReplayGain by the tags of a track, by the terminal player's rules.
const MOST = 60 // dB, in either direction

const pick = (...tags) => tags.find(v => Number.isFinite(v))

/**
 * What the samples of a track are multiplied by: 1 where there is nothing to do.
 * By track all tracks are equally loud, by album all albums; each takes the
 * other's tag where its own is missing. What would pass full scale by the peak is
 * turned down until it does not; without a peak nothing is turned up.
 * @param {'off'|'track'|'album'} by @param {any} tags
 */
export function factor (by, tags) {
  if (by === 'off') return 1
  const order = by === 'album' ? ['Album', 'Track'] : ['Track', 'Album']
  const [gain, peak] = ['Gain', 'Peak'].map(what => pick(...order.map(o => tags?.[`replayGain${o}${what}`])))
  if (gain === undefined) return 1
  const f = 10 ** (Math.max(-MOST, Math.min(MOST, gain)) / 20)
  return Math.min(f, peak > 0 ? 1 / peak : 1)
}
