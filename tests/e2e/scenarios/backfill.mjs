// SPDX-License-Identifier: MIT
// Repos that have content when they are added: of every shape, on both PDSes, with both types of key, while some of
// them go on writing.
import { Author, buildTree, writeOddRepo } from '../lib/content.mjs'

export default {
  async run({ world }) {
    const { network, random, tap } = world
    const accounts = await network.accounts(['odd', 'odder', 'many', 'more', 'big', 'bigger', 'bare', 'emptied'])
    const [odd, odder, many, more, big, bigger, , emptied] = accounts
    for (const account of [odd, odder]) await writeOddRepo(account, random)
    const authors = [many, more].map((account) => new Author(account, random))
    for (const author of authors) for (const count of [200, 1, 20, 200]) await author.write(count)
    const tree = await buildTree(3_000, random)
    for (const account of [big, bigger]) await account.importTree(tree)
    const gone = new Author(emptied, random)
    await gone.write(5)
    for (const rkey of gone.keys) await emptied.delete('app.bsky.feed.post', rkey)

    await world.start()
    await tap.add(accounts)
    for (let i = 0; i < 10; i++) for (const author of authors) await author.write(random.between(1, 10))
    await world.settle(accounts)

    // Adding what is there already changes nothing and delivers nothing.
    const { received } = world.history
    await tap.add(accounts)
    for (const author of authors) await author.write()
    await world.settle(accounts)
    if (world.history.received !== received + 2)
      throw new Error(`${world.history.received - received} events for two writes`)
  },
}
