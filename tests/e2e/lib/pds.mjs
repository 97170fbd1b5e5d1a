// SPDX-License-Identifier: MIT
// A real PDS on loopback, plain HTTP. The PDS's own code does everything; around it stand faults on request, and the
// choice of key type, since the PDS itself makes secp256k1 keys only.
import { AsyncLocalStorage } from 'node:async_hooks'
import fs from 'node:fs/promises'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { P256Keypair, Secp256k1Keypair } from '@atproto/crypto'
import { PDS, envToCfg, envToSecrets, scripts } from '@atproto/pds'
import { freePort, listenOnLoopback } from './loopback.mjs'

export const adminPassword = 'admin-password'

// A request with this header creates its account with a P-256 signing key.
export const p256Header = { 'x-e2e-key': 'p256' }
// A request with this header is spared all faults.
export const oracleHeader = 'x-e2e-oracle'
const requestedKey = new AsyncLocalStorage()
const createSecp256k1 = Secp256k1Keypair.create
Secp256k1Keypair.create = (options) =>
  requestedKey.getStore() === 'p256' && options?.exportable
    ? P256Keypair.create(options)
    : createSecp256k1.call(Secp256k1Keypair, options)

export class Pds {
  // While set, decides over everybody's getRepo requests but the oracle's: ({did, response}) => true when it has
  // answered.
  repoFault = undefined

  static async start({ plc, dir, domain, port }) {
    const pds = new Pds()
    Object.assign(pds, { plc, dir, domain, port: port ?? (await freePort()), sockets: new Set() })
    pds.url = `http://127.0.0.1:${pds.port}`
    await pds.open()
    return pds
  }

  async open() {
    const blobs = path.join(this.dir, 'blobs')
    await fs.mkdir(path.join(blobs, 'tmp'), { recursive: true })
    await fs.mkdir(path.join(this.dir, 'data'), { recursive: true })
    const environment = {
      devMode: true,
      port: this.port,
      hostname: 'localhost',
      dataDirectory: path.join(this.dir, 'data'),
      blobstoreDiskLocation: blobs,
      blobstoreDiskTmpLocation: path.join(blobs, 'tmp'),
      didPlcUrl: this.plc.url.replace('127.0.0.1', 'localhost'), // it refuses to fetch documents from an IP address
      serviceHandleDomains: [this.domain, '.test'],
      adminPassword,
      jwtSecret: 'jwt-secret',
      plcRotationKeyK256PrivateKeyHex: await this.rotationKey(),
      inviteRequired: false,
      disableSsrfProtection: true,
      rateLimitsEnabled: false,
      crawlers: [],
    }
    const config = envToCfg(environment)
    config.service.publicUrl = this.url // what DID documents name as the account's PDS
    this.server = await PDS.create(config, envToSecrets(environment))
    this.keepKeyTypes()
    listenOnLoopback(this.server.app, (request, response, next) => this.around(request, response, next))
    const http = await this.server.start()
    http.on('upgrade', (_, socket) => {
      this.sockets.add(socket)
      socket.on('close', () => this.sockets.delete(socket))
    })
  }

  async rotationKey() {
    const file = path.join(this.dir, 'rotation.hex')
    if (!existsSync(file)) {
      const key = await createSecp256k1.call(Secp256k1Keypair, { exportable: true })
      await fs.writeFile(file, Buffer.from(await key.export()).toString('hex'))
    }
    return fs.readFile(file, 'utf8')
  }

  around(request, response, next) {
    const url = new URL(request.url, this.url)
    if (this.repoFault && !(oracleHeader in request.headers) && url.pathname === '/xrpc/com.atproto.sync.getRepo') {
      if (this.repoFault({ did: url.searchParams.get('did'), response })) return
    }
    requestedKey.run(request.headers['x-e2e-key'], next)
  }

  // The PDS loads every key as secp256k1; a file beside the key remembers those that are not.
  keepKeyTypes() {
    const store = this.server.ctx.actorStore
    const load = store.keypair.bind(store)
    store.keypair = async (did) => {
      const { marker, keyLocation } = await this.keyFiles(did)
      return existsSync(marker) ? P256Keypair.import(await fs.readFile(keyLocation)) : load(did)
    }
    const create = store.create.bind(store)
    store.create = async (did, key) => {
      await create(did, key)
      if (key instanceof P256Keypair) await fs.writeFile((await this.keyFiles(did)).marker, '')
    }
  }

  async keyFiles(did) {
    const { directory, keyLocation } = await this.server.ctx.actorStore.getLocation(did)
    return { marker: path.join(directory, 'key.is-p256'), keyLocation }
  }

  keypair(did) {
    return this.server.ctx.actorStore.keypair(did)
  }

  // Gives the account a new signing key by the PDS's own script: a PLC operation, then #identity and #sync.
  async rotateKey(did, type) {
    const { marker, keyLocation } = await this.keyFiles(did)
    const key =
      type === 'p256'
        ? await P256Keypair.create({ exportable: true })
        : await createSecp256k1.call(Secp256k1Keypair, { exportable: true })
    await fs.writeFile(keyLocation, await key.export())
    if (type === 'p256') await fs.writeFile(marker, '')
    else await fs.rm(marker, { force: true })
    await quietly(() => scripts['rotate-keys'](this.server.ctx, [did])) // which only prints its failures
    if ((await this.plc.signingKey(did)) !== key.did()) throw new Error(`${did} did not get its new key`)
  }

  // Stops serving; start again with open(), on the same port and data.
  async close() {
    for (const socket of this.sockets) socket.destroy()
    await this.server.destroy()
  }
}

async function quietly(run) {
  const { log } = console
  console.log = () => {}
  try {
    return await run()
  } finally {
    console.log = log
  }
}
