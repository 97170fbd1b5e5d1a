// SPDX-License-Identifier: MIT
// Repos are removed and added again while they write: their old life ends, the new one starts from nothing.
import { Author } from '../lib/content.mjs'

export default {
  async run({ world }) {
    const { network, random, tap } = world
    const accounts = await network.accounts(['ray', 'rob', 'roy', 'stay'])
    const authors = accounts.map((account) => new Author(account, random))
    for (const author of authors) await author.write(100)
    await world.start()
    await tap.add(accounts)
    for (let round = 0; round < 6; round++) {
      for (const author of authors.slice(0, 3)) {
        await author.write(5)
        await tap.remove([author.account])
        world.history.repo(author.account.did).startAgainAt(await author.write(5))
        await tap.add([author.account])
      }
      for (const author of authors) await author.write(5)
    }
    await world.settle(accounts)

    // A repo that is removed and stays so is silent.
    await tap.remove([accounts[0]])
    const { lastId } = world.history.repo(accounts[0].did)
    for (const author of authors) await author.write(5)
    await world.settle(accounts.slice(1))
    if (world.history.repo(accounts[0].did).lastId !== lastId) throw new Error('events of a removed repo')
  },
}
