// SPDX-License-Identifier: MIT
// A consumer that uses the official client as it is meant to be used: handle the event, then ack it.
import { Tap as Client } from '@atproto/tap'

export class Consumer {
  errors = []

  constructor(tap, history) {
    Object.assign(this, { tap, history })
  }

  connect() {
    let channel
    channel = new Client(this.tap.url).channel({
      onEvent: async (event, { ack }) => {
        if (this.channel !== channel) return // what an abandoned channel still had in its buffer
        this.history.add(event)
        await ack()
      },
      onError: (error) => {
        if (this.channel === channel) this.errors.push(error)
      },
    })
    this.channel = channel
    channel.start().then(
      () => this.ended(channel, new Error('the server ended the channel for good, with a close frame')),
      (error) => this.ended(channel, error),
    )
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
