// SPDX-License-Identifier: MIT
// What repos depend on fails for a while: the PDS refuses, limits or cuts exports, a PDS is away, the PLC directory is. No event
// is lost over it.
import { Author, buildTree } from '../lib/content.mjs'

export default {
  seconds: 300,
  async run({ world }) {
    const { network, random, tap } = world
    const accounts = await network.accounts(['oli', 'ora', 'ole', 'ott'])
    const authors = accounts.map((account) => new Author(account, random))
    for (const author of authors) await author.write(40)
    await accounts[3].importTree(await buildTree(2_000, random))
    await world.start()

    // The first export of each repo is asked to come later, the second breaks off.
    const asked = new Map()
    for (const pds of network.pdses) {
      pds.repoFault = ({ did, response, sendJson }) => {
        if (!accounts.some((account) => account.did === did)) return false
        const times = (asked.get(did) ?? 0) + 1
        asked.set(did, times)
        if (times === 1) sendJson(response, 429, { error: 'RateLimitExceeded' }, { 'retry-after': '1' })
        return times === 1
      }
    }
    await tap.add(accounts)
    await world.settle(accounts, { seconds: 60 })
    for (const pds of network.pdses) pds.repoFault = undefined

    // Keys cannot be had: a new key's commits wait for them.
    network.plc.fault = 503
    try {
      for (const author of authors.slice(0, 2)) await author.write(3)
    } finally {
      network.plc.fault = undefined
    }
    await accounts[0].rotateKey('k256')
    network.plc.fault = 503
    try {
      await authors[0].write(3)
    } finally {
      network.plc.fault = undefined
    }
    await world.settle(accounts, { seconds: 120 })

    // A PDS restarts; its accounts write on.
    await network.pdses[0].close()
    await authors[1].write(2)
    await network.pdses[0].open()
    for (const author of authors.slice(0, 3)) await author.write(2)
    await world.settle(accounts)
  },
}
