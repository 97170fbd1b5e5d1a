// SPDX-License-Identifier: MIT
// SIGKILL at random moments under load: during start-up, backfill, live traffic, removals and new adds, handle changes.
// After each kill the database is sound; after each round, nothing may be lost, and the order was right throughout.
// `--rounds 100` is the long form.
import { Consumer } from '../lib/consumer.mjs'
import { Author, buildTree } from '../lib/content.mjs'
import { SlowConsumer } from '../lib/slow_consumer.mjs'
import { pause } from '../lib/wait.mjs'

const settings = { TAP_CURSOR_SAVE_INTERVAL: '100ms' }

export default {
  settings,
  seconds: 3_600,
  async run({ world, rounds }) {
    const { network, random, tap } = world
    const writers = await network.accounts(['win', 'wes', 'wyn', 'wil'])
    const movers = await network.accounts(['max', 'mia', 'moe'])
    const authors = [...writers, ...movers].map((account) => new Author(account, random))
    const tree = await buildTree(800, random)
    for (const account of movers) await account.importTree(tree)
    const accounts = [...writers, ...movers]
    await world.start()
    await tap.add(accounts)
    for (const author of authors) await author.write()
    await world.settle(accounts)
    await tap.stop() // in order, so that there is a cursor to come back to
    await tap.start()

    for (let round = 1; round <= rounds; round++) {
      const load = Promise.all(loads(world, authors, movers, round))
      load.catch(() => {}) // reported where it is awaited
      try {
        for (let crashes = random.between(1, 2); crashes > 0; crashes--) {
          if (random.chance(0.4)) world.consumer.disconnect() // so that much waits to be delivered
          await randomMoment(world)
          await world.crash()
          await tap.check()
          await restart(world, round)
        }
        await load
        await world.settle(accounts, { seconds: 60 })
      } catch (error) {
        error.message = `round ${round} of ${rounds}: ${error.message}`
        throw error
      }
      if (round % 10 === 0) {
        const { received, repeated } = world.history
        console.log(`        round ${round}: ${tap.starts} starts, ${received} events, ${repeated} of them again`)
      }
    }
  },
}

// What goes on while Tap is killed.
function loads(world, authors, movers, round) {
  const { random } = world
  const writes = authors.map(async (author) => {
    for (let i = random.between(2, 6); i > 0; i--) await author.write(random.between(1, 15))
  })
  const [author] = authors
  if (round % 4 === 0) writes.push(author.account.setHandle(`win-${round}${author.account.pds.domain}`))
  if (random.chance(0.7))
    writes.push(readd(world, random.pick(authors.filter(({ account }) => movers.includes(account)))))
  return writes
}

async function readd(world, author) {
  const { account } = author
  await world.insist('remove', () => world.tap.remove([account]))
  world.history.repo(account.did).startAgainAt(await author.write())
  await world.insist('add', () => world.tap.add([account]))
}

// Somewhere in the stream of events, or soon if there are none.
async function randomMoment(world) {
  const { random, history } = world
  const goal = history.received + random.between(0, 400)
  const latest = Date.now() + random.between(0, 800)
  while (history.received < goal && Date.now() < latest) await pause(1)
}

// Starts again; every third time it does not live to see its start-up end.
async function restart(world, round) {
  const { random, tap, history } = world
  if (random.chance(0.3)) {
    tap.launch()
    await pause(random.between(0, 60))
    await tap.kill()
    await tap.check()
  }
  world.consumer =
    round % 2
      ? new SlowConsumer(tap, history, (event) => ackLater(world, event))
      : new Consumer(tap, history, { line: world.line })
  await world.start()
}

function ackLater(world, event) {
  const { consumer, random } = world
  const { ws } = consumer
  setTimeout(() => {
    if (consumer.ws === ws) consumer.ack(event)
  }, random.below(4))
  return false
}
