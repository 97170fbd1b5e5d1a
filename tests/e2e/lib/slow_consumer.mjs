// SPDX-License-Identifier: MIT
// A consumer on a bare WebSocket that acks when it is told to, and so can see what is sent before an ack.
import { lexParse } from '@atproto/lex-json'
import { parseTapEvent } from '@atproto/tap'
import { WebSocket } from 'ws'
import { InFlight } from './in_flight.mjs'

export class SlowConsumer {
  errors = []
  closed = true
  takes = () => true // an event that it does not take is no part of its history, and not acked

  // onEvent(event) may return false to keep the ack for later.
  constructor(tap, history, onEvent = () => true) {
    Object.assign(this, { tap, history, onEvent, inFlight: new InFlight(history) })
  }

  connect() {
    const ws = new WebSocket(`${this.tap.url.replace('http', 'ws')}/channel`)
    Object.assign(this, { ws, closed: false })
    this.inFlight.clear()
    ws.on('message', (data) => {
      if (this.ws === ws) this.received(data)
    })
    ws.on('error', () => {})
    ws.on('close', () => {
      if (this.ws === ws) this.closed = true
    })
  }

  received(data) {
    const event = parseTapEvent(lexParse(data.toString(), { strict: true }))
    this.inFlight.sent(event)
    if (!this.takes(event)) return
    this.history.add(event)
    if (this.onEvent(event) !== false) this.ack(event)
  }

  ack(event) {
    this.inFlight.acked(event)
    this.ws.send(JSON.stringify({ type: 'ack', id: event.id }), () => {})
  }

  disconnect() {
    this.ws?.terminate()
    this.ws = undefined
  }

  assertClean() {}
}
