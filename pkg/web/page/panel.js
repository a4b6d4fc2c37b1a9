// @ts-check
// Beside the music: the queue, and what protects it.
import { $, clean, clock, count, h, icon, round, say, size } from './dom.js'
import { SliceState, isFingerprint } from './secstream.js'
import { coverOf, kind, shown } from './views.js'

/** The queue as a list. */
export function drawQueue (player, covers) {
  const { items, current } = player.queue
  const box = $('queue')
  if (items.length === 0) {
    box.replaceChildren(h('div', { class: 'empty' }, icon('queue'), h('p', {}, 'Nothing is queued. Choose an album or a track.')))
    return
  }
  const focus = box.contains(document.activeElement) ? /** @type {any} */ (document.activeElement).dataset.key : ''
  const coming = items.length - current - 1
  const from = Math.max(0, current - 20)
  const list = h('ol', { class: 'rows' }, items.slice(from, current + 200).map((item, k) => {
    const i = from + k
    const s = shown(item.track ?? { title: item.title })
    const key = what => ({ key: `${what}${item.id}` })
    const art = covers.fill(h('span', { class: 'art tiny' }), coverOf(item.track), s.album || item.track?.folder || s.title)
    return h('li', { class: `row ${i < current ? 'past' : ''} ${i === current ? 'on' : ''}` },
      h('button', { type: 'button', class: 'go', dataset: key('go'), 'aria-current': i === current ? 'true' : null, 'aria-label': `Play ${s.title}`, onclick: () => player.jump(item.id).catch(() => {}) },
        art, h('span', { class: 'words' }, h('strong', {}, s.title), h('span', { class: 'quiet' }, s.artist || s.album))),
      h('span', { class: 'acts' },
        i > current + 1 && round('up', `Move ${s.title} up`, () => player.move(item.id, -1), { dataset: key('up') }),
        i > current && i < items.length - 1 && round('down', `Move ${s.title} down`, () => player.move(item.id, 1), { dataset: key('down') }),
        round('close', `Take ${s.title} off the queue`, () => { player.remove(item.id); say(`${s.title} is off the queue`) }, { dataset: key('off') })))
  }))
  box.replaceChildren(
    h('div', { class: 'head slim' }, h('p', { class: 'quiet' }, coming > 0 ? `${count(coming, 'track')} to come` : 'Nothing more to come'),
      coming > 0 && h('button', { type: 'button', class: 'text', onclick: () => player.clear() }, 'Clear')), list)
  if (focus) /** @type {any} */ (box.querySelector(`[data-key="${CSS.escape(focus)}"]`))?.focus()
}

/** The colours of slices, out of the style sheet. */
function colours () {
  const style = getComputedStyle(document.documentElement)
  return Object.keys(SliceState).map(n => style.getPropertyValue(`--slice-${n}`).trim())
}

/** @type {WeakMap<any, string>} what a canvas shows */
const shows = new WeakMap()
const letters = new TextDecoder()

/** Whether a canvas is to be painted anew: slices are at something else, or it has another look. */
function stale (canvas, states, ...look) {
  const now = letters.decode(states) + look
  const before = shows.get(canvas)
  shows.set(canvas, now)
  return now !== before
}

/** Paints slices along the seek bar: what is there, what is coming, what is gone. */
export function paintSlices (canvas, p, duration) {
  const scale = devicePixelRatio || 1
  const { clientWidth: w, clientHeight: height } = canvas
  if (w === 0) return
  if (canvas.width !== Math.round(w * scale)) canvas.width = Math.round(w * scale)
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale)
  const colour = colours()
  const states = p?.states ?? new Uint8Array(0)
  if (!stale(canvas, states, colour, canvas.width, canvas.height, duration)) return
  const g = canvas.getContext('2d')
  g.clearRect(0, 0, canvas.width, canvas.height)
  if (!(duration > 0)) return
  const n = states.length
  const gap = n * 4 < w ? scale : 0
  const at = i => i < n ? p.starts[i] / duration * canvas.width : canvas.width
  for (let i = 0; i < n;) {
    const from = at(i)
    let state = states[i]
    while (++i < n && at(i) < from + 1) state = Math.max(state, states[i]) // within one pixel what has come furthest shows
    g.fillStyle = colour[state]
    g.fillRect(from, 0, Math.max(1, at(i) - from - (i < n ? gap : 0)), canvas.height)
  }
}

/** A square for each slice, or for several where there is no room for all. @returns {boolean} whether something changed */
function paintMap (canvas, { states }) {
  const scale = devicePixelRatio || 1
  const w = canvas.clientWidth
  const colour = colours()
  if (!stale(canvas, states, colour, w, scale)) return false
  const n = states.length
  const cell = n <= 60 ? 18 : n <= 400 ? 12 : n <= 2000 ? 7 : 4
  const columns = Math.max(1, Math.floor(w / cell))
  const each = Math.ceil(n / columns / 60)
  const height = Math.ceil(n / each / columns) * cell
  canvas.width = Math.round(w * scale)
  canvas.height = Math.round(height * scale)
  canvas.style.height = `${height}px`
  const g = canvas.getContext('2d')
  g.scale(scale, scale)
  const gap = cell > 6 ? 2 : 1
  for (let i = 0; i * each < n; i++) {
    g.fillStyle = colour[Math.max(...states.subarray(i * each, (i + 1) * each))]
    g.beginPath()
    g.roundRect((i % columns) * cell, Math.floor(i / columns) * cell, cell - gap, cell - gap, cell > 8 ? 3 : 1)
    g.fill()
  }
  return true
}

