// Drives the player in Chromium. web.sh has the files, and calls this one:
//
//   node web.mjs [PART OF A TEST'S NAME]
import assert from 'node:assert/strict'
import { launch } from './chromium.mjs'
import { T, stopAll } from './servers.mjs'
import { sound } from './sound.mjs'
import { forged } from './forged.mjs'
import { pins } from './pins.mjs'
import { page } from './page.mjs'
import { trust } from './trust.mjs'

const only = process.argv[2] ?? ''
const begin = Date.now()
const say = text => console.log(`   ${String(Math.round((Date.now() - begin) / 1000)).padStart(4)}s  ${text}`)
const browser = await launch(T, ['--autoplay-policy=no-user-gesture-required', '--host-resolver-rules=MAP music.test 127.0.0.1'])
let failed = 0
let done = 0
const tests = []

/** Puts a test on the list. */
async function test (name, work) {
  if (name.includes(only)) tests.push({ name, work })
}

async function run ({ name, work }) {
  const since = Date.now()
  try {
    const said = await work(browser)
    say(`${name} (${((Date.now() - since) / 1000).toFixed(0)} s)${said ? `: ${said}` : ''}`)
    done++
  } catch (err) {
    failed++
    say(`FAILED ${name}: ${err.stack}`)
  }
}

// Tests share a browser, but no page and no server: most of their time they wait
// for sound.
const AT_ONCE = 4

try {
  for (const part of [sound, page, forged, trust, pins]) await part(test)
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let next; (next = tests.shift());) await run(next)
  }))
} finally {
  await browser.close()
  await stopAll()
}
assert.ok(done + failed > 0, 'nothing was tested')
say(`${done} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
