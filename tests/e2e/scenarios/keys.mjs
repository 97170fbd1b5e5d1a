// SPDX-License-Identifier: MIT
// Signing keys rotate, from either type to the other, with commits before and after and while Tap is down; documents in
// today's form and in the older one.
import { Author } from '../lib/content.mjs'

export default {
  async run({ world }) {
    const { network, random, tap } = world
    const accounts = [await network.account('kim', { p256: false }), await network.account('pam', { p256: true })]
    const authors = accounts.map((account) => new Author(account, random))
    for (const author of authors) await author.write(10)
    await world.start()
    await tap.add(accounts)
    const other = [
      ['p256', 'k256'],
      ['k256', 'p256'],
      ['p256', 'p256'],
      ['k256', 'k256'],
    ]
    for (const types of other) {
      for (const author of authors) await author.write(2)
      for (const [i, account] of accounts.entries()) await account.rotateKey(types[i])
      for (const author of authors) await author.write(2)
    }
    await world.settle(accounts)

    await tap.stop()
    world.consumer.disconnect()
    network.plc.documents = 'legacy'
    try {
      for (const author of authors) await author.write(2)
      for (const account of accounts) await account.rotateKey('p256')
      for (const author of authors) await author.write(2)
      await world.start()
      await world.settle(accounts)
    } finally {
      network.plc.documents = 'multikey'
    }
  },
}
