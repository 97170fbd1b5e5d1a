// SPDX-License-Identifier: MIT
// A webhook as the official client's README has it: its helpers check the password and parse the event, here those of
// each of its lines, which must agree. Sees what is on its way before an answer, as SlowConsumer does.
import { lexParse } from '@atproto/lex-json'
import assert from 'node:assert/strict'
import http from 'node:http'
import { clients } from './clients.mjs'
import { InFlight } from './in_flight.mjs'
import { listen } from './loopback.mjs'

export class Webhook {
  errors = []
  attempts = new Map() // event id -> how often it came

  // answer(event, attempt) gives the status, or a promise of it; only an event that gets a 2xx was taken.
  static async start({ history, password, answer = () => 200 }) {
    const webhook = new Webhook()
    Object.assign(webhook, { history, password, answer, inFlight: new InFlight(history) })
    history.concurrent = true // as its requests are
    webhook.server = http.createServer((request, response) => webhook.serve(request, response))
    webhook.url = `http://127.0.0.1:${await listen(webhook.server)}/hook?to=here`
    return webhook
  }

  async serve(request, response) {
    try {
      const event = await this.receive(request)
      response.writeHead(await this.judge(event)).end()
    } catch (error) {
      this.errors.push(error)
      response.writeHead(500).end()
    }
  }

  async receive(request) {
    assert.equal(`${request.method} ${request.url}`, 'POST /hook?to=here')
    assert.equal(request.headers['content-type'], 'application/json')
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    const parsed = Object.values(clients).map(({ assureAdminAuth, parseTapEvent }) => {
      assureAdminAuth(this.password, request.headers.authorization)
      return parseTapEvent(JSON.parse(body))
    })
    for (const other of parsed) assert.deepEqual(other, parsed[0])
    // Once more with CIDs and bytes as such, which the judge needs.
    return clients['0.3'].parseTapEvent(lexParse(body, { strict: true }))
  }

  async judge(event) {
    const attempt = (this.attempts.get(event.id) ?? 0) + 1
    this.attempts.set(event.id, attempt)
    this.inFlight.sent(event)
    const status = await this.answer(event, attempt)
    if (status < 200 || status > 299) return status
    this.history.add(event)
    this.inFlight.acked(event)
    return status
  }

  connect() {}

  disconnect() {
    this.server.close()
    this.server.closeAllConnections()
  }

  assertClean() {
    if (this.errors.length) throw new Error(`the webhook reports: ${this.errors.map((e) => e.message).join('; ')}`)
  }
}
