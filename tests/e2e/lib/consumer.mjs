// SPDX-License-Identifier: MIT
// A consumer that uses the official client as it is meant to be used: handle the event, then ack it.
import { clients } from './clients.mjs'

export class Consumer {
  errors = []

  // `acks: false` is for a Tap that wants none.
  constructor(tap, history, { line = '0.3', acks = true } = {}) {
    Object.assign(this, { tap, history, acks, library: clients[line] })
  }

  connect() {
    let channel
    const client = new this.library.Tap(this.tap.url, { adminPassword: this.tap.password })
    const current = () => this.channel === channel
    const take = (event) => {
      if (!current()) throw new Error('still in the buffer of an abandoned channel') // so that it is not acked
      this.history.add(event)
    }
    channel = client.channel(this.handler(take, (error) => current() && this.errors.push(error)))
    this.channel = channel
    channel.start().then(
      () => this.ended(channel, new Error('the server ended the channel for good, with a close frame')),
      (error) => this.ended(channel, error),
    )
  }

  // Acks what take() does not refuse by an exception.
  handler(take, fail) {
    return {
      onEvent: async (event, { ack }) => {
        take(event)
        if (this.acks) await ack()
      },
      onError: fail,
    }
  }

  ended(channel, error) {
    if (this.channel === channel) this.errors.push(error)
  }

  // Cuts the connection. The client hangs for ever when a connection dies while it handles an event, so that each cut
  // is the end of its channel, and connect() makes another.
  disconnect() {
    const { channel } = this
    this.channel = undefined
    channel?.destroy().catch(() => {})
  }

  assertClean() {
    if (this.errors.length)
      throw new Error(`the client reports: ${this.errors.map((e) => `${e.message} ${e.cause ?? ''}`).join('; ')}`)
  }
}
