// SPDX-License-Identifier: MIT
// What may be on its way before an ack: of a repo, historical events together, or one live event alone. SlowConsumer
// checks it on every event; here the acks of one repo wait, and those of the other must not wait with them.
import { Author } from '../lib/content.mjs'
import { SlowConsumer } from '../lib/slow_consumer.mjs'

export default {
  async run({ world }) {
    const { network, random, tap, history } = world
    const [held, free] = await network.accounts(['held', 'free'])
    const authors = [held, free].map((account) => new Author(account, random))
    for (const author of authors) await author.write(50)

    const unacked = []
    const keepsAck = (event) => event.did === held.did && unacked.push(event) > 0
    world.consumer = new SlowConsumer(tap, history, (event) => !keepsAck(event))
    const ackAll = () => unacked.splice(0).forEach((event) => world.consumer.ack(event))

    await world.start()
    await tap.add([held, free])
    await world.until('all historical events are on their way together', () => {
      // The identity event is a barrier of its own, before them or after them.
      if (unacked.some(({ type }) => type === 'identity')) ackAll()
      return unacked.filter(({ live }) => live === false).length === 50
    })

    for (const author of authors) for (let i = 0; i < 3; i++) await author.write()
    const other = history.repo(free.did)
    await world.until('the other repo goes on', () => other.rev > other.snapshotRev)
    await world.until('live events wait behind the historical ones', async () => (await tap.undelivered()) >= 50 + 3)

    world.consumer.onEvent = () => true
    ackAll()
    await world.settle([held, free])
  },
}
