// SPDX-License-Identifier: MIT
// The relay is cut between frames and within one, stays away for a while, and is met again with the cursor.
import { Author } from '../lib/content.mjs'

export default {
  async run({ world }) {
    const { network, random, tap } = world
    const { relay } = network
    const accounts = await network.accounts(['rick', 'rosa', 'rhea', 'rolf'])
    await world.start()
    await tap.add(accounts)
    await world.settle(accounts)
    const authors = accounts.map((account) => new Author(account, random))
    const write = async () => {
      for (const author of authors) await author.write(random.between(1, 8))
    }

    await write() // the first event seen makes the first cursor
    await world.settle(accounts)

    for (let i = 0; i < 6; i++) {
      await write()
      await world.until('tap follows the relay', () => relay.consumers.size > 0)
      if (i % 2) relay.cutMidFrame()
      else relay.cut()
      await write()
    }
    await world.settle(accounts)

    relay.down = true
    relay.cut()
    await write()
    relay.down = false
    await world.settle(accounts)
    if (world.history.repeated)
      throw new Error(`${world.history.repeated} events were delivered twice without a reason`)
  },
}
