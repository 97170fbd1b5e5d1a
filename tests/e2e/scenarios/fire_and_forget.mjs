// SPDX-License-Identifier: MIT
// Without acks: what is written to a consumer is done with. One that never acks gets everything once, and what happens
// while it is away when it returns; acks that come nevertheless do no harm.
import { Consumer } from '../lib/consumer.mjs'
import { Author } from '../lib/content.mjs'

export default {
  settings: { TAP_DISABLE_ACKS: 'true', TAP_RETRY_TIMEOUT: '100ms' },
  async run({ world }) {
    const { network, random, tap, history } = world
    const accounts = await network.accounts(['fran', 'finn', 'fern'])
    const authors = accounts.map((account) => new Author(account, random))
    const writeAll = async () => {
      for (const author of authors) for (let i = 0; i < 5; i++) await author.write(random.between(1, 20))
    }
    for (const author of authors) await author.write(150)
    world.consumer = new Consumer(tap, history, { line: world.line, acks: false })
    await world.start()
    await tap.add(accounts)
    await writeAll()
    await world.settle(accounts)

    world.consumer.disconnect()
    const { received } = history
    await writeAll()
    await world.until('events wait for a consumer', async () => (await tap.undelivered()) > 0)
    await tap.stop()
    await tap.start()
    if (history.received !== received) throw new Error('events without a consumer')
    world.consumer = new Consumer(tap, history, { line: world.line })
    world.consumer.connect()
    await writeAll()
    await world.settle(accounts)
    if (history.repeated) throw new Error(`${history.repeated} events were delivered again`)
  },
}
