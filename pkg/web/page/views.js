// @ts-check
// The library: albums, tracks and folders, and what is found in them.
import { $, clean, clock, count, h, icon, round, tint } from './dom.js'

const PART = 120 // entries that are put in at once

/** A track as it is shown. */
export function shown (t) {
  const tags = t.tags ?? {}
  const file = clean((t.path ?? t.title ?? '').split('/').pop())
  return { title: clean(tags.title) || file || 'Untitled', artist: clean(tags.artist || tags.albumArtist), album: clean(tags.album), file }
}

/** The track whose picture stands for a track: an album's is fetched once. */
export const coverOf = t => t?.cover ?? (t?.hasCover ? t.id : undefined)

// As it is searched for: neither case nor accents matter.
const plain = text => clean(text).normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()

const order = (a, b) => (a.tags?.disc ?? 0) - (b.tags?.disc ?? 0) || (a.tags?.track ?? 0) - (b.tags?.track ?? 0) || collate(a.path, b.path)
const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })
const collate = (a, b) => collator.compare(a ?? '', b ?? '')

/** Albums by their tags, and what has none by the folder it lies in. */
export function albumsOf (tracks) {
  /** @type {Map<string, any>} */
  const albums = new Map()
  for (const t of tracks) {
    const tags = t.tags ?? {}
    const name = clean(tags.album)
    const key = name ? `a\0${name}\0${tags.albumArtist ? clean(tags.albumArtist) : t.folder}` : `f\0${t.folder}`
    let a = albums.get(key)
    if (!a) {
      a = { key, name: name || clean(t.folder.split('/').pop()) || 'Single files', tagged: Boolean(name), tracks: [], artists: new Set(), date: '' }
      albums.set(key, a)
    }
    a.tracks.push(t)
    a.date ||= clean(tags.date).slice(0, 4)
    const artist = clean(tags.albumArtist || tags.artist)
    if (artist) a.artists.add(artist)
  }
  const list = [...albums.values()]
  for (const a of list) {
    a.tracks.sort(order)
    a.artist = a.artists.size === 1 ? [...a.artists][0] : a.artists.size > 1 ? 'Several artists' : a.tagged ? '' : 'Folder'
    a.cover = a.tracks.find(t => t.hasCover)?.id
    a.duration = a.tracks.reduce((n, t) => n + t.duration, 0)
    for (const t of a.tracks) t.cover = t.hasCover ? a.tagged ? a.cover : t.id : undefined // the picture of an album is fetched once
  }
  return list.sort((a, b) => Number(b.tagged) - Number(a.tagged) || collate(a.artist, b.artist) || collate(a.date, b.date) || collate(a.name, b.name))
}

/** Pictures, fetched when they come into sight: a few are kept. */
export class Covers {
  constructor (fetch) {
    this.fetch = fetch
    /** @type {Map<string, Promise<string|null>>} */
    this.kept = new Map()
    this.seen = new IntersectionObserver(entries => {
      for (const e of entries) {
        if (!e.isIntersecting) continue
        this.seen.unobserve(e.target)
        const box = /** @type {any} */ (e.target)
        this.put(box, box.dataset.cover)
      }
    }, { rootMargin: '300px' })
  }

  /** The address of a picture within this page. */
  url (id) {
    let got = this.kept.get(id)
    this.kept.delete(id)
    got ??= this.fetch(id).then(blob => URL.createObjectURL(blob), () => { this.kept.delete(id); return null }) // another time, perhaps
    this.kept.set(id, got)
    if (this.kept.size > 300) {
      const [old, gone] = this.kept.entries().next().value
      this.kept.delete(old)
      gone.then(url => url && setTimeout(() => URL.revokeObjectURL(url), 60000))
    }
    return got
  }

  async put (box, id) {
    const url = await this.url(id)
    if (!url || box.dataset.cover !== id) return
    const img = h('img', { alt: '', decoding: 'async', draggable: 'false' })
    img.onload = () => img.classList.add('there')
    img.onerror = () => img.remove()
    img.src = url
    box.querySelector('img')?.remove()
    box.append(img)
  }

  /** Fills a box: with colours at once, and with the picture when there is one and it is seen. */
  fill (box, id, name, now = false) {
    tint(box, name)
    box.querySelector('img')?.remove()
    if (!box.querySelector('svg')) box.append(icon('note'))
    if (id) {
      box.dataset.cover = id
      if (now) this.put(box, id)
      else this.seen.observe(box)
    } else delete box.dataset.cover
    return box
  }
}

