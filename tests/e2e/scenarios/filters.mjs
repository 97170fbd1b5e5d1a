// SPDX-License-Identifier: MIT
// Only some collections are wanted, by name and by prefix: the others are neither delivered nor counted, but their
// commits count as seen.
import { op } from '../lib/account.mjs'
import { post, posts, writeOddRepo } from '../lib/content.mjs'
import { tid } from '../lib/tid.mjs'

export default {
  settings: { TAP_COLLECTION_FILTERS: 'com.example.t*,com.example.big' },
  async run({ world }) {
    const { network, random, tap } = world
    world.wanted = (path) => /^com\.example\.(t|big\/)/.test(path)
    const accounts = await network.accounts(['fay', 'fox'])
    await writeOddRepo(accounts[0], random)
    await world.start()
    await tap.add(accounts)
    await world.settle(accounts)
    await writeOddRepo(accounts[1], random)
    for (const account of accounts) await account.batch([op.create(posts, tid(), post(random))]) // nothing wanted in it
    await world.settle(accounts)
  },
}
