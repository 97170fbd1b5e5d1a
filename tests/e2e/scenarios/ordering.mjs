// SPDX-License-Identifier: MIT
// What may be on its way before an ack: of a repo, historical events together, or one live event alone; other repos are not
// held up.
import { Author } from '../lib/content.mjs'
import { SlowConsumer } from '../lib/slow_consumer.mjs'

export default {
  async run({ world }) {
    const { network, random, tap, history } = world
    const [held, free] = await network.accounts(['held', 'free'])
    const authors = [held, free].map((account) => new Author(account, random))
    for (const author of authors) await author.write(50)

    // Acks of one account wait; those of the other do not.
    const waiting = []
    world.consumer = new SlowConsumer(tap, history, (event) => event.did !== held.did || void waiting.push(event) || false)
    await world.start()
    await tap.add([held, free])
    const ackAll = () => waiting.splice(0).forEach((event) => world.consumer.ack(event))
    const historical = () => waiting.filter(({ live }) => live === false).length
    await world.until('all historical events are on their way together', () => {
      if (waiting.some(({ type }) => type === 'identity')) ackAll() // a barrier of its own, before them or among them
      return historical() + history.repo(held.did).records.size >= 50 && history.repo(held.did).records.size === 50
    })
    await authors[0].write(3)
    await authors[1].write(3)
    await world.caughtUp()
    await world.until('the other repo goes on', () => history.repo(free.did).records.size && history.repo(free.did).lastId && [...history.seen].length > 100)
    for (;;) {
      ackAll()
      if ((await tap.undelivered()) === 0) break
      await world.until('the next event', async () => waiting.length > 0 || (await tap.undelivered()) === 0)
    }
    await world.settle([held, free])
  },
}