/** Puts a long list in, as far as one looks, and until it is full. */
function lazily (list, items, make) {
  let at = 0
  const sentinel = h('li', { class: 'sentinel', 'aria-hidden': 'true' })
  const more = () => {
    watch.unobserve(sentinel)
    sentinel.remove()
    list.append(...items.slice(at, at + PART).map((item, i) => make(item, at + i)))
    at += PART
    if (at >= items.length) return
    list.append(sentinel)
    watch.observe(sentinel) // anew: who has jumped to the end sees it all the time, and that is no change
  }
  const watch = new IntersectionObserver(e => { if (e[e.length - 1].isIntersecting) more() }, { root: $('main'), rootMargin: '800px' })
  more()
  list.more = () => at < items.length && (more(), true)
  return list
}

/**
 * What fills the main part. act is { play(tracks, index), next(track),
 * add(tracks), open(view) }; playing() the ID of the track that plays.
 */
export class Views {
  constructor (act, covers, playing) {
    Object.assign(this, { act, covers, playing })
    /** @type {any[]} */
    this.tracks = []
    /** @type {any[]} */
    this.albums = []
    this.folders = []
    this.scanning = false
  }

  set (library) {
    this.tracks = library.tracks
    this.albums = albumsOf(library.tracks)
    this.folders = library.folders
    this.scanning = library.scanning
    this.found = library.tracks.map(t => [t.tags?.title, t.tags?.artist, t.tags?.albumArtist, t.tags?.album, t.path].map(plain).join('\n'))
  }

  /** Shows a view: { name: albums | album | tracks | folders, key?, text? }, from so many pixels on. */
  show (view, top = 0) {
    const main = $('main')
    const made = view.text ? this.search(view.text) : view.name === 'album' ? this.album(view.key) : view.name === 'tracks' ? this.all() : view.name === 'folders' ? this.folder(view.key ?? '') : this.grid()
    main.replaceChildren(...made)
    const list = made[made.length - 1]
    while (top + main.clientHeight > main.scrollHeight && list.more?.());
    main.scrollTop = top
    this.mark()
    for (const b of document.querySelectorAll('[data-view]')) {
      const here = !view.text && (/** @type {any} */ (b).dataset.view === view.name || view.name === 'album' && /** @type {any} */ (b).dataset.view === 'albums')
      if (here) b.setAttribute('aria-current', 'page')
      else b.removeAttribute('aria-current')
    }
  }

  /** Marks the track that plays. */
  mark () {
    const id = this.playing()
    for (const row of document.querySelectorAll('main .row')) {
      const on = /** @type {any} */ (row).dataset.id === id
      row.classList.toggle('on', on)
      const b = row.querySelector('.go')
      if (on) b?.setAttribute('aria-current', 'true')
      else b?.removeAttribute('aria-current')
    }
  }

  nothing () {
    return h('div', { class: 'empty' }, icon('note'), h('h2', {}, this.scanning ? 'The server is looking through its folders' : 'No music yet'),
      h('p', {}, this.scanning ? 'Tracks appear as they are found.' : 'Put WAV, MP3, FLAC or Ogg files into a folder that the server serves: they are noticed.'))
  }

  head (title, facts, tracks) {
    return h('div', { class: 'head' }, h('div', {}, h('h2', {}, title), h('p', { class: 'quiet' }, facts)), tracks?.length > 0 && h('div', { class: 'acts' },
      h('button', { type: 'button', class: 'filled', onclick: () => this.act.play(tracks, 0) }, icon('play'), 'Play'),
      h('button', { type: 'button', class: 'outlined', onclick: () => this.act.add(tracks) }, icon('plus'), 'Queue')))
  }

  grid () {
    if (this.tracks.length === 0) return [this.nothing()]
    return [this.head('Albums', `${count(this.albums.length, 'album')}, ${count(this.tracks.length, 'track')}`), this.cards(this.albums)]
  }

  cards (albums) {
    return lazily(h('ul', { class: 'cards' }), albums, a => {
      const art = this.covers.fill(h('div', { class: 'art' }), a.cover, a.name)
      return h('li', { class: 'card' },
        h('button', { type: 'button', class: 'face', onclick: () => this.act.open({ name: 'album', key: a.key }) },
          art, h('span', { class: 'name' }, a.name), h('span', { class: 'quiet' }, [a.artist, a.date].filter(Boolean).join(' · ') || count(a.tracks.length, 'track'))),
        round('play', `Play ${a.name}`, () => this.act.play(a.tracks, 0), { class: 'round over' }))
    })
  }

  album (key) {
    const a = this.albums.find(x => x.key === key)
    if (!a) return this.grid()
    const art = this.covers.fill(h('div', { class: 'art big' }), a.cover, a.name, true)
    const facts = [a.artist, a.date, count(a.tracks.length, 'track'), clock(a.duration)].filter(Boolean).join(' · ')
    return [
      h('button', { type: 'button', class: 'text back', onclick: () => history.back() }, icon('back'), 'Back'),
      h('div', { class: 'album' }, art, this.head(a.name, facts, a.tracks)),
      this.rows(a.tracks, { numbers: true, album: false })
    ]
  }

