// SPDX-License-Identifier: MIT
// Only what is stored is delivered: no firehose, no fetches. The next start without that setting goes on where the last
// one was.
import { Author } from '../lib/content.mjs'

export default {
  async run({ world }) {
    const { network, random, tap, history } = world
    const accounts = await network.accounts(['olaf', 'omar', 'oona'])
    const added = await network.account('otis')
    const authors = [...accounts, added].map((account) => new Author(account, random))
    for (const author of authors) await author.write(30)
    await tap.start()
    await tap.add(accounts)
    const revs = []
    for (const author of authors) revs.push(await author.write(5))
    await world.until('all is stored', async () => {
      const infos = await Promise.all(accounts.map(({ did }) => tap.info(did)))
      return infos.every(({ rev }, i) => rev === revs[i])
    })
    const stored = await tap.undelivered()

    const restart = async (outboxOnly) => {
      await tap.stop()
      tap.configure({ TAP_OUTBOX_ONLY: outboxOnly })
      await tap.start()
    }
    await restart('true')
    world.consumer.connect()
    await tap.add([added])
    for (const author of authors) await author.write()
    await world.until('all that was stored is delivered', async () => (await tap.undelivered()) === 0)
    if (history.received !== stored) throw new Error(`${history.received} events, not ${stored}`)
    for (const [i, { did }] of accounts.entries())
      if (history.repo(did).rev !== revs[i]) throw new Error(`the last rev is ${history.repo(did).rev}, not ${revs[i]}`)
    const { state } = await tap.info(added.did)
    if (network.relay.consumers.size || state !== 'pending')
      throw new Error(`it follows the relay, or fetched: ${state}`)

    await restart('false')
    await world.settle([...accounts, added])
    if (history.repeated) throw new Error(`${history.repeated} acked events were delivered again`)
  },
}
