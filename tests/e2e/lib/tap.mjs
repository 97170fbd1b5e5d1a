// SPDX-License-Identifier: MIT
// The program under test as a process: start, stop, kill, ask.
import { execFile, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { freePort } from './loopback.mjs'
import { until } from './wait.mjs'

export class Tap {
  starts = 0

  // `settings`: environment variables beyond the ones every run needs.
  static async create({ binary, dir, databaseUrl, relayUrl, plcUrl, caFile, settings = {} }) {
    const tap = new Tap()
    const port = await freePort()
    tap.url = `http://127.0.0.1:${port}`
    tap.log = path.join(dir, 'tap.log')
    Object.assign(tap, { binary, dir })
    tap.environment = {
      PATH: process.env.PATH,
      TAP_DATABASE_URL: databaseUrl,
      TAP_BIND: `127.0.0.1:${port}`,
      TAP_PLC_URL: plcUrl,
      TAP_RELAY_URL: relayUrl,
      TAP_TEMP_DIR: dir,
      TAP_LOG_LEVEL: 'debug',
      ...(caFile ? { SSL_CERT_FILE: caFile } : {}),
      ...settings,
    }
    return tap
  }

  // Other settings, from its next start on.
  configure(settings) {
    Object.assign(this.environment, settings)
  }

  get password() {
    return this.environment.TAP_ADMIN_PASSWORD
  }

  launch() {
    const log = fs.openSync(this.log, 'a')
    this.starts++
    this.expectedToEnd = false
    this.process = spawn(this.binary, ['run'], { cwd: this.dir, env: this.environment, stdio: ['ignore', log, log] })
    fs.closeSync(log)
    const { process } = this
    this.ended = new Promise((resolve) => process.once('exit', (code, signal) => resolve({ code, signal })))
    process.once('error', (error) => {
      this.failure = error
    })
    process.once('exit', (code, signal) => {
      if (!this.expectedToEnd) this.failure = new Error(`tap ended by itself: ${signal ?? `exit status ${code}`}`)
    })
  }

  async start() {
    this.launch()
    await until('tap answers', () => this.healthy(), { seconds: 30, everyMs: 5, check: () => this.assertAlive() })
  }

  async healthy() {
    try {
      return (await this.fetch('/health', { signal: AbortSignal.timeout(5_000) })).ok
    } catch {
      return false
    }
  }

  assertAlive() {
    if (this.failure) throw this.failure
  }

  // Ends it in order and expects that it goes in order.
  async stop() {
    const { code, signal } = await this.signal('SIGTERM')
    if (code !== 0) throw new Error(`tap did not end well on SIGTERM: ${signal ?? `exit status ${code}`}`)
  }

  kill() {
    return this.signal('SIGKILL')
  }

  // What a kill has left is sound.
  async check() {
    const { TAP_DATABASE_URL: url } = this.environment
    const args = ['check', '--db-url', url]
    const { code, text } = await new Promise((resolve) =>
      execFile(this.binary, args, { cwd: this.dir, timeout: 60_000 }, (error, out, err) =>
        resolve({ code: error ? (error.code ?? error.signal) : 0, text: out + err }),
      ),
    )
    if (code !== 0) throw new Error(`tap check: ${code}\n${text}`)
  }

  async signal(name) {
    this.expectedToEnd = true
    this.process.kill(name)
    const late = setTimeout(() => this.process.kill('SIGKILL'), 30_000)
    const end = await this.ended
    clearTimeout(late)
    return end
  }

  get running() {
    return this.process && this.process.exitCode === null && this.process.signalCode === null
  }

  fetch(resource, { headers = {}, ...options } = {}) {
    const credentials = Buffer.from(`admin:${this.password}`).toString('base64')
    const authorization = this.password ? { authorization: `Basic ${credentials}` } : {}
    return fetch(this.url + resource, {
      signal: AbortSignal.timeout(30_000),
      headers: { ...authorization, ...headers },
      ...options,
    })
  }

  async get(resource) {
    const response = await this.fetch(resource)
    if (!response.ok) throw new Error(`GET ${resource}: HTTP ${response.status} ${await response.text()}`)
    return response.json()
  }

  // Resolves to the text of the answer.
  async post(resource, body) {
    const response = await this.fetch(resource, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`POST ${resource}: HTTP ${response.status} ${text}`)
    return text
  }

  add(accounts) {
    return this.post('/repos/add', { dids: accounts.map(({ did }) => did) })
  }
  remove(accounts) {
    return this.post('/repos/remove', { dids: accounts.map(({ did }) => did) })
  }
  info(did) {
    return this.get(`/info/${did}`)
  }
  async undelivered() {
    return (await this.get('/stats/outbox-buffer')).outbox_buffer
  }
  async buffered() {
    return (await this.get('/stats/resync-buffer')).resync_buffer
  }
  async followed() {
    return (await this.get('/stats/repo-count')).repo_count
  }

  // The end of its log, without the access log.
  lastLines(count) {
    if (!fs.existsSync(this.log)) return []
    const lines = fs.readFileSync(this.log, 'utf8').trimEnd().split('\n')
    return lines.filter((line) => !line.includes('"remote_ip"')).slice(-count)
  }
}
