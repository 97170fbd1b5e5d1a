// SPDX-License-Identifier: MIT
// A consumer never takes some events: each is set aside after as many attempts as are allowed, and its repo goes on.
// They are listed, one is dropped, the others are replayed and taken. Over the channel, then at a webhook.
import assert from 'node:assert/strict'
import { op } from '../lib/account.mjs'
import { Author, post, posts } from '../lib/content.mjs'
import { SlowConsumer } from '../lib/slow_consumer.mjs'
import { tid } from '../lib/tid.mjs'
import { Webhook } from '../lib/webhook.mjs'

const attempts = 2

export default {
  settings: { TAP_MAX_ATTEMPTS: String(attempts), TAP_RETRY_TIMEOUT: '250ms' },
  async run({ world }) {
    const { network, random, tap, history } = world
    const accounts = await network.accounts(['dina', 'drew', 'doug'])
    const authors = accounts.map((account) => new Author(account, random))
    for (const author of authors) await author.write(20)

    world.consumer = new SlowConsumer(tap, history)
    world.consumer.takes = takes(world)
    await world.start()
    await tap.add(accounts)
    await world.settle(accounts)
    await refuse(world, authors)

    await tap.stop()
    world.consumer.disconnect()
    const webhook = await Webhook.start({ history, password: 'secret' })
    const take = takes(Object.assign(world, { consumer: webhook }))
    webhook.answer = (event) => (take(event) ? 200 : 400)
    tap.configure({ TAP_WEBHOOK_URL: webhook.url, TAP_ADMIN_PASSWORD: webhook.password })
    await world.start()
    await refuse(world, authors)
  },
}

const bad = 'will not take it'
const isBad = ({ record }) => record?.text.startsWith(bad)

// Of a bad event, the last attempt is as good as an ack: its repo may go on.
function takes(world) {
  const sent = new Map()
  world.forgiving = false
  return (event) => {
    if (world.forgiving || !isBad(event)) return true
    world.history.refuse(event)
    sent.set(event.id, (sent.get(event.id) ?? 0) + 1)
    if (sent.get(event.id) === attempts) world.consumer.inFlight.acked(event)
    return false
  }
}

async function refuse(world, authors) {
  const { tap } = world
  const accounts = authors.map(({ account }) => account)
  const [first, second, healthy] = accounts
  await writeBad(world.random, authors)
  for (const author of authors) await author.write(5)
  await world.settle([healthy], { drained: false })
  await world.until('four events are set aside', async () => (await lettersOf(tap)).length === 4)
  await world.until('the repos go on', async () => (await tap.undelivered()) === 0)
  const superseded = await assertListed(tap, first.did)

  world.forgiving = true
  const select = (action, selection) => tap.post(`/dead-letters/${action}`, selection).then(JSON.parse)
  assert.deepEqual(await select('drop', { ids: [superseded.id] }), { dropped: 1 })
  assert.deepEqual(await select('replay', { dids: [second.did] }), { replayed: 1 })
  assert.deepEqual(await select('replay', { all: true }), { replayed: 2 })
  await world.settle(accounts)
  assert.deepEqual(await lettersOf(tap), [])
  for (const author of authors) await author.write(5)
  await world.settle(accounts)
}

// Three bad records in the first repo, of which one is written over at once, and one in the second.
async function writeBad(random, [first, second]) {
  const badPost = (name) => ({ ...post(random), text: `${bad} ${name}` })
  const [edited] = first.keys
  await first.account.batch([op.update(posts, edited, badPost('superseded'))])
  await first.account.batch([op.update(posts, edited, post(random)), op.create(posts, tid(), badPost('1'))])
  await first.account.batch([op.create(posts, tid(), badPost('2'))])
  await second.account.batch([op.create(posts, tid(), badPost('3'))])
}

const lettersOf = async (tap, query = '') => (await tap.get(`/dead-letters?${query}`)).dead_letters

// Resolves to the first one of this repo.
async function assertListed(tap, did) {
  const letters = await lettersOf(tap, `did=${did}`)
  assert.deepEqual(
    letters.map((letter) => [letter.did, letter.attempts, letter.event.record.record.text.split(' ').at(-1)]),
    ['superseded', '1', '2'].map((name) => [did, attempts, name]),
  )
  const page = await tap.get('/dead-letters?limit=1')
  const [next] = await lettersOf(tap, `limit=1&cursor=${page.cursor}`)
  assert.ok(next.id > page.dead_letters[0].id)
  return letters[0]
}
