// SPDX-License-Identifier: MIT
// The judge is judged: each broken promise must be noticed, and good deliveries must pass.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { History, cidOf } from '../lib/history.mjs'
import { difference } from '../lib/oracle.mjs'

const did = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
let lastId = 0
const record = (text) => ({ $type: 'com.example.thing', text })
const event = (action, rkey, rev, { live = true, text = rkey, id = ++lastId } = {}) => ({
  id,
  type: 'record',
  did,
  action,
  collection: 'com.example.thing',
  rkey,
  rev,
  live,
  ...(action === 'delete' ? {} : { record: record(text), cid: cidOf(record(text)) }),
})
const identity = (handle, status = 'active', id = ++lastId) => ({
  id,
  type: 'identity',
  did,
  handle,
  status,
  isActive: status === 'active',
})

const after = (...events) => {
  const history = new History()
  for (const each of events) history.add(each)
  return history
}
const assertFault = (history, fault) => {
  assert.equal(history.violations.length, 1, history.violations.join('\n'))
  assert.match(history.violations[0], fault)
}

test('the CID of a record is that of the reference implementation', () => {
  assert.equal(cidOf({}), 'bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua')
})

test('good deliveries pass, repeated ones too', () => {
  const events = [
    identity('a.test'),
    event('create', 'a', 'r1', { live: false }),
    event('create', 'b', 'r1', { live: false }),
    event('update', 'a', 'r2', { text: 'new' }),
    event('delete', 'b', 'r2'),
    event('create', 'b', 'r3'),
    identity('b.test'),
  ]
  const history = after(...events, ...events.slice(3))
  assert.deepEqual(history.violations, [])
  assert.equal(history.repeated, 4)
  assert.deepEqual([...history.repo(did).records.values()], [cidOf(record('new')), cidOf(record('b'))])
})

test('a repeated event alone takes the consumer back', () => {
  const first = event('create', 'a', 'r1')
  const history = after(first, event('delete', 'a', 'r2'), first)
  assert.equal(
    difference(history.repo(did).records, new Map()),
    '1 of 0 records differ: com.example.thing/a is too much',
  )
})

test('an id that is used twice is noticed', () => {
  assertFault(
    after(event('create', 'a', 'r1', { id: 9_000 }), event('create', 'b', 'r2', { id: 9_000 })),
    /used before/,
  )
})

test('an id that goes back is noticed', () => {
  assertFault(
    after(event('create', 'a', 'r1', { id: 9_002 }), event('create', 'b', 'r2', { id: 9_001 })),
    /not above 9002/,
  )
})

test('a rev that goes back is noticed', () => {
  assertFault(after(event('create', 'a', 'r2'), event('create', 'b', 'r1')), /before r2/)
})

test('a live event of a commit that the snapshot has is noticed', () => {
  assertFault(after(event('create', 'a', 'r2', { live: false }), event('create', 'b', 'r2')), /has it already/)
})

test('writes that do not fit the records are noticed', () => {
  assertFault(after(event('create', 'a', 'r1'), event('create', 'a', 'r2')), /creates what exists/)
  assertFault(after(event('update', 'a', 'r1')), /updates what does not exist/)
  assertFault(after(event('create', 'a', 'r1'), event('update', 'a', 'r2')), /updates nothing/)
  assertFault(after(event('delete', 'a', 'r1')), /deletes what does not exist/)
})

test('a record that is not what its CID says is noticed', () => {
  assertFault(after({ ...event('create', 'a', 'r1'), record: record('other') }), /does not have its CID/)
  assertFault(after({ ...event('create', 'a', 'r1'), record: undefined }), /has no record/)
})

test('events of a deleted account are noticed', () => {
  assertFault(after(identity('a.test', 'deleted'), event('create', 'a', 'r1')), /was deleted/)
})

test('an identity event that says nothing new is noticed', () => {
  assertFault(after(identity('a.test'), identity('a.test')), /changes nothing/)
})

test('a repo that was added again starts from nothing', () => {
  const history = after(event('create', 'a', 'r1'), event('create', 'b', 'r2'))
  history.repo(did).startAgainAt('r4')
  const late = event('create', 'c', 'r3')
  for (const each of [late, event('create', 'a', 'r4', { live: false }), event('create', 'd', 'r5'), late])
    history.add(each)
  assert.deepEqual(history.violations, [])
  assert.deepEqual([...history.repo(did).records.keys()], ['com.example.thing/a', 'com.example.thing/d'])
})

test('every difference between consumer and truth is found', () => {
  const truth = new Map([
    ['a', '1'],
    ['b', '2'],
  ])
  assert.equal(difference(new Map(truth), truth), '')
  assert.match(difference(new Map([['a', '1']]), truth), /b is missing/)
  assert.match(
    difference(
      new Map([
        ['a', '1'],
        ['b', '3'],
      ]),
      truth,
    ),
    /b is 3, not 2/,
  )
  assert.match(difference(new Map([...truth, ['c', '3']]), truth), /c is too much/)
})

test('historical events of one fetch may overtake each other where that is allowed, and nothing else', () => {
  const [one, two, next] = ['a', 'b', 'c'].map((rkey, i) =>
    event('create', rkey, i < 2 ? 'r1' : 'r2', { live: i === 2 }),
  )
  const overtaken = (concurrent, ...events) => {
    const history = new History()
    history.concurrent = concurrent
    for (const each of events) history.add(each)
    return history
  }
  assert.deepEqual(overtaken(true, two, one, next).violations, [])
  assertFault(overtaken(false, two, one, next), /its id is not above/)
  assert.match(overtaken(true, next, one, two).violations[0], /its id is not above/)
})

test('what was refused may come late, with a new id', () => {
  const refused = event('create', 'a', 'r1')
  const history = new History()
  history.refuse(refused)
  history.add(event('create', 'b', 'r2'))
  history.add({ ...refused, id: ++lastId })
  assert.deepEqual(history.violations, [])
  assert.equal(history.repo(did).records.size, 2)
  assertFault(after(event('create', 'b', 'r2'), { ...refused, id: ++lastId }), /its rev is before/)
})
