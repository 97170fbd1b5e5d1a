// SPDX-License-Identifier: MIT
// A start at the live end of the firehose: what happened meanwhile is not replayed, and a repo that was missed is fetched
// when it is heard of again. A start without that setting goes on where it was.
import { Author } from '../lib/content.mjs'

export default {
  async run({ world }) {
    const { network, random, tap, history } = world
    const accounts = await network.accounts(['nat', 'ned', 'nan', 'quiet'])
    const quiet = accounts.at(-1)
    const authors = accounts.map((account) => new Author(account, random))
    for (const author of authors) await author.write(20)
    const restart = async (noReplay) => {
      await tap.stop()
      for (const author of authors) {
        const rev = await author.write(random.between(1, 10))
        await world.until('the relay has the commit', () => network.relay.revs.get(author.account.did) === rev)
      }
      tap.configure({ TAP_NO_REPLAY: noReplay })
      await tap.start() // the client is not told
      await world.until('tap follows the relay', () => network.relay.consumers.size > 0)
    }
    await world.start()
    await world.until('tap follows the relay', () => network.relay.consumers.size > 0)
    for (const author of authors) await author.write()
    // What it fetches before its first event, it fetches again.
    await world.until('tap has a cursor', async () => (await tap.get('/stats/cursors')).firehose > 0)
    await tap.add(accounts)
    await world.settle(accounts)

    await restart('true')
    const { lastId } = history.repo(quiet.did)
    for (const author of authors.slice(0, 3)) await author.write(random.between(1, 10))
    await world.settle(accounts.slice(0, 3))
    if (history.repo(quiet.did).lastId !== lastId) throw new Error('it was replayed')
    await authors.at(-1).write()
    await world.settle(accounts)

    await restart('false')
    await world.settle(accounts)
    if (history.repeated) throw new Error(`${history.repeated} acked events were delivered again`)
  },
}