/** The protection of what plays. It is built once and filled again and again. */
export class Protection {
  constructor (player) {
    this.player = player
    this.map = h('canvas', { class: 'map', role: 'img' })
    this.facts = h('dl', { class: 'facts' })
    this.print = h('output', { class: 'print' })
    this.verdict = h('p', { class: 'verdict', role: 'status' })
    this.compare = h('input', { type: 'text', class: 'field', placeholder: 'SHA256:…', 'aria-label': 'Fingerprint that the server printed', autocomplete: 'off', spellcheck: 'false', oninput: () => this.judge() })
    this.statistics = h('dl', { class: 'facts' })
    this.legend = h('ul', { class: 'legend' }, Object.entries(SliceState).map(([n, i]) => h('li', {}, h('i', { class: `dot s${i}` }), i === SliceState.fetching ? 'being fetched' : n)))
    this.none = h('div', { class: 'empty' }, icon('shield'), h('p', {}, 'Play something to see what protects it.'))
    this.connection = h('div', {},
      h('h3', {}, 'Slices'), this.map, this.legend,
      h('h3', {}, 'Connection'), this.facts,
      this.who = h('div', {}, h('h3', {}, 'Who the server is'), this.print,
        h('label', { class: 'compare' }, h('span', { class: 'quiet' }, 'Compare it with the line “identity” that the server printed:'), this.compare), this.verdict))
    $('protection').replaceChildren(this.none, this.connection, h('h3', {}, 'Server'), this.statistics)
  }

  judge () {
    const text = this.compare.value.trim().replace(/^identity\s+/, '').toUpperCase()
    const known = this.identity ?? ''
    const right = isFingerprint(text)
    this.verdict.textContent = text === '' ? '' : !right ? 'This is no whole fingerprint.' : text === known ? 'The same: this is the server you mean.' : 'Another! This is not the server that printed it.'
    this.verdict.className = `verdict ${right ? text === known ? 'good' : 'bad' : ''}`
  }

  draw () {
    const p = this.player.protection
    this.none.hidden = p !== null
    this.connection.hidden = p === null
    if (!p) return
    const n = state => p.states.filter(s => s === state).length
    if (paintMap(this.map, p)) this.map.setAttribute('aria-label', `${count(p.states.length, 'slice')}: ${n(SliceState.opened)} opened, ${n(SliceState.fetching)} being fetched, ${n(SliceState.wiped)} wiped${p.silenced ? `, ${p.silenced} refused` : ''}`)
    if (this.slices !== p.slices) {
      this.slices = p.slices
      this.longest = p.slices.reduce((a, s) => Math.max(a, s.samples), 0) / p.sampleRate
    }
    put(this.facts, [
      ['Protocol', p.protocol === 2 ? 'secstream v2' : 'v1: it does not tell who the server is'],
      ['Key agreement', p.protocol === 2 ? p.kem ? 'X25519 with ML-KEM-768' : 'X25519' : 'ECDH P-256'],
      ['Cipher', p.cipher], ['Key', `${count(p.exchanges, 'exchange')}, ${age(p.keySince)} old, out of reach for scripts`],
      ['Way', location.protocol === 'https:' ? 'HTTPS' : 'this machine'],
      ['Sound', `${kind(p)}${p.format === 'riff' ? ', as PCM' : ''}`],
      ['Slices', `${p.states.length} of up to ${this.longest.toFixed(1)} s`],
      ['Fetched', `${p.fetched}, ${size(p.wireBytes)} sealed`],
      ['Verified', `${p.verified}${p.refused ? `, refused ${p.refused}` : ''}${p.retried ? `, tried again ${p.retried}` : ''}`],
      ...p.silenced ? [['Silent', `${count(p.silenced, 'slice')} that came forged or damaged`]] : [],
      ['Decoded now', size(p.bufferedBytes)]
    ])
    this.who.hidden = p.protocol !== 2
    if (p.identity !== this.identity) {
      this.identity = p.identity
      this.print.replaceChildren(...p.identity.match(/SHA256:|.{1,24}/g)?.map(part => h('span', {}, part)) ?? [])
      this.judge()
    }
  }

  drawStats (s) {
    put(this.statistics, s
      ? [['Address', this.player.address], ['Up', clock(s.uptime)], ['Tracks', s.libraryTracks.toLocaleString('en')], ['Sessions', `${s.activeSessions} live, ${s.totalSessions} in all`],
          ['Slices sent', `${s.slicesServed.toLocaleString('en')}, ${size(s.bytesServed)}`], ['Key exchanges', s.keyExchanges.toLocaleString('en')], ['Refusals', s.refusals.toLocaleString('en')],
          ['Uploads', s.maxUpload ? `up to ${size(s.maxUpload)}` : 'not taken']]
      : [['Server', 'does not answer']])
  }
}

const age = since => {
  const s = (Date.now() - since) / 1000
  return s < 90 ? `${Math.round(s)} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`
}

// Fills a list of facts, and leaves what is the same alone: who selects text keeps it.
function put (list, facts) {
  if (list.children.length !== 2 * facts.length) list.replaceChildren(...facts.flatMap(() => [h('dt'), h('dd')]))
  facts.forEach(([name, value], i) => {
    const [dt, dd] = [list.children[2 * i], list.children[2 * i + 1]]
    if (dt.textContent !== name) dt.textContent = name
    if (dd.textContent !== String(value)) dd.textContent = String(value)
  })
}
