// node runs.mjs RATE SAMPLES RECORDING EXPECTED... judges what is heard of
// 16-bit stereo samples while a listener pauses and seeks.
//
// The recording should be silence, then runs of the samples, each exact to the
// bit, joined by nothing but fades and silence, then silence. EXPECTED tells for
// each join how far, in seconds, the samples go on from where the run before it
// ended: FROM:TO. The first run begins with the first sample.
//
// A machine that stands still for a moment leaves silence in a run, which goes
// on after it where it was; that is not the player's doing, and is counted.
import { readFileSync } from 'node:fs'

const [rateText, samples, recording, ...expected] = process.argv.slice(2)
const rate = Number(rateText)
const words = name => { const b = readFileSync(name); return new Int32Array(b.buffer, b.byteOffset, b.length >> 2) }
const want = words(samples)
const got = words(recording)
// Each fade lasts 10 ms, and the noise of rounding a moment longer. A join has
// two, of which one may lie around a silence.
const edge = rate * 0.03
const least = 32 // frames of a run: in noise, no fewer are found by chance

const fail = text => { console.log(text); process.exit(1) }

// A frame of noise that is rare enough leads to where it stands.
const places = new Map()
want.forEach((v, i) => { const list = places.get(v); if (list) list.push(i); else places.set(v, [i]) })
const reach = (g, w) => {
  let n = 0
  while (g + n < got.length && w + n < want.length && got[g + n] === want[w + n]) n++
  return n
}

const runs = []
for (let g = 0; g < got.length;) {
  let best = { at: g, pos: 0, n: 0 }
  if (got[g] !== 0) {
    for (const w of places.get(got[g]) ?? []) {
      const n = reach(g, w)
      if (n > best.n) best = { at: g, pos: w, n }
    }
  }
  if (best.n < least) { g++; continue }
  runs.push(best)
  g += best.n
}
if (runs.length === 0) fail('nothing is heard')

// loud counts the frames that sound from a to b.
const loud = (a, b) => { let n = 0; for (; a < b; a++) n += got[a] !== 0; return n }
const joined = [runs[0]]
let breaks = 0
for (const r of runs.slice(1)) {
  const last = joined.at(-1)
  const end = last.at + last.n
  if (r.pos === last.pos + last.n && loud(end, r.at) === 0) {
    last.n = r.at + r.n - last.at
    last.shift = (last.shift ?? 0) + (r.at - end)
    last.end = r.pos + r.n
    breaks++
    continue
  }
  joined.push(r)
}
const ends = r => r.end ?? r.pos + r.n
const text = joined.map(r => `${(r.pos / rate).toFixed(3)}-${(ends(r) / rate).toFixed(3)}`).join(' ')

if (joined[0].pos !== 0 || loud(0, joined[0].at) > 0) fail(`it does not begin with the first sample: ${text}`)
if (joined.length !== expected.length + 1) fail(`${joined.length} runs, not ${expected.length + 1}: ${text}`)
expected.forEach((e, i) => {
  const [from, to] = e.split(':').map(Number)
  const [a, b] = [joined[i], joined[i + 1]]
  const noise = loud(a.at + a.n, b.at)
  if (noise > 2 * edge) fail(`between runs ${i + 1} and ${i + 2}, ${noise} frames are heard that are not of the file: ${text}`)
  const jump = (b.pos - ends(a)) / rate
  if (jump < from || jump > to) fail(`run ${i + 2} goes on ${jump.toFixed(3)} s after run ${i + 1}, not ${e}: ${text}`)
})
const last = joined.at(-1)
const tail = loud(last.at + last.n, got.length)
if (tail > edge) fail(`after the end ${tail} frames are heard that are not of the file: ${text}`)
const gaps = joined.slice(1).map((r, i) => `${(loud(joined[i].at + joined[i].n, r.at) / rate * 1000).toFixed(0)}`)
console.log(`runs ${text}, every sample right; joins of ${gaps.join(', ')} ms that fade, ${breaks} breaks`)
process.exit(breaks > 0 ? 3 : 0)
