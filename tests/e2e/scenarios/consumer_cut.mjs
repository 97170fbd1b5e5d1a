// SPDX-License-Identifier: MIT
// The consumer goes away in the middle, again and again, during backfill and during live traffic; and it is served
// again at once when it returns, not after a timeout.
import { Author, buildTree } from '../lib/content.mjs'

export default {
  async run({ world }) {
    const { network, random, tap, consumer, history } = world
    const accounts = await network.accounts(['one', 'two', 'three', 'four'])
    const tree = await buildTree(1_500, random)
    for (const account of accounts.slice(0, 2)) await account.importTree(tree)
    await world.start()
    await tap.add(accounts)
    // A round may take far more than it waits for: events come in bursts.
    const allIsTold = () => history.seen.size >= 2 * 1_500
    for (let i = 0; i < 10; i++) {
      await world.events(random.between(1, 150), { orWhen: allIsTold })
      consumer.disconnect()
      consumer.connect()
    }
    const authors = accounts.map((account) => new Author(account, random))
    const writing = Promise.all(
      authors.map(async (author) => {
        for (let i = 0; i < 20; i++) await author.write(random.between(1, 20))
      }),
    )
    let isWritten = false
    const end = () => (isWritten = true)
    writing.then(end, end)
    for (let i = 0; i < 20; i++) {
      await world.events(random.between(1, 20), { orWhen: () => isWritten })
      consumer.disconnect()
      consumer.connect()
    }
    await writing
    await world.settle(accounts, { seconds: 30 })
  },
}
