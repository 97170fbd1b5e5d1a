// SPDX-License-Identifier: MIT
// The original program has a database, events that nobody took yet, and a past with its consumers. Ours takes its place:
// same settings, same database, same consumers. Nothing that was acked comes again, and nothing is missing.
import { Author } from '../lib/content.mjs'

export default {
  async run({ world, original, skip }) {
    if (!original) skip('no --original')
    const { network, random, tap, history } = world
    const accounts = await network.accounts(['umar', 'ursa', 'uwe'])
    const authors = accounts.map((account) => new Author(account, random))
    const [busy] = authors
    for (const author of authors) await author.write(50)

    const ours = tap.binary
    tap.binary = original
    await world.start()
    await tap.add(accounts)
    await world.settle(accounts)
    for (const author of authors) await author.write(20)
    await world.settle(accounts)
    world.consumer.disconnect()
    const revs = []
    for (const author of authors) revs.push(await author.write(15))
    await world.until('the original has stored what nobody takes', async () => {
      const infos = await Promise.all(accounts.map(({ did }) => tap.info(did)))
      return infos.every(({ rev }, i) => rev === revs[i]) && (await tap.undelivered()) > 0
    })
    const waiting = await tap.undelivered()
    await tap.signal('SIGTERM')

    await busy.write(10)
    tap.binary = ours
    await world.start()
    await world.settle(accounts)
    for (const author of authors) await author.write(5)
    await world.settle(accounts)
    if (history.repeated) throw new Error(`${history.repeated} acked events were delivered again`)
    console.log(`        ${waiting} events waited in the original's database`)
  },
}
