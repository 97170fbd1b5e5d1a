// SPDX-License-Identifier: MIT
// What repos depend on fails for a while: a PDS limits exports, breaks one off, is away; the PLC directory has no
// answer when a new key is needed. No event is lost over it.
import { Author, buildTree } from '../lib/content.mjs'

export default {
  seconds: 300,
  async run({ world }) {
    const { network, random, tap } = world
    const accounts = await network.accounts(['oli', 'ora', 'ole', 'ott'])
    const authors = accounts.map((account) => new Author(account, random))
    for (const author of authors.slice(0, 2)) await author.write(40)
    const tree = await buildTree(2_000, random)
    for (const account of accounts.slice(2)) await account.importTree(tree)
    await world.start()

    const exports = new Exports(network.pdses)
    await tap.add(accounts)
    await world.until('broken exports are reported', async () => {
      const states = await Promise.all(accounts.map(async ({ did }) => (await tap.info(did)).state))
      return states.every((state) => state === 'error')
    })
    exports.heal()
    await tap.add(accounts) // a person need not wait for the next try
    await world.settle(accounts)

    const [first, second] = authors
    await first.account.rotateKey('k256')
    network.plc.fault = 503
    try {
      await first.write(3)
      const rev = await second.write(3)
      await world.until('others go on meanwhile', () => world.history.repo(second.account.did).rev === rev)
    } finally {
      network.plc.fault = undefined
    }
    await world.settle(accounts)

    const [pds] = network.pdses
    await pds.close()
    for (const author of authors) if (author.account.pds !== pds) await author.write(2)
    await pds.open()
    for (const author of authors) await author.write(2)
    await world.settle(accounts)
  },
}

// Of each repo, the first export is put off, and all later ones break off in the middle, until it heals.
class Exports {
  asked = new Set()

  constructor(pdses) {
    this.pdses = pdses
    for (const pds of pdses) pds.repoFault = (request) => this.fail(request)
  }

  fail({ did, response }) {
    if (this.asked.has(did)) return breakOff(response)
    this.asked.add(did)
    response
      .writeHead(429, { 'content-type': 'application/json', 'retry-after': '1' })
      .end('{"error":"RateLimitExceeded"}')
    return true
  }

  heal() {
    for (const pds of this.pdses) pds.repoFault = undefined
  }
}

// The PDS answers itself, but the connection ends after half of what it writes first.
function breakOff(response) {
  const { write } = response
  response.write = (bytes) => write.call(response, bytes.subarray(0, bytes.length / 2), () => response.destroy())
  response.end = () => response.destroy()
  return false
}
