// @ts-check
// The page: connects the library's views, the panel, the bar and the player.
import { $, clean, clock, h, label, say, setIcon, spoken, tint, toast } from './dom.js'
import { askToken, help, insecure, otherServer, strange, uploads } from './dialogs.js'
import { Lyrics } from './lyrics.js'
import { controls } from './media.js'
import { Protection, drawQueue, paintSlices } from './panel.js'
import { keep } from './link.js'
import { Player, isFingerprint } from './secstream.js'
import { Covers, Views, coverOf, shown } from './views.js'

const base = new URL('..', import.meta.url).href
const TOKEN = `secstream token ${base}` // each server has a page of its own

/** Storage that may be forbidden. */
const kept = (store, key, value) => {
  try {
    if (value === undefined) return store().getItem(key)
    if (value === null) store().removeItem(key)
    else store().setItem(key, value)
  } catch { /* then nothing is remembered */ }
  return null
}
const tab = () => sessionStorage
const browser = () => localStorage

// Keys without Ctrl or Alt can be turned off: who speaks to a computer presses them by accident (WCAG 2.1.4).
const singleKeys = { get on () { return kept(browser, 'secstream keys') !== 'off' }, set on (on) { kept(browser, 'secstream keys', on ? 'on' : 'off') } }

// Themes.

const THEMES = ['auto', 'light', 'dark']
function theme (name) {
  document.documentElement.dataset.theme = name
  label($('theme'), `Colours: ${name}`)
}
const wanted = kept(browser, 'secstream theme')
theme(wanted && THEMES.includes(wanted) ? wanted : 'auto')
$('theme').onclick = () => {
  const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme ?? 'auto') + 1) % THEMES.length]
  theme(next)
  kept(browser, 'secstream theme', next)
  say(`Colours: ${next}`)
}
$('help').onclick = () => help(singleKeys)
$('skip').onclick = e => { // as an address it would put #main in place of a fingerprint
  e.preventDefault()
  $('main').focus()
}

function off (why) {
  $('main').replaceChildren(why)
  document.body.classList.add('off')
}
if (!globalThis.isSecureContext || !globalThis.crypto?.subtle) off(insecure())
else start()

