// node near.mjs LSB WHOLE PART... fails when the 16-bit samples of the parts,
// joined, are further than LSB from those of WHOLE.
import { readFileSync } from 'node:fs'

const [lsb, whole, ...parts] = process.argv.slice(2)
const samples = b => new Int16Array(b.buffer.slice(b.byteOffset, b.byteOffset + b.length))
const want = samples(readFileSync(whole))
const got = samples(Buffer.concat(parts.map(p => readFileSync(p))))
if (want.length !== got.length) {
  console.error(`${got.length} samples, not ${want.length}`)
  process.exit(1)
}
let worst = 0
for (let i = 0; i < want.length; i++) worst = Math.max(worst, Math.abs(want[i] - got[i]))
if (worst > Number(lsb)) {
  console.error(`${worst} LSB off, ${lsb} are allowed`)
  process.exit(1)
}
