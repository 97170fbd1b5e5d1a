// SPDX-License-Identifier: MIT
// What a consumer knows, built from nothing but the events it received, and the promises that each event is held to.
//
// Every delivery is applied, repeated ones too, as a consumer does that keeps no ids: at-least-once delivery must still
// end in the right state. The order is checked on first deliveries.
import { createHash } from 'node:crypto'
import { encode } from '@atproto/lex-cbor'

export class History {
  violations = []
  repos = new Map() // DID -> Repo
  seen = new Map() // event id -> what the event said
  refused = new Map() // what an event said that the consumer did not take -> its id
  concurrent = false // whether historical events of one fetch may overtake each other
  received = 0
  repeated = 0

  repo(did) {
    if (!this.repos.has(did)) this.repos.set(did, new Repo(did))
    return this.repos.get(did)
  }

  // An event in the form of the official client's.
  add(event) {
    this.received++
    const repo = this.repo(event.did)
    const said = sayingOf(event)
    const before = this.seen.get(event.id)
    if (before === undefined) {
      this.seen.set(event.id, said)
      const late = (this.refused.get(said) ?? event.id) !== event.id
      for (const fault of repo.faultsOf(event, { late, concurrent: this.concurrent })) this.violate(event, fault)
    } else {
      this.repeated++
      if (before !== said) this.violate(event, `its id was used before, for ${before}`)
    }
    repo.apply(event)
  }

  // The consumer does not take this event. With another id it may come again, later than in its place.
  refuse(event) {
    this.refused.set(sayingOf(event), event.id)
  }

  violate(event, fault) {
    if (this.violations.length >= 5) return
    const before = [...this.seen].filter(([id, said]) => id !== event.id && said.includes(pathOf(event)))
    const story = before.map(([id, said]) => `\n    before it, event ${id} (${said})`).join('')
    this.violations.push(`event ${event.id} (${sayingOf(event)}): ${fault}${story}`)
  }

  assertClean() {
    if (this.violations.length) throw new Error(`delivery was wrong:\n  ${this.violations.join('\n  ')}`)
  }
}

class Repo {
  records = new Map() // path -> CID
  handle = undefined
  status = undefined
  rev = '' // of the last event
  snapshotRev = '' // of the last historical event
  lastId = 0
  earlierId = 0 // the last one before those that may overtake each other
  fetchRev = undefined // of these
  // Set when the account was removed and added again: events before this rev belong to its earlier life.
  floor = ''
  reborn = false

  constructor(did) {
    this.did = did
  }

  // The account was removed, wrote `rev`, and was added again: everything comes anew, from that rev or a later one.
  startAgainAt(rev) {
    this.handle = undefined
    this.floor = rev
    this.reborn = true
  }

  *faultsOf(event, { late, concurrent }) {
    const fetchRev = event.live === false ? event.rev : undefined
    if (!concurrent || !fetchRev || fetchRev !== this.fetchRev) this.earlierId = this.lastId
    this.fetchRev = fetchRev
    if (event.id <= this.earlierId) yield `its id is not above ${this.earlierId}, which the repo had before`
    this.lastId = Math.max(this.lastId, event.id)
    if (this.status === 'deleted') yield 'the account was deleted'
    if (late) return
    if (event.type === 'identity') {
      if (event.handle === this.handle && event.status === this.status && !this.floor) yield 'it changes nothing'
      if (event.isActive !== (event.status === 'active')) yield 'is_active contradicts status'
    } else if (event.rev >= this.floor) {
      yield* this.recordFaultsOf(event)
    }
  }

  *recordFaultsOf({ action, rev, live, cid, record, collection, rkey }) {
    this.startAgain()
    const known = this.records.get(`${collection}/${rkey}`)
    if (rev < this.rev) yield `its rev is before ${this.rev}`
    if (live && rev <= this.snapshotRev) yield `the snapshot ${this.snapshotRev} has it already`
    if (action === 'create' && known) yield 'creates what exists'
    if (action === 'update' && !known) yield 'updates what does not exist'
    if (action === 'update' && known === cid) yield 'updates nothing'
    if (action === 'delete' && !known) yield 'deletes what does not exist'
    if (action === 'delete' && (cid || record)) yield 'a delete has content'
    if (action !== 'delete' && !record) yield 'it has no record'
    if (record && cidOf(record) !== cid) yield 'its record does not have its CID'
    this.rev = rev
    if (!live) this.snapshotRev = rev
  }

  startAgain() {
    if (!this.reborn) return
    this.reborn = false
    this.records.clear()
    this.rev = this.snapshotRev = ''
  }

  apply(event) {
    if (event.type === 'identity') {
      this.handle = event.handle
      this.status = event.status
      if (event.status === 'deleted') this.records.clear()
    } else if (event.rev >= this.floor) {
      const path = `${event.collection}/${event.rkey}`
      if (event.action === 'delete') this.records.delete(path)
      else this.records.set(path, event.cid)
    }
  }
}

const pathOf = ({ did, collection, rkey }) => (collection ? `${did}/${collection}/${rkey}` : did)

function sayingOf({ type, live, action, did, collection, rkey, rev, cid, handle, status }) {
  if (type === 'identity') return `identity ${did} ${handle} ${status}`
  return `${live ? 'live' : 'historical'} ${action} ${did}/${collection}/${rkey} ${rev} ${cid}`
}

const base32 = 'abcdefghijklmnopqrstuvwxyz234567'

// The CID that a record has by its content: dag-cbor, SHA-256.
export function cidOf(record) {
  const digest = createHash('sha256').update(encode(record)).digest()
  let bits = 0n
  for (const byte of Buffer.concat([Buffer.from([1, 0x71, 0x12, 0x20]), digest])) bits = (bits << 8n) | BigInt(byte)
  bits <<= 2n // 36 bytes are 288 bits, and 58 characters hold 290
  let text = ''
  for (let i = 0; i < 58; i++) {
    text = base32[Number(bits & 31n)] + text
    bits >>= 5n
  }
  return `b${text}`
}
