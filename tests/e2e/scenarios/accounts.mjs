// SPDX-License-Identifier: MIT
// Deactivation and return, takedown and its undoing, deletion: of repos under way and of ones added afterwards.
import { Author } from '../lib/content.mjs'

export default {
  async run({ world }) {
    const { network, random, tap } = world
    const accounts = await network.accounts(['pauser', 'leaver', 'taken', 'restored', 'deleted', 'bystander'])
    const [pauser, leaver, taken, restored, deleted] = accounts
    const authors = accounts.map((account) => new Author(account, random))
    for (const author of authors) await author.write(20)
    await world.start()
    await tap.add(accounts)
    await world.settle(accounts)

    for (const author of authors) await author.write(3)
    for (const account of [leaver, taken]) await world.keep(account)
    await pauser.deactivate()
    await leaver.deactivate()
    await taken.takedown(true)
    await restored.takedown(true)
    await world.until('the takedown is known', () => world.history.repo(restored.did).status === 'takendown')
    await pauser.activate()
    await restored.takedown(false)
    await deleted.erase()
    for (const author of authors) if (author.account.status === 'active') await author.write(4)
    await world.settle(accounts)

    await leaver.activate()
    world.kept.delete(leaver.did)
    for (const author of authors) if (author.account.status === 'active') await author.write(4)
    await world.settle(accounts)
    await assertGone(tap, deleted)
  },
}

async function assertGone(tap, { did }) {
  const response = await fetch(`${tap.url}/info/${did}`)
  if (response.status !== 404) throw new Error(`/info of a deleted account: HTTP ${response.status}`)
}
