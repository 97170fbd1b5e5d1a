// SPDX-License-Identifier: MIT
// Repos that are added before they have content: everything comes live. Creates, edits, deletes, batches of 200,
// records deleted and created again.
import { Author, writeOddRepo } from '../lib/content.mjs'

export default {
  async run({ world }) {
    const { network, random, tap } = world
    const accounts = await network.accounts(['ada', 'bob', 'cyd', 'deb'])
    await world.start()
    await tap.add(accounts)
    await world.settle(accounts)

    const before = world.history.received
    const authors = accounts.map((account) => new Author(account, random))
    await Promise.all(
      authors.map(async (author) => {
        await author.write(200)
        for (let i = 0; i < 15; i++) await author.write(random.between(1, 12))
        await author.recreate()
        await author.write(200)
      }),
    )
    await writeOddRepo(accounts[0], random)
    await world.settle(accounts)
    if (world.history.received < before + 1_600) throw new Error('fewer events than writes')
    if (world.history.repeated)
      throw new Error(`${world.history.repeated} events were delivered twice without a reason`)
  },
}