function start () {
  const hash = location.hash.slice(1).replace(/%3a/gi, ':').toUpperCase()
  const fingerprint = isFingerprint(hash) ? hash : ''
  if (!fingerprint && /SHA|:/.test(hash)) return void off(strange()) // whoever asks for one server wants no other
  const player = new Player({ server: base, fingerprint, token: kept(tab, TOKEN) ?? kept(browser, TOKEN) ?? '', prefetch: 'adaptive' })
  const covers = new Covers(id => player.cover(id))
  const views = new Views({
    play: (tracks, index) => run(async () => { await Promise.all([player.load(tracks, { index }), player.play()]) }),
    next: t => { player.playNext(t); toast(`“${shown(t).title}” comes next`, { ms: 3000 }) },
    add: tracks => { player.add(tracks); toast(tracks.length === 1 ? `“${shown(tracks[0]).title}” is queued` : `${tracks.length} tracks are queued`, { ms: 3000 }) },
    open: view => go(view)
  }, covers, () => player.state.currentTrack?.track?.id)
  const protection = new Protection(player)
  const lyrics = new Lyrics(player)
  /** @type {any} */
  let stats = null
  const was = history.state?.view // before the page was loaded again
  let view = was && !was.text ? was : { name: 'albums' }
  let library = ''

  // Problems are shown where they can be solved.
  function problem (err) {
    if (err?.kind === 'aborted') return
    if (err?.kind === 'token') {
      askToken(player.token ? UNKNOWN : '', useToken)
      forget()
    } else if (err?.kind === 'identity' && err.identity) otherServer(err.identity, { accept: async print => { await player.accept(print); toast('The new server is known from now on'); load() } })
    else toast([err?.kind ? err.message : 'The page came upon something that it does not understand', err?.hint].filter(Boolean).join(' – '), { kind: 'bad', action: err?.kind === 'network' ? load : undefined, label: 'Try again', ms: 12000 })
  }
  async function run (work) {
    try {
      await work()
    } catch { /* the event "error" tells of it */ }
  }
  const UNKNOWN = 'The server does not know this token.'
  function forget () {
    for (const store of [tab, browser]) if (kept(store, TOKEN) === player.token) kept(store, TOKEN, null) // another page may have put a newer one there
    player.token = ''
  }
  $('help').onclick = () => help(singleKeys, player.token && (() => { forget(); location.reload() }))
  async function useToken (token, keep) {
    player.token = token
    try {
      await player.library()
    } catch (err) {
      return err.kind === 'token' ? UNKNOWN : err.message
    }
    player.token = token // a refusal that was on its way may have taken it
    kept(tab, TOKEN, token)
    if (keep) kept(browser, TOKEN, token)
    load()
    return ''
  }

  // The library.

  async function load () {
    let next = 0
    try {
      const list = await player.library()
      $('notice').replaceChildren()
      const now = `${list.version} ${list.scanning}`
      if (now !== library) {
        library = now
        const focus = document.activeElement === document.body || document.activeElement?.id === 'search'
        views.set(list)
        if (focus || $('main').childElementCount === 0 || !$('main').contains(document.activeElement)) views.show(view, $('main').scrollTop)
      }
      next = list.scanning ? 1000 : 30000
      stats = await player.stats()
    } catch (err) {
      stats = null
      const gone = err.kind === 'network'
      if (!library) $('main').replaceChildren()
      $('notice').replaceChildren(h('p', { class: 'offline' }, gone ? 'The server does not answer. ' : `${clean(err.message)}. `, h('button', { type: 'button', class: 'text', onclick: load }, 'Try again')))
      if (err.kind === 'token') problem(err)
      else next = gone ? 5000 : 30000
    }
    $('add').hidden = !stats?.maxUpload
    $('server').replaceChildren(h('span', { class: `dot ${stats ? 's2' : 's0'}` }), h('span', {}, new URL(base).host))
    protection.drawStats(stats)
    clearTimeout(timer)
    if (next) timer = setTimeout(load, next)
  }
  let timer = 0

  function go (to, top = undefined) {
    if (top === undefined) {
      history.replaceState({ view, top: $('main').scrollTop }, '')
      history.pushState({ view: to }, '')
    }
    view = to
    $('search').value = view.text ?? ''
    views.show(view, top)
    $('main').focus({ preventScroll: true })
  }
  history.replaceState({ view }, '')
  addEventListener('popstate', e => { if (e.state?.view) go(e.state.view, e.state.top ?? 0) })
  addEventListener('hashchange', () => location.reload()) // another fingerprint is asked for
  $('views').onclick = e => {
    const b = /** @type {any} */ (e.target).closest('[data-view]')
    if (b) go({ name: b.dataset.view })
  }
  let before = view
  $('search').oninput = () => {
    const text = $('search').value
    if (!view.text) before = view
    view = text.trim() ? { name: 'search', text } : before
    views.show(view)
    say(view.text ? $('main').querySelector('.head p')?.textContent ?? '' : '')
    history.replaceState({ view }, '') // Safari throws when it is called often
  }

  // The bar.

  const bar = { now: '', duration: 0, dragging: false }
  function draw () {
    const s = player.state
    const t = s.currentTrack
    setIcon($('play'), s.isPlaying ? 'pause' : 'play')
    label($('play'), s.isPlaying ? 'Pause' : 'Play')
    $('play').classList.toggle('busy', s.isBuffering)
    document.body.classList.toggle('loaded', Boolean(t))
    const known = t ? { ...(t.track ?? { title: t.title }), tags: { ...t.track?.tags, ...t.tags } } : null
    const words = known ? shown(known) : { title: 'Nothing plays', artist: '', album: '' }
    const now = `${t?.id} ${words.title}`
    if (now !== bar.now) {
      bar.now = now
      $('title').textContent = words.title
      $('artist').textContent = [words.artist, words.album].filter(Boolean).join(' · ')
      if (t) covers.fill($('art'), coverOf(t.track), words.album || t.track?.folder || words.title, true)
      else { tint($('art'), 'secstream'); $('art').replaceChildren() }
      document.title = t ? `${words.title}${words.artist ? ` – ${words.artist}` : ''}` : 'secstream'
      views.mark()
    }
    $('show-lyrics').hidden = !t?.track?.hasLyrics
    place(s)
  }
  function place (s = player.state) {
    if (!bar.dragging) {
      $('seek').max = String(s.duration || 1)
      $('seek').value = String(s.currentTime)
      $('seek').disabled = s.duration === 0
    }
    const at = bar.dragging ? Number($('seek').value) : s.currentTime
    $('seek').style.setProperty('--at', `${s.duration ? 100 * at / s.duration : 0}%`)
    $('seek').setAttribute('aria-valuetext', `${spoken(at)} of ${spoken(s.duration)}`)
    $('elapsed').textContent = clock(at)
    $('duration').textContent = clock(s.duration)
    const p = player.protection
    paintSlices($('slices'), p, s.duration)
    if (!document.body.dataset.panel) return
    if (!$('protection').hidden) protection.draw()
    if (!$('lyrics').hidden) lyrics.draw(s)
  }
  $('seek').oninput = () => { bar.dragging = true; place() }
  $('seek').onchange = () => { bar.dragging = false; player.seek(Number($('seek').value)) }
  $('play').onclick = () => run(async () => {
    if (player.state.isPlaying) player.pause()
    else if (player.queue.items.length > 0) await player.play()
    else if (views.tracks.length > 0) await Promise.all([player.load(views.albums.flatMap(a => a.tracks)), player.play()])
  })
  $('next').onclick = () => run(() => player.next())
  $('previous').onclick = () => run(() => player.previous())
  $('shuffle').onclick = () => { player.shuffle(); toast('What is to come was mixed', { ms: 2500 }) }
  $('repeat').onclick = () => {
    const how = ['off', 'all', 'one']
    player.repeat = how[(how.indexOf(player.repeat) + 1) % 3]
    $('repeat').dataset.how = player.repeat
    label($('repeat'), `Repeat: ${player.repeat}`)
    say(`Repeat: ${player.repeat}`)
  }

  // The slider's way is heard as even: the amplitude is its cube, as with play --volume.
  const level = Number(kept(browser, 'secstream volume') ?? 100)
  function volume (percent) {
    const v = Math.max(0, Math.min(100, Number.isFinite(percent) ? percent : 100))
    player.volume = (v / 100) ** 3
    $('volume').value = String(v)
    $('volume').style.setProperty('--at', `${v}%`)
    $('volume').setAttribute('aria-valuetext', v === 0 ? 'silent' : `${v} percent, ${(60 * Math.log10(v / 100)).toFixed(0)} decibels`)
    kept(browser, 'secstream volume', String(v))
  }
  volume(level)
  $('volume').oninput = () => volume(Number($('volume').value))
  const mute = () => {
    player.muted = !player.muted
    setIcon($('mute'), player.muted ? 'muted' : 'volume')
    $('mute').setAttribute('aria-pressed', String(player.muted))
  }
  $('mute').onclick = mute

  // How loud tracks are beside one another, by their tags.
  const LOUDNESS = { off: 'as recorded', track: 'all tracks alike', album: 'all albums alike' }
  function loudness (by) {
    player.replayGain = by
    const text = `Loudness: ${LOUDNESS[by]}`
    label($('loudness'), text)
    $('loudness').setAttribute('aria-pressed', String(by !== 'off'))
    $('loudness').dataset.by = by
    return text
  }
  const by = kept(browser, 'secstream loudness')
  loudness(by && Object.hasOwn(LOUDNESS, by) ? by : 'off')
  $('loudness').onclick = () => {
    const names = Object.keys(LOUDNESS)
    const next = names[(names.indexOf(player.replayGain) + 1) % names.length]
    toast(loudness(next), { ms: 2500 })
    kept(browser, 'secstream loudness', next)
  }

  // The panel.

  const PANELS = ['queue', 'lyrics', 'protection']
  const narrow = matchMedia('(max-width: 720px)') // there it lies over all else, which the focus must not get behind
  const cover = narrow.onchange = () => { for (const e of document.querySelectorAll('.skip, .top, .side, main, .bar')) /** @type {any} */ (e).inert = narrow.matches && Boolean(document.body.dataset.panel) }
  function panel (name) {
    const open = name && document.body.dataset.panel !== name ? name : ''
    document.body.dataset.panel = open
    for (const which of PANELS) {
      const on = (open || 'queue') === which
      $(which).hidden = !on
      $(`tab-${which}`).setAttribute('aria-selected', String(on))
      $(`tab-${which}`).tabIndex = on ? 0 : -1
      $(`show-${which}`).setAttribute('aria-expanded', String(open === which))
    }
    cover()
    if (open === 'protection') { protection.draw(); player.stats().then(s => protection.drawStats(s), () => {}) }
    if (open === 'lyrics') lyrics.draw(player.state)
    if (open === 'queue') drawQueue(player, covers)
  }
  for (const which of PANELS) {
    $(`show-${which}`).onclick = () => { panel(which); if (document.body.dataset.panel) $(`tab-${which}`).focus() }
    $(`tab-${which}`).onclick = () => { if (document.body.dataset.panel !== which) panel(which) }
    $(`tab-${which}`).onkeydown = e => {
      if (e.key !== 'ArrowLeft' && e.key !== 'ArrowRight') return
      const other = PANELS[(PANELS.indexOf(which) + (e.key === 'ArrowLeft' ? 2 : 1)) % 3]
      panel(other)
      $(`tab-${other}`).focus()
    }
  }
  const closePanel = () => { const was = document.body.dataset.panel; panel(''); if (was) $(`show-${was}`).focus() }
  $('panel-close').onclick = closePanel
  panel('')

  // Files of the listener's own.

  const take = files => {
    if (files.length === 0) return
    if (!stats?.maxUpload) return void toast('This server takes no files (it would with serve --allow-upload)', { kind: 'bad' })
    uploads(player, files, stats.maxUpload)
  }
  $('add').onclick = () => $('file').click()
  $('file').onchange = () => { take([...$('file').files]); $('file').value = '' }
  let inside = 0
  addEventListener('dragenter', e => { if (e.dataTransfer?.types.includes('Files')) { inside++; $('drop').hidden = false } })
  addEventListener('dragleave', () => { if (--inside <= 0) { inside = 0; $('drop').hidden = true } })
  addEventListener('dragover', e => e.preventDefault())
  addEventListener('drop', e => {
    e.preventDefault()
    inside = 0
    $('drop').hidden = true
    take([...e.dataTransfer?.files ?? []])
  })

  // Keys. Those that fields and sliders need are theirs.

  addEventListener('keydown', e => {
    const at = /** @type {any} */ (e.target)
    if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector('dialog[open]')) return
    const writes = at.matches?.('input:not([type=range]):not([type=checkbox]), textarea')
    if (e.key === 'Escape') {
      if (at === $('search')) { $('search').value = ''; $('search').oninput(); $('main').focus() } else if (document.body.dataset.panel) closePanel()
      return
    }
    if (writes || e.key.length === 1 && e.key !== ' ' && !singleKeys.on) return
    const slider = at.matches?.('input[type=range]') && at !== $('seek') // a step of its own would be a hundredth of a second
    const by = d => (at === document.body || !slider && at.closest?.('.bar') !== null) && volume(Number($('volume').value) + d) // elsewhere they scroll
    const step = d => { player.seek(player.state.currentTime + d) }
    const keys = {
      ' ': () => !at.matches?.('button, a, summary') && $('play').onclick(),
      ArrowLeft: () => e.shiftKey ? $('previous').onclick() : !slider && at.getAttribute?.('role') !== 'tab' && step(-5),
      ArrowRight: () => e.shiftKey ? $('next').onclick() : !slider && at.getAttribute?.('role') !== 'tab' && step(5),
      ArrowUp: () => at === $('seek') ? step(5) : by(5),
      ArrowDown: () => at === $('seek') ? step(-5) : by(-5),
      m: mute, '/': () => $('search').focus(), q: () => $('show-queue').onclick(), l: () => $('show-lyrics').onclick(), p: () => $('show-protection').onclick(), '?': () => $('help').onclick()
    }
    if (keys[e.key]?.() !== false && keys[e.key]) e.preventDefault()
  })

  // What the player tells.

  for (const name of ['play', 'pause', 'stop', 'ended', 'seek', 'buffering', 'buffered', 'loaded', 'slice', 'opened', 'timeupdate']) player.addEventListener(name, draw)
  for (const name of ['queue', 'trackchange', 'loaded']) player.addEventListener(name, () => { if (document.body.dataset.panel === 'queue') drawQueue(player, covers) })
  player.addEventListener('trackchange', () => { draw(); const t = player.state.currentTrack; if (t) say(`Now: ${$('title').textContent}`) })
  player.addEventListener('error', ({ detail: { track, error } }) => {
    if (!track?.source.file || ['network', 'token', 'identity'].includes(error.kind)) problem(error) // uploads tell of the rest
  })
  player.addEventListener('warning', e => toast(e.detail.message, { kind: 'bad' }))
  player.addEventListener('suspended', e => toast(e.detail.message, { action: () => run(() => player.play()), label: 'Play', ms: 0 }))
  player.addEventListener('identity', e => toast(`Met this server for the first time. It is ${e.detail.fingerprint.slice(0, 25)}…, and no other from now on.`, { action: () => { if (document.body.dataset.panel !== 'protection') panel('protection') }, label: 'Compare', ms: 15000 }))
  controls(player, id => covers.url(id))
  addEventListener('resize', () => place())
  addEventListener('pagehide', e => { if (!e.persisted) player.close() })
  draw()
  load()
  keep(base).catch(() => {})
  Object.defineProperty(globalThis, 'secstream', { value: player }) // for whoever looks at it in the console
}
