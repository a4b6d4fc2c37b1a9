// Servers of a test, each with a configuration folder of its own.
import { spawn } from 'node:child_process'
import { mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const binary = process.env.SECSTREAM_SERVER
export const T = process.env.SECSTREAM_FOLDER
const running = new Set()

/** Starts a server and waits until it has looked through its folders. */
export async function serve (name, args, { listen = '127.0.0.1:0', config = name } = {}) {
  const out = join(T, `web-${name}.out`)
  mkdirSync(join(T, `config-${config}`), { recursive: true })
  const fd = openSync(out, 'w')
  const child = spawn(binary, ['serve', '--listen', listen, '--rate-address', '0', '--rate-session', '0', ...args],
    { stdio: ['ignore', fd, openSync(join(T, `web-${name}.err`), 'w')], env: { ...process.env, SECSTREAM_CONFIG_DIR: join(T, `config-${config}`) } })
  const gone = new Promise(resolve => child.once('exit', resolve))
  const server = {
    name, child, async stop () {
      running.delete(server)
      child.kill('SIGKILL')
      await gone
    }
  }
  running.add(server)
  const uploadsOnly = args.every(a => a.startsWith('--'))
  for (const end = Date.now() + 20000; ;) {
    const said = readFileSync(out, 'utf8')
    if (/^serving /m.test(said) || (uploadsOnly && /^play it with/m.test(said))) {
      server.address = /^listening on (.*)$/m.exec(said)[1]
      server.identity = /^identity (.*)$/m.exec(said)[1]
      server.port = new URL(server.address).port
      return server
    }
    if (child.exitCode !== null || Date.now() > end) throw new Error(`the server "${name}" does not come up: ${readFileSync(join(T, `web-${name}.err`), 'utf8')}`)
    await new Promise(resolve => setTimeout(resolve, 30))
  }
}

export const stopAll = () => Promise.all([...running].map(s => s.stop()))
