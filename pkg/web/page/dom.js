// @ts-check
// Building the page: elements are made, never parsed, so that a title is a text
// and nothing else.

/**
 * An element: h('button', { class: 'x', onclick: f }, 'text', child). A property
 * that is null, undefined or false is left out.
 * @returns {any}
 */
export function h (tag, props = {}, ...children) {
  const e = document.createElement(tag)
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue
    if (name.startsWith('on')) e.addEventListener(name.slice(2), value)
    else if (name === 'class') e.className = value
    else if (name === 'dataset') Object.assign(e.dataset, value)
    else e.setAttribute(name, value === true ? '' : String(value))
  }
  for (const c of children.flat(2)) if (c !== null && c !== undefined && c !== false) e.append(c)
  return e
}

const SVG = 'http://www.w3.org/2000/svg'

/** One of the drawings in the page. */
export function icon (name) {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('class', 'icon')
  svg.setAttribute('aria-hidden', 'true')
  const use = document.createElementNS(SVG, 'use')
  use.setAttribute('href', `#i-${name}`)
  svg.append(use)
  return svg
}

export const $ = id => /** @type {any} */ (document.getElementById(id))
export const setIcon = (button, name) => button.querySelector('use').setAttribute('href', `#i-${name}`)

/** Names a button for eyes and ears. */
export function label (button, text) {
  button.title = text
  button.setAttribute('aria-label', text)
}

/** A round button with a drawing. */
export const round = (name, label, onclick, more = {}) => h('button', { type: 'button', class: 'round', 'aria-label': label, title: label, onclick, ...more }, icon(name))

/** 83 as 1:23. */
export function clock (seconds) {
  if (!Number.isFinite(seconds)) return '–:––'
  const s = Math.max(0, Math.floor(seconds))
  const two = n => String(n).padStart(2, '0')
  return s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`
}

/** 83 for those who listen to the page. */
export function spoken (seconds) {
  const s = Math.max(0, Math.floor(seconds))
  const parts = [[Math.floor(s / 3600), 'hour'], [Math.floor(s / 60) % 60, 'minute'], [s % 60, 'second']].filter(([n]) => n > 0)
  return parts.map(([n, what]) => `${n} ${what}${n === 1 ? '' : 's'}`).join(' ') || '0 seconds'
}

export function size (bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let i = 0
  for (; bytes >= 1000 && i < units.length - 1; i++) bytes /= 1000
  return `${i === 0 || bytes >= 100 ? Math.round(bytes) : bytes.toFixed(1)} ${units[i]}`
}

export const count = (n, what) => `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`

/** Text from elsewhere, without what would turn it around or not show. */
export const clean = text => String(text ?? '').replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, ' ').replace(/\s+/g, ' ').trim()

/** Says something to those who listen to the page. */
export function say (text) {
  const box = $('say')
  const line = h('p', {}, text)
  while (box.children.length > 2) box.firstChild.remove()
  box.append(line)
  setTimeout(() => line.remove(), 10000)
}

export function toast (text, { kind = '', action = undefined, label = '', ms = 7000 } = {}) {
  const e = h('div', { class: `toast ${kind}` }, h('p', {}, text = clean(text)))
  const close = () => e.remove()
  if (action) e.append(h('button', { type: 'button', class: 'text', onclick: () => { close(); action() } }, label))
  e.append(round('close', 'Dismiss', close))
  const box = $('toasts')
  while (box.children.length > 2) box.firstChild.remove()
  box.append(e)
  say(text)
  if (ms) setTimeout(close, ms)
}

/** A colour pair for what has no picture, the same for the same name. */
export function tint (e, name) {
  let n = 2166136261
  for (const c of name) n = Math.imul(n ^ c.codePointAt(0), 16777619) >>> 0
  const hue = n % 360
  e.style.setProperty('--hue', String(hue))
  e.style.setProperty('--turn', `${100 + (n >>> 9) % 160}deg`)
}
