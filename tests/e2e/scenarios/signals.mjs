// SPDX-License-Identifier: MIT
// Who has a record in a signal collection is followed, whole, and nobody else: one collection, then two, then a prefix,
// which can be found in the firehose only.
import { Author, post } from '../lib/content.mjs'

const one = 'com.example.signal.one'
const two = 'com.example.signal.two'
const three = 'com.example.signal.three'

export default {
  settings: { TAP_SIGNAL_COLLECTION: one },
  async run({ world }) {
    const names = 'ona olga otto oren late tara toni thea theo mute'.split(' ')
    const people = new People(world, await world.network.accounts(names))
    const [ona, olga, otto, oren, late, tara, toni, thea, theo] = people.accounts

    await people.write()
    for (const account of [ona, olga, otto, oren]) await people.mark(account, one) // which makes two pages
    await people.mark(thea, three)
    await world.start()
    await people.expectFollowed(ona, olga, otto, oren)
    await people.write()
    await people.mark(late, one)
    await people.mark(tara, two)
    await people.write()
    await people.expectFollowed(late)

    await people.restart(`${one},${two}`)
    await people.expectFollowed(tara)
    await people.mark(toni, two)
    await people.write()
    await people.expectFollowed(toni)

    await people.restart(`${one},com.example.signal.t*`)
    await people.write()
    await people.expectFollowed() // thea's record was there before
    await people.mark(theo, three)
    await people.mark(thea, three)
    await people.write()
    await people.expectFollowed(theo, thea)
  },
}

class People {
  followed = []

  constructor(world, accounts) {
    Object.assign(this, { world, accounts })
    this.authors = accounts.map((account) => new Author(account, world.random))
  }

  async write() {
    for (const author of this.authors) await author.write(this.world.random.between(1, 5))
  }

  mark(account, collection) {
    return account.put(collection, 'self', { ...post(this.world.random), $type: collection })
  }

  async restart(collections) {
    const { tap, consumer } = this.world
    await tap.stop()
    consumer.disconnect()
    tap.configure({ TAP_SIGNAL_COLLECTION: collections })
    await this.world.start()
  }

  // These as well as those before, and nobody else. What is written from now on is found in the firehose.
  async expectFollowed(...accounts) {
    const { world, followed } = this
    followed.push(...accounts)
    await world.settle(followed)
    const strangers = [...world.history.repos.keys()].filter((did) => !followed.some((account) => account.did === did))
    if (strangers.length) throw new Error(`events of ${strangers}, which nobody asked for`)
    const count = await world.tap.followed()
    if (count !== followed.length) throw new Error(`${count} repos are followed, not ${followed.length}`)
    await world.until('tap follows the relay', () => world.network.relay.consumers.size > 0)
  }
}
