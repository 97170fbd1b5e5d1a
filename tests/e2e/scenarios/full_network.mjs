// SPDX-License-Identifier: MIT
// Nobody names a repo: those that are there come from the relay's list, over several pages, and those that are new from
// its firehose. One that is away when it is listed joins when it writes again.
import { Author } from '../lib/content.mjs'

export default {
  settings: { TAP_FULL_NETWORK: 'true' },
  async run({ world }) {
    const { network, random, tap } = world
    const here = await network.accounts(['fred', 'flora', 'felix', 'faye', 'fritz'])
    const sleeper = await network.account('fiona')
    const authors = [...here, sleeper].map((account) => new Author(account, random))
    for (const author of authors) await author.write(20)
    await sleeper.deactivate()
    await world.start()
    await world.settle(here)

    await world.until('tap follows the relay', () => network.relay.consumers.size > 0)
    const born = await network.accounts(['newt', 'nina', 'nora'])
    await sleeper.activate()
    authors.push(...born.map((account) => new Author(account, random)))
    for (const author of authors) await author.write(random.between(1, 10))
    await world.settle([...here, ...born, sleeper])

    // The pass over the list is done with, and not begun again.
    await tap.stop()
    born.push(await network.account('nick'))
    authors.push(new Author(born.at(-1), random))
    for (const author of authors) await author.write(2)
    await tap.start()
    await world.settle([...here, ...born, sleeper])
    if (world.history.repeated) throw new Error(`${world.history.repeated} acked events were delivered again`)
  },
}
