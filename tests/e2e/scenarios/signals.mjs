// SPDX-License-Identifier: MIT
// Who has a record in a signal collection is followed, whole, and nobody else: one collection, then two, then a prefix,
// which can be found in the firehose only.
import { op } from '../lib/account.mjs'
import { Author, post } from '../lib/content.mjs'

const one = 'com.example.signal.one'
const two = 'com.example.signal.two'
const three = 'com.example.signal.three'
const mark = (account, collection, random) =>
  account.batch([op.create(collection, 'self', { ...post(random), $type: collection })])

export default {
  settings: { TAP_SIGNAL_COLLECTION: one },
  async run({ world }) {
    const { network, random, tap } = world
    const accounts = await network.accounts([
      'ona',
      'olga',
      'otto',
      'oren',
      'late',
      'tara',
      'toni',
      'thea',
      'theo',
      'mute',
    ])
    const [ona, olga, otto, oren, late, tara, toni, thea, theo] = accounts
    const authors = accounts.map((account) => new Author(account, random))
    const writeAll = async () => {
      for (const author of authors) await author.write(random.between(1, 5))
    }
    const followed = []
    const expect = async (...more) => {
      followed.push(...more)
      await world.settle(followed)
      const strangers = [...world.history.repos.keys()].filter(
        (did) => !followed.some((account) => account.did === did),
      )
      if (strangers.length) throw new Error(`events of ${strangers}, which nobody asked for`)
      const count = await tap.followed()
      if (count !== followed.length) throw new Error(`${count} repos are followed, not ${followed.length}`)
    }
    const restart = async (collections) => {
      await tap.stop()
      world.consumer.disconnect()
      tap.configure({ TAP_SIGNAL_COLLECTION: collections })
      await world.start()
      await world.until('tap follows the relay', () => network.relay.consumers.size > 0)
    }

    await writeAll()
    for (const account of [ona, olga, otto, oren]) await mark(account, one, random) // which makes two pages
    await mark(thea, three, random)
    await world.start()
    await expect(ona, olga, otto, oren)
    await world.until('tap follows the relay', () => network.relay.consumers.size > 0)
    await writeAll()
    await mark(late, one, random)
    await mark(tara, two, random)
    await writeAll()
    await expect(late)

    await restart(`${one},${two}`)
    await expect(tara)
    await mark(toni, two, random)
    await writeAll()
    await expect(toni)

    await restart(`${one},com.example.signal.t*`)
    await writeAll()
    await expect()
    await mark(theo, three, random)
    await thea.put(three, 'self', { ...post(random), $type: three })
    await writeAll()
    await expect(theo, thea)
  },
}
