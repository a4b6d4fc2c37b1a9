// @ts-check
// The words of what plays. They come from outside the seal and may be anything:
// they are shown as text, and never more of them than a server may send.
import { $, clean, h, icon } from './dom.js'

const MOST = 256 << 10 // characters
const LINE = 1000 // of one line
const LINES = 5000
const STAMPS = 16 // of one line
const STAMP = /^\s*\[(\d{1,4}):(\d{1,2}(?:[.:]\d{1,3})?)\]/
const WORD = /<\d{1,4}:\d{1,2}(?:[.:]\d{1,3})?>/g

const seconds = (minutes, rest) => 60 * Number(minutes) + Number(rest.replace(':', '.'))

/**
 * Reads LRC or plain text. Lines of LRC are in the order of their times; one that
 * has several is there several times. Without any time all lines are plain, and
 * their time is null.
 * @returns {{synced: boolean, lines: {time: number|null, text: string}[]}}
 */
export function parse (text) {
  const plain = []
  const timed = []
  let offset = 0
  for (let line of text.slice(0, MOST).split(/\r?\n/)) {
    if (plain.length + timed.length >= LINES) break
    line = line.slice(0, LINE)
    const times = []
    for (let m; (m = STAMP.exec(line)); line = line.slice(m[0].length)) if (times.length < STAMPS) times.push(seconds(m[1], m[2]))
    const tag = times.length === 0 ? /^\s*\[([a-z#]+):(.*)\]\s*$/i.exec(line) : null
    if (tag) {
      if (tag[1].toLowerCase() === 'offset') offset = Number(tag[2]) / 1000 || 0
      continue
    }
    const words = clean(line.replace(WORD, ''))
    for (const time of times) timed.push({ time, text: words })
    if (times.length === 0) plain.push({ time: null, text: words })
  }
  if (timed.length === 0) return { synced: false, lines: plain }
  for (const l of timed) l.time = Math.max(0, l.time - offset) // a positive offset has them come sooner
  return { synced: true, lines: timed.sort((a, b) => a.time - b.time) }
}

/** Which line is sung at a time, -1 before the first. */
export function lineAt (lines, time) {
  let low = 0
  let high = lines.length
  while (low < high) {
    const mid = (low + high) >> 1
    if (lines[mid].time <= time) low = mid + 1
    else high = mid
  }
  return low - 1
}

/** The panel with the words of the current track. It asks for them when it is first seen with it. */
export class Lyrics {
  constructor (player) {
    this.player = player
    this.id = /** @type {string|undefined} */ (undefined)
    this.synced = false
    this.lines = /** @type {any[]} */ ([])
    this.at = -1
  }

  say (text) { $('lyrics').replaceChildren(h('div', { class: 'empty' }, icon('words'), h('p', {}, text))) }

  /** Shows what belongs to the state of the player. */
  draw ({ currentTrack, currentTime }) {
    const track = currentTrack?.track
    if (this.id !== (track?.id ?? '')) this.load(track)
    if (!this.synced) return
    const at = lineAt(this.lines, currentTime + 0.15) // eyes are late
    if (at === this.at) return
    const rows = $('lyrics').querySelectorAll('li')
    rows[this.at]?.removeAttribute('aria-current')
    rows[at]?.setAttribute('aria-current', 'true')
    this.at = at
    const box = $('lyrics')
    if (rows[at] && !box.matches(':hover, :focus-within')) box.scrollTop = rows[at].offsetTop - box.offsetTop - box.clientHeight / 2.5
  }

  async load (track) {
    const id = track?.id ?? ''
    this.id = id
    this.synced = false
    this.lines = []
    this.at = -1
    if (!track?.hasLyrics) return this.say(track ? 'There are no words with this track.' : 'Play something that has words.')
    this.say('…')
    try {
      const text = await this.player.lyrics(id)
      if (this.id === id) this.fill(parse(text))
    } catch (err) {
      if (this.id === id) this.say(err.code === 'no_lyrics' ? 'There are no words with this track.' : clean(err.message))
    }
  }

  fill ({ synced, lines }) {
    this.synced = synced
    this.lines = lines
    $('lyrics').replaceChildren(h('ol', { class: `lines ${synced ? 'synced' : ''}` }, lines.map(({ time, text }) => h('li', {}, synced && text
      ? h('button', { type: 'button', onclick: () => this.player.seek(time) }, text)
      : text || '\u00a0'))))
    this.draw(this.player.state)
  }
}
