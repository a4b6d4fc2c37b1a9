// A headless Chromium, driven over the DevTools protocol by a pipe: messages are
// JSON, each behind a zero byte (Chromium's --remote-debugging-pipe).
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--disable-extensions', '--disable-dev-shm-usage', '--mute-audio', '--lang=en', '--hide-scrollbars', '--disable-background-timer-throttling', '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding', '--remote-debugging-pipe']

/** Starts a browser of its own. flags come on top. */
export async function launch (folder, flags = []) {
  const profile = mkdtempSync(join(folder, 'chromium-'))
  const child = spawn('chromium', [...FLAGS, ...flags, `--user-data-dir=${profile}`, 'about:blank'],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], env: { ...process.env, HOME: profile } })
  const [, , , to, from] = child.stdio
  const calls = new Map()
  const listeners = new Set()
  let last = 0
  let rest = []
  const exited = new Promise(resolve => child.once('exit', resolve))
  to.on('error', () => {})
  from.on('data', chunk => {
    for (let at; (at = chunk.indexOf(0)) >= 0; chunk = chunk.subarray(at + 1)) {
      const message = JSON.parse(Buffer.concat([...rest, chunk.subarray(0, at)]).toString())
      rest = []
      if (message.id === undefined) for (const hear of listeners) hear(message)
      else {
        const { resolve, reject } = calls.get(message.id)
        calls.delete(message.id)
        message.error ? reject(new Error(`${message.error.message} ${message.error.data ?? ''}`)) : resolve(message.result)
      }
    }
    rest.push(chunk)
  })
  exited.then(code => { for (const c of calls.values()) c.reject(new Error(`the browser ended with ${code}`)) })
  const send = (method, params = {}, sessionId = undefined) => new Promise((resolve, reject) => {
    const id = ++last
    const late = setTimeout(() => reject(new Error(`${method} takes too long`)), 90000)
    calls.set(id, { resolve: v => { clearTimeout(late); resolve(v) }, reject: e => { clearTimeout(late); reject(e) } })
    to.write(JSON.stringify({ id, method, params, sessionId }) + '\0')
  })
  return {
    /** Opens a tab. A context of its own has cookies and storage of its own. */
    async page ({ context } = {}) {
      const browserContextId = context === 'own' ? (await send('Target.createBrowserContext')).browserContextId : context
      const { targetId } = await send('Target.createTarget', { url: 'about:blank', browserContextId })
      const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true })
      return new Page((method, params) => send(method, params, sessionId), listeners, sessionId, browserContextId, () => send('Target.closeTarget', { targetId })).start()
    },
    async close () {
      await Promise.race([send('Browser.close').catch(() => {}), new Promise(resolve => setTimeout(resolve, 3000))])
      if (child.exitCode === null) child.kill('SIGKILL')
      await exited
      try { rmSync(profile, { recursive: true, force: true, maxRetries: 3 }) } catch { /* its last children still write; the folder goes with the test's */ }
    }
  }
}

/** A tab. What its console says of errors, and what its policy stopped, is in problems. */
class Page {
  constructor (send, listeners, sessionId, context, close) {
    Object.assign(this, { send, context, problems: [], waiting: [] })
    const hear = m => {
      if (m.sessionId !== sessionId) return
      if (m.method === 'Runtime.exceptionThrown') this.problems.push(m.params.exceptionDetails.exception?.description ?? m.params.exceptionDetails.text)
      if (m.method === 'Log.entryAdded' && m.params.entry.level === 'error') this.problems.push(`${m.params.entry.text} ${m.params.entry.url ?? ''}`)
      if (m.method === 'Runtime.consoleAPICalled' && m.params.type === 'error') this.problems.push(m.params.args.map(a => a.value ?? a.description).join(' '))
      this.waiting = this.waiting.filter(w => !(w.method === m.method && (w.done(m.params), true)))
    }
    listeners.add(hear)
    this.close = () => { listeners.delete(hear); return close() }
  }

  async start () {
    for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'DOM', 'Accessibility']) await this.send(`${domain}.enable`)
    return this
  }

  event (method) { return new Promise(resolve => this.waiting.push({ method, done: resolve })) }

  async open (url) {
    const loaded = this.event('Page.loadEventFired')
    const { errorText } = await this.send('Page.navigate', { url })
    if (errorText) throw new Error(`${url}: ${errorText}`)
    await loaded
  }

  async reload () {
    const loaded = this.event('Page.loadEventFired')
    await this.send('Page.reload')
    await loaded
  }

  /** Runs a function in the page, as if the user had asked for it, and returns what it does. */
  async run (work, ...args) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression: `(${work})(...${JSON.stringify(args)})`, awaitPromise: true, returnByValue: true, userGesture: true
    })
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    return result.value
  }

  /** Waits until a function of the page returns something true, and returns that. */
  async until (work, ...args) {
    const end = Date.now() + 20000
    for (;;) {
      const value = await this.run(work, ...args)
      if (value) return value
      if (Date.now() > end) throw new Error(`never: ${work}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  async key (key, { code = key, text, modifiers = 0 } = {}) {
    const codes = { Enter: 13, ' ': 32, Tab: 9, Escape: 27, ArrowLeft: 37, ArrowUp: 38, ArrowRight: 39, ArrowDown: 40, Home: 36, End: 35 }
    const windowsVirtualKeyCode = codes[key] ?? key.toUpperCase().charCodeAt(0)
    const what = { key, code, windowsVirtualKeyCode, modifiers }
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', ...what, text: text ?? (key === 'Enter' ? '\r' : key.length === 1 ? key : undefined) })
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...what })
  }

  async click (selector) {
    const at = await this.until(s => {
      const e = document.querySelector(s)
      if (!e) return null
      e.scrollIntoView({ block: 'center' })
      const r = e.getBoundingClientRect()
      return r.width ? { x: r.x + r.width / 2, y: r.y + r.height / 2 } : null
    }, selector)
    for (const type of ['mousePressed', 'mouseReleased']) await this.send('Input.dispatchMouseEvent', { type, ...at, button: 'left', clickCount: 1 })
  }

  size (width, height, scale = 1, mobile = false) {
    return this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: scale, mobile })
  }

  look (features) { return this.send('Emulation.setEmulatedMedia', { features: Object.entries(features).map(([name, value]) => ({ name, value })) }) }

  async shot () {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' })
    return Buffer.from(data, 'base64')
  }
}
