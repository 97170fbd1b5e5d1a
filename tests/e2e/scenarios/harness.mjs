// SPDX-License-Identifier: MIT
// The tools themselves, without Tap: a consumer that takes its events straight from the relay's frames must end with
// what the oracle says, and the checks on the way must hold for the real network's own order.
import { decodeAll, decode } from '@atproto/lex-cbor'
import { readCarWithRoot } from '@atproto/repo'
import { Author, writeOddRepo } from '../lib/content.mjs'
import { History } from '../lib/history.mjs'
import { contentOf, difference } from '../lib/oracle.mjs'
import { Random } from '../lib/random.mjs'
import { until } from '../lib/wait.mjs'

export default {
  standalone: true,
  async run({ network, seed }) {
    const random = new Random(seed)
    const accounts = await network.accounts(['ann', 'ben', 'cat', 'dan'])
    const authors = accounts.map((account) => new Author(account, random))
    await writeOddRepo(accounts[0], random)
    for (const author of authors) for (const count of [6, 1, 30, 200]) await author.write(count)
    await authors[1].recreate()
    for (const account of accounts) await account.rotateKey(random.pick(['k256', 'p256']))
    for (const author of authors) await author.write(3)

    const history = new History()
    let id = 0
    let next = 0
    const replay = async () => {
      for (; next < network.relay.frames.length; next++)
        for (const event of await eventsOf(network.relay.frames[next])) history.add({ id: ++id, ...event })
    }
    for (const account of accounts) {
      const { records } = await contentOf(account, network.plc)
      const differs = () => difference(history.repo(account.did).records, records)
      await until(`frames of ${account.handle}`, async () => (await replay(), !differs()), {
        seconds: 10,
        describe: differs,
      })
    }
    history.assertClean()
  },
}

async function eventsOf(frame) {
  const [header, body] = decodeAll(frame)
  if (header.t !== '#commit') return []
  const { blocks } = await readCarWithRoot(body.blocks)
  return body.ops.map(({ action, path, cid }) => {
    const [collection, rkey] = path.split('/')
    const content = cid ? { cid: cid.toString(), record: decode(blocks.get(cid)) } : {}
    return { type: 'record', did: body.repo, rev: body.rev, live: true, action, collection, rkey, ...content }
  })
}
