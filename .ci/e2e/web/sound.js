// Runs in the page: has a player play into what can be read again. Offline, the
// context's clock stands still whenever the player needs time.

/** Plays a queue to its end into an OfflineAudioContext; the samples from the first on. Every step seconds the clock waits for the player. */
export async function offline (Player, what, { frames, rate, channels, step = 0.25, options = {}, during = async () => {}, hear = () => {} }) {
  const lead = Math.ceil(rate * 0.5)
  const context = new OfflineAudioContext(channels, frames + lead, rate)
  const player = new Player({ ...options, context: () => context })
  const seen = { slices: [], warnings: [], errors: [] }
  player.addEventListener('scheduled', ({ detail: d }) => { seen.slices.push([d.slice, Math.round(d.contextTime * rate), d.frames]) })
  player.addEventListener('warning', e => seen.warnings.push(e.detail.message))
  player.addEventListener('error', e => seen.errors.push(e.detail.message))
  hear(player, seen)
  await player.load(what)
  if (seen.errors.length > 0) throw new Error(seen.errors[0])
  const stops = []
  for (let at = step; at < (frames + lead) / rate - 0.01; at += step) stops.push(at)
  let failed
  const filled = async () => {
    for (const end = performance.now() + 20000; !(player.ahead > 2 * step || player.complete) && seen.errors.length === 0;) {
      if (performance.now() > end) throw new Error(`only ${player.ahead} seconds are on the clock: ${JSON.stringify({ ...player.state, ...player.protection, states: [...player.protection?.states ?? []], starts: 0, slices: 0 })}`)
      await new Promise(resolve => setTimeout(resolve, 4))
    }
  }
  for (const at of stops) {
    context.suspend(at).then(async () => {
      try {
        await filled()
        await during(player, at)
        await filled() // it may have been a seek
      } catch (err) {
        failed = err
      }
      context.resume()
    })
  }
  await player.play()
  await filled()
  const buffer = await context.startRendering()
  if (failed) throw failed
  const state = player.state
  await player.close()
  return { ...seen, state, frames: buffer.length, rate, planes: Array.from({ length: channels }, (_, c) => buffer.getChannelData(c)) }
}

/** Bytes as base64, in pieces that fit. */
export function base64 (planes) {
  const all = new Float32Array(planes[0].length * planes.length)
  planes.forEach((p, c) => { for (let i = 0; i < p.length; i++) all[i * planes.length + c] = p[i] })
  const bytes = new Uint8Array(all.buffer)
  let text = ''
  for (let i = 0; i < bytes.length; i += 0x6000) text += btoa(String.fromCharCode(...bytes.subarray(i, i + 0x6000)))
  return text
}

/** Plays a queue in real time, and records what comes out; during() may press buttons. */
export async function live (Player, what, { rate, channels, seconds, options = {}, during = async () => {} }) {
  const code = `registerProcessor('tape', class extends AudioWorkletProcessor {
    process ([input]) { if (input.length > 0) this.port.postMessage([currentFrame, input.map(c => c.slice())]); return true }
  })`
  const context = new AudioContext({ sampleRate: rate })
  await context.audioWorklet.addModule(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })))
  const tape = new AudioWorkletNode(context, 'tape', { channelCount: channels, channelCountMode: 'explicit' })
  tape.connect(context.destination)
  const parts = []
  tape.port.onmessage = e => parts.push(e.data)
  const player = new Player({ ...options, context: () => context, output: () => tape })
  const seen = { slices: [], events: [], errors: [] }
  player.addEventListener('scheduled', ({ detail: d }) => { seen.slices.push([d.slice, Math.round(d.contextTime * rate), d.frames]) })
  for (const name of ['play', 'pause', 'stop', 'ended', 'seek', 'buffering', 'buffered', 'suspended', 'trackchange', 'trackended']) player.addEventListener(name, () => { seen.events.push(name) })
  player.addEventListener('error', e => seen.errors.push(e.detail.message))
  const ended = new Promise(resolve => player.addEventListener('ended', resolve))
  await player.load(what)
  await player.play()
  await during(player)
  await Promise.race([ended, new Promise(resolve => setTimeout(resolve, seconds * 1000))])
  const state = player.state
  await new Promise(resolve => setTimeout(resolve, 200))
  const frames = parts.length ? parts[parts.length - 1][0] + 128 : 0
  const planes = Array.from({ length: channels }, () => new Float32Array(frames))
  for (const [at, input] of parts) for (let c = 0; c < channels; c++) planes[c].set(input[c] ?? input[0], at)
  await player.close()
  return { ...seen, state, planes }
}
