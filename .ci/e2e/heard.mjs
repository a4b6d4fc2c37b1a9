// node heard.mjs RATE CHANNELS SAMPLES RECORDING... judges recordings of the
// same 16-bit samples. Each should be silence, the samples to the bit, silence.
//
// A machine that stands still for a moment breaks any player's sound off: then
// there is silence in between, and every sample is still heard. Breaks are
// forgiven when several recordings have none at the same place; one that
// comes back is the player's doing.
//
// Exit: 0 all is right, 3 breaks and too few recordings to tell, 1 wrong.
import { readFileSync } from 'node:fs'

const [rate, channels, samples, ...recordings] = process.argv.slice(2)
const frame = 2 * Number(channels)
const want = readFileSync(samples)
const sound = b => b.findIndex(v => v !== 0)

// breaks returns the frames of want before which silence came, or what is wrong.
function breaks (got) {
  const silent = at => got.subarray(at, at + frame).every(v => v === 0)
  const same = (g, w) => got.compare(want, w, w + frame, g, g + frame) === 0
  if (sound(got) < 0) return 'nothing is heard'
  let g = (Math.floor(sound(got) / frame) - Math.floor(sound(want) / frame)) * frame
  if (g < 0) return 'the beginning is missing'
  const found = []
  for (let w = 0; w < want.length; w += frame, g += frame) {
    if (g + frame > got.length) return `the last ${(want.length - w) / frame} frames are missing`
    if (same(g, w)) continue
    if (silent(g)) found.push(w / frame)
    while (g + frame < got.length && silent(g)) g += frame
    if (!same(g, w)) return `frame ${w / frame} of ${want.length / frame} is wrong`
  }
  if (!got.subarray(g).every(v => v === 0)) return 'more is heard than was played'
  return found
}

const results = recordings.map(name => breaks(readFileSync(name)))
const last = results.at(-1)
const whole = `${want.length / frame} frames heard, every sample right`
if (Array.isArray(last) && last.length === 0) {
  console.log(`${whole}, try ${results.length}`)
  process.exit(0)
}
if (results.length < 3) process.exit(3)
const wrong = results.find(r => typeof r === 'string')
if (wrong) {
  console.log(wrong)
  process.exit(1)
}
const near = (a, b) => Math.abs(a - b) < Number(rate) / 20
const again = last.filter(at => results.every(r => r.some(b => near(b, at))))
if (again.length > 0) {
  console.log(`the sound breaks off at frame ${again.join(', ')} every time`)
  process.exit(1)
}
console.log(`${whole}, with breaks at ${results.map(r => r.length).join(', ')} places of three tries, never the same: the machine stood still`)
