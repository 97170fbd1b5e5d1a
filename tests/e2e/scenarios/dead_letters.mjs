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
  const { random, tap } = world
  const accounts = authors.map(({ account }) => account)
  const [first, second, healthy] = authors
  const edited = first.keys[0]
  const badPost = (name) => ({ ...post(random), text: `${bad} ${name}` })
  const write = ({ account }, ops) => account.batch(ops)
  await write(first, [op.update(posts, edited, badPost('superseded'))])
  await write(first, [op.update(posts, edited, post(random)), op.create(posts, tid(), badPost('1'))])
  await write(first, [op.create(posts, tid(), badPost('2'))])
  await write(second, [op.create(posts, tid(), badPost('3'))])
  for (const author of authors) await author.write(5)
  await world.settle([healthy.account], { drained: false })

  const letters = async (query) => (await tap.get(`/dead-letters?${query}`)).dead_letters
  await world.until('four events are set aside', async () => (await letters('')).length === 4)
  const of = await letters(`did=${first.account.did}`)
  assert.deepEqual(
    of.map(({ did, attempts: count, event }) => [did, count, event.record.record.text.split(' ').at(-1)]),
    ['superseded', '1', '2'].map((text) => [first.account.did, attempts, text]),
  )
  const page = await tap.get('/dead-letters?limit=1')
  assert.equal((await letters(`limit=1&cursor=${page.cursor}`))[0].id > page.dead_letters[0].id, true)
  await world.until('the repos go on', async () => (await tap.undelivered()) === 0)

  world.forgiving = true
  const select = (action, selection) => tap.post(`/dead-letters/${action}`, selection).then(JSON.parse)
  assert.deepEqual(await select('drop', { ids: [of[0].id] }), { dropped: 1 })
  assert.deepEqual(await select('replay', { dids: [second.account.did] }), { replayed: 1 })
  assert.deepEqual(await select('replay', { all: true }), { replayed: 2 })
  await world.settle(accounts)
  assert.deepEqual(await letters(''), [])
  for (const author of authors) await author.write(5)
  await world.settle(accounts)
}
