// SPDX-License-Identifier: MIT
// What goes out too early must be noticed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InFlight } from '../lib/in_flight.mjs'

const faultsOf = (use) => {
  const faults = []
  use(new InFlight({ violate: (_, fault) => faults.push(fault) }))
  return faults.join()
}
const historical = (id, did = 'one') => ({ id, did, type: 'record', live: false })
const live = (id, did = 'one') => ({ id, did, type: 'record', live: true })
const identity = (id, did = 'one') => ({ id, did, type: 'identity' })

test('historical events go out together, live and identity events alone', () => {
  const faults = faultsOf((inFlight) => {
    for (const event of [historical(1), historical(2), historical(2)]) inFlight.sent(event)
    for (const event of [historical(1), historical(2)]) inFlight.acked(event)
    for (const event of [live(3), identity(4), historical(5)]) {
      inFlight.sent(event)
      inFlight.sent(event) // once more, without an ack
      inFlight.sent(live(event.id, 'another'))
      inFlight.acked(event)
      inFlight.acked({ ...event, did: 'another' })
    }
  })
  assert.equal(faults, '')
})

test('a live or identity event before the acks of others is noticed', () => {
  for (const early of [live(2), identity(2)]) {
    const faults = faultsOf((inFlight) => [historical(1), early].forEach((event) => inFlight.sent(event)))
    assert.match(faults, /while 1 events of its repo were unacked/)
  }
})

test('an event before the ack of a live or identity event is noticed', () => {
  for (const barrier of [live(1), identity(1)]) {
    const faults = faultsOf((inFlight) => [barrier, historical(2)].forEach((event) => inFlight.sent(event)))
    assert.match(faults, /before the ack of a live event/)
  }
})
