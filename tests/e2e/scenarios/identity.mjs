// SPDX-License-Identifier: MIT
// Handles that resolve by DNS and by HTTPS, change, and stop to resolve.
import { Author } from '../lib/content.mjs'

export default {
  async run({ world }) {
    const { network, random, tap } = world
    const byDns = await network.account('dora', { pds: 0 })
    const byHttps = await network.account('webb', { pds: 1 })
    const nowhere = await network.account('nell', { pds: 0 })
    network.handles.hidden.add(nowhere.handle)
    const accounts = [byDns, byHttps, nowhere]
    await world.start()
    await tap.add(accounts)
    await world.settle(accounts)

    const authors = accounts.map((account) => new Author(account, random))
    for (const author of authors) await author.write(3)
    await byDns.setHandle(`dora-again${byDns.pds.domain}`)
    await byHttps.setHandle(`webb-again${byHttps.pds.domain}`)
    await nowhere.setHandle(`nell-found${nowhere.pds.domain}`)
    for (const author of authors) await author.write(3)
    await world.settle(accounts)

    const lost = `dora-lost${byDns.pds.domain}`
    network.handles.hidden.add(lost)
    await byDns.setHandle(lost)
    await world.settle(accounts)

    for (const { did, handle } of accounts) {
      const document = await tap.get(`/resolve/${did}`)
      if (document.id !== did || document.alsoKnownAs[0] !== `at://${handle}`)
        throw new Error(`/resolve: ${JSON.stringify(document)}`)
    }
  },
}
