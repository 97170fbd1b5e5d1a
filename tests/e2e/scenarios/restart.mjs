// SPDX-License-Identifier: MIT
// SIGTERM and a new start: the official client comes back by itself, what was acked is not delivered again, what
// happened meanwhile is.
import { Author } from '../lib/content.mjs'

export default {
  async run({ world }) {
    const { network, random, tap } = world
    const accounts = await network.accounts(['tess', 'theo', 'tina'])
    const authors = accounts.map((account) => new Author(account, random))
    for (const author of authors) await author.write(50)
    await world.start()
    await tap.add(accounts)
    for (const author of authors) await author.write() // the first event seen makes the first cursor
    await world.settle(accounts)
    for (let i = 0; i < 3; i++) {
      await tap.stop()
      for (const author of authors) await author.write(10)
      await tap.start() // the consumer is not told
      await world.settle(accounts)
    }
    if (world.history.repeated) throw new Error(`${world.history.repeated} acked events were delivered again`)
  },
}
