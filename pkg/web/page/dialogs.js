// @ts-check
// What has to be asked or explained: tokens, another server, no secure context,
// keys; and the upload of files.
import { $, clean, clock, count, h, icon, round, say, size } from './dom.js'
import { isFingerprint } from './secstream.js'
import { kind, shown } from './views.js'

/** A dialog of one's own, which closes with Escape and gives the focus back. */
function dialog (title, ...content) {
  const id = `d${Math.random().toString(36).slice(2)}`
  const box = h('dialog', { 'aria-labelledby': id }, h('div', { class: 'sheet' },
    h('div', { class: 'head slim' }, h('h2', { id }, title), round('close', 'Close', () => box.close())), ...content))
  box.addEventListener('close', () => box.remove())
  box.addEventListener('click', e => { if (e.target === box) box.close() })
  document.body.append(box)
  box.showModal()
  return box
}

/** Asks for a token, which is tried before the dialog goes. */
export function askToken (why, tryIt) {
  if (document.querySelector('dialog.token')) return
  const field = h('input', { class: 'field', type: 'password', name: 'token', autocomplete: 'current-password', required: true, spellcheck: 'false', 'aria-label': 'Token' })
  const keep = h('input', { type: 'checkbox' })
  const said = h('p', { class: 'verdict bad', role: 'alert' }, why)
  const form = h('form', { onsubmit: async e => {
    e.preventDefault()
    said.textContent = ''
    const err = await tryIt(field.value.trim(), keep.checked)
    if (err) said.textContent = err
    else box.close()
  } },
  h('p', {}, 'This server lets in who has a token. Whoever runs it makes one with ', h('code', {}, 'secstream token add NAME'), '.'),
  field, h('label', { class: 'check' }, keep, 'Remember it in this browser'),
  h('p', { class: 'quiet' }, 'Otherwise it is forgotten when this tab is closed.'), said,
  h('div', { class: 'acts' }, h('button', { class: 'filled' }, 'Let me in')))
  const box = dialog('A token, please', form)
  box.classList.add('token')
  field.focus()
}

/** Explains that another server answers, and lets who knows better replace the pin. */
export function otherServer ({ known, got, asked }, { accept }) {
  if (document.querySelector('dialog.other')) return
  const field = h('input', { class: 'field', type: 'text', placeholder: 'SHA256:…', autocomplete: 'off', spellcheck: 'false', 'aria-label': 'Fingerprint of the server that you want' })
  const said = h('p', { class: 'verdict bad', role: 'alert' })
  const box = dialog('This is another server',
    h('p', {}, `${asked ? 'The address asks for one server, and another one answers.' : 'This address had another identity before.'} Nothing is played, and no file of yours was sent. A token, if you gave one, was.`),
    h('p', {}, 'Either the server was set up anew, or somebody stands in between.'),
    h('dl', { class: 'prints' }, h('dt', {}, asked ? 'Asked for' : 'Known'), h('dd', { class: 'print' }, known), h('dt', {}, 'Answers now'), h('dd', { class: 'print' }, got)),
    !asked && h('form', { onsubmit: async e => {
      e.preventDefault()
      const text = field.value.trim().replace(/^identity\s+/i, '').toUpperCase()
      if (!isFingerprint(text)) said.textContent = 'This is no whole fingerprint.'
      else if (text !== got) said.textContent = 'This is not the fingerprint of the server that answers: do not go on.'
      else {
        await accept(text)
        box.close()
      }
    } }, h('label', {}, h('span', {}, 'If you know that it was set up anew, ask whoever runs it for the line “identity” that it prints, and put it here:'), field), said,
    h('div', { class: 'acts' }, h('button', { type: 'button', class: 'filled', onclick: () => box.close() }, 'Stay away'), h('button', { class: 'outlined danger' }, 'Take the new server'))))
  box.classList.add('other')
}

/** The page when the browser has no cryptography for it. */
export function insecure () {
  const port = location.port || '80'
  const code = text => h('code', { class: 'block' }, text)
  return h('div', { class: 'explain' }, icon('shield'),
    h('h2', {}, 'This page cannot unseal the music here'),
    h('p', {}, `Browsers do cryptography only for pages that nobody could change on their way: over HTTPS, or from this very machine. This one came over plain HTTP from ${location.hostname}.`),
    h('h3', {}, 'What helps, for whoever runs the server'),
    h('ul', {},
      h('li', {}, 'A certificate for a name of yours: ', code('secstream serve --listen :443 --acme music.example.org FOLDER')),
      h('li', {}, 'At home, one that it makes by itself. The browser warns once; compare the fingerprint that it shows with the one the server printed: ', code(`secstream serve --listen :${port} --tls self FOLDER`)),
      h('li', {}, 'A tunnel, from the machine you listen at. Then open ', h('code', {}, `http://localhost:${port}`), ': ', code(`ssh -L ${port}:localhost:${port} ${location.hostname}`))),
    h('p', { class: 'quiet' }, 'The player in the terminal needs none of this: ', h('code', {}, `secstream play http://${location.host}`)))
}

