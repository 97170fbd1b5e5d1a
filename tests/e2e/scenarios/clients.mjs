// SPDX-License-Identifier: MIT
// The official client in each of its lines, with a password: its requests, its indexer on a channel with acks, its
// return after a restart, its good-bye; and at the end two of different lines on one Tap.
import assert from 'node:assert/strict'
import { clients } from '../lib/clients.mjs'
import { Consumer } from '../lib/consumer.mjs'
import { Author } from '../lib/content.mjs'

const password = 'pässword 1'
const nobody = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'

export default {
  settings: { TAP_ADMIN_PASSWORD: password },
  async run({ world }) {
    const { network, random, tap, history } = world
    const stayers = await network.accounts(['una', 'ugo', 'ulla'])
    const authors = stayers.map((account) => new Author(account, random))
    for (const author of authors) await author.write(30)
    await tap.start()

    for (const [line, library] of Object.entries(clients)) {
      const leaver = new Author(await network.account('uwe'), random)
      await leaver.write(30)
      const all = [...authors, leaver]
      const accounts = all.map(({ account }) => account)
      const client = new library.Tap(tap.url, { adminPassword: password })
      await assertRefused(library, tap.url)

      world.consumer = new Indexer(tap, history, { line })
      world.consumer.connect()
      await client.addRepos(accounts.map(({ did }) => did))
      for (const author of all) await author.write(random.between(1, 5))
      await world.settle(accounts)
      await assertAnswers(client, accounts)

      await tap.stop()
      for (const author of all) await author.write(2)
      await tap.start() // the client is not told
      await world.settle(accounts)

      await client.removeRepos([leaver.account.did])
      await assert.rejects(client.getRepoInfo(leaver.account.did), /Failed to get repo info: Not Found/)
      const { lastId } = history.repo(leaver.account.did)
      for (const author of all) await author.write()
      await world.settle(stayers)
      assert.equal(history.repo(leaver.account.did).lastId, lastId, 'events of a removed repo')
      await world.consumer.destroy()
    }
    assert.equal(history.repeated, 0)

    world.consumer = new Both(Object.keys(clients).map((line) => new Indexer(tap, history, { line })))
    world.consumer.connect()
    await Promise.all(
      authors.map(async (author) => {
        for (let i = 0; i < 10; i++) await author.write(random.between(1, 10))
      }),
    )
    await world.settle(stayers)
  },
}

async function assertRefused({ Tap }, url) {
  const stranger = new Tap(url, { adminPassword: 'guess' })
  await assert.rejects(stranger.addRepos([nobody]), /Failed to add repos: Unauthorized/)
  await assert.rejects(stranger.removeRepos([nobody]), /Failed to remove repos: Unauthorized/)
  await assert.rejects(stranger.getRepoInfo(nobody), /Failed to get repo info: Unauthorized/)
  await assert.rejects(stranger.resolveDid(nobody), /Failed to resolve DID: Unauthorized/)
  await assert.rejects(stranger.channel({ onEvent: () => {}, onError: () => {} }).start(), /401/)
}

async function assertAnswers(client, accounts) {
  for (const { did, handle } of accounts) {
    const info = await client.getRepoInfo(did)
    assert.deepEqual([info.did, info.handle, info.state], [did, handle, 'active'])
    const document = await client.resolveDid(did)
    assert.equal(document.id, did)
    assert.deepEqual(document.alsoKnownAs, [`at://${handle}`])
  }
  assert.equal(await client.resolveDid(nobody), null)
  await assert.rejects(client.getRepoInfo(nobody), /Failed to get repo info: Not Found/)
  await assert.rejects(client.addRepos(['no-did']), /Failed to add repos: Bad Request/)
}

// Uses the indexer that comes with the client; it acks by itself.
class Indexer extends Consumer {
  handler(take, fail) {
    const { SimpleIndexer } = this.library
    return new SimpleIndexer().identity(take).record(take).error(fail)
  }

  // Ends the channel as a program does that shuts down.
  async destroy() {
    const { channel } = this
    this.channel = undefined
    await channel.destroy()
  }
}

class Both {
  constructor(consumers) {
    this.consumers = consumers
  }
  connect() {
    for (const consumer of this.consumers) consumer.connect()
  }
  disconnect() {
    for (const consumer of this.consumers) consumer.disconnect()
  }
  assertClean() {
    for (const consumer of this.consumers) consumer.assertClean()
  }
}
