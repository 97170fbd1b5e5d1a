// SPDX-License-Identifier: MIT
// A repo is replaced by importRepo. All that the firehose says of it is a #sync, and the difference, deletes included,
// has to come from a resync.
import { op } from '../lib/account.mjs'
import { Author, post, posts } from '../lib/content.mjs'
import { tid } from '../lib/tid.mjs'

export default {
  async run({ world }) {
    const { network, random, tap } = world
    const accounts = await network.accounts(['ivan', 'iris', 'idle'])
    const authors = accounts.map((account) => new Author(account, random))
    for (const author of authors) await author.write(60)
    await world.start()
    await tap.add(accounts)
    await world.settle(accounts)

    for (const { account, keys } of authors.slice(0, 2)) {
      const [first, second, third] = keys
      await account.importWith([
        op.delete(posts, first),
        op.delete(posts, second),
        op.update(posts, third, post(random)),
        op.create(posts, tid(), post(random)),
        op.create(posts, tid(), post(random)),
      ])
    }
    await world.settle(accounts)
    for (const { account } of authors) await account.batch([op.create(posts, tid(), post(random))])
    await world.settle(accounts)
  },
}
