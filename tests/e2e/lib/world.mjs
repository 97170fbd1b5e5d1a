// SPDX-License-Identifier: MIT
// What a scenario works with: the network that all share, a Tap and a consumer of its own, and the final judgement.
import { Consumer } from './consumer.mjs'
import { History } from './history.mjs'
import { contentOf, difference } from './oracle.mjs'
import { Random } from './random.mjs'
import { Tap } from './tap.mjs'
import { until } from './wait.mjs'

export class World {
  history = new History()
  kept = new Map() // DID -> content of an account that its PDS no longer gives out
  wanted = () => true // which paths the settings let through

  // `line` is that of the official client.
  static async create({ network, databases, binary, dir, seed, line, settings }) {
    const world = new World()
    Object.assign(world, { network, dir, line, random: new Random(seed) })
    world.tap = await Tap.create({
      binary,
      dir,
      settings,
      databaseUrl: await databases.create(dir),
      relayUrl: network.relay.url,
      plcUrl: network.plc.url,
      caFile: network.handles?.caFile,
    })
    world.consumer = new Consumer(world.tap, world.history, { line })
    return world
  }

  async start() {
    await this.tap.start()
    this.consumer.connect()
  }

  // SIGKILL, and the consumer notices.
  async crash() {
    await this.tap.kill()
    this.consumer.disconnect()
  }

  until(what, condition, options = {}) {
    const check = () => {
      this.tap.assertAlive()
      this.history.assertClean()
      this.consumer.assertClean()
    }
    return until(what, condition, { check, ...options })
  }

  // Does what may fail while Tap is down, again until it is done.
  insist(what, action) {
    return this.until(
      what,
      () =>
        action().then(
          () => true,
          () => false,
        ),
      { seconds: 30 },
    )
  }

  // Waits until the consumer has received `count` more events, or there are no more to come.
  async events(count, { orWhen = () => false, ...options } = {}) {
    const goal = this.history.received + count
    const came = () => this.history.received >= goal || orWhen()
    await this.until(`${count} more events`, came, { everyMs: 2, ...options })
  }

  // Remembers what an account contains, before its PDS stops to say so.
  async keep(account) {
    this.kept.set(account.did, await contentOf(account, this.network.plc))
  }

  async contentOf(account) {
    if (account.status === 'deleted') return { records: new Map() }
    const { rev, records } = this.kept.get(account.did) ?? (await contentOf(account, this.network.plc))
    return { rev, records: new Map([...records].filter(([path]) => this.wanted(path))) }
  }

  // Waits until the consumer's state is the truth for every account and nothing is left to deliver, then checks what
  // Tap says of itself. `handles: false` leaves handles out; `drained: false` lets events of other accounts wait.
  async settle(accounts, { seconds = 60, handles = true, drained = true } = {}) {
    const contents = new Map()
    for (const account of accounts) contents.set(account.did, await this.contentOf(account))
    const wrong = () => {
      for (const account of accounts) {
        const fault = this.faultOf(account, contents.get(account.did), handles)
        if (fault) return `${account.handle} (${account.did}): ${fault}`
      }
      return undefined
    }
    await this.until('the consumer knows the truth', () => !wrong(), { seconds, describe: wrong })
    await this.until(
      'nothing is left to deliver',
      async () => !drained || ((await this.tap.undelivered()) === 0 && (await this.tap.buffered()) === 0),
    )
    for (const account of accounts) await this.assertInfo(account, contents.get(account.did))
    if (wrong()) throw new Error(`after the last event: ${wrong()}`)
    this.history.assertClean()
    this.consumer.assertClean()
  }

  faultOf(account, content, handles) {
    const repo = this.history.repo(account.did)
    const handle = this.network.handles?.hidden.has(account.handle) ? 'handle.invalid' : account.handle
    if (handles && account.status !== 'deleted' && repo.handle !== handle)
      return `the handle is ${repo.handle}, not ${handle}`
    if ((repo.status ?? 'active') !== account.status) return `the status is ${repo.status}, not ${account.status}`
    return difference(repo.records, content.records)
  }

  async assertInfo(account, { rev, records }) {
    if (account.status === 'deleted') return
    // The rev may follow the last event, when a commit changes nothing.
    let info
    await this.until(
      `/info of ${account.handle} is right`,
      async () => {
        info = await this.tap.info(account.did)
        return info.state === 'active' && info.rev === rev && info.records === records.size && info.error === ''
      },
      { seconds: 20, describe: () => `${JSON.stringify(info)} instead of rev ${rev} and ${records.size} records` },
    )
  }

  async close() {
    this.consumer.disconnect()
    if (this.tap.running) await this.tap.kill()
  }
}
