// SPDX-License-Identifier: MIT
// A consumer on a bare WebSocket that acks when it is told to, and so can see what is sent before an ack (protocol
// 11.5): a live or identity event goes out alone, and nothing of its repo follows until it is acked.
import { lexParse } from '@atproto/lex-json'
import { parseTapEvent } from '@atproto/tap'
import { WebSocket } from 'ws'

export class SlowConsumer {
  errors = []
  unacked = new Map() // DID -> Map of id -> whether the event is a barrier
  closed = true

  // onEvent(event) may return false to keep the ack for later.
  constructor(tap, history, onEvent = () => true) {
    Object.assign(this, { tap, history, onEvent })
  }

  connect() {
    const ws = new WebSocket(`${this.tap.url.replace('http', 'ws')}/channel`)
    Object.assign(this, { ws, closed: false })
    this.unacked.clear()
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
    const barrier = event.type === 'identity' || event.live
    const before = this.unacked.get(event.did) ?? new Map()
    if ([...before.values()].some((isBarrier) => isBarrier))
      this.history.violate(event, 'it came before the ack of a live event')
    if (barrier && before.size)
      this.history.violate(event, `it came while ${before.size} events of its repo were unacked`)
    this.unacked.set(event.did, before.set(event.id, barrier))
    this.history.add(event)
    if (this.onEvent(event) !== false) this.ack(event)
  }

  ack({ id, did }) {
    this.unacked.get(did)?.delete(id)
    this.ws.send(JSON.stringify({ type: 'ack', id }), () => {})
  }

  disconnect() {
    this.ws?.terminate()
    this.ws = undefined
  }

  assertClean() {}
}
