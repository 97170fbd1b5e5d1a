// SPDX-License-Identifier: MIT
// The consumer goes away in the middle, again and again, during backfill and during live traffic; and it is served
// again at once when it returns, not after a timeout.
import { Author, buildTree } from '../lib/content.mjs'

export default {
  async run({ world }) {
    const { network, random, tap, consumer } = world
    const accounts = await network.accounts(['one', 'two', 'three', 'four'])
    const tree = await buildTree(1_500, random)
    for (const account of accounts.slice(0, 2)) await account.importTree(tree)
    await world.start()
    await tap.add(accounts)
    for (let i = 0; i < 10; i++) {
      await world.events(random.between(1, 150))
      consumer.disconnect()
      consumer.connect()
    }
    const authors = accounts.map((account) => new Author(account, random))
    const writing = Promise.all(
      authors.map(async (author) => {
        for (let i = 0; i < 20; i++) await author.write(random.between(1, 20))
      }),
    )
    for (let i = 0; i < 20; i++) {
      await world.events(random.between(1, 20))
      consumer.disconnect()
      consumer.connect()
    }
    await writing
    await world.settle(accounts, { seconds: 30 })
  },
}
