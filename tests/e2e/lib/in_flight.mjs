// SPDX-License-Identifier: MIT
// What may be on its way before an ack (protocol 11.5): a live or identity event goes out alone, and nothing of its repo
// follows until it is acked.

export class InFlight {
  repos = new Map() // DID -> Map of id -> whether the event is a barrier

  constructor(history) {
    this.history = history
  }

  // Sent, perhaps once more: then it is no company to itself.
  sent(event) {
    const barrier = event.type === 'identity' || event.live
    const others = new Map(this.repos.get(event.did))
    others.delete(event.id)
    if ([...others.values()].some((isBarrier) => isBarrier))
      this.history.violate(event, 'it came before the ack of a live event')
    if (barrier && others.size)
      this.history.violate(event, `it came while ${others.size} events of its repo were unacked`)
    this.repos.set(event.did, others.set(event.id, barrier))
  }

  acked({ did, id }) {
    this.repos.get(did)?.delete(id)
  }

  // All that was on its way is not any more.
  clear() {
    this.repos.clear()
  }
}