/** The page when its address asks for a server by half a fingerprint. */
export const strange = () => h('div', { class: 'explain' }, icon('shield'), h('h2', {}, 'This address names no server'),
  h('p', {}, 'A whole fingerprint is SHA256: and 32 pairs of digits: nothing is played until it is whole.'))

const KEYS = [['Space', 'play or pause'], ['← →', '5 seconds back or on'], ['Shift + ← →', 'the track before or after'], ['↑ ↓', 'louder or softer'], ['M', 'mute'], ['/', 'search'], ['Q', 'queue'], ['L', 'lyrics'], ['P', 'protection'], ['?', 'this']]

/** Which keys there are, and what is protected. forget is there where a token is kept. */
export function help (single, forget) {
  const box = h('input', { type: 'checkbox', checked: single.on, onchange: () => { single.on = box.checked } })
  dialog('Keys', h('dl', { class: 'keys' }, KEYS.flatMap(([k, what]) => [h('dt', {}, h('kbd', {}, k)), h('dd', {}, what)])),
    h('label', { class: 'check' }, box, 'Letters, / and ? are keys'),
    h('h3', {}, 'What is protected'),
    h('p', {}, 'Slices of music come sealed, and are opened in a worker of this page by keys that no script can read. They are not put on disk.'),
    h('p', {}, 'The player itself comes from the server. Over HTTPS nobody on the way can change it; who runs the server could. The list of titles is not sealed: HTTPS hides it.'),
    h('p', { class: 'quiet' }, 'It is no copy protection: who may listen can record.'),
    forget && h('button', { type: 'button', class: 'outlined danger', onclick: forget }, 'Forget the token'))
}

/** What the first bytes of a file say it is. */
export async function sniff (file) {
  const b = new Uint8Array(await file.slice(0, 64).arrayBuffer())
  const text = String.fromCharCode(...b)
  if (/^(RIFF|RF64|BW64)....WAVE/s.test(text)) return 'WAV'
  if (text.startsWith('fLaC')) return 'FLAC'
  if (text.startsWith('OggS')) return text.includes('OpusHead') ? 'Ogg Opus' : text.includes('vorbis') ? 'Ogg Vorbis' : 'Ogg'
  if (text.startsWith('ID3')) return 'MP3'
  return b[0] === 0xff && (b[1] & 0xe6) === 0xe2 ? 'MP3' : ''
}

/**
 * Has files come next, and plays the first of them. Each is sent when its turn
 * comes near; how far it got is shown, and what the server makes of it.
 */
export async function uploads (player, files, limit) {
  const show = file => {
    const bar = h('progress', { max: 1, value: 0, 'aria-label': `Sending ${clean(file.name)}` })
    const facts = h('p', { class: 'quiet' }, size(file.size))
    const name = h('strong', {}, clean(file.name))
    const box = h('div', { class: 'toast upload' }, h('div', { class: 'wide' }, name, facts, bar))
    const done = (bad = true) => {
      bar.remove()
      box.classList.toggle('bad', bad)
      box.append(round('close', 'Dismiss', () => box.remove()))
      say(`${name.textContent}: ${facts.textContent}`)
      if (!bad) setTimeout(() => box.remove(), 8000)
    }
    $('toasts').append(box)
    return { bar, facts, name, done }
  }
  const good = []
  for (const file of files) {
    const what = await sniff(file)
    if (what && !(limit && file.size > limit)) good.push([file, what])
    else {
      const s = show(file)
      s.facts.textContent = what ? `${what}, ${size(file.size)}: the server takes ${size(limit)} at most.` : 'This is no WAV, MP3, FLAC or Ogg file.'
      s.done()
    }
  }
  const ids = player.playNext(good.map(g => g[0]))
  good.forEach(([file, what], i) => {
    let s
    const end = new AbortController()
    const hear = (type, work) => player.addEventListener(type, e => e.detail.track?.id === ids[i] && work(e.detail), { signal: end.signal })
    player.watch(ids[i], (sent, total) => {
      s ??= show(file)
      s.bar.value = sent / total
      s.facts.textContent = `${what}, ${sent < total ? `${size(sent)} of ${size(total)}` : `${size(total)}: the server reads it`}`
    })
    hear('loaded', ({ info, tags }) => {
      end.abort()
      s ??= show(file)
      const t = shown({ title: file.name, tags })
      s.name.textContent = [t.artist, t.title].filter(Boolean).join(' \u2013 ')
      s.facts.textContent = [t.album, kind(info), clock(info.duration), `${count(info.totalSlices, 'slice')} of ${(info.sliceDuration / 1000).toFixed(0)} s`].filter(Boolean).join(', ')
      s.done(false)
    })
    hear('error', err => {
      end.abort()
      s ??= show(file)
      s.facts.textContent = err.message
      s.done()
      player.remove(ids[i])
    })
  })
  if (ids.length > 0) await player.jump(ids[0]).catch(() => {})
}