  all () {
    if (this.tracks.length === 0) return [this.nothing()]
    const seconds = this.tracks.reduce((n, t) => n + t.duration, 0)
    return [this.head('All tracks', `${count(this.tracks.length, 'track')}, ${clock(seconds)}`, this.tracks), this.rows(this.tracks)]
  }

  folder (key) {
    if (this.tracks.length === 0) return [this.nothing()]
    const below = key === '' ? '' : `${key}/`
    const counts = new Map()
    for (const t of this.tracks) for (let f = t.folder; f !== key && f.startsWith(below); f = f.slice(0, Math.max(f.lastIndexOf('/'), 0))) counts.set(f, (counts.get(f) ?? 0) + 1)
    const inside = this.folders.filter(f => f !== '' && f !== key && f.startsWith(below) && !f.slice(below.length).includes('/'))
    const here = this.tracks.filter(t => t.folder === key)
    const all = this.tracks.filter(t => t.folder === key || t.folder.startsWith(below))
    const parts = key === '' ? [] : key.split('/')
    return [
      h('nav', { class: 'path', 'aria-label': 'Folder' }, h('button', { type: 'button', class: 'text', onclick: () => this.act.open({ name: 'folders', key: '' }) }, 'Folders'),
        parts.map((p, i) => [h('span', { 'aria-hidden': 'true' }, '/'), h('button', { type: 'button', class: 'text', 'aria-current': i === parts.length - 1 ? 'location' : null, onclick: () => this.act.open({ name: 'folders', key: parts.slice(0, i + 1).join('/') }) }, clean(p))])),
      this.head(parts.length ? clean(parts[parts.length - 1]) : 'Folders', count(all.length, 'track'), all),
      inside.length > 0 && h('ul', { class: 'folders' }, inside.map(f => h('li', {}, h('button', { type: 'button', onclick: () => this.act.open({ name: 'folders', key: f }) },
        icon('folder'), h('span', {}, clean(f.slice(below.length))), h('span', { class: 'quiet' }, count(counts.get(f) ?? 0, 'track')))))),
      this.rows(here)
    ].filter(Boolean)
  }

  search (text) {
    const words = plain(text).split(' ')
    const tracks = this.tracks.filter((_, i) => words.every(w => this.found[i].includes(w)))
    const albums = this.albums.filter(a => words.every(w => plain(`${a.name} ${a.artist}`).includes(w)))
    return [
      this.head('Found', `${count(tracks.length, 'track')} for “${clean(text)}”`, tracks),
      albums.length > 0 && tracks.length > 0 && this.cards(albums.slice(0, 12)),
      tracks.length > 0 ? this.rows(tracks) : h('div', { class: 'empty' }, icon('search'), h('h2', {}, 'Nothing is called that'), h('p', {}, 'Titles, artists, albums and the names of files are looked at.'))
    ].filter(Boolean)
  }

  rows (tracks, { numbers = false, album = true } = {}) {
    return lazily(h('ol', { class: 'rows' }), tracks, (t, i) => {
      const s = shown(t)
      const side = numbers ? h('span', { class: 'number', 'aria-hidden': 'true' }, String(t.tags?.track || i + 1)) : this.covers.fill(h('span', { class: 'art tiny' }), coverOf(t), s.album || t.folder || s.title)
      return h('li', { class: 'row', dataset: { id: t.id } },
        h('button', { type: 'button', class: 'go', 'aria-label': `Play ${s.title}${s.artist ? ` by ${s.artist}` : ''}, ${clock(t.duration)}`, onclick: () => this.act.play(tracks, i) },
          side, h('span', { class: 'words' }, h('strong', {}, s.title), h('span', { class: 'quiet' }, [s.artist, album && s.album].filter(Boolean).join(' · ') || clean(t.folder) || kind(t)))),
        h('span', { class: 'kind quiet' }, kind(t)), h('span', { class: 'time quiet' }, clock(t.duration)),
        h('span', { class: 'acts' }, round('after', `Play ${s.title} next`, () => this.act.next(t)), round('plus', `Queue ${s.title}`, () => this.act.add([t]))))
    })
  }
}

/** What a track is made of: FLAC 44.1 kHz. */
export const kind = t => `${{ pcm: 'WAV', mp3: 'MP3', flac: 'FLAC', vorbis: 'Vorbis', opus: 'Opus' }[t.codec] ?? clean(t.codec)} ${t.sampleRate / 1000} kHz${t.channels === 1 ? ' mono' : t.channels > 2 ? ` ${t.channels} ch` : ''}`
