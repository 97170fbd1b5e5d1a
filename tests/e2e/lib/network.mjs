// SPDX-License-Identifier: MIT
// The whole network: a PLC directory, two PDSes, a relay over both, and handles that resolve.
import fs from 'node:fs/promises'
import path from 'node:path'
import { Account } from './account.mjs'
import { Handles } from './handles.mjs'
import { Pds } from './pds.mjs'
import { Plc } from './plc.mjs'
import { Relay } from './relay.mjs'

export class Network {
  accountsMade = 0

  static async start(dir) {
    const network = new Network()
    network.plc = await Plc.start()
    network.pdses = []
    for (const domain of ['.dns.test', '.web.test']) {
      const pdsDir = path.join(dir, `pds${domain}`)
      await fs.mkdir(pdsDir, { recursive: true })
      network.pdses.push(await Pds.start({ plc: network.plc, dir: pdsDir, domain }))
    }
    const [first, second] = network.pdses
    network.handles = await Handles.start({
      dir,
      domains: { '.dns.test': { by: 'dns', pds: first }, '.web.test': { by: 'https', pds: second } },
    })
    network.relay = await Relay.start(network.pdses)
    return network
  }

  // A new account, by turns on either PDS and with either type of key unless the options say.
  async account(name, { pds, p256 } = {}) {
    const number = this.accountsMade++
    const home = this.pdses[pds ?? number % 2]
    return Account.create(home, `${name}-${number}${home.domain}`, { p256: p256 ?? number % 4 >= 2 })
  }

  async accounts(names, options) {
    const made = []
    for (const name of names) made.push(await this.account(name, options))
    return made
  }

  async close() {
    await this.relay.close()
    await this.handles.close()
    for (const pds of this.pdses) await pds.close()
    await this.plc.close()
  }
}
